//! `connector headers`: the headers that every request carries, as the plugin builds them.

use clap::Args;
use connector_engine::bindings::http::{Part, Piece};
use connector_engine::bindings::types::Settings;
use serde_json::{Value, json};

use crate::context::{Account, Context};
use crate::error::{CliError, Exit};

/// Show the headers that every request carries; never the secret
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  CONNECTOR_API_KEY=… connector headers\n  connector headers --credential Support --rendered\n  connector headers --set auth_header=authorization-bearer"
)]
pub struct Headers {
    /// Show a fingerprint of the secret in its place: the same secret has the same fingerprint
    #[arg(long)]
    rendered: bool,
}

impl Headers {
    /// Runs it.
    pub fn run(self, context: &Context) -> Result<Exit, CliError> {
        let plugin = context.plugin()?;
        let account = context.account(&plugin)?;
        let settings = Settings {
            values: Value::Object(account.values.clone()).to_string(),
            secrets: account.secrets.names().into_iter().collect(),
        };
        let authorization = plugin.authorize(&settings)?;
        let named = |place: &str, name: &str, value: &[Part]| {
            (place.to_owned(), name.to_owned(), value.to_owned())
        };
        let all: Vec<_> = authorization
            .headers
            .iter()
            .map(|header| named("header", &header.name, &header.value))
            .chain(authorization.query.iter().map(|q| named("query", &q.name, &q.value)))
            .collect();
        let values: Vec<_> = all
            .iter()
            .map(|(place, name, value)| {
                let parts: Vec<_> = value.iter().map(part).collect();
                let shown = show(value, self.rendered, &account);
                json!({"in": place, "name": name, "value": parts, "shown": shown})
            })
            .collect();
        let text: Vec<_> = all
            .iter()
            .map(|(place, name, value)| {
                let value = show(value, self.rendered, &account);
                match place.as_str() {
                    "header" => format!("{name}: {value}"),
                    _ => format!("?{name}={value}"),
                }
            })
            .collect();
        context.console.report(&Value::from(values), &text.join("\n"));
        Ok(Exit::Done)
    }
}

/// A value in one line, with the slot's name, or the fingerprint of its secret, in place of the secret.
pub fn show(value: &[Part], rendered: bool, account: &Account) -> String {
    let secret = |slot: &String| match account.secrets.get(slot) {
        Some(secret) if rendered => format!("<{slot}, fingerprint {}>", secret.fingerprint()),
        _ => format!("<{slot}>"),
    };
    value
        .iter()
        .map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Secret(slot) => secret(slot),
            Part::Base64(pieces) => {
                let inner: String = pieces
                    .iter()
                    .map(|piece| match piece {
                        Piece::Text(text) => text.clone(),
                        Piece::Secret(slot) => secret(slot),
                    })
                    .collect();
                format!("base64({inner})")
            }
        })
        .collect()
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text(text) => json!({"text": text}),
        Part::Secret(slot) => json!({"secret": slot}),
        Part::Base64(pieces) => {
            let piece = |piece: &Piece| match piece {
                Piece::Text(text) => json!({"text": text}),
                Piece::Secret(slot) => json!({"secret": slot}),
            };
            json!({"base64": pieces.iter().map(piece).collect::<Vec<_>>()})
        }
    }
}
