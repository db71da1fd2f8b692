//! A form's fields, drawn from its schema, and what was typed into them.

use connector_egress::Secrets;
use connector_engine::bindings::types::Problem;
use maud::{Markup, PreEscaped, html};
use serde_json::{Map, Value};

use super::posted::Posted;
use crate::context::trimmed;
use crate::form::{Field, FieldKind, Form};
use crate::markdown;
use crate::words;

/// Fault of the credential's name, which no plugin's field can have.
pub(super) const NAME: &str = "name";

/// How a secret stands that is never shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SecretState {
    /// Not typed yet.
    Empty,
    /// Typed, and kept until the form is saved.
    Typed,
    /// Saved.
    Saved,
}

/// One field with its help, its value and its fault.
pub(super) fn field(
    field: &Field,
    value: Option<&Value>,
    secret: SecretState,
    problem: Option<&str>,
) -> Markup {
    let id = format!("field-{}", field.name);
    let (help, fault) = (format!("{id}-help"), format!("{id}-fault"));
    let described = match problem {
        Some(_) => format!("{fault} {help}"),
        None => help.clone(),
    };
    let name = format!("field.{}", field.name);
    let required = field.required && secret == SecretState::Empty;
    let shown = value.or(field.default.as_ref());
    let text = value.map(plain).unwrap_or_default();
    let invalid = problem.is_some().then_some("true");
    let needed = required.then_some("true");
    html! {
        div .field {
            label for=(id) {
                (field.title)
                @if required { " " span .needed { "(required)" } }
            }
            @if let Some(problem) = problem { p .fault id=(fault) { (problem) } }
            @match &field.kind {
                FieldKind::Secret => {
                    input type="password" id=(id) name=(name) value="" autocomplete="new-password"
                        autocapitalize="off" spellcheck="false" aria-describedby=(described)
                        aria-invalid=[invalid] aria-required=[needed];
                    @match secret {
                        SecretState::Empty => {},
                        SecretState::Typed => p .set { "Set, not saved yet. Leave the field empty to keep it." },
                        SecretState::Saved => p .set { "Set. It is never shown again; leave the field empty to keep it." },
                    }
                }
                FieldKind::Choice(choices) => {
                    select id=(id) name=(name) aria-describedby=(described) aria-invalid=[invalid] {
                        @if field.default.is_none() { option value="" { "–" } }
                        @for choice in choices {
                            option value=(plain(&choice.value)) selected[shown == Some(&choice.value)] { (choice.title) }
                        }
                    }
                }
                FieldKind::Boolean => {
                    select id=(id) name=(name) aria-describedby=(described) aria-invalid=[invalid] {
                        @if field.default.is_none() { option value="" { "–" } }
                        option value="true" selected[shown == Some(&Value::Bool(true))] { "Yes" }
                        option value="false" selected[shown == Some(&Value::Bool(false))] { "No" }
                    }
                }
                FieldKind::Integer | FieldKind::Number => {
                    input type="text" inputmode="decimal" id=(id) name=(name) value=(text)
                        placeholder=[field.default.as_ref().map(plain)] autocomplete="off"
                        aria-describedby=(described) aria-invalid=[invalid] aria-required=[needed];
                }
                FieldKind::Text => {
                    input type="text" id=(id) name=(name) value=(text) placeholder=[field.default.as_ref().map(plain)]
                        autocomplete="off" aria-describedby=(described) aria-invalid=[invalid] aria-required=[needed];
                }
                FieldKind::Json => {
                    textarea id=(id) name=(name) rows="3" spellcheck="false" aria-describedby=(described)
                        placeholder=[field.default.as_ref().map(plain)] aria-invalid=[invalid]
                        aria-required=[needed] { (text) }
                }
            }
            p .help id=(help) { (markdown::sentence(&field.description)) }
            @if let Some(instructions) = &field.instructions {
                details open {
                    summary { "Where to find it" }
                    div .instructions { (PreEscaped(markdown::to_html(instructions))) }
                }
            }
        }
    }
}

/// Fields that are folded away, open where one is wrong or not at its default.
pub(super) fn folded(title: &str, open: bool, content: &Markup) -> Markup {
    html! {
        details .folded open[open] {
            summary { (title) }
            (content)
        }
    }
}

/// The two fields that are the platform's.
pub(super) fn name_and_description(
    name: &str,
    description: &str,
    problem: Option<&str>,
    focus: bool,
) -> Markup {
    let described = if problem.is_some() { "name-fault name-help" } else { "name-help" };
    html! {
        div .field {
            label for="field-name" { (words::CREDENTIAL_NAME) " " span .needed { "(required)" } }
            @if let Some(problem) = problem { p .fault #name-fault { (problem) } }
            input type="text" #field-name name="name" value=(name) autocomplete="off" autofocus[focus]
                aria-describedby=(described) aria-required="true"
                aria-invalid=[problem.is_some().then_some("true")];
            p .help #name-help { (words::CREDENTIAL_NAME_HELP) }
        }
        div .field {
            label for="field-description" { (words::CREDENTIAL_DESCRIPTION) }
            textarea #field-description name="description" rows="2" aria-describedby="description-help" { (description) }
            p .help #description-help { (words::CREDENTIAL_DESCRIPTION_HELP) }
        }
    }
}

/// All that is wrong, in front of the form, each with a way to its field.
pub(super) fn summary(form: &Form, problems: &[Problem]) -> Markup {
    html! {
        @if !problems.is_empty() {
            div .box .bad role="alert" tabindex="-1" autofocus {
                h3 { "This is not right yet" }
                ul {
                    @for problem in problems {
                        @let name = field_of(problem);
                        li {
                            @if name == NAME || form.field(name).is_some() {
                                a href={ "#field-" (name) } { (problem.message) }
                            } @else { (problem.message) }
                        }
                    }
                }
            }
        }
    }
}

/// The first field of a problem's pointer.
pub(super) fn field_of(problem: &Problem) -> &str {
    problem.field.trim_start_matches('/').split('/').next().unwrap_or_default()
}

/// The message about a field, if it is wrong.
pub(super) fn problem_of<'a>(problems: &'a [Problem], field: &str) -> Option<&'a str> {
    problems.iter().find(|problem| field_of(problem) == field).map(|p| p.message.as_str())
}

/// The values of the fields that are not secret. An empty field, and one at its default, is not set.
pub(super) fn values(form: &Form, posted: &Posted) -> Map<String, Value> {
    let mut values = Map::new();
    for field in form.fields.iter().filter(|field| field.kind != FieldKind::Secret) {
        let text = posted.text(&format!("field.{}", field.name)).trim();
        if text.is_empty() {
            continue;
        }
        let value = form.value(&field.name, text);
        if field.default.as_ref() != Some(&value) {
            values.insert(field.name.clone(), value);
        }
    }
    values
}

/// The secrets that were typed.
pub(super) fn secrets(form: &Form, posted: &Posted) -> Secrets {
    let mut secrets = Secrets::default();
    for field in form.fields.iter().filter(|field| field.kind == FieldKind::Secret) {
        let text = posted.text(&format!("field.{}", field.name));
        if !text.trim().is_empty() {
            secrets.insert(&field.name, trimmed(form, &field.name, text.to_owned()));
        }
    }
    secrets
}

/// A value as a field shows it.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{
        "title": "Another", "type": "object", "required": ["password"],
        "properties": {
            "password": {"type": "string", "title": "Pass phrase", "writeOnly": true, "x-order": 1},
            "region": {"type": "string", "title": "Region", "enum": ["eu", "us"], "default": "eu", "x-order": 2},
            "depth": {"type": "integer", "title": "Depth", "default": 3, "x-order": 3},
            "strict": {"type": "boolean", "title": "Strict", "x-order": 4},
            "hosts": {"type": "array", "items": {"type": "string"}, "title": "Hosts <b>", "x-order": 5}
        }
    }"#;

    fn check(name: &str, value: Option<&Value>, secret: SecretState, expected: &[&str]) {
        let form = Form::parse(SCHEMA).expect("a form");
        let found = form.field(name).expect("a field");
        let drawn = field(found, value, secret, Some("A fault.")).0;
        for part in expected.iter().chain(&["A fault.", "aria-invalid=\"true\""]) {
            assert!(drawn.contains(part), "{part} is not in {drawn}");
        }
    }

    #[test]
    fn the_form_of_any_connector_is_drawn_from_its_schema() {
        let empty = SecretState::Empty;
        let password = [r#"type="password""#, r#"value="""#, "Pass phrase", "(required)"];
        check("password", None, empty, &password);
        check("password", None, SecretState::Saved, &["never shown again", r#"value="""#]);
        check("region", Some(&"us".into()), empty, &[r#"<option value="us" selected>us"#]);
        check("region", None, empty, &[r#"<option value="eu" selected>eu"#]);
        check("depth", Some(&7.into()), empty, &[r#"value="7""#, r#"placeholder="3""#]);
        check("strict", Some(&true.into()), empty, &[r#"<option value="true" selected>Yes"#]);
        let hosts = serde_json::json!(["a"]);
        check("hosts", Some(&hosts), empty, &["<textarea", "[&quot;a&quot;]", "Hosts &lt;b&gt;"]);
    }
}
