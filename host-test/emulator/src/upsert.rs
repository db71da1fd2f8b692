//! `POST /users` and `POST /leads`: which rows are taken, what they change, and how the rest is
//! reported.

use serde_json::{Map, Value, json};

use crate::config::{LongText, RejectElement, Rejects, Switches, WrittenTags};
use crate::contact::Kind;
use crate::store::Store;

/// A row that can be stored as it is.
#[derive(Debug)]
struct Row {
    email: String,
    user_id: Option<String>,
    name: Name,
    attributes: Map<String, Value>,
    tags: Option<Vec<String>>,
}

/// What a row does to the name.
#[derive(Debug)]
enum Name {
    Keep,
    Remove,
    Set(String),
}

/// A row that is not taken.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Rejected {
    email: String,
    reason: String,
}

/// Applies a batch. `Ok` is the `data` of the answer, `Err` the message of an error.
pub(crate) fn apply(
    store: &mut Store,
    kind: Kind,
    body: &[u8],
    switches: &Switches,
) -> Result<Value, String> {
    let rows = rows(kind, body)?;
    if let Some(limit) = switches.batch_limit.filter(|&limit| rows.len() > limit) {
        return Err(format!("Too many {}: at most {limit} are allowed", kind.name()));
    }
    if switches.rejects == Rejects::BatchError
        && rows.iter().any(|row| accept(store, kind, row, switches).is_err())
    {
        return Err("Some rows are not valid".to_owned());
    }
    let now = store.clock.tick();
    let mut inserted = 0_u64;
    let mut rejected = Vec::new();
    for row in &rows {
        match accept(store, kind, row, switches) {
            Ok(row) => {
                write(store, kind, row, now, switches);
                inserted += 1;
            }
            Err(row) => rejected.push(row),
        }
    }
    Ok(report(inserted, &rejected, switches))
}

/// The rows of the wrapper, which is there even for one row.
fn rows(kind: Kind, body: &[u8]) -> Result<Vec<Value>, String> {
    let mut body: Value =
        serde_json::from_slice(body).map_err(|_| "The body is not valid JSON".to_owned())?;
    match body.get_mut(kind.name()).map(Value::take) {
        Some(Value::Array(rows)) if !rows.is_empty() => Ok(rows),
        _ => Err(format!("You must provide a non-empty array of {}", kind.name())),
    }
}

/// Decides on a row as the account stands.
fn accept(store: &Store, kind: Kind, row: &Value, switches: &Switches) -> Result<Row, Rejected> {
    let email = row["email"].as_str().unwrap_or_default().to_owned();
    let reject = |reason: &str| Err(Rejected { email: email.clone(), reason: reason.to_owned() });
    let Value::Object(fields) = row else { return reject("Not an object") };
    if email.is_empty() {
        return reject("Email is required");
    }
    if !plausible(&email) {
        return reject("Invalid email");
    }
    if is_refused(&email) {
        return reject("This contact cannot be added");
    }
    let user_id = match fields.get("user_id") {
        Some(Value::String(id)) if kind == Kind::Users => Some(id.clone()),
        Some(Value::Number(id)) if kind == Kind::Users => Some(id.to_string()),
        Some(Value::Null | Value::String(_) | Value::Number(_)) | None => None,
        Some(_) => return reject("Invalid user_id"),
    };
    if let (Some(sent), Some(position)) = (&user_id, store.by_email(kind, &email))
        && store.contact(position).user_id.is_some_and(|known| known != *sent)
    {
        return reject("Another user has this email");
    }
    let name = match fields.get("name") {
        Some(Value::String(name)) => Name::Set(name.clone()),
        Some(Value::Null) => Name::Remove,
        Some(_) => return reject("Invalid name"),
        None => Name::Keep,
    };
    let tags = match fields.get("tags") {
        Some(Value::Array(tags)) => {
            let names: Option<Vec<_>> =
                tags.iter().map(|tag| tag.as_str().map(str::to_owned)).collect();
            let Some(names) = names else { return reject("Invalid tags") };
            Some(names)
        }
        Some(Value::Null) | None => None,
        Some(_) => return reject("Invalid tags"),
    };
    let unknown_fields = fields.iter().filter(|(key, _)| {
        !OWN_FIELDS.contains(&key.as_str()) && !SYSTEM_FIELDS.contains(&key.as_str())
    });
    let sent = match fields.get("attributes") {
        Some(Value::Object(sent)) => Some(sent),
        Some(Value::Array(empty)) if empty.is_empty() => None,
        Some(Value::Null) | None => None,
        Some(_) => return reject("Invalid attributes"),
    };
    let mut attributes = Map::new();
    for (key, value) in sent.into_iter().flatten().chain(unknown_fields) {
        match property(key, value, switches.long_text) {
            Ok(value) => attributes.insert(key.clone(), value),
            Err(reason) => return reject(&reason),
        };
    }
    Ok(Row { email, user_id, name, attributes, tags })
}

/// A custom property as it is stored, by the documented rules of names and values.
pub(crate) fn property(key: &str, value: &Value, long: LongText) -> Result<Value, String> {
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(format!("Invalid property name: {key}"));
    }
    match value {
        Value::Array(_) | Value::Object(_) => Err(format!("Invalid value of property {key}")),
        Value::String(text) if text.chars().count() > LONGEST_TEXT => match long {
            LongText::Cut => Ok(text.chars().take(LONGEST_TEXT).collect::<String>().into()),
            LongText::Refuse => {
                Err(format!("Property {key} is longer than {LONGEST_TEXT} characters"))
            }
        },
        _ => Ok(value.clone()),
    }
}

fn write(store: &mut Store, kind: Kind, row: Row, now: u32, switches: &Switches) {
    let position = match store.by_email(kind, &row.email) {
        Some(position) => position,
        None => match store.by_email(Kind::Leads, &row.email) {
            Some(lead) => {
                store.convert(lead, now);
                lead
            }
            None => store.insert_written(kind, row.email, now),
        },
    };
    let tags: Option<Vec<_>> =
        row.tags.map(|names| names.iter().map(|name| store.tags.ensure(name)).collect());
    store.update(position, now, |contact| {
        contact.user_id = row.user_id.or(contact.user_id.take());
        match row.name {
            Name::Keep => {}
            Name::Remove => contact.name = None,
            Name::Set(name) => {
                contact.name = Some(name);
                contact.name_autogenerated = false;
            }
        }
        if !row.attributes.is_empty() {
            contact.attributes.merge(row.attributes);
        }
        if let Some(tags) = tags {
            if switches.written_tags == WrittenTags::Replace {
                contact.tags.clear();
            }
            for tag in tags {
                if !contact.tags.contains(&tag) {
                    contact.tags.push(tag);
                }
            }
        }
    });
}

fn report(inserted: u64, rejected: &[Rejected], switches: &Switches) -> Value {
    let list: Vec<Value> = rejected
        .iter()
        .map(|Rejected { email, reason }| match switches.reject_element {
            RejectElement::Email => json!(email),
            RejectElement::Object => json!({"email": email, "error": reason}),
            RejectElement::Reason => json!(reason),
            RejectElement::Sentence => json!(format!("{email}: {reason}")),
        })
        .collect();
    match switches.rejects {
        Rejects::Both | Rejects::BatchError => {
            json!({"inserted": inserted, "errors": [], "not_added": list})
        }
        Rejects::Errors => json!({"inserted": inserted, "errors": list}),
        Rejects::NotAdded => json!({"inserted": inserted, "not_added": list}),
        Rejects::Silent => json!({"inserted": inserted}),
    }
}

/// One `@` with something on both sides, a dot in the domain, no white space.
fn plausible(email: &str) -> bool {
    email.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && domain.contains('.')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && !domain.contains('@')
            && !email.chars().any(|c| c.is_whitespace() || c.is_control())
    })
}

/// Addresses that the emulator never takes: `broken@…`, `broken+…@…` and `…@….invalid`, so that a
/// test can send rows that only the API refuses.
fn is_refused(email: &str) -> bool {
    let Some((local, domain)) = email.split_once('@') else { return false };
    local.split('+').next() == Some("broken") || domain.rsplit('.').next() == Some("invalid")
}

const LONGEST_TEXT: usize = 128;

const OWN_FIELDS: &[&str] = &["attributes", "email", "name", "tags", "user_id"];

/// Fields that cannot be written: sent back by a client, they are ignored.
#[rustfmt::skip]
const SYSTEM_FIELDS: &[&str] = &[
    "android_app_name", "android_app_version", "android_device", "android_last_seen_at",
    "android_os_version", "android_session", "app_id", "bounce", "browser_language", "browser_name",
    "browser_version", "city", "companies", "continent", "continent_code", "country",
    "country_code", "crmhero_user_id", "facebook_profile_id", "first_seen_at", "ios_app_name",
    "ios_app_version", "ios_device", "ios_last_seen_at", "ios_os_version", "ios_session",
    "ip_address", "is_name_autogenerated", "is_user", "isp", "last_activity", "last_page_viewed",
    "last_page_viewed_at", "last_update", "latitude", "longitude", "nps_vote", "os", "os_version",
    "picture_background", "picture_gravatar", "picture_gravatar_last_update", "picture_initials",
    "postal_code", "rating", "referrer", "region", "region_code", "spam", "timezone", "unsubscribe",
    "user_events", "user_notes", "user_segments", "user_tags", "utm_campaign", "utm_content",
    "utm_medium", "utm_source", "utm_term", "was_lead", "web_session",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Data};

    fn store() -> Store {
        let data = Data { users: 10, leads: 10, ..Data::default() };
        Store::new(&Config { data, ..Config::default() })
    }

    fn check(store: &mut Store, rows: &Value, switches: &Switches, expected: &Value) {
        let body = json!({ "users": rows }).to_string();
        let answer = match apply(store, Kind::Users, body.as_bytes(), switches) {
            Ok(data) => json!({ "data": data }),
            Err(message) => json!({ "error": message }),
        };
        assert_eq!(answer, *expected, "{rows}");
    }

    fn reasons(row: &Value) -> Value {
        let switches = Switches {
            reject_element: RejectElement::Reason,
            rejects: Rejects::Errors,
            ..Switches::default()
        };
        let body = json!({ "users": [row] }).to_string();
        apply(&mut store(), Kind::Users, body.as_bytes(), &switches).unwrap()["errors"].take()
    }

    #[test]
    fn every_rule_of_a_row_has_its_reason() {
        for (row, reason) in [
            (json!("text"), "Not an object"),
            (json!({"name": "x"}), "Email is required"),
            (json!({"email": "broken@"}), "Invalid email"),
            (json!({"email": "a b@example.com"}), "Invalid email"),
            (json!({"email": "broken@example.com"}), "This contact cannot be added"),
            (json!({"email": "a@b.invalid"}), "This contact cannot be added"),
            (
                json!({"email": "a@example.com", "attributes": {"t": "é".repeat(129)}}),
                "Property t is longer than 128 characters",
            ),
            (
                json!({"email": "a@example.com", "attributes": {"t": {"nested": 1}}}),
                "Invalid value of property t",
            ),
            (
                json!({"email": "a@example.com", "attributes": {"with space": 1}}),
                "Invalid property name: with space",
            ),
            (json!({"email": "a@example.com", "tags": [1]}), "Invalid tags"),
        ] {
            assert_eq!(reasons(&row), json!([reason]), "{row}");
        }
        assert_eq!(
            reasons(&json!({"email": "a@example.com", "attributes": {"t": "é".repeat(128)}})),
            json!([])
        );
    }

    #[test]
    fn rejected_rows_are_reported_in_every_known_shape() {
        let rows = json!([{"email": "a@example.com"}, {"email": "broken@"}]);
        let object = json!({"email": "broken@", "error": "Invalid email"});
        for (rejects, reject_element, expected) in [
            (
                Rejects::Both,
                RejectElement::Object,
                json!({"data": {"inserted": 1, "errors": [], "not_added": [object]}}),
            ),
            (
                Rejects::Errors,
                RejectElement::Sentence,
                json!({"data": {"inserted": 1, "errors": ["broken@: Invalid email"]}}),
            ),
            (
                Rejects::NotAdded,
                RejectElement::Email,
                json!({"data": {"inserted": 1, "not_added": ["broken@"]}}),
            ),
            (Rejects::Silent, RejectElement::Object, json!({"data": {"inserted": 1}})),
        ] {
            let switches = Switches { rejects, reject_element, ..Switches::default() };
            check(&mut store(), &rows, &switches, &expected);
        }
    }

    #[test]
    fn one_bad_row_can_refuse_the_batch_and_nothing_is_written() {
        let store = &mut store();
        let switches = Switches { rejects: Rejects::BatchError, ..Switches::default() };
        let rows = json!([{"email": "a@example.com"}, {"email": "broken@"}]);
        check(store, &rows, &switches, &json!({"error": "Some rows are not valid"}));
        assert_eq!(store.by_email(Kind::Users, "a@example.com"), None);
    }

    #[test]
    fn a_row_for_a_known_address_changes_only_what_it_names() {
        let store = &mut store();
        let switches = Switches::default();
        let email = store.contact(3).email.unwrap();
        let before = store.contact(3);
        check(
            store,
            &json!([{"email": email, "attributes": {"seats": 900}, "shoe_size": 41}]),
            &switches,
            &json!({"data": {"inserted": 1, "errors": [], "not_added": []}}),
        );
        let after = store.contact(3);
        assert_eq!(after.name, before.name);
        assert_eq!(after.user_id, before.user_id);
        assert!(after.attributes.members().contains(r#""seats":900,"shoe_size":41"#));
        assert_eq!(after.last_update, store.clock.now());
    }

    #[test]
    fn a_second_user_id_for_one_address_is_refused_within_a_batch_too() {
        let rows = json!([
            {"email": "a@example.com", "user_id": "one"},
            {"email": "a@example.com", "user_id": "two"},
        ]);
        let not_added = json!({"email": "a@example.com", "error": "Another user has this email"});
        check(
            &mut store(),
            &rows,
            &Switches::default(),
            &json!({"data": {"inserted": 1, "errors": [], "not_added": [not_added]}}),
        );
    }

    #[test]
    fn a_lead_that_is_posted_as_a_user_becomes_one() {
        let store = &mut store();
        let lead = (10..20).find(|&lead| store.contact(lead).email.is_some()).unwrap();
        let email = store.contact(lead).email.unwrap();
        let rows = json!([{"email": email, "user_id": "now-a-user"}]);
        let expected = json!({"data": {"inserted": 1, "errors": [], "not_added": []}});
        check(store, &rows, &Switches::default(), &expected);
        assert_eq!(store.by_email(Kind::Leads, &email), None);
        assert_eq!(store.by_user_id("now-a-user"), Some(lead));
        assert!(store.contact(lead).was_lead);
    }

    #[test]
    fn malformed_batches_are_errors() {
        for body in ["", "{", "[]", "{}", r#"{"users":[]}"#, r#"{"leads":[{"email":"a@b.c"}]}"#] {
            let answer = apply(&mut store(), Kind::Users, body.as_bytes(), &Switches::default());
            assert!(answer.is_err(), "{body}");
        }
    }
}
