//! Writing: the targets, and exactly one outcome for every record, in input order.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `target` | which targets and operations there are, with their schemas |
//! | `options`, `record`, `email`, `property` | what is parsed and checked before anything is sent |
//! | `writer`, `item` | what an operation has to say for itself |
//! | `contact` | the operations |
//! | `run` | the engine: groups, halving, reading back, the limit of requests |
//! | `verdict`, `reconcile`, `mention`, `readback` | what answers mean |

mod contact;
mod email;
mod item;
mod mention;
mod options;
mod property;
mod readback;
mod reconcile;
mod record;
mod run;
mod target;
#[cfg(test)]
mod testing;
mod verdict;
mod writer;

use self::options::Options;
use self::writer::Writer;
use crate::api::Api;
use crate::bindings::destination::{Batch, Outcome, Target, WriteReport};
use crate::bindings::types::{self, Action, Failure, Problem};
use crate::settings::Settings;
use crate::transport::Transport;

/// The targets, the same for every account.
pub fn targets(settings: &types::Settings) -> Result<Vec<Target>, Failure> {
    Settings::require(settings).map(|_| target::all())
}

/// All faults of an operation's options.
pub fn validate(
    _settings: &types::Settings,
    target: &str,
    operation: &str,
    options: &str,
) -> Vec<Problem> {
    writer(target, operation, options).err().unwrap_or_default()
}

/// Writes a batch. Whatever goes wrong is in the report.
pub fn write(transport: &impl Transport, batch: &Batch) -> WriteReport {
    match prepare(batch) {
        Ok((api, writer)) => run::write(transport, &api, writer.as_ref(), batch),
        Err(failure) => nothing_done(batch, failure, || Outcome::Deferred),
    }
}

/// Finds out, by GET alone, what became of a batch whose report was lost.
pub fn settle(transport: &impl Transport, batch: &Batch) -> WriteReport {
    match prepare(batch) {
        Ok((api, writer)) => run::settle(transport, &api, writer.as_ref(), batch),
        Err(failure) => {
            let unknown = record::rejection(None, "not-asked", &failure.message);
            nothing_done(batch, failure, || Outcome::Unknown(unknown.clone()))
        }
    }
}

fn prepare(batch: &Batch) -> Result<(Api, Box<dyn Writer>), Failure> {
    let settings = Settings::require(&batch.settings)?;
    let writer =
        writer(&batch.target_name, &batch.operation_name, &batch.options).map_err(|problems| {
            let message: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
            let field = problems.first().map(|problem| problem.field.clone());
            Failure {
                field,
                ..Failure::new(Action::FixSettings, "invalid-options", message.join(" "))
            }
        })?;
    Ok((Api::new(&settings), writer))
}

/// The operation with its options, or all that is wrong with them.
fn writer(target: &str, operation: &str, options: &str) -> Result<Box<dyn Writer>, Vec<Problem>> {
    let mut options = Options::parse(options);
    let Some(writer) = target::writer(target, operation, &mut options) else {
        let message = format!("There is no operation `{operation}` of a target `{target}`.");
        return Err(vec![Problem::new("", "unknown-operation", message)]);
    };
    let problems = options.finish();
    if problems.is_empty() { Ok(writer) } else { Err(problems) }
}

fn nothing_done(batch: &Batch, failure: Failure, outcome: impl Fn() -> Outcome) -> WriteReport {
    WriteReport {
        outcomes: batch.records.iter().map(|_| outcome()).collect(),
        stopped: Some(failure),
        notices: Vec::new(),
        wait_ms: None,
    }
}
