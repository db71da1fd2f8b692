//! The credential over the wire.

use customerly_emulator::{AuthForm, Switches};
use serde_json::json;

use crate::{Account, json_of};

const NO_HEADER: &str = "You must provide a valid header Authorization: Bearer <TOKEN>";
const NOT_FOUND: &str = "Access token not found.";

fn check(account: &Account, header: &str, value: &str, expected: Result<(), (u16, &str)>) {
    let request = account.agent.get(account.url("/v1/tags")).header(header, value);
    let (status, body) = json_of(request.call().expect("the emulator answers"));
    match expected {
        Ok(()) => assert_eq!(status, 200, "{header}: {value}: {body}"),
        Err((expected, message)) => {
            assert_eq!(
                (status, body),
                (expected, json!({"error": {"message": message, "code": 0}}))
            );
        }
    }
}

#[test]
fn the_documented_forms_open_the_account_and_header_names_ignore_case() {
    let account = Account::sized(1, 0);
    let token = account.emulator.token();
    check(&account, "Authentication", &format!("Bearer {token}"), Ok(()));
    check(&account, "AUTHORIZATION", &format!("Bearer {token}"), Ok(()));
    check(&account, "authentication", &format!("AccessToken: {token}"), Ok(()));
}

#[test]
fn a_bad_token_is_status_500_with_the_exact_messages() {
    let account = Account::sized(1, 0);
    let token = account.emulator.token();
    check(&account, "Authentication", "Bearer wrong", Err((500, NOT_FOUND)));
    check(&account, "Authentication", token, Err((500, NO_HEADER)));
    check(&account, "AccessToken", token, Err((500, NO_HEADER)));
    check(&account, "X-Other", "1", Err((500, NO_HEADER)));
}

#[test]
fn switches_narrow_the_forms_and_change_the_status() {
    let account = Account::switched(Switches {
        auth_forms: vec![AuthForm::AuthenticationBare],
        bad_token_status: 401,
        ..Switches::default()
    });
    let token = account.emulator.token();
    check(&account, "Authentication", token, Ok(()));
    check(&account, "Authentication", &format!("Bearer {token}"), Err((401, NO_HEADER)));
    check(&account, "Authentication", "other", Err((401, NOT_FOUND)));
}

#[test]
fn the_request_log_names_the_form_and_never_holds_the_token() {
    let account = Account::sized(1, 0);
    let token = account.emulator.token().to_owned();
    account.get(&format!("/users?email={token}"));
    account.post("/users", &json!({"users": [{"email": "a@example.com", "name": token}]}));
    let requests = account.emulator.requests();
    assert_eq!(requests[0].path_and_query, "/v1/users?email=<token>");
    assert_eq!(requests[0].auth_forms, [AuthForm::AuthenticationBearer]);
    assert_eq!((requests[0].status, requests[1].status), (Some(500), Some(200)));
    assert!(requests[1].body.contains("a@example.com"));
    assert!(!format!("{requests:?}").contains(&token));
}
