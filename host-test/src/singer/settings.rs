//! The arguments that tap and target share, their settings, and what they say of themselves.

use std::path::Path;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use crate::adapter::config::{of_variables, read_object};
use crate::adapter::form_schema::property;
use crate::adapter::session::Described;
use crate::context::Context;
use crate::error::CliError;

/// Arguments of tap and target.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The settings, as a JSON file; ENV takes them from `PLUGIN_SETTING`; may be repeated, the last one wins
    #[arg(short, long, value_name = "FILE or ENV")]
    config: Vec<String>,
    /// Say what it is, what it can do, and its settings
    #[arg(long)]
    pub about: bool,
    /// How to say it
    #[arg(long, value_enum, default_value_t = Format::Text, requires = "about")]
    format: Format,
    /// Say which version it is
    #[arg(long)]
    pub version: bool,
}

/// How to say what it is.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For machines.
    Json,
    /// For documentation.
    Markdown,
}

/// What a tap or target says of itself.
pub struct About {
    /// Its name, such as `tap-customerly`.
    pub name: String,
    /// Whether it reads or writes, in a sentence.
    pub description: String,
    /// What it can do.
    pub capabilities: &'static [&'static str],
    /// Its settings: the credential's, then options.
    pub settings: Vec<(String, Value)>,
    /// The settings that must be there.
    pub required: Vec<String>,
    /// Version of the plugin.
    pub version: String,
}

impl About {
    /// Of a plugin, in a role (`tap` or `target`), with options.
    pub fn new(
        described: &Described,
        role: &str,
        capabilities: &'static [&'static str],
        options: Vec<(String, Value)>,
    ) -> Self {
        let form = &described.form;
        let field = |name: &String| {
            let schema = &described.schema["properties"][name];
            (name.clone(), Value::Object(property(schema)))
        };
        let names: Vec<_> = form.fields.iter().map(|field| field.name.clone()).collect();
        let settings = names.iter().map(field).chain(options).map(secret).collect();
        let required = form.fields.iter().filter(|field| field.required);
        About {
            name: format!("{role}-{}", described.descriptor.id),
            description: format!(
                "{} {role} for {}. {}",
                "Singer", described.descriptor.name, described.descriptor.summary
            ),
            capabilities,
            settings,
            required: required.map(|field| field.name.clone()).collect(),
            version: described.descriptor.version.clone(),
        }
    }

    fn json(&self) -> Value {
        let settings: Map<_, _> = self.settings.iter().cloned().collect();
        json!({
            "name": self.name,
            "description": self.description,
            "version": self.version,
            "capabilities": self.capabilities,
            "settings": {"type": "object", "properties": settings, "required": self.required},
        })
    }

    fn text(&self) -> String {
        let mut lines = vec![
            format!("Name: {}", self.name),
            format!("Description: {}", self.description),
            format!("Version: {}", self.version),
            format!("Capabilities: {}", self.capabilities.join(", ")),
            "Settings:".into(),
        ];
        for (name, setting) in &self.settings {
            let title = setting["title"].as_str().unwrap_or_default();
            lines.push(format!("  {name} ({}): {title}", self.note(name, setting)));
        }
        lines.join("\n")
    }

    fn markdown(&self) -> String {
        let mut lines = vec![
            format!("# `{}`", self.name),
            String::new(),
            self.description.clone(),
            String::new(),
            "## Capabilities".into(),
            String::new(),
        ];
        lines.extend(self.capabilities.iter().map(|name| format!("* `{name}`")));
        let head =
            ["", "## Settings", "", "| Setting | Kind | Description |", "| --- | --- | --- |"];
        lines.extend(head.map(str::to_owned));
        for (name, setting) in &self.settings {
            let description = setting["description"].as_str().unwrap_or_default();
            let description = description.replace('|', "\\|").replace('\n', "<br/>");
            lines.push(format!("| `{name}` | {} | {description} |", self.note(name, setting)));
        }
        lines.join("\n")
    }

    fn note(&self, name: &String, setting: &Value) -> String {
        let kind = match &setting["type"] {
            Value::Array(types) => types.first().and_then(Value::as_str).unwrap_or_default(),
            kind => kind.as_str().unwrap_or_default(),
        };
        let mut words = vec![kind.to_owned()];
        if self.required.contains(name) {
            words.push("required".into());
        }
        if setting["secret"] == true {
            words.push("secret".into());
        }
        if let Some(default) = setting.get("default") {
            words.push(format!("default {default}"));
        }
        words.join(", ")
    }
}

/// Secrets have another mark here.
fn secret((name, mut setting): (String, Value)) -> (String, Value) {
    if let Some(fields) = setting.as_object_mut()
        && fields.remove("airbyte_secret") == Some(Value::Bool(true))
    {
        fields.insert("secret".into(), true.into());
        fields.insert("writeOnly".into(), true.into());
    }
    (name, setting)
}

impl Arguments {
    /// Says what was asked for, if anything was.
    pub fn say(
        &self,
        context: &Context,
        about: impl FnOnce() -> Result<About, CliError>,
    ) -> Result<bool, CliError> {
        if !self.about && !self.version {
            return Ok(false);
        }
        let about = about()?;
        let text = match self.format {
            _ if self.version => format!("{} v{}", about.name, about.version),
            Format::Text => about.text(),
            Format::Json => about.json().to_string(),
            Format::Markdown => about.markdown(),
        };
        context.console.out(&text);
        Ok(true)
    }

    /// The settings.
    pub fn settings(&self, about: &About) -> Result<Map<String, Value>, CliError> {
        if self.config.is_empty() {
            return Err(CliError::usage("there are no settings")
                .remedy("Pass --config FILE, or --config ENV for variables."));
        }
        let mut settings = Map::new();
        for source in &self.config {
            if source == "ENV" {
                let names = about.settings.iter().map(|(name, _)| name.as_str());
                let found = of_variables(&about.name, names, |name| std::env::var(name).ok());
                settings.extend(found.into_iter().map(|(name, value)| group(about, name, value)));
            } else {
                settings.extend(read_object(Path::new(source), "configuration")?);
            }
        }
        Ok(settings)
    }
}

/// A group of settings stands in one variable, as JSON; so do true and false.
fn group(about: &About, name: String, value: Value) -> (String, Value) {
    let setting =
        about.settings.iter().find(|(known, _)| *known == name).map(|(_, setting)| setting);
    let structured =
        setting.is_some_and(|setting| setting["type"] == "object" || setting["type"] == "boolean");
    let parsed =
        value.as_str().filter(|_| structured).and_then(|text| serde_json::from_str(text).ok());
    (name, parsed.unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> About {
        About {
            name: "tap-demo".into(),
            description: "Singer tap for Demo.".into(),
            capabilities: &["catalog", "state"],
            settings: [
                ("key", json!({"type": "string", "title": "Key", "airbyte_secret": true, "description": "a|b\nc"})),
                ("size", json!({"type": ["integer", "null"], "title": "Size", "default": 7})),
                ("any", json!({"type": "object", "title": "Any"})),
            ]
            .map(|(name, setting)| secret((name.to_owned(), setting)))
            .to_vec(),
            required: vec!["key".into()],
            version: "0.1.0".into(),
        }
    }

    #[test]
    fn it_says_what_it_is_in_three_ways() {
        insta::assert_snapshot!(about().text(), @r"
        Name: tap-demo
        Description: Singer tap for Demo.
        Version: 0.1.0
        Capabilities: catalog, state
        Settings:
          key (string, required, secret): Key
          size (integer, default 7): Size
          any (object): Any
        ");
        assert!(about().markdown().contains("| `key` | string, required, secret | a\\|b<br/>c |"));
        assert_eq!(about().json()["settings"]["properties"]["key"]["secret"], true);
        assert_eq!(about().json()["settings"]["required"], json!(["key"]));
    }

    #[test]
    fn a_group_in_a_variable_is_json() {
        let check = |name: &str, text: &str, expected: Value| {
            assert_eq!(group(&about(), name.into(), text.into()).1, expected);
        };
        check("any", r#"{"path":"/x"}"#, json!({"path": "/x"}));
        check("any", "{", json!("{"));
        check("size", "7", json!("7"));
        check("key", "7", json!("7"));
    }
}
