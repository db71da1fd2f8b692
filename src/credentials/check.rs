//! The check: does the credential work, is it refused, or can the service not be reached?
//!
//! `GET /tags` is the lightest call that every token may make. When it is refused, the other header forms are tried
//! once each: where one works, the failure carries the patch that switches to it.

use crate::api::{Api, interpret};
use crate::bindings::credentials::CheckReport;
use crate::bindings::types::{self, Action, Failure};
use crate::json::elements;
use crate::settings::{AuthHeader, Settings};
use crate::transport::Transport;

/// Tries the credential, reading only: 1 request, or up to 3 where the token is refused.
pub fn check(
    transport: &impl Transport,
    settings: &types::Settings,
) -> Result<CheckReport, Box<Failure>> {
    let settings = Settings::require(settings)?;
    let refused = match try_form(transport, settings.auth_header) {
        Ok(tags) => return Ok(report(settings.auth_header, tags)),
        Err(failure) if failure.action == Action::Reauthorize => failure,
        Err(failure) => return Err(failure),
    };
    let other = AuthHeader::ALL
        .into_iter()
        .filter(|form| *form != settings.auth_header)
        .find(|form| try_form(transport, *form).is_ok());
    Err(match other {
        Some(form) => switch(settings.auth_header, form, refused),
        None => refused,
    })
}

/// The number of tags, where the form is accepted.
fn try_form(transport: &impl Transport, auth_header: AuthHeader) -> Result<usize, Box<Failure>> {
    let request = Api::new(&Settings { auth_header }).get("/tags", &[]);
    let response = transport.send(&request)?;
    let answer = interpret(&response)?;
    let tags = answer.data.and_then(elements);
    match tags {
        Some(tags) => Ok(tags.len()),
        None => Err(Failure::new(
            Action::Stop,
            "unexpected-answer",
            "Customerly answered, but not with a list of tags: the check cannot tell whether the credential works.",
        )),
    }
}

fn report(form: AuthHeader, tags: usize) -> CheckReport {
    let tags = match tags {
        1 => "1 tag".to_owned(),
        count => format!("{count} tags"),
    };
    CheckReport {
        account: None,
        message: format!(
            "Customerly accepted the token as `{}: {}…` and listed the {tags} of its project.",
            form.name(),
            form.scheme()
        ),
        notices: Vec::new(),
    }
}

fn switch(from: AuthHeader, to: AuthHeader, refused: Box<Failure>) -> Box<Failure> {
    let message = format!(
        "Customerly refused the token as `{}: {}…`, but accepts it as `{}: {}…`.",
        from.name(),
        from.scheme(),
        to.name(),
        to.scheme()
    );
    let mut failure = Failure::new(Action::FixSettings, "other-header-works", message);
    failure.upstream = refused.upstream;
    failure
        .remedy(format!("Set `auth_header` to `{}`.", to.as_str()))
        .field("/auth_header")
        .patch(format!(r#"{{"auth_header":"{}"}}"#, to.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::http::{ErrorKind, HttpError, Request, Response};
    use crate::settings::API_KEY;
    use crate::transport::testing::{Recorder, answer, no_answer, value};

    const TAGS: &str = r#"{"data":["beta","purchased"]}"#;
    const NO_TOKEN: &str = r#"{"error":{"message":"Access token not found.","code":0}}"#;

    /// Checks a credential against a service, and says what came of it and in which headers the token went.
    fn run(
        respond: impl Fn(&str) -> Result<Response, HttpError>,
    ) -> (Result<CheckReport, Box<Failure>>, Vec<String>) {
        let carries = |request: &Request| {
            let header = request.headers.last().expect("the credential's header");
            format!("{}: {}", header.name, value(&header.value))
        };
        let transport = Recorder::new(|request: &Request| respond(&carries(request)));
        let settings = types::Settings { values: "{}".into(), secrets: vec![API_KEY.into()] };
        let result = check(&transport, &settings);
        assert!(transport.lines().iter().all(|line| line == "GET /v1/tags"));
        let headers = transport.requests().iter().map(carries).collect();
        (result, headers)
    }

    #[test]
    fn a_token_that_works_needs_one_request() {
        let (result, headers) = run(|_| Ok(answer(200, TAGS)));
        assert!(result.expect("it works").message.contains("2 tags"));
        assert_eq!(headers, ["Authentication: Bearer {api_key}"]);
    }

    #[test]
    fn a_refused_token_is_tried_once_in_each_form_and_never_in_two_headers() {
        let (result, headers) = run(|_| Ok(answer(500, NO_TOKEN)));
        let failure = result.expect_err("it is refused");
        assert_eq!((failure.action, failure.code.as_str()), (Action::Reauthorize, "token-refused"));
        assert!(failure.remedy.expect("a remedy").contains("Public API"));
        assert_eq!(
            headers,
            [
                "Authentication: Bearer {api_key}",
                "Authorization: Bearer {api_key}",
                "Authentication: AccessToken: {api_key}",
            ]
        );
    }

    #[test]
    fn the_remedy_names_the_form_that_works() {
        let (result, _) = run(|header| {
            Ok(if header.contains("AccessToken") {
                answer(200, TAGS)
            } else {
                answer(500, NO_TOKEN)
            })
        });
        let failure = result.expect_err("the chosen form is refused");
        assert_eq!(failure.action, Action::FixSettings);
        assert_eq!(
            failure.patch.as_deref(),
            Some(r#"{"auth_header":"authentication-access-token"}"#)
        );
    }

    #[test]
    fn a_service_that_cannot_be_reached_is_no_refusal() {
        for kind in [ErrorKind::Dns, ErrorKind::Connect, ErrorKind::Timeout, ErrorKind::Closed] {
            let (result, headers) = run(|_| Err(no_answer(kind, false)));
            assert_eq!(result.expect_err("no answer").action, Action::RetryLater);
            assert_eq!(headers.len(), 1);
        }
        let (result, _) = run(|_| Ok(answer(503, "<html>")));
        assert_eq!(result.expect_err("no answer").action, Action::RetryLater);
    }

    #[test]
    fn an_answer_of_another_form_cannot_tell() {
        for body in [r#"{"data":{}}"#, "{}", r#"{"data":7}"#] {
            let (result, _) = run(|_| Ok(answer(200, body)));
            assert_eq!(result.expect_err("no tags").action, Action::Stop);
        }
    }
}
