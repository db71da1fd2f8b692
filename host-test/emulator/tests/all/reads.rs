//! Lists, single contacts and the help centre.

use std::collections::BTreeSet;

use customerly_emulator::{
    Config, Data, DefaultOrder, EmptyAttributes, Kind, PageSize, Paging, Switches, TieOrder,
    UnknownContact, WrittenBy,
};
use serde_json::{Value, json};

use crate::{Account, NEWEST_FIRST, key, keys};

#[test]
fn every_order_gives_every_contact_once() {
    let account = Account::sized(533, 217);
    for kind in Kind::ALL {
        let all = account.emulator.keys(kind);
        for order in ["", NEWEST_FIRST, "&sort=name", "&sort=email&sort_direction=desc", "&sort=x"]
        {
            for per_page in [50, 87, 100] {
                let mut read = keys(&account.walk(kind, per_page, order));
                read.sort_unstable();
                assert_eq!(read, all, "{kind:?} {order} {per_page}");
            }
        }
    }
}

#[test]
fn lists_are_in_the_order_asked_for() {
    let account = Account::sized(400, 10);
    let by = |order: &str, field: &str| -> Vec<Value> {
        account.walk(Kind::Users, 60, order).iter().map(|row| row[field].clone()).collect()
    };
    let texts = |values: Vec<Value>| -> Vec<String> {
        values.iter().map(|value| value.as_str().unwrap_or_default().to_owned()).collect()
    };
    let updates = texts(by(NEWEST_FIRST, "last_update"));
    assert!(updates.is_sorted_by(|a, b| a >= b));
    assert!(texts(by("&sort=last_update&sort_direction=asc", "last_update")).is_sorted());
    assert!(texts(by("&sort=name", "name")).is_sorted());
    assert!(account.emulator.keys(Kind::Users).is_sorted());
    assert_eq!(keys(&account.walk(Kind::Users, 60, "")), account.emulator.keys(Kind::Users));
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_one_others() {
    let page = |seed| {
        let data = Data { users: 300, leads: 5, seed, ..Data::default() };
        let account = Account::new(Config { data, ..Config::default() });
        account.text("/users/list?per_page=100&page=1&sort=last_update&sort_direction=desc").1
    };
    assert_eq!(page(7), page(7));
    assert_ne!(page(7), page(8));
}

#[test]
fn records_are_as_large_and_as_varied_as_real_ones() {
    let account = Account::sized(2_000, 1_000);
    let mut out = Vec::new();
    for kind in Kind::ALL {
        account.emulator.write_contacts(kind, &mut out).unwrap();
    }
    let average = out.len() / 3_000;
    assert!((1_350..1_550).contains(&average), "{average} bytes");

    let users = account.emulator.contacts(Kind::Users);
    let leads = account.emulator.contacts(Kind::Leads);
    let all = || users.iter().chain(&leads);
    assert_eq!(all().map(key).collect::<BTreeSet<_>>().len(), 3_000);
    for field in FIELDS.split_whitespace() {
        assert!(all().all(|row| row.get(field).is_some()), "{field}");
    }
    let attributes = |empty: Value| all().filter(|row| row["attributes"] == empty).count();
    assert!(attributes(json!([])) > 100);
    assert!(attributes(json!({})) > 100);
    assert!(users.iter().all(|row| row["email"].is_string() && row["is_user"] == 1));
    assert!(leads.iter().all(|row| row["user_id"].is_null() && row["is_user"] == 0));
    for (field, rows) in [("user_id", &users), ("email", &leads), ("name", &leads)] {
        assert!(rows.iter().any(|row| row[field].is_null()), "{field} may be null");
    }
    let length = |row: &Value| row["last_page_viewed"].as_str().map_or(0, str::len);
    assert!(all().map(length).max() > Some(500));
    assert!(all().any(|row| row["name"].as_str().is_some_and(|name| name.contains('李'))));
    let emails: BTreeSet<_> = all().filter_map(|row| row["email"].as_str()).collect();
    assert_eq!(emails.len(), all().filter(|row| row["email"].is_string()).count());
    assert!(emails.iter().any(|email| email.contains('+')));
    let seconds: BTreeSet<_> = users.iter().map(|row| row["last_update"].as_str()).collect();
    assert!((1_700..1_950).contains(&seconds.len()), "{} distinct seconds", seconds.len());
}

#[test]
fn a_bulk_import_shares_one_second() {
    let data = Data { users: 700, leads: 700, bulk_import: 600, ..Data::default() };
    let account = Account::new(Config { data, ..Config::default() });
    let users = account.emulator.contacts(Kind::Users);
    let shared = |row: &&Value| row["last_update"] == users[0]["last_update"];
    assert_eq!(users.iter().filter(shared).count(), 600);
    let newest = account.walk(Kind::Users, 100, NEWEST_FIRST);
    assert!(!shared(&&newest[0]) && !shared(&&newest[699]));
}

#[test]
fn ties_can_come_in_another_order_in_each_answer() {
    let data = Data { users: 100, leads: 0, bulk_import: 60, ..Data::default() };
    let switches = Switches { ties: TieOrder::Shuffled, ..Switches::default() };
    let account = Account::new(Config { data, switches, ..Config::default() });
    let page = || account.walk(Kind::Users, 101, NEWEST_FIRST);
    let updates = |rows: &[Value]| -> Vec<Value> {
        rows.iter().map(|row| row["last_update"].clone()).collect()
    };
    account.emulator.switch(|switches| switches.page_size = PageSize::Clamp(101));
    let (one, other) = (page(), page());
    assert_ne!(keys(&one), keys(&other));
    assert_eq!(updates(&one), updates(&other));
}

#[test]
fn page_sizes_are_clamped_refused_or_fixed() {
    let account = Account::sized(300, 0);
    let rows = |per_page: &str| {
        let (_, answer) = account.get(&format!("/users/list?page=0{per_page}"));
        answer["data"]["users"].as_array().map(Vec::len)
    };
    assert_eq!(rows(""), Some(50));
    assert_eq!(rows("&per_page=250"), Some(100));
    account.emulator.switch(|switches| switches.page_size = PageSize::Refuse(100));
    assert_eq!((rows("&per_page=100"), rows("&per_page=101")), (Some(100), None));
    account.emulator.switch(|switches| switches.page_size = PageSize::Only(vec![25, 50]));
    assert_eq!((rows("&per_page=87"), rows("&per_page=49")), (Some(50), Some(25)));
}

#[test]
fn a_page_past_the_end_is_empty_or_by_a_switch_the_last_one_again() {
    let account = Account::sized(130, 0);
    let page = |page| account.get(&format!("/users/list?per_page=50&page={page}")).1;
    assert_eq!(page(3), json!({"data": {"users": []}}));
    assert_eq!(page(u64::MAX), json!({"data": {"users": []}}));
    account.emulator.switch(|switches| switches.paging = Paging::LastRepeats);
    assert_eq!(page(3), page(2));
    account.emulator.switch(|switches| switches.paging = Paging::FromOne);
    assert_eq!(page(1), page(0));
}

#[test]
fn the_default_order_can_follow_no_field() {
    let switches = Switches { default_order: DefaultOrder::Shuffled, ..Switches::default() };
    let account = Account::switched(switches);
    let walked = keys(&account.walk(Kind::Users, 50, ""));
    assert!(!walked.is_sorted());
    assert_eq!(walked, keys(&account.walk(Kind::Users, 30, "")));
}

#[test]
fn an_order_that_is_not_honoured_is_the_default_one() {
    let account = Account::switched(Switches { sort_honoured: false, ..Switches::default() });
    assert!(keys(&account.walk(Kind::Users, 50, NEWEST_FIRST)).is_sorted());
}

#[test]
fn rows_can_lack_last_update_and_empty_attributes_take_one_form() {
    let account = Account::switched(Switches {
        last_update: false,
        empty_attributes: EmptyAttributes::Object,
        ..Switches::default()
    });
    for row in account.walk(Kind::Leads, 50, "") {
        assert!(row.get("last_update").is_none() && row["attributes"].is_object());
    }
}

#[test]
fn one_contact_is_flat_and_has_what_lists_lack() {
    let account = Account::sized(40, 40);
    let row = account.emulator.contacts(Kind::Users)[11].clone();
    let by_id = account.get(&format!("/users?user_id={}", row["user_id"].as_str().unwrap())).1;
    let email = row["email"].as_str().unwrap().replace('+', "%2B").replace('@', "%40");
    let by_email = account.get(&format!("/users/?email={email}")).1;
    assert_eq!(by_id, by_email);
    for (field, value) in row.as_object().unwrap() {
        assert_eq!(by_id["data"][field], *value);
    }
    for field in ["user_segments", "user_tags", "user_events", "user_notes", "companies"] {
        assert!(!by_id["data"][field].is_null(), "{field}");
    }
    let lead = account
        .emulator
        .contacts(Kind::Leads)
        .into_iter()
        .find(|lead| lead["email"].as_str().is_some_and(|email| !email.contains('+')))
        .unwrap();
    let email = lead["email"].as_str().unwrap();
    assert_eq!(key(&account.get(&format!("/leads?email={email}")).1["data"]), key(&lead));
    assert_eq!(account.get(&format!("/users?email={email}")).0, 500);
}

#[test]
fn an_unknown_contact_has_three_forms() {
    let account = Account::sized(1, 1);
    let body = json!({"error": {"message": "User doesn't exist", "code": 0}});
    for (form, status) in [
        (UnknownContact::InternalError, 500),
        (UnknownContact::NotFound, 404),
        (UnknownContact::Ok, 200),
    ] {
        account.emulator.switch(|switches| switches.unknown_contact = form);
        for path in ["/users", "/users?email=no@example.com", "/users?user_id=0", "/leads?email="] {
            assert_eq!(account.get(path), (status, body.clone()), "{path}");
        }
    }
}

#[test]
fn the_other_reads_have_an_array_under_data() {
    let account = Account::sized(1, 1);
    for path in ["/tags", "/accounts", "/accounts/", "/knowledge/writers", "/knowledge/collections"]
    {
        let (status, answer) = account.get(path);
        assert_eq!(status, 200, "{path}");
        assert!(answer["data"].as_array().is_some_and(|rows| rows.len() >= 3), "{path}");
    }
    assert!(account.get("/tags").1["data"][0].is_string());
}

#[test]
fn articles_are_paged_and_belong_to_their_collection() {
    let account = Account::sized(1, 1);
    let mut read = 0;
    for collection in account.get("/knowledge/collections").1["data"].as_array().unwrap() {
        let id = &collection["knowledge_base_collection_id"];
        assert_eq!(account.get(&format!("/knowledge/collections/{id}")).1["data"], *collection);
        for page in 0.. {
            let path = format!(
                "/knowledge/articles/?knowledge_base_collection_id={id}&page={page}&per_page=20"
            );
            let (_, answer) = account.get(&path);
            let articles = answer["data"].as_array().unwrap();
            assert!(articles.iter().all(|article| article["knowledge_base_collection_id"] == *id));
            read += articles.len();
            if articles.is_empty() {
                break;
            }
        }
    }
    assert_eq!(read, 130);
    let (_, article) = account.get("/knowledge/articles/12001");
    assert!(article["data"]["written_by"].is_u64());
    account.emulator.switch(|switches| switches.written_by = WrittenBy::Object);
    let (_, article) = account.get("/knowledge/articles/12001");
    assert!(article["data"]["written_by"]["account_id"].is_u64());
}

#[test]
fn what_does_not_exist_is_a_404_with_an_envelope() {
    let account = Account::sized(1, 1);
    for path in ["/conversations", "/users/search", "/knowledge/articles/1", "/account", "/"] {
        let (status, answer) = account.get(path);
        assert_eq!((status, answer["error"]["code"].as_u64()), (404, Some(0)), "{path}");
    }
    assert_eq!(account.post("/users/list", &json!({})).0, 404);
}

const FIELDS: &str = "crmhero_user_id app_id user_id email name is_name_autogenerated is_user \
    was_lead first_seen_at last_activity last_update last_page_viewed last_page_viewed_at \
    attributes unsubscribe bounce spam nps_vote rating ip_address isp country country_code region \
    region_code city postal_code continent continent_code timezone latitude longitude \
    browser_name browser_version browser_language os os_version web_session referrer utm_source \
    utm_medium utm_campaign utm_term utm_content picture_initials picture_background \
    picture_gravatar picture_gravatar_last_update facebook_profile_id android_app_name \
    android_app_version android_device android_os_version android_session android_last_seen_at \
    ios_app_name ios_app_version ios_device ios_os_version ios_session ios_last_seen_at";
