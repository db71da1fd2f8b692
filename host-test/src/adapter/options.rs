//! Options of streams and operations inside a flat configuration.
//!
//! An option of a stream that is read by default stands at the top, and goes to every stream whose form describes it
//! alike. Every other option stands in a group named after its stream, so that two options of one name that mean
//! different things never meet.

use std::collections::{BTreeMap, BTreeSet};

use connector_egress::Secrets;
use connector_engine::bindings::types::Problem;
use serde_json::{Map, Value};

use super::config::typed;
use super::form_schema::{group, property};
use crate::error::{CliError, Exit};
use crate::form::Form;

/// A form of options, and whose it is.
#[derive(Clone, Debug)]
pub struct Source {
    /// Name of the stream or object.
    pub owner: String,
    /// Its title.
    pub title: String,
    /// JSON Schema of the form.
    pub schema: String,
    /// Whether it is used by default, so that its options stand at the top.
    pub by_default: bool,
}

/// All options of a configuration.
pub struct Options {
    owners: BTreeMap<String, Owner>,
    /// At the top, in order: the field and its schema.
    shared: Vec<(String, Value)>,
}

struct Owner {
    title: String,
    form: Form,
    schema: Value,
    /// The fields that stand in a group of its own.
    own: BTreeSet<String>,
}

impl Options {
    /// Finds a place for each option. `taken` are names that the top has no room for.
    pub fn place(sources: Vec<Source>, taken: &BTreeSet<String>) -> Result<Self, CliError> {
        let mut options = Options { owners: BTreeMap::new(), shared: Vec::new() };
        let (first, last): (Vec<_>, Vec<_>) =
            sources.into_iter().partition(|source| source.by_default);
        for source in first.into_iter().chain(last) {
            let form = Form::parse(&source.schema)
                .map_err(|error| CliError::new(Exit::Plugin, "form", error.to_string()))?;
            // The form parsed it, so it is JSON.
            let schema: Value = serde_json::from_str(&source.schema).unwrap_or_default();
            let mut own = BTreeSet::new();
            for field in &form.fields {
                let described = &schema["properties"][&field.name];
                let known = options.shared.iter().find(|(name, _)| *name == field.name);
                match known {
                    Some((_, known)) if known == described => {}
                    None if source.by_default && !taken.contains(&field.name) => {
                        options.shared.push((field.name.clone(), described.clone()));
                    }
                    _ => {
                        own.insert(field.name.clone());
                    }
                }
            }
            let owner = Owner { title: source.title, form, schema, own };
            options.owners.insert(source.owner, owner);
        }
        Ok(options)
    }

    /// The fields of a platform's form, in order.
    pub fn properties(&self) -> Vec<(String, Value)> {
        let shared =
            self.shared.iter().map(|(name, schema)| (name.clone(), property(schema).into()));
        let groups = self.owners.iter().filter(|(_, owner)| !owner.own.is_empty());
        let groups = groups.map(|(name, owner)| {
            let ours = owner.form.fields.iter().filter(|field| owner.own.contains(&field.name));
            let fields = ours
                .clone()
                .map(|field| {
                    let schema = &owner.schema["properties"][&field.name];
                    (field.name.clone(), Value::from(property(schema)))
                })
                .collect();
            let required: Vec<_> =
                ours.filter(|field| field.required).map(|field| field.name.clone()).collect();
            let description = format!("Options of `{name}` alone.");
            (name.clone(), Value::from(group(&owner.title, &description, fields, &required)))
        });
        shared.chain(groups).collect()
    }

    /// The options that a configuration gives a stream or object; none for one that has no options.
    pub fn of(&self, owner: &str, config: &Map<String, Value>) -> Map<String, Value> {
        let Some(found) = self.owners.get(owner) else { return Map::new() };
        let group = config.get(owner).and_then(Value::as_object);
        let mut options = Map::new();
        for field in &found.form.fields {
            let own = found.own.contains(&field.name);
            let value = if own {
                group.and_then(|group| group.get(&field.name))
            } else {
                config.get(&field.name)
            };
            // A form that was cleared holds an empty text.
            let value = value.filter(|value| !value.is_null() && **value != "");
            if let Some(value) = value {
                options.insert(field.name.clone(), typed(&found.form, &field.name, value.clone()));
            }
        }
        options
    }

    /// Whether options say anything but the defaults: then they may leave records out, as a start date does.
    pub fn may_narrow(&self, owner: &str, options: &Map<String, Value>) -> bool {
        let form = self.owners.get(owner).map(|owner| &owner.form);
        let default = |name: &str| form.and_then(|form| form.field(name)?.default.as_ref());
        options.iter().any(|(name, value)| default(name) != Some(value))
    }

    /// All that a stream's or object's form finds wrong with its options.
    pub fn check(&self, owner: &str, options: &Map<String, Value>) -> Vec<Problem> {
        match self.owners.get(owner) {
            Some(found) => found.form.check(options, &Secrets::default()),
            None => Vec::new(),
        }
    }

    /// The keys of a configuration that no option is named after.
    pub fn unknown<'a>(&self, config: &'a Map<String, Value>) -> Vec<&'a str> {
        let shared = |name: &str| self.shared.iter().any(|(known, _)| known == name);
        let names = config.keys().map(String::as_str);
        names.filter(|name| !shared(name) && !self.owners.contains_key(*name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn options() -> Options {
        let source = |owner: &str, schema: Value, by_default| Source {
            owner: owner.into(),
            title: owner.to_uppercase(),
            schema: json!({"type": "object", "required": ["path"], "properties": schema})
                .to_string(),
            by_default,
        };
        let size = json!({"type": "integer", "title": "Size", "default": 9});
        let sources = vec![
            source("any", json!({"path": {"type": "string"}, "size": {"type": "string"}}), false),
            source("users", json!({"size": size, "start": {"type": "string"}}), true),
            source("leads", json!({"size": size, "key": {"type": "string"}}), true),
        ];
        Options::place(sources, &BTreeSet::from(["key".to_owned()])).expect("forms")
    }

    fn check(owner: &str, config: &Value, expected: &Value) {
        let config = config.as_object().expect("an object");
        assert_eq!(Value::Object(options().of(owner, config)), *expected);
    }

    #[test]
    fn options_of_streams_read_by_default_stand_at_the_top() {
        check(
            "users",
            &json!({"size": "7", "start": "2026"}),
            &json!({"size": 7, "start": "2026"}),
        );
        check("leads", &json!({"size": 7, "start": "2026"}), &json!({"size": 7}));
    }

    #[test]
    fn every_other_option_stands_in_the_group_of_its_stream() {
        check(
            "any",
            &json!({"size": 7, "any": {"path": "/x", "size": "s"}}),
            &json!({"path": "/x", "size": "s"}),
        );
        check("leads", &json!({"key": "no", "leads": {"key": "k"}}), &json!({"key": "k"}));
        check("none", &json!({"size": 7}), &json!({}));
    }

    #[test]
    fn only_what_differs_from_the_defaults_may_leave_records_out() {
        let check = |options: Value, expected: bool| {
            let Value::Object(options) = options else { panic!("an object") };
            assert_eq!(self::options().may_narrow("users", &options), expected, "{options:?}");
        };
        check(json!({}), false);
        check(json!({"size": 9}), false);
        check(json!({"size": 8}), true);
        check(json!({"start": "2026"}), true);
    }

    #[test]
    fn nothing_and_an_empty_text_are_no_options() {
        check("users", &json!({"size": null, "start": ""}), &json!({}));
    }

    #[test]
    fn the_form_has_every_option_once_and_groups_after_the_others() {
        let names: Vec<_> = options().properties().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["size", "start", "any", "leads"]);
        let any = options().properties().remove(2).1;
        assert_eq!(any["required"], json!(["path"]));
        assert_eq!(any["properties"]["size"]["order"], 1);
    }

    #[test]
    fn keys_that_are_no_options_are_named() {
        let Value::Object(config) = json!({"size": 1, "any": {}, "colour": 2}) else {
            panic!("an object")
        };
        assert_eq!(options().unknown(&config), ["colour"]);
    }
}
