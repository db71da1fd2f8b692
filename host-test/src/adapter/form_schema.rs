//! A field of a form, as the forms of platforms take it: JSON Schema draft 7 without what they forbid.
//!
//! Only keywords that are known to be taken are handed over, so none that is forbidden can get through. A choice
//! becomes an `enum`, and its titles move into the description; free JSON becomes a text that holds JSON.

use serde_json::{Map, Value, json};

/// Keywords that mean the same on both sides.
const SAME: &[&str] = &[
    "title",
    "default",
    "examples",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "pattern",
    "enum",
];

/// A field's schema for a platform.
pub fn property(source: &Value) -> Map<String, Value> {
    let mut property = Map::new();
    let mut description: Vec<String> =
        source["description"].as_str().map(str::to_owned).into_iter().collect();
    let kind = kind(source);
    property.insert("type".into(), kind.clone());
    for name in SAME {
        if let Some(value) = source.get(*name) {
            property.insert((*name).into(), value.clone());
        }
    }
    if let Some(items) = items(source) {
        property.insert("items".into(), items);
    } else if is_json(source) {
        // The default and the examples would have to be texts too.
        property.remove("default");
        property.remove("examples");
        description.push("Write it as JSON.".into());
    }
    if let Some(choices) = source["oneOf"].as_array() {
        let values: Vec<_> = choices.iter().map(|choice| choice["const"].clone()).collect();
        let named: Vec<_> = choices
            .iter()
            .filter_map(|choice| {
                Some(format!("`{}`: {}", plain(&choice["const"]), choice["title"].as_str()?))
            })
            .collect();
        property.insert("enum".into(), values.into());
        if !named.is_empty() {
            description.push(format!("{}.", named.join("; ")));
        }
    }
    if source["writeOnly"] == true {
        property.insert("airbyte_secret".into(), true.into());
        property.remove("default");
        property.remove("examples");
    } else if holds_text(&property) {
        // Said of every field, since platforms take some names for those of secrets.
        property.insert("airbyte_secret".into(), false.into());
    }
    if let Some(message) = source.get("x-pattern-message") {
        property.insert("pattern_descriptor".into(), message.clone());
    }
    if let Some(instructions) = source["x-instructions"].as_str() {
        description.push(instructions.to_owned());
    }
    if !description.is_empty() {
        property.insert("description".into(), description.join("\n\n").into());
    }
    property
}

/// An object of fields, as an optional group of a form.
pub fn group(
    title: &str,
    description: &str,
    properties: Map<String, Value>,
    required: &[String],
) -> Map<String, Value> {
    let mut group = Map::new();
    group.insert("type".into(), "object".into());
    group.insert("title".into(), title.into());
    group.insert("description".into(), description.into());
    if !required.is_empty() {
        group.insert("required".into(), json!(required));
    }
    group.insert("properties".into(), numbered(properties));
    group
}

/// Fields with their order, which is that of the map.
pub fn numbered(properties: Map<String, Value>) -> Value {
    numbered_by(properties.into_iter().collect())
}

/// Fields with their order, which is that of the list.
pub fn numbered_by(properties: Vec<(String, Value)>) -> Value {
    let number = |(order, (name, mut property)): (usize, (String, Value))| {
        property["order"] = order.into();
        (name, property)
    };
    Value::Object(properties.into_iter().enumerate().map(number).collect())
}

/// A type, or a type that may be null; free JSON is a text.
fn kind(source: &Value) -> Value {
    if is_json(source) {
        return "string".into();
    }
    match types(source).as_slice() {
        [] => "string".into(),
        [only] => Value::from(*only),
        [first, ..] => json!([first, "null"]),
    }
}

/// The types, with null last.
fn types(source: &Value) -> Vec<&str> {
    let mut types: Vec<&str> = match &source["type"] {
        Value::String(only) => vec![only],
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    types.sort_by_key(|kind| *kind == "null");
    types
}

/// Lists of simple values can be filled in; other lists, objects and unions cannot.
fn is_json(source: &Value) -> bool {
    let types = types(source);
    let simple = ["string", "number", "integer", "boolean"];
    match types.iter().copied().filter(|kind| *kind != "null").collect::<Vec<_>>().as_slice() {
        [] => !source["oneOf"].is_array() && !source["enum"].is_array(),
        ["array"] => items(source).is_none(),
        [only] => !simple.contains(only),
        _ => true,
    }
}

fn items(source: &Value) -> Option<Value> {
    if !types(source).contains(&"array") {
        return None;
    }
    let items = source.get("items")?;
    matches!(types(items).as_slice(), ["string" | "number" | "integer"]).then(|| {
        let keep = |name: &&&str| items.get(**name).is_some();
        let names = ["type", "enum", "minLength", "maxLength", "minimum", "maximum", "pattern"];
        let not_secret = ("airbyte_secret".to_owned(), Value::from(false));
        let kept = names.iter().filter(keep).map(|name| ((*name).to_owned(), items[*name].clone()));
        Value::Object(kept.chain([not_secret]).collect())
    })
}

fn holds_text(property: &Map<String, Value>) -> bool {
    let types = property.get("type").map(|kind| json!({"type": kind})).unwrap_or_default();
    self::types(&types).iter().any(|kind| ["string", "number", "integer"].contains(kind))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &Value, expected: &Value) {
        assert_eq!(Value::Object(property(source)), *expected);
    }

    #[test]
    fn a_secret_is_marked_and_says_where_it_is_found() {
        check(
            &json!({"type": "string", "title": "Key", "format": "password", "writeOnly": true, "pattern": "^.+$",
                "x-pattern-message": "No spaces.", "x-instructions": "Look there.", "x-order": 3, "description": "It."}),
            &json!({"type": "string", "title": "Key", "airbyte_secret": true, "pattern": "^.+$",
                "pattern_descriptor": "No spaces.", "description": "It.\n\nLook there."}),
        );
    }

    #[test]
    fn a_choice_is_an_enum_that_explains_itself() {
        check(
            &json!({"type": "string", "default": "a", "oneOf": [{"const": "a", "title": "First"}, {"const": "b"}]}),
            &json!({"type": "string", "default": "a", "enum": ["a", "b"], "airbyte_secret": false,
                "description": "`a`: First."}),
        );
    }

    #[test]
    fn free_json_is_a_text() {
        let text = json!({"type": "string", "title": "Q", "airbyte_secret": false,
            "description": "Write it as JSON."});
        check(&json!({"type": "object", "title": "Q", "default": {}}), &text);
        check(&json!({"type": "array", "title": "Q", "items": {"type": "object"}}), &text);
        check(&json!({"title": "Q", "anyOf": [{}, {}]}), &text);
    }

    #[test]
    fn a_list_of_simple_values_and_a_null_stay() {
        check(
            &json!({"type": ["null", "array"], "items": {"type": "string", "x-y": 1}, "default": []}),
            &json!({"type": ["array", "null"], "default": [],
                "items": {"type": "string", "airbyte_secret": false}}),
        );
    }
}
