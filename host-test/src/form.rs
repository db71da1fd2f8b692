//! A form as its JSON Schema describes it, and what is wrong with an answer to it.
//!
//! Terminal and page draw their forms from this alone, so a new connector gets both for nothing. Secrets are checked
//! here, since the plugin never sees them, and no text of the validator about one is ever shown: it quotes the value.

use connector_egress::Secrets;
use connector_engine::bindings::types::Problem;
use serde_json::{Map, Value};

/// A form.
#[derive(Clone, Debug)]
pub struct Form {
    /// What the schema calls it.
    pub title: String,
    /// The fields, in order.
    pub fields: Vec<Field>,
    schema: Value,
}

/// A field of a form.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Name of the property.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// Help, in a sentence or two.
    pub description: String,
    /// Where to find the value, in Markdown.
    pub instructions: Option<String>,
    /// What it takes.
    pub kind: FieldKind,
    /// Whether it has to be filled in.
    pub required: bool,
    /// Its value when nobody fills it in.
    pub default: Option<Value>,
    /// Whether it is folded away.
    pub advanced: bool,
    /// Whether white space around the value is dropped.
    pub trim: bool,
    /// What to say when the pattern fails.
    pub pattern_message: Option<String>,
}

/// What a field takes.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldKind {
    /// A text that is never shown again.
    Secret,
    /// One of these.
    Choice(Vec<Choice>),
    /// A text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Yes or no.
    Boolean,
    /// Anything else, as JSON.
    Json,
}

/// A value that can be chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The value.
    pub value: Value,
    /// Name for people.
    pub title: String,
}

/// The schema does not describe a form.
#[derive(Debug, thiserror::Error)]
#[error("the plugin's form cannot be read: {0}")]
pub struct FormError(String);

impl Form {
    /// Reads a schema. `$ref` out of the document is an error: nothing is ever fetched.
    pub fn parse(schema: &str) -> Result<Self, FormError> {
        let schema: Value =
            serde_json::from_str(schema).map_err(|error| FormError(error.to_string()))?;
        jsonschema::validator_for(&schema).map_err(|error| FormError(error.to_string()))?;
        let required: Vec<&str> = schema["required"]
            .as_array()
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let empty = Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&empty);
        let mut fields: Vec<(i64, Field)> = properties
            .iter()
            .map(|(name, property)| {
                let order = property["x-order"].as_i64().unwrap_or(i64::MAX);
                (order, field(name, property, required.contains(&name.as_str())))
            })
            .collect();
        fields.sort_by_key(|(order, _)| *order);
        Ok(Form {
            title: text(&schema, "title").unwrap_or_default(),
            fields: fields.into_iter().map(|(_, field)| field).collect(),
            schema,
        })
    }

    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The value that a text stands for in the field of this name: by the field's type; JSON, else text, where there is
    /// no such field.
    pub fn value(&self, name: &str, text: &str) -> Value {
        let json = || serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
        match self.field(name).map(|field| &field.kind) {
            Some(FieldKind::Text | FieldKind::Secret) => Value::from(text),
            Some(FieldKind::Choice(choices)) => {
                let same = |choice: &&Choice| match &choice.value {
                    Value::String(value) => value == text,
                    value => serde_json::from_str(text).is_ok_and(|typed: Value| typed == *value),
                };
                choices.iter().find(same).map_or_else(|| Value::from(text), |c| c.value.clone())
            }
            _ => json(),
        }
    }

    /// All faults of an answer that the schema tells. Secrets are looked at here, and never quoted.
    pub fn check(&self, values: &Map<String, Value>, secrets: &Secrets) -> Vec<Problem> {
        let mut whole = values.clone();
        for (name, secret) in secrets.iter() {
            whole.insert(name.to_owned(), Value::from(secret.expose()));
        }
        let Ok(validator) = jsonschema::validator_for(&self.schema) else {
            return Vec::new();
        };
        let whole = Value::Object(whole);
        let mut problems: Vec<Problem> = Vec::new();
        for error in validator.iter_errors(&whole) {
            let problem = self.problem(&error, secrets);
            if !problems.iter().any(|known| known.field == problem.field) {
                problems.push(problem);
            }
        }
        problems
    }

    fn problem(&self, error: &jsonschema::ValidationError<'_>, secrets: &Secrets) -> Problem {
        let pointer = error.instance_path().to_string();
        let name = pointer.trim_start_matches('/').split('/').next().unwrap_or_default();
        let secret = secrets.get(name).is_some();
        let (field, code, message) = match error.kind() {
            jsonschema::error::ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                let title = self.field(name).map_or(name, |field| &field.title);
                (format!("/{name}"), "required", format!("{title} is missing."))
            }
            _ => match self.field(name) {
                Some(field) if secret || field.kind == FieldKind::Secret => {
                    let message = field
                        .pattern_message
                        .clone()
                        .unwrap_or_else(|| format!("{} is not of the right form.", field.title));
                    (pointer, "pattern", message)
                }
                Some(Field { pattern_message: Some(message), .. }) => {
                    (pointer, "pattern", message.clone())
                }
                Some(Field { title, kind: FieldKind::Choice(choices), .. }) => {
                    let known: Vec<_> = choices.iter().map(|choice| plain(&choice.value)).collect();
                    let message = format!("{title} is none of: {}.", known.join(", "));
                    (pointer, "choice", message)
                }
                _ => (pointer, "invalid", format!("{error}.")),
            },
        };
        Problem { field, code: code.into(), message }
    }
}

fn field(name: &str, property: &Value, required: bool) -> Field {
    Field {
        name: name.into(),
        title: text(property, "title").unwrap_or_else(|| name.into()),
        description: text(property, "description").unwrap_or_default(),
        instructions: text(property, "x-instructions"),
        kind: kind(property),
        required,
        default: property.get("default").cloned(),
        advanced: property["x-advanced"] == true,
        trim: property["x-trim"] == true,
        pattern_message: text(property, "x-pattern-message"),
    }
}

fn kind(property: &Value) -> FieldKind {
    if property["writeOnly"] == true {
        return FieldKind::Secret;
    }
    if let Some(choices) = property["oneOf"].as_array() {
        let choice = |choice: &Value| Choice {
            value: choice["const"].clone(),
            title: text(choice, "title").unwrap_or_else(|| plain(&choice["const"])),
        };
        return FieldKind::Choice(choices.iter().map(choice).collect());
    }
    if let Some(values) = property["enum"].as_array() {
        let choice = |value: &Value| Choice { value: value.clone(), title: plain(value) };
        return FieldKind::Choice(values.iter().map(choice).collect());
    }
    match property["type"].as_str() {
        Some("string") => FieldKind::Text,
        Some("integer") => FieldKind::Integer,
        Some("number") => FieldKind::Number,
        Some("boolean") => FieldKind::Boolean,
        _ => FieldKind::Json,
    }
}

fn text(value: &Value, key: &str) -> Option<String> {
    value[key].as_str().map(str::to_owned)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use connector_egress::Secret;

    use super::*;

    const SCHEMA: &str = r#"{
        "title": "T", "type": "object", "required": ["key"],
        "properties": {
            "key": {"type": "string", "title": "Key", "writeOnly": true, "maxLength": 20,
                    "pattern": "^[!-~]+$", "x-pattern-message": "No spaces.", "x-trim": true, "x-order": 1},
            "form": {"type": "string", "title": "Form", "oneOf": [{"const": "a", "title": "A"}], "x-order": 2},
            "size": {"type": "integer", "minimum": 1}
        }
    }"#;

    fn check(values: &str, key: Option<&str>, expected: &[(&str, &str)]) {
        let form = Form::parse(SCHEMA).expect("a form");
        let mut secrets = Secrets::default();
        if let Some(key) = key {
            secrets.insert("key", Secret::new(key.into()));
        }
        let values: Map<_, _> = serde_json::from_str(values).expect("an object");
        let problems = form.check(&values, &secrets);
        let found: Vec<_> =
            problems.iter().map(|p| (p.field.as_str(), p.message.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_right_answer_has_no_faults() {
        check(r#"{"form":"a","size":3}"#, Some("token"), &[]);
    }

    #[test]
    fn a_secret_is_checked_and_never_quoted() {
        for wrong in ["", "a b", "Bearer x", "a\r\nb", "ä", &"x".repeat(21)] {
            check("{}", Some(wrong), &[("/key", "No spaces.")]);
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        check(
            r#"{"form":"b","size":0}"#,
            None,
            &[
                ("/key", "Key is missing."),
                ("/form", "Form is none of: a."),
                ("/size", "0 is less than the minimum of 1."),
            ],
        );
    }

    #[test]
    fn fields_are_known_by_order_and_kind() {
        let form = Form::parse(SCHEMA).expect("a form");
        let kinds: Vec<_> = form.fields.iter().map(|f| (f.name.as_str(), &f.kind)).collect();
        assert_eq!(kinds[0], ("key", &FieldKind::Secret));
        assert_eq!(kinds[2], ("size", &FieldKind::Integer));
        assert_eq!(form.value("size", "7"), Value::from(7));
        assert_eq!(form.value("form", "a"), Value::from("a"));
        assert_eq!(form.value("other", "true"), Value::from(true));
    }

    #[test]
    fn a_reference_out_of_the_document_is_refused_and_not_fetched() {
        let schema = r#"{"properties":{"a":{"$ref":"https://example.com/schema.json"}}}"#;
        assert!(Form::parse(schema).is_err());
    }
}
