//! The credential: its form, the header construction, and the check.
//!
//! The form is a JSON Schema (`schema.json`). The header's value is built from parts, text and the name of the secret's
//! slot: the token itself is put in by the host, last, and never seen here.

mod check;

pub use check::check;

use crate::bindings::credentials::Authorization;
use crate::bindings::http::{Header, Part};
use crate::bindings::types::{self, Failure, Problem};
use crate::json::include_json;
use crate::settings::{API_KEY, AuthHeader, Settings};

/// The JSON Schema of the form.
pub fn schema() -> &'static str {
    include_json!("credentials/schema.json")
}

/// All faults of the settings.
pub fn validate(settings: &types::Settings) -> Vec<Problem> {
    Settings::parse(settings).err().unwrap_or_default()
}

/// What every request carries: one header, in the form that the settings choose.
pub fn authorize(settings: &types::Settings) -> Result<Authorization, Box<Failure>> {
    Settings::require(settings).map(|settings| authorization(settings.auth_header))
}

pub(crate) fn authorization(form: AuthHeader) -> Authorization {
    let header = Header {
        name: form.name().into(),
        value: vec![Part::Text(form.scheme().into()), Part::Secret(API_KEY.into())],
    };
    Authorization { headers: vec![header], query: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::testing::value;

    fn check(values: &str, expected: &str) {
        let settings = types::Settings { values: values.into(), secrets: vec![API_KEY.into()] };
        let authorization = authorize(&settings).expect("the settings are right");
        let lines: Vec<_> = authorization
            .headers
            .iter()
            .map(|header| format!("{}: {}", header.name, value(&header.value)))
            .collect();
        assert_eq!(lines, [expected]);
        assert!(authorization.query.is_empty());
    }

    #[test]
    fn the_default_is_the_header_of_the_guide() {
        check("{}", "Authentication: Bearer {api_key}");
    }

    #[test]
    fn each_form_is_one_header_with_the_secret_as_its_own_part() {
        check(r#"{"auth_header":"authentication-bearer"}"#, "Authentication: Bearer {api_key}");
        check(r#"{"auth_header":"authorization-bearer"}"#, "Authorization: Bearer {api_key}");
        check(
            r#"{"auth_header":"authentication-access-token"}"#,
            "Authentication: AccessToken: {api_key}",
        );
    }

    #[test]
    fn without_a_token_there_is_no_header() {
        let settings = types::Settings { values: "{}".into(), secrets: Vec::new() };
        let failure = authorize(&settings).expect_err("there is no token");
        assert_eq!(failure.field.as_deref(), Some("/api_key"));
    }

    #[test]
    fn the_schema_names_the_fields_that_the_settings_parse() {
        let schema: serde_json::Value = serde_json::from_str(schema()).expect("the schema is JSON");
        let choices: Vec<_> = schema["properties"]["auth_header"]["oneOf"]
            .as_array()
            .expect("a choice")
            .iter()
            .map(|choice| choice["const"].as_str().expect("a text").to_owned())
            .collect();
        assert_eq!(choices, AuthHeader::ALL.map(AuthHeader::as_str));
        assert_eq!(schema["properties"]["auth_header"]["default"], AuthHeader::default().as_str());
        assert_eq!(schema["required"], serde_json::json!([API_KEY]));
        assert_eq!(schema["properties"][API_KEY]["writeOnly"], true);
    }
}
