//! What can be written to, under one name each: the operations of the targets.

use std::collections::BTreeSet;

use connector_engine::bindings::destination::{Effect, Operation, Target};
use serde_json::{Map, Value, json};

use super::load::Route;
use super::options::Options;
use super::session::Session;
use crate::error::{CliError, Exit};

/// The setting that allows deletions.
pub const ALLOW_DELETES: &str = "allow_deletes";
/// The setting that hands over fields that an object does not name.
pub const PASS_FIELDS: &str = "pass_other_fields";

/// Something to write to.
#[derive(Clone, Debug)]
pub struct Object {
    /// The target's name; of any operation but its first, `target.operation`.
    pub name: String,
    /// Name of the target.
    pub target: String,
    /// The target's title.
    pub title: String,
    /// Whether it is the target's first operation.
    pub first: bool,
    /// The operation.
    pub operation: Operation,
}

/// What can be written to without a person's consent for each run: nobody is there to give it.
pub fn objects(targets: Vec<Target>) -> Vec<Object> {
    let mut objects = Vec::new();
    for target in targets {
        for (index, operation) in target.operations.into_iter().enumerate() {
            let first = index == 0;
            let name = if first {
                target.name.clone()
            } else {
                format!("{}.{}", target.name, operation.name)
            };
            if !operation.confirm {
                let (title, target) = (target.title.clone(), target.name.clone());
                objects.push(Object { name, target, title, first, operation });
            }
        }
    }
    objects
}

/// The object of this name, if the configuration allows what it does.
pub fn find<'a>(
    objects: &'a [Object],
    name: &str,
    stream: &str,
    config: &Map<String, Value>,
) -> Result<&'a Object, CliError> {
    let Some(object) = objects.iter().find(|object| object.name == name) else {
        let known: Vec<_> = objects.iter().map(|object| object.name.as_str()).collect();
        let message = format!("{stream} cannot be written to `{name}`: there is no such object");
        return Err(CliError::new(Exit::Settings, "unknown-object", message)
            .remedy(format!("Choose from: {}.", known.join(", "))));
    };
    if object.operation.effect == Effect::Delete && !deletes_allowed(config) {
        let message = format!("`{name}` deletes, and the configuration does not allow it");
        return Err(CliError::new(Exit::Settings, "deletion-not-allowed", message)
            .remedy(format!("Set `{ALLOW_DELETES}`, if records are to be deleted for good.")));
    }
    Ok(object)
}

/// Where the records of an object go.
pub fn route(session: &Session, forms: &Options, object: &Object) -> Result<Route, CliError> {
    let options = session.object_options(forms, object)?;
    let all = session.rest.get(PASS_FIELDS) == Some(&Value::Bool(true));
    Ok(Route {
        target: object.target.clone(),
        operation: object.operation.clone(),
        options: Value::Object(options).to_string(),
        fields: if all { None } else { fields(&object.operation.schema) },
    })
}

/// Whether the user allowed deletions.
pub fn deletes_allowed(config: &Map<String, Value>) -> bool {
    config.get(ALLOW_DELETES) == Some(&Value::Bool(true))
}

/// The fields of a form that are the host's own.
pub fn host_fields() -> Vec<(String, Value)> {
    let pass = json!({
        "type": "boolean",
        "title": "Pass on other fields",
        "description": "Hands over fields that an object does not name, instead of leaving them out; the options of the object say what becomes of them.",
        "default": false,
    });
    let deletes = json!({
        "type": "boolean",
        "title": "Allow deletion",
        "description": "Lets records be written to objects that delete. The service deletes for good: there is no way back.",
        "default": false,
    });
    vec![(PASS_FIELDS.into(), pass), (ALLOW_DELETES.into(), deletes)]
}

/// The fields that a schema names; none if it names none, and so takes all.
fn fields(schema: &str) -> Option<BTreeSet<String>> {
    let schema: Value = serde_json::from_str(schema).ok()?;
    let properties = schema["properties"].as_object().filter(|names| !names.is_empty())?;
    Some(properties.keys().cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(name: &str, effect: Effect, confirm: bool) -> Operation {
        Operation {
            name: name.into(),
            title: name.into(),
            description: String::new(),
            effect,
            schema: "{}".into(),
            keys: Vec::new(),
            batch: 1,
            repeat_safe: true,
            settles: true,
            confirm,
            options: "{}".into(),
        }
    }

    fn all() -> Vec<Object> {
        let target = |name: &str, operations| Target {
            name: name.into(),
            title: name.into(),
            description: String::new(),
            operations,
        };
        objects(vec![
            target(
                "users",
                vec![
                    operation("upsert", Effect::Upsert, false),
                    operation("delete", Effect::Delete, false),
                ],
            ),
            target("messages", vec![operation("send", Effect::Act, true)]),
        ])
    }

    fn check(name: &str, config: Value, expected: Result<(), &str>) {
        let Value::Object(config) = config else { panic!("an object") };
        let objects = all();
        let found = find(&objects, name, "s", &config).map(|object| object.name.as_str());
        assert_eq!(
            found.map_err(|error| error.code),
            expected.map(|()| name).map_err(str::to_owned)
        );
    }

    #[test]
    fn each_operation_has_a_name_and_those_that_need_consent_are_not_offered() {
        let names: Vec<_> = all().into_iter().map(|object| object.name).collect();
        assert_eq!(names, ["users", "users.delete"]);
    }

    #[test]
    fn deleting_has_to_be_allowed() {
        check("users", json!({}), Ok(()));
        check("users.delete", json!({}), Err("deletion-not-allowed"));
        check("users.delete", json!({"allow_deletes": "true"}), Err("deletion-not-allowed"));
        check("users.delete", json!({"allow_deletes": true}), Ok(()));
        check("messages", json!({"allow_deletes": true}), Err("unknown-object"));
    }

    #[test]
    fn an_object_that_names_no_fields_takes_all() {
        assert_eq!(fields(r#"{"type":"object"}"#), None);
        assert_eq!(fields(r#"{"properties":{}}"#), None);
        let named = fields(r#"{"properties":{"email":{}}}"#);
        assert_eq!(named, Some(BTreeSet::from(["email".to_owned()])));
    }
}
