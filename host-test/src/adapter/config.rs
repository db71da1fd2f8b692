//! A configuration as platforms keep it: settings, secrets and options in one flat object, in a file or in variables.

use std::path::Path;

use connector_egress::Secrets;
use connector_engine::bindings::description::Descriptor;
use serde_json::{Map, Value};

use crate::context::trimmed;
use crate::error::{CliError, Exit};
use crate::form::Form;

/// A configuration, taken apart.
pub struct FlatConfig {
    /// The settings that are not secret.
    pub settings: Map<String, Value>,
    /// The secrets.
    pub secrets: Secrets,
    /// What the credential's form does not know: options, if anything.
    pub rest: Map<String, Value>,
}

impl FlatConfig {
    /// Takes an object apart by what the plugin declares. Keys that begin with `_` belong to the platform, and a null
    /// is as good as nothing.
    pub fn split(config: Map<String, Value>, descriptor: &Descriptor, form: &Form) -> Self {
        let mut flat =
            FlatConfig { settings: Map::new(), secrets: Secrets::default(), rest: Map::new() };
        for (name, value) in config {
            if name.starts_with('_') || value.is_null() {
                continue;
            }
            if descriptor.secrets.iter().any(|slot| slot.name == name) {
                let text = match value {
                    Value::String(text) => text,
                    value => value.to_string(),
                };
                flat.secrets.insert(&name, trimmed(form, &name, text));
            } else if form.field(&name).is_some() {
                let value = typed(form, &name, value);
                flat.settings.insert(name, value);
            } else {
                flat.rest.insert(name, value);
            }
        }
        flat
    }
}

/// A value as a form types it: variables and simple forms know only texts.
pub fn typed(form: &Form, name: &str, value: Value) -> Value {
    match value {
        Value::String(text) => form.value(name, &text),
        value => value,
    }
}

/// Reads a JSON object from a file. What is wrong with it is told without quoting it: it holds secrets.
pub fn read_object(path: &Path, what: &str) -> Result<Map<String, Value>, CliError> {
    let text = read_text(path, what)?;
    let wrong = |reason: String| {
        CliError::new(Exit::Settings, what, format!("the {what} {} {reason}", path.display()))
            .remedy("Write a JSON object.")
    };
    match serde_json::from_str(&text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(wrong("is no JSON object".into())),
        Err(error) => {
            let place = format!("line {} column {}", error.line(), error.column());
            Err(wrong(format!("is no JSON, at {place}")))
        }
    }
}

/// Reads a file.
pub fn read_text(path: &Path, what: &str) -> Result<String, CliError> {
    std::fs::read_to_string(path)
        .map_err(|error| CliError::file(path, &format!("read the {what}"), &error))
}

/// The settings in the variables `PREFIX_<SETTING>`, for the settings of these names.
pub fn of_variables<'a>(
    prefix: &str,
    names: impl IntoIterator<Item = &'a str>,
    variable: impl Fn(&str) -> Option<String>,
) -> Map<String, Value> {
    let value = |name: &'a str| {
        let key = format!("{prefix}_{name}").to_ascii_uppercase().replace('-', "_");
        variable(&key).map(|text| (name.to_owned(), Value::from(text)))
    };
    names.into_iter().filter_map(value).collect()
}

#[cfg(test)]
mod tests {
    use connector_egress::Secret;
    use serde_json::json;

    use super::*;

    fn descriptor() -> Descriptor {
        let slot = connector_engine::bindings::description::SecretSlot {
            name: "key".into(),
            headers: Vec::new(),
            query: Vec::new(),
            origins: Vec::new(),
            minted: None,
        };
        Descriptor {
            id: "demo".into(),
            name: "Demo".into(),
            summary: String::new(),
            version: "0.1.0".into(),
            documentation: String::new(),
            origins: Vec::new(),
            methods: Vec::new(),
            secrets: vec![slot],
            pacing: None,
            reads: true,
            writes: true,
            state_format: 1,
            oldest_state: 1,
            metadata: "{}".into(),
        }
    }

    fn check(config: Value, secret: Option<&str>, settings: &Value, rest: &Value) {
        let schema = json!({"properties": {
            "key": {"type": "string", "writeOnly": true, "x-trim": true},
            "size": {"type": "integer"},
        }});
        let form = Form::parse(&schema.to_string()).expect("a form");
        let Value::Object(config) = config else { panic!("an object") };
        let flat = FlatConfig::split(config, &descriptor(), &form);
        assert_eq!(flat.secrets.get("key").map(Secret::expose), secret);
        assert_eq!(Value::Object(flat.settings), *settings);
        assert_eq!(Value::Object(flat.rest), *rest);
    }

    #[test]
    fn a_flat_object_is_taken_apart() {
        check(
            json!({"key": " t ", "size": "7", "start": "2026-01-01"}),
            Some("t"),
            &json!({"size": 7}),
            &json!({"start": "2026-01-01"}),
        );
    }

    #[test]
    fn what_belongs_to_the_platform_and_nulls_are_passed_over() {
        check(
            json!({"_limit": 3, "__x": 1, "size": null, "a": null}),
            None,
            &json!({}),
            &json!({}),
        );
    }

    #[test]
    fn variables_are_settings_in_upper_case() {
        let variable = |name: &str| (name == "TAP_X_API_KEY").then(|| "t".to_owned());
        let found = of_variables("tap_x", ["api_key", "other"], variable);
        assert_eq!(Value::Object(found), json!({"api_key": "t"}));
    }
}
