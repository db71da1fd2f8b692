//! `connector write`: JSON lines in; a report, and the records that were not written, out.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use connector_egress::Secrets;
use connector_engine::bindings::destination::{Operation, Target};
use connector_engine::retry::RetryPolicy;
use connector_engine::write::{
    Entry, Progress, Settled, WriteEvent, WriteOwner, WriteRun, WriteSink, reject_line,
    write_records,
};
use connector_engine::{Connection, Plugin};
use serde_json::{Map, Value};

use crate::append_file::{AppendFile, Found};
use crate::console::Console;
use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::form::Form;
use crate::journal_file::{JournalFile, Opened};
use crate::piped::Piped;
use crate::planned_calls::PlannedCalls;
use crate::write_progress::WriteProgress;
use crate::write_report::WriteReport;

/// Write JSON lines, with one outcome for every record; killed and run again, nothing is lost
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(
    after_help = "Examples:\n  connector write users --input users.jsonl --rejects rejects.jsonl --credential Support\n  connector write users --input rejects.jsonl --rejects still-rejected.jsonl\n  connector write users --operation delete --input gone.jsonl --dry-run\n\nA line of a rejects file holds the record as it came and its outcome beside it; write takes the record out again."
)]
pub struct Write {
    /// What to write to
    #[arg(value_name = "TARGET")]
    target: String,
    /// What to do [default: the target's first operation that needs no consent]
    #[arg(long, value_name = "NAME")]
    operation: Option<String>,
    /// A file of JSON objects, one a line [default: standard input]
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Where to keep what was written so far [default: FILE.TARGET.OPERATION.journal; none for standard input]
    #[arg(long, value_name = "FILE", requires = "input")]
    journal: Option<PathBuf>,
    /// Write all of the input, whatever the journal says
    #[arg(long, requires = "input")]
    restart: bool,
    /// Show each call and send nothing
    #[arg(long)]
    dry_run: bool,
    /// Put records that were not written here, with their outcome
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Put the outcome of every record here, one JSON object a line
    #[arg(long, value_name = "FILE")]
    outcomes: Option<PathBuf>,
    /// Replace files of rejects and outcomes that exist
    #[arg(long)]
    overwrite: bool,
    /// An option of the operation; may be repeated
    #[arg(long = "option", value_name = "KEY=VALUE", value_parser = crate::cli::assignment)]
    options: Vec<(String, String)>,
    /// Consent to an operation that acts outside the data, such as sending messages
    #[arg(long)]
    yes: bool,
    /// End after so many seconds, with the journal kept
    #[arg(long, value_name = "SECONDS")]
    max_time: Option<u64>,
    /// Failures in a row before the run gives up
    #[arg(long, value_name = "N", default_value_t = 5)]
    retries: u32,
}

impl Write {
    /// Runs it.
    pub fn run(self, context: &Context) -> Result<Exit, CliError> {
        self.check_paths()?;
        let plugin = context.plugin()?;
        let account = context.account(&plugin)?;
        let credential = account.id.clone();
        let planned = self.dry_run.then(|| {
            Arc::new(PlannedCalls(context.console.clone()))
                as Arc<dyn connector_engine::audit::Audit>
        });
        let connection = context.connect(&plugin, account, planned)?;
        let targets = connection.targets()?;
        let target = find_target(&targets, &self.target)?;
        let operation = find_operation(target, self.operation.as_deref())?;
        let options = options(&plugin, &connection, target, operation, &self.options)?;
        let input = self.open_input(context)?;
        if operation.confirm && !self.dry_run && !self.yes {
            ask_for_consent(target, operation, input.is_file)?;
        }
        let owner = WriteOwner::new(
            connection.descriptor(),
            &target.name,
            &operation.name,
            &options,
            &credential,
        );
        let journal = self.open_journal(&owner, &input)?;
        self.write(
            context,
            Job { connection: &connection, target, operation, options, input, journal },
        )
    }

    fn write(&self, context: &Context, job: Job<'_>) -> Result<Exit, CliError> {
        let Job { connection, target, operation, options, input, journal } = job;
        let begun = Instant::now();
        let (journal, id, progress) = match journal {
            Some(Opened { file, run, progress }) => (Some(file), run, progress),
            None => (None, crate::journal_file::unique(), Progress::default()),
        };
        let (earlier, was_ended) = (progress.totals.records, progress.ended);
        let mut sink = Sink {
            rejects: self.open_aside(
                self.rejects.as_deref(),
                REJECTS,
                journal.as_ref(),
                &progress,
            )?,
            outcomes: self.open_aside(
                self.outcomes.as_deref(),
                OUTCOMES,
                journal.as_ref(),
                &progress,
            )?,
            journal,
            files: progress.files.clone(),
            action: format!("{}/{}", target.name, operation.name),
            dry_run: self.dry_run,
            progress: WriteProgress::new(&context.console, &target.name),
        };
        sink.begin().map_err(|error| CliError::new(Exit::Other, "output", error.to_string()))?;
        let run = WriteRun {
            target: target.name.clone(),
            operation: operation.clone(),
            options,
            id,
            retry: RetryPolicy {
                attempts: self.retries.saturating_add(1),
                deadline: self.max_time.map(|seconds| begun + Duration::from_secs(seconds)),
                ..RetryPolicy::standard()
            },
        };
        let summary = write_records(connection, &run, input.reader, progress, &mut sink);
        sink.progress.finish();
        let report = WriteReport {
            target: &target.name,
            operation: &operation.name,
            dry_run: self.dry_run,
            summary: &summary,
            journal: sink.journal.as_ref().map(JournalFile::path),
            rejects: self.rejects.as_deref(),
            earlier,
            elapsed: begun.elapsed(),
        };
        let console = &context.console;
        let nothing_new = was_ended && summary.totals.records == earlier;
        conclude(console, &report, nothing_new);
        Ok(report.exit())
    }

    /// Refuses one file in two places: what is written would be what is read.
    fn check_paths(&self) -> Result<(), CliError> {
        let named = [
            ("--input", &self.input),
            ("--journal", &self.journal),
            ("--rejects", &self.rejects),
            ("--outcomes", &self.outcomes),
        ];
        let named: Vec<_> = named
            .into_iter()
            .filter_map(|(name, path)| {
                let path = path.as_ref()?;
                Some((name, std::fs::canonicalize(path).unwrap_or_else(|_| path.clone())))
            })
            .collect();
        for (index, (first, path)) in named.iter().enumerate() {
            if let Some((second, _)) = named[index + 1..].iter().find(|(_, other)| other == path) {
                let message = format!("{first} and {second} name the same file");
                return Err(CliError::usage(message).remedy("Name another file."));
            }
        }
        Ok(())
    }

    fn open_input(&self, context: &Context) -> Result<Input, CliError> {
        match self.input.as_deref() {
            Some(path) if path != Path::new("-") => {
                let cannot = |error: io::Error| {
                    let error_of_file = CliError::file(path, "read", &error);
                    match error.kind() {
                        io::ErrorKind::NotFound => CliError { exit: Exit::Usage, ..error_of_file },
                        _ => error_of_file,
                    }
                };
                let file = File::open(path).map_err(cannot)?;
                let metadata = file.metadata().map_err(cannot)?;
                if metadata.is_dir() {
                    return Err(CliError::usage(format!("{} is a folder", path.display())));
                }
                if metadata.is_file() {
                    return Ok(Input { reader: Box::new(BufReader::new(file)), is_file: true });
                }
                let reader = Box::new(Piped::new(file, context.cancel.clone()));
                Ok(Input { reader, is_file: false })
            }
            _ => {
                if io::stdin().is_terminal() {
                    context.console.note("Write one JSON object a line; Ctrl-D ends the input.");
                }
                let reader = Box::new(Piped::new(io::stdin(), context.cancel.clone()));
                Ok(Input { reader, is_file: false })
            }
        }
    }

    /// The journal of a file; what comes through a pipe cannot be read again, so there is nothing to go on with.
    fn open_journal(&self, owner: &WriteOwner, input: &Input) -> Result<Option<Opened>, CliError> {
        let path = match (&self.journal, &self.input) {
            _ if self.dry_run => return Ok(None),
            (Some(_), _) if !input.is_file => {
                return Err(CliError::usage("a journal belongs to a file")
                    .remedy("Save the records to a file, and name it by --input."));
            }
            (Some(path), _) => path.clone(),
            (None, Some(path)) if input.is_file => {
                JournalFile::beside(path, &owner.target, &owner.operation)
            }
            (None, _) => return Ok(None),
        };
        JournalFile::open(&path, owner, self.restart).map(Some)
    }

    fn open_aside(
        &self,
        path: Option<&Path>,
        purpose: &str,
        journal: Option<&JournalFile>,
        progress: &Progress,
    ) -> Result<Option<AppendFile>, CliError> {
        let Some(path) = path else { return Ok(None) };
        let found = match progress.files.get(purpose) {
            Some(_) if progress.ended => Found::Append,
            Some(known) if journal.is_some() => Found::GoOn(*known),
            _ if self.overwrite => Found::Replace,
            // A restart begins everything anew.
            _ if self.restart => Found::Replace,
            _ => Found::Refuse,
        };
        AppendFile::open(path, &format!("--{purpose}"), found).map(Some)
    }
}

const REJECTS: &str = "rejects";
const OUTCOMES: &str = "outcomes";

/// What is to be done, once everything is known to be right.
struct Job<'a> {
    connection: &'a Connection,
    target: &'a Target,
    operation: &'a Operation,
    options: String,
    input: Input,
    journal: Option<Opened>,
}

struct Input {
    reader: Box<dyn BufRead>,
    /// Whether it can be read again.
    is_file: bool,
}

/// The target of this name.
pub fn find_target<'a>(targets: &'a [Target], name: &str) -> Result<&'a Target, CliError> {
    targets.iter().find(|target| target.name == name).ok_or_else(|| {
        let known: Vec<_> = targets.iter().map(|target| target.name.as_str()).collect();
        CliError::usage(format!("there is no target `{name}`"))
            .remedy(format!("Choose from: {}.", known.join(", ")))
    })
}

/// The operation of this name; without a name, the first that needs no consent.
pub fn find_operation<'a>(
    target: &'a Target,
    name: Option<&str>,
) -> Result<&'a Operation, CliError> {
    let found = match name {
        Some(name) => target.operations.iter().find(|operation| operation.name == name),
        None => target.operations.iter().find(|operation| !operation.confirm),
    };
    found.ok_or_else(|| {
        let known: Vec<_> = target.operations.iter().map(|o| o.name.as_str()).collect();
        let message = match name {
            Some(name) => format!("there is no operation `{name}` of {}", target.name),
            None => format!("{} has no operation that is done unasked", target.name),
        };
        CliError::usage(message)
            .remedy(format!("Choose an --operation from: {}.", known.join(", ")))
    })
}

/// The options, checked, as a JSON object.
pub fn options(
    plugin: &Plugin,
    connection: &Connection,
    target: &Target,
    operation: &Operation,
    given: &[(String, String)],
) -> Result<String, CliError> {
    let form = Form::parse(&operation.options)
        .map_err(|error| CliError::new(Exit::Plugin, "form", error.to_string()))?;
    let mut options = Map::new();
    for (name, value) in given {
        if form.field(name).is_none() {
            let known: Vec<_> = form.fields.iter().map(|field| field.name.as_str()).collect();
            let message = format!(
                "the operation {} of {} has no option `{name}`",
                operation.name, target.name
            );
            return Err(
                CliError::usage(message).remedy(format!("Choose from: {}.", known.join(", ")))
            );
        }
        options.insert(name.clone(), form.value(name, value));
    }
    let mut problems = form.check(&options, &Secrets::default());
    let text = Value::Object(options).to_string();
    if problems.is_empty() {
        problems = plugin.validate_operation(
            connection.settings(),
            &target.name,
            &operation.name,
            &text,
        )?;
    }
    if problems.is_empty() {
        return Ok(text);
    }
    let what = format!("the options of {} {} are not right", target.name, operation.name);
    Err(CliError::problems(&what, &problems))
}

/// Asks in the terminal, where there is one and the input does not come through it.
fn ask_for_consent(
    target: &Target,
    operation: &Operation,
    input_is_file: bool,
) -> Result<(), CliError> {
    let refused = |message: String| {
        Err(CliError::usage(message)
            .remedy("Pass --yes to consent, or --dry-run to see the calls."))
    };
    let asked = format!("{} {}: {}", target.name, operation.name, operation.description);
    if !(input_is_file && io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return refused(format!("{} {} needs your consent", target.name, operation.name));
    }
    let mut err = io::stderr().lock();
    let mut answer = String::new();
    write!(err, "{asked}\nGo on? Type yes: ")
        .and_then(|()| err.flush())
        .and_then(|()| io::stdin().read_line(&mut answer))
        .map_err(|error| CliError::new(Exit::Other, "terminal", error.to_string()))?;
    if answer.trim().eq_ignore_ascii_case("yes") { Ok(()) } else { refused("not consented".into()) }
}

/// Reports how it ended.
fn conclude(console: &Console, report: &WriteReport<'_>, nothing_new: bool) {
    console.report(&report.to_json(), &report.to_text());
    if let Some(error) = report.error() {
        console.error(&error);
    } else if let (Some(next), false) = (report.what_next(), console.json()) {
        console.note(&next);
    } else if let (true, Some(journal), false) = (nothing_new, report.journal, console.json()) {
        console.note(&format!(
            "Nothing was sent: {} says that all of it was written before. --restart writes it again.",
            journal.display()
        ));
    }
}

struct Sink {
    journal: Option<JournalFile>,
    rejects: Option<AppendFile>,
    outcomes: Option<AppendFile>,
    /// Lengths that an earlier run kept, of files that this one does not write to.
    files: BTreeMap<String, u64>,
    /// What stands beside a record that is set aside.
    action: String,
    dry_run: bool,
    progress: WriteProgress,
}

impl Sink {
    /// Says in the journal which files there are, before anything is put into them.
    fn begin(&mut self) -> io::Result<()> {
        let known = self.files.clone();
        for (purpose, file) in [(REJECTS, &self.rejects), (OUTCOMES, &self.outcomes)] {
            if let Some(file) = file {
                self.files.insert(purpose.into(), file.length());
            }
        }
        if self.files == known { Ok(()) } else { self.append(&Entry::Files(self.files.clone())) }
    }
}

impl WriteSink for Sink {
    fn append(&mut self, entry: &Entry) -> io::Result<()> {
        match &mut self.journal {
            Some(journal) => journal.append(entry),
            None => Ok(()),
        }
    }

    fn keep(&mut self, settled: &[Settled<'_>]) -> io::Result<BTreeMap<String, u64>> {
        // What has no last word is gone on with from the journal; without one, it is told now.
        let told = settled.iter().filter(|settled| settled.last || self.journal.is_none());
        let (mut rejects, mut outcomes) = (String::new(), String::new());
        for Settled { line, outcome, last } in told {
            let unwritten = outcome.fault().is_some() || (!last && !self.dry_run);
            if self.rejects.is_some() && unwritten {
                rejects.push_str(&reject_line(line.number, &line.content, outcome, &self.action));
                rejects.push('\n');
            }
            if self.outcomes.is_some() {
                let mut value = serde_json::to_value(outcome).map_err(io::Error::other)?;
                value["line"] = line.number.into();
                outcomes.push_str(&value.to_string());
                outcomes.push('\n');
            }
        }
        for (purpose, file, lines) in
            [(REJECTS, &mut self.rejects, rejects), (OUTCOMES, &mut self.outcomes, outcomes)]
        {
            if let Some(file) = file {
                file.append(lines.as_bytes())?;
                self.files.insert(purpose.into(), file.length());
            }
        }
        Ok(self.files.clone())
    }

    fn event(&mut self, event: WriteEvent<'_>) {
        self.progress.event(&event);
    }
}
