//! The schema of a stream's records, as platforms take it.
//!
//! Types, fields and formats are handed over; bounds, patterns and required fields are not: a record that the service
//! holds is to be delivered, not judged.

use serde_json::{Map, Value, json};

/// Whom a schema is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Airbyte, whose types have words of their own.
    Airbyte,
    /// Singer.
    Singer,
}

/// A stream's schema in a dialect; an object without known fields if the plugin's is none.
pub fn record_schema(text: &str, dialect: Dialect) -> Map<String, Value> {
    let source: Value = serde_json::from_str(text).unwrap_or_default();
    let mut schema = node(&source, dialect);
    schema.insert("type".into(), "object".into());
    schema.entry("properties").or_insert_with(|| json!({}));
    schema.insert("additionalProperties".into(), true.into());
    schema
}

fn node(source: &Value, dialect: Dialect) -> Map<String, Value> {
    let mut node = Map::new();
    for name in ["type", "title", "description", "enum", "format"] {
        if let Some(value) = source.get(name) {
            node.insert(name.into(), value.clone());
        }
    }
    if let Some(properties) = source["properties"].as_object() {
        let properties: Map<_, _> = properties
            .iter()
            .map(|(name, property)| (name.clone(), Value::Object(self::node(property, dialect))))
            .collect();
        node.insert("properties".into(), properties.into());
    }
    if let Some(items) = source.get("items").filter(|items| items.is_object()) {
        node.insert("items".into(), self::node(items, dialect).into());
    }
    if dialect == Dialect::Airbyte && node.get("format") == Some(&json!("date-time")) {
        node.insert("airbyte_type".into(), "timestamp_with_timezone".into());
    }
    node
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, dialect: Dialect, expected: &Value) {
        assert_eq!(Value::Object(record_schema(source, dialect)), *expected);
    }

    #[test]
    fn types_and_fields_stay_and_judgements_go() {
        check(
            r#"{"$schema": "x", "type": "object", "required": ["a"], "properties": {
                "a": {"type": "integer", "minimum": 1, "description": "D"},
                "b": {"type": ["array", "null"], "items": {"type": "string", "minLength": 1}}}}"#,
            Dialect::Singer,
            &json!({"type": "object", "additionalProperties": true, "properties": {
                "a": {"type": "integer", "description": "D"},
                "b": {"type": ["array", "null"], "items": {"type": "string"}}}}),
        );
    }

    #[test]
    fn airbyte_is_told_of_zones() {
        let source = r#"{"properties": {"t": {"type": "string", "format": "date-time"}}}"#;
        let expected = |property: Value| json!({"type": "object", "additionalProperties": true, "properties": {"t": property}});
        let plain = json!({"type": "string", "format": "date-time"});
        check(source, Dialect::Singer, &expected(plain));
        let typed = json!({"type": "string", "format": "date-time", "airbyte_type": "timestamp_with_timezone"});
        check(source, Dialect::Airbyte, &expected(typed));
    }

    #[test]
    fn what_is_no_schema_is_an_open_object() {
        let open = json!({"type": "object", "properties": {}, "additionalProperties": true});
        check("true", Dialect::Airbyte, &open);
        check("", Dialect::Airbyte, &open);
    }
}
