//! Writing: the targets, and exactly one outcome for every record, in input order.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `target` | which targets and operations there are, with their schemas |
//! | `options`, `record`, `email`, `property` | what is parsed and checked before anything is sent |
//! | `writer`, `item` | what an operation has to say for itself |
//! | `contact`, `delete`, `user`, `company`, `tags`, `message`, `custom` | the operations |
//! | `shape`, `path` | what several operations share |
//! | `run` | the engine: groups, halving, reading back, the limit of requests |
//! | `verdict`, `reconcile`, `mention`, `readback` | what answers mean |

mod company;
mod contact;
mod custom;
mod delete;
mod email;
mod item;
mod mention;
mod message;
mod options;
mod path;
mod property;
mod readback;
mod reconcile;
mod record;
mod run;
mod shape;
mod tags;
mod target;
#[cfg(test)]
mod testing;
mod user;
mod verdict;
mod writer;

use self::options::Options;
use self::writer::Writer;
use crate::api::Api;
use crate::bindings::destination::{Batch, Outcome, Target, WriteReport};
use crate::bindings::types::{self, Failure, Problem};
use crate::failure::invalid;
use crate::settings::Settings;
use crate::transport::Transport;

/// The targets, the same for every account.
pub fn targets(settings: &types::Settings) -> Result<Vec<Target>, Box<Failure>> {
    Settings::require(settings).map(|_| target::all())
}

/// All faults of an operation's options.
pub fn validate(
    _settings: &types::Settings,
    target: &str,
    operation: &str,
    options: &str,
) -> Vec<Problem> {
    plan(target, operation, options).err().unwrap_or_default()
}

/// Writes a batch. Whatever goes wrong is in the report.
pub fn write(transport: &impl Transport, batch: &Batch) -> WriteReport {
    match prepare(batch) {
        Ok((api, plan)) => {
            run::write(transport, &api, plan.writer.as_ref(), plan.repeat_safe, batch)
        }
        Err(failure) => nothing_done(batch, failure, || Outcome::Deferred),
    }
}

/// Finds out, by GET alone, what became of a batch whose report was lost: one request a record, so ask of no more records
/// than the limit has requests.
pub fn settle(transport: &impl Transport, batch: &Batch) -> WriteReport {
    match prepare(batch) {
        Ok((api, plan)) => run::settle(transport, &api, plan.writer.as_ref(), batch),
        Err(failure) => {
            let unknown = record::rejection(None, "not-asked", &failure.message);
            nothing_done(batch, failure, || Outcome::Unknown(unknown.clone()))
        }
    }
}

fn prepare(batch: &Batch) -> Result<(Api, Plan), Box<Failure>> {
    let settings = Settings::require(&batch.settings)?;
    let plan = plan(&batch.target_name, &batch.operation_name, &batch.options)
        .map_err(|problems| invalid("invalid-options", problems))?;
    Ok((Api::new(&settings), plan))
}

/// An operation with its options.
struct Plan {
    writer: Box<dyn Writer>,
    repeat_safe: bool,
}

/// The operation with its options, or all that is wrong with them.
fn plan(target: &str, operation: &str, options: &str) -> Result<Plan, Vec<Problem>> {
    let Some(entry) = target::entry(target, operation) else {
        let message = format!("There is no operation `{operation}` of a target `{target}`.");
        return Err(vec![Problem::new("", "unknown-operation", message)]);
    };
    let mut options = Options::parse(options);
    let writer = (entry.writer)(&mut options);
    let problems = options.finish();
    if problems.is_empty() {
        Ok(Plan { writer, repeat_safe: entry.repeat_safe })
    } else {
        Err(problems)
    }
}

fn nothing_done(
    batch: &Batch,
    failure: Box<Failure>,
    outcome: impl Fn() -> Outcome,
) -> WriteReport {
    WriteReport {
        outcomes: batch.records.iter().map(|_| outcome()).collect(),
        stopped: Some(*failure),
        notices: Vec::new(),
        wait_ms: None,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::testing::{batch, said, write};
    use super::*;
    use crate::bindings::http::{Body, ErrorKind};
    use crate::bindings::types::Action;
    use crate::settings::API_KEY;
    use crate::transport::testing::{answer, no_answer};

    fn settings() -> types::Settings {
        types::Settings { values: "{}".into(), secrets: vec![API_KEY.into()] }
    }

    #[test]
    fn settings_options_and_names_that_are_wrong_send_nothing() {
        let records = [r#"{"email":"a@x.co"}"#];
        let good = batch("users.upsert", "{}", &records);
        let no_token = types::Settings { values: "{}".into(), secrets: Vec::new() };
        for (batch, field) in [
            (Batch { settings: no_token, ..good.clone() }, "/api_key"),
            (Batch { options: r#"{"flatten":1}"#.into(), ..good.clone() }, "/flatten"),
            (Batch { operation_name: "send".into(), ..good.clone() }, ""),
        ] {
            let (outcomes, report, lines) = write(&batch, |_| panic!("nothing is sent"));
            assert_eq!((outcomes, lines.len()), (vec!["deferred".to_owned()], 0));
            let stopped = report.stopped.expect("it was stopped");
            assert_eq!(stopped.action, Action::FixSettings);
            assert_eq!(stopped.field.as_deref(), Some(field));
            let (outcomes, ..) = testing::settle(&batch, |_| panic!("nothing is sent"));
            assert_eq!(outcomes, ["unknown not-asked"]);
        }
    }

    #[test]
    fn options_are_validated_without_the_network() {
        let check = |target: &str, operation: &str, options: &str, expected: &[&str]| {
            let problems = validate(&settings(), target, operation, options);
            let codes: Vec<_> = problems.iter().map(|problem| problem.code.as_str()).collect();
            assert_eq!(codes, expected, "{target}.{operation} {options}");
        };
        check("users", "upsert", r#"{"flatten":true}"#, &[]);
        check("users", "upsert", r#"{"flatten":1,"x":2}"#, &["type", "unknown-option"]);
        check("users", "promote", "{}", &["unknown-operation"]);
        check("custom", "request", r#"{"path":"/../x"}"#, &["path"]);
    }

    #[test]
    fn messages_and_manual_calls_are_no_default() {
        for target in targets(&settings()).expect("the settings are right") {
            let first = &target.operations[0];
            assert_eq!(first.confirm, ["messages", "custom"].contains(&target.name.as_str()));
        }
    }

    proptest! {
        #[test]
        fn no_operation_panics_or_loses_a_record_whatever_comes_in_or_back(
            operation in prop::sample::select(
                targets(&settings())
                    .expect("the settings are right")
                    .iter()
                    .flat_map(|target| target.operations.iter().map(|operation| {
                        (format!("{}.{}", target.name, operation.name), operation.schema.clone())
                    }).collect::<Vec<_>>())
                    .collect::<Vec<_>>(),
            ),
            junk in prop::collection::vec(
                r#"\{("(email|user_id|tag|attributes|to|x)":("a@x.co"|"u"|7|null|\[\]|\{\}|true),?){0,3}\}|.{0,12}"#,
                0..4,
            ),
            answers in prop::collection::vec(0_usize..9, 1..6),
            flatten in any::<bool>(),
        ) {
            let (name, schema) = operation;
            let schema: serde_json::Value = serde_json::from_str(&schema).expect("JSON");
            let mut records = junk;
            records.extend(schema["examples"].as_array().expect("examples").iter().map(ToString::to_string));
            let records: Vec<&str> = records.iter().map(String::as_str).collect();
            let options = match name.as_str() {
                "custom.request" => r#"{"path":"/x/{user_id}"}"#,
                "users.upsert" | "leads.upsert" if flatten => {
                    r#"{"flatten":true,"extra_fields":"attributes"}"#
                }
                _ => "{}",
            };
            let batch = batch(&name, options, &records);
            let next = Cell::new(0);
            let respond = |_: &_| {
                next.set(next.get() + 1);
                match answers[(next.get() - 1) % answers.len()] {
                    0 => Ok(answer(200, r#"{"data":[]}"#)),
                    1 => Ok(answer(200, r#"{"data":{"inserted":1,"errors":["a@x.co"]}}"#)),
                    2 => Ok(answer(200, "{}")),
                    3 => Ok(answer(200, r#"{"data":{"ema"#)),
                    4 => Ok(answer(500, &said("User doesn't exist"))),
                    5 => Ok(answer(503, "<html>")),
                    6 => Err(no_answer(ErrorKind::Timeout, true)),
                    7 => Err(no_answer(ErrorKind::Withheld, false)),
                    _ => {
                        let body = Body::Bytes(vec![0xff]);
                        Ok(crate::bindings::http::Response { body, ..answer(200, "") })
                    }
                }
            };
            prop_assert_eq!(write(&batch, respond).0.len(), records.len());
            prop_assert_eq!(testing::settle(&batch, respond).0.len(), records.len());
        }
    }
}
