//! The credential through the built component: the header is built inside, the token is put in outside.

mod support;

use std::sync::Arc;

use connector_engine::CallError;
use connector_engine::audit::{MemoryAudit, NoAudit};
use connector_engine::bindings::http::Part;
use connector_engine::bindings::types::{Action, Settings};
use customerly_emulator::AuthForm;
use support::{component, emulator, open};

#[test]
fn the_header_is_built_with_the_name_of_the_secret_in_place_of_its_value() {
    let settings = Settings { values: "{}".into(), secrets: vec!["api_key".into()] };
    let authorization = component().authorize(&settings).expect("a header");
    let [header] = &authorization.headers[..] else { panic!("{authorization:?}") };
    assert_eq!(header.name, "Authentication");
    let expected = [Part::Text("Bearer ".into()), Part::Secret("api_key".into())];
    assert_eq!(header.value, expected);
}

#[test]
fn the_token_arrives_in_the_one_header_that_the_settings_choose() {
    let emulator = emulator(1, 1);
    for (form, expected) in [
        ("authentication-bearer", AuthForm::AuthenticationBearer),
        ("authorization-bearer", AuthForm::AuthorizationBearer),
        ("authentication-access-token", AuthForm::AuthenticationAccessToken),
    ] {
        emulator.clear_requests();
        let settings = format!(r#"{{"auth_header":"{form}"}}"#);
        let connection = open(&emulator, &settings, emulator.token(), Arc::new(NoAudit), false);
        connection.check().expect("it works");
        let requests = emulator.requests();
        let forms: Vec<_> = requests.iter().map(|request| request.auth_forms.clone()).collect();
        assert_eq!(forms, [[expected]], "{form}");
    }
}

#[test]
fn works_refused_and_unreachable_are_three_answers() {
    let emulator = emulator(1, 1);
    let audit = Arc::new(MemoryAudit::default());
    let check = |token: &str| match open(&emulator, "{}", token, audit.clone(), false).check() {
        Ok(_) => None,
        Err(CallError::Failure(failure)) => Some(failure.action),
        Err(error) => panic!("{error}"),
    };
    assert_eq!(check(emulator.token()), None);
    assert_eq!(check("another-token-altogether"), Some(Action::Reauthorize));
    assert_eq!(audit.records().len(), 1 + 3, "each form is tried once when it is refused");
    let origin = emulator.origin();
    let connection = open(&emulator, "{}", emulator.token(), audit, false);
    drop(emulator);
    match connection.check() {
        Err(CallError::Failure(failure)) => assert_eq!(failure.action, Action::RetryLater),
        other => panic!("{origin}: {other:?}"),
    }
}

#[test]
fn the_form_that_works_is_offered_as_a_patch() {
    let emulator = emulator(1, 1);
    emulator.switch(|switches| switches.auth_forms = vec![AuthForm::AuthenticationAccessToken]);
    let connection = open(&emulator, "{}", emulator.token(), Arc::new(NoAudit), false);
    match connection.check() {
        Err(CallError::Failure(failure)) => assert_eq!(
            failure.patch.as_deref(),
            Some(r#"{"auth_header":"authentication-access-token"}"#)
        ),
        other => panic!("{other:?}"),
    }
}
