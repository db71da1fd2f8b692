//! `connector flow`: saved sources and destinations.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use connector_store::FlowKind;
use serde_json::json;

use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::prompt::Prompt;
use crate::saved::open_store;

/// Saved sources and destinations: list and remove; the page makes them
#[derive(Debug, Args)]
pub struct Flow {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List saved sources and destinations
    List,
    /// Remove a source or destination, with its state; its credential stays
    Remove {
        /// Its name or id
        #[arg(value_name = "NAME")]
        flow: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

impl Flow {
    /// Runs it.
    pub fn run(self, context: &Context) -> Result<Exit, CliError> {
        match self.command {
            Command::List => list(context),
            Command::Remove { flow, yes } => remove(context, &flow, yes),
        }
    }
}

fn list(context: &Context) -> Result<Exit, CliError> {
    let store = open_store(&context.globals)?;
    let flows = store.flows()?;
    let names: BTreeMap<_, _> =
        store.credentials()?.into_iter().map(|record| (record.id, record.name)).collect();
    let credential = |id| names.get(id).map_or_else(String::new, ToString::to_string);
    let values: Vec<_> = flows
        .iter()
        .map(|flow| {
            json!({
                "id": flow.id, "name": flow.name, "what": flow.kind, "options": flow.options,
                "credential": credential(&flow.credential_id),
                "has_state": flow.state.is_some(),
                "created_ms": flow.created_ms, "updated_ms": flow.updated_ms,
            })
        })
        .collect();
    let lines: Vec<_> = flows
        .iter()
        .map(|flow| {
            let used = credential(&flow.credential_id);
            format!("{}  {}, with the credential \"{used}\"", flow.name, what(&flow.kind))
        })
        .collect();
    let text = if lines.is_empty() {
        "No source or destination is saved yet: the page of connector serve makes them".to_owned()
    } else {
        lines.join("\n")
    };
    context.console.report(&json!(values), &text);
    Ok(Exit::Done)
}

fn remove(context: &Context, asked: &str, yes: bool) -> Result<Exit, CliError> {
    let mut store = open_store(&context.globals)?;
    let flow = store.flow(asked)?;
    let question = format!("Remove \"{}\" with its state?", flow.name);
    if let Some(prompt) = Prompt::of(context).filter(|_| !yes)
        && !prompt.yes(&question, false)?
    {
        context.console.note("Nothing was removed.");
        return Ok(Exit::Done);
    }
    store.remove_flow(&flow.id)?;
    let text = format!("Removed \"{}\".", flow.name);
    context.console.report(&json!({"removed": flow.id, "name": flow.name}), &text);
    Ok(Exit::Done)
}

/// What a flow does, in a few words.
pub(crate) fn what(kind: &FlowKind) -> String {
    match kind {
        FlowKind::Destination { target, operation } => {
            format!("destination: {operation} to {target}")
        }
        FlowKind::Source { streams } if streams.is_empty() => {
            "source: the streams selected by default".to_owned()
        }
        FlowKind::Source { streams } => format!("source: {}", streams.join(", ")),
        _ => "of a newer version".to_owned(),
    }
}
