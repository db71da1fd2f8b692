//! The credential's fields, parsed. The API key itself is never among them: only whether it is set.

use crate::bindings::types::{self, Failure, Problem};
use crate::failure::{invalid, pointer};
use crate::json::Value;

/// Name of the secret slot that holds the API access token.
pub const API_KEY: &str = "api_key";

/// The credential's fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Which header carries the token.
    pub auth_header: AuthHeader,
}

/// Which header carries the token, and in which words. Public sources disagree on what the live API takes; the first
/// is what the integration platform documents, the second what the API's own error message asks for, and the third
/// what Customerly's help and shipped plugins use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthHeader {
    /// `Authentication: Bearer TOKEN`
    #[default]
    AuthenticationBearer,
    /// `Authorization: Bearer TOKEN`
    AuthorizationBearer,
    /// `Authentication: AccessToken: TOKEN`
    AuthenticationAccessToken,
}

impl AuthHeader {
    /// Every form, the default first.
    pub const ALL: [AuthHeader; 3] = [
        AuthHeader::AuthenticationBearer,
        AuthHeader::AuthorizationBearer,
        AuthHeader::AuthenticationAccessToken,
    ];

    /// The value of the `auth_header` field.
    pub fn as_str(self) -> &'static str {
        match self {
            AuthHeader::AuthenticationBearer => "authentication-bearer",
            AuthHeader::AuthorizationBearer => "authorization-bearer",
            AuthHeader::AuthenticationAccessToken => "authentication-access-token",
        }
    }

    /// Name of the header.
    pub fn name(self) -> &'static str {
        match self {
            AuthHeader::AuthenticationBearer | AuthHeader::AuthenticationAccessToken => {
                "Authentication"
            }
            AuthHeader::AuthorizationBearer => "Authorization",
        }
    }

    /// What stands before the token in the header's value.
    pub fn scheme(self) -> &'static str {
        match self {
            AuthHeader::AuthenticationBearer | AuthHeader::AuthorizationBearer => "Bearer ",
            AuthHeader::AuthenticationAccessToken => "AccessToken: ",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        AuthHeader::ALL.into_iter().find(|form| form.as_str() == text)
    }
}

impl Settings {
    /// Parses the settings, or says all that is wrong with them.
    pub fn parse(settings: &types::Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let auth_header = match Value::parse(&settings.values) {
            Ok(values @ Value::Object(_)) => {
                if let Value::Object(fields) = &values {
                    let others = fields.iter().filter(|(name, _)| name != "auth_header");
                    problems.extend(others.map(|(name, _)| unknown_field(name)));
                }
                values.get("auth_header").map_or(Ok(AuthHeader::default()), auth_header)
            }
            Ok(_) => Err(Problem::new("", "type", "The settings are not a JSON object.")),
            Err(error) => {
                Err(Problem::new("", "not-json", format!("The settings are not JSON: {error}.")))
            }
        };
        if !settings.secrets.iter().any(|name| name == API_KEY) {
            let message =
                "The API Key is missing: enter the access token of your Customerly project.";
            problems.push(Problem::new(pointer(API_KEY), "required", message));
        }
        match auth_header {
            Ok(auth_header) if problems.is_empty() => Ok(Settings { auth_header }),
            Ok(_) => Err(problems),
            Err(problem) => {
                problems.insert(0, problem);
                Err(problems)
            }
        }
    }

    /// Parses the settings for a call that cannot go on without them: the first fault as a failure.
    pub fn require(settings: &types::Settings) -> Result<Self, Box<Failure>> {
        Settings::parse(settings).map_err(|problems| invalid("invalid-settings", problems))
    }
}

fn unknown_field(name: &str) -> Problem {
    let message = if name == API_KEY {
        "The API Key stands among the plain settings: pass it as a secret.".to_owned()
    } else {
        format!("There is no setting `{name}`: remove it.")
    };
    Problem::new(pointer(name), "unknown-field", message)
}

fn auth_header(value: &Value<'_>) -> Result<AuthHeader, Problem> {
    let Some(text) = value.as_str() else {
        return Err(Problem::new("/auth_header", "type", "The header form is not a text."));
    };
    AuthHeader::parse(text).ok_or_else(|| {
        let known = AuthHeader::ALL.map(AuthHeader::as_str).join(", ");
        let message = format!("There is no header form `{text}`: choose one of {known}.");
        Problem::new("/auth_header", "choice", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &str, secrets: &[&str], expected: Result<AuthHeader, &[(&str, &str)]>) {
        let settings = types::Settings {
            values: values.into(),
            secrets: secrets.iter().map(|name| (*name).to_owned()).collect(),
        };
        let parsed = Settings::parse(&settings);
        let found = match &parsed {
            Ok(settings) => Ok(settings.auth_header),
            Err(problems) => Err(problems
                .iter()
                .map(|problem| (problem.field.as_str(), problem.code.as_str()))
                .collect::<Vec<_>>()),
        };
        let expected = expected.map_err(<[_]>::to_vec);
        assert_eq!(found, expected, "{values} {secrets:?}");
    }

    #[test]
    fn the_header_form_of_the_guide_is_the_default() {
        check("{}", &[API_KEY], Ok(AuthHeader::AuthenticationBearer));
    }

    #[test]
    fn every_form_is_known_by_its_name() {
        for form in AuthHeader::ALL {
            let values = format!(r#"{{"auth_header":"{}"}}"#, form.as_str());
            check(&values, &[API_KEY], Ok(form));
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        check(
            r#"{"auth_header":"basic","colour":1}"#,
            &[],
            Err(&[
                ("/auth_header", "choice"),
                ("/colour", "unknown-field"),
                ("/api_key", "required"),
            ]),
        );
    }

    #[test]
    fn settings_that_are_no_object_or_of_the_wrong_type_are_refused() {
        check("[]", &[API_KEY], Err(&[("", "type")]));
        check("{", &[API_KEY], Err(&[("", "not-json")]));
        check(r#"{"auth_header":7}"#, &[API_KEY], Err(&[("/auth_header", "type")]));
    }

    #[test]
    fn a_token_among_the_plain_settings_is_refused_without_being_quoted() {
        let settings = types::Settings {
            values: r#"{"api_key":"s3cret-token"}"#.into(),
            secrets: vec![API_KEY.into()],
        };
        let problems = Settings::parse(&settings).expect_err("a secret is no plain setting");
        assert_eq!(problems[0].code, "unknown-field");
        assert!(!problems[0].message.contains("s3cret"), "{}", problems[0].message);
    }
}
