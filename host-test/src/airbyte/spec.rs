//! The form of the configuration, derived from the plugin's own.

use serde_json::{Value, json};

use super::catalogue::sync_mode;
use crate::adapter::form_schema::{numbered_by, property};
use crate::adapter::objects::{Object, host_fields};
use crate::adapter::options::Options;
use crate::adapter::session::Described;

/// Version of the protocol that is spoken.
const PROTOCOL: &str = "0.2.0";

/// The spec of the source.
pub fn source(described: &Described, options: &Options) -> Value {
    let mut spec = spec(described, options.properties());
    spec["supportsIncremental"] = true.into();
    spec
}

/// The spec of the destination.
pub fn destination(described: &Described, objects: &[Object], options: &Options) -> Value {
    let fields = options.properties().into_iter().chain(host_fields()).collect();
    let mut spec = spec(described, fields);
    let mut modes: Vec<_> =
        objects.iter().map(|object| sync_mode(object.operation.effect)).collect();
    modes.sort_unstable();
    modes.dedup();
    spec["supported_destination_sync_modes"] = modes.into();
    spec
}

fn spec(described: &Described, options: Vec<(String, Value)>) -> Value {
    let form = &described.form;
    let field = |name: &String| {
        (name.clone(), Value::Object(property(&described.schema["properties"][name])))
    };
    let names: Vec<_> = form.fields.iter().map(|field| field.name.clone()).collect();
    let required: Vec<_> =
        form.fields.iter().filter(|field| field.required).map(|field| &field.name).collect();
    let fields = names.iter().map(field).chain(options).collect();
    json!({
        "documentationUrl": described.descriptor.documentation,
        "protocol_version": PROTOCOL,
        "connectionSpecification": {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": form.title,
            "type": "object",
            "required": required,
            "additionalProperties": true,
            "properties": numbered_by(fields),
        },
    })
}
