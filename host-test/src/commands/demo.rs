//! `connector demo`: the whole story on the emulator, in memory. Every line shown comes from the run.

use std::collections::BTreeMap;
use std::sync::Arc;

use clap::Args;
use connector_egress::{Limits, Secret, Secrets};
use connector_engine::audit::NoAudit;
use connector_engine::bindings::types::Settings;
use connector_engine::http::Network;
use connector_engine::read::{
    End, PageOut, PageSink, ReadConfig, ReadEvent, StreamRun, read_streams,
};
use connector_engine::retry::RetryPolicy;
use connector_engine::state::RunMode;
use connector_engine::write::{
    Content, Entry, Progress as WriteProgress, RecordOutcome, Settled, WriteEnd, WriteEvent,
    WriteRun, WriteSink, write_records,
};
use connector_engine::{Connection, ConnectionConfig};
use customerly_emulator::{Config, Data, Emulator, Kind};
use serde_json::{Map, Value, json};

use super::headers::show;
use super::read::choose;
use super::write::{find_operation, find_target};
use crate::console::{Colour, Console, paint};
use crate::context::{Account, Context, check_account, grant};
use crate::error::{CliError, Exit};
use crate::form::Form;
use crate::progress::{Progress, StreamProgress};

/// Show it all on an emulated Customerly: credential, header, check, read, write
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  connector demo --users 20000")]
pub struct Demo {
    /// How many users the emulated account has
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    users: u32,
    /// How many leads it has
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    leads: u32,
}

impl Demo {
    /// Runs it.
    pub fn run(self, context: &Context) -> Result<Exit, CliError> {
        let console = &context.console;
        let step = |number: u8, title: &str| console.out(&format!("\n{number}. {title}"));
        let emulator = self.emulator()?;
        let origin = "https://api.customerly.io";
        console.out(&format!(
            "An emulated Customerly listens on {} with {} users and {} leads.",
            emulator.origin(),
            emulator.count(Kind::Users),
            emulator.count(Kind::Leads)
        ));

        step(1, "The plugin");
        let plugin = context.plugin()?;
        let descriptor = plugin.describe()?;
        console.out(&format!(
            "   {} {}, {} bytes; all that it may import: {}",
            descriptor.name,
            descriptor.version,
            plugin.artifact().bytes().len(),
            plugin.imports().join(", ")
        ));

        step(2, "The credential, as the form asks for it; kept in memory here");
        let form = Form::parse(&plugin.schema()?)
            .map_err(|error| CliError::new(Exit::Plugin, "form", error.to_string()))?;
        let account = account(&form, &emulator);
        console.hide_secrets(&account.secrets);
        check_account(&plugin, &form, &account)?;
        console.out("   Credential Name         Demo");
        console.out("   Credential Description  The emulated account of this demo");
        for field in form.fields.iter().filter(|field| field.required) {
            let secret = account.secrets.get(&field.name);
            let shown = secret.map_or_else(
                || account.values.get(&field.name).map(Value::to_string).unwrap_or_default(),
                |secret| format!("set, fingerprint {}", secret.fingerprint()),
            );
            console.out(&format!("   {:23} {shown}", field.title));
        }

        step(3, "The header that the plugin builds without seeing the token");
        let settings = Settings {
            values: Value::Object(account.values.clone()).to_string(),
            secrets: account.secrets.names().into_iter().collect(),
        };
        for header in plugin.authorize(&settings)?.headers {
            console.out(&format!("   {}: {}", header.name, show(&header.value, false, &account)));
        }

        let connection = Connection::open(
            &plugin,
            ConnectionConfig {
                settings: settings.values,
                secrets: account.secrets,
                grants: vec![grant(origin, &emulator.origin())?],
                limits: Limits::default(),
                rate: context.globals.rate,
                dry_run: false,
                network: Network::system(),
                audit: Arc::new(NoAudit),
                cancel: context.cancel.clone(),
            },
        )?;

        step(4, "The check");
        let report = connection.check()?;
        console.out(&format!("   {} {}", paint("works:", Colour::Green), report.message));

        step(5, "Reading every stream that is selected by default");
        let read = read(context, &connection)?;

        step(6, "Writing three users, one of which the service refuses");
        let written = write(context, &connection)?;

        let (records, requests) = read;
        console.out(&format!(
            "\nDone: {records} records read in {requests} requests; {} of {} users written, each with its outcome. \
             The account now has {} users.",
            written.0,
            written.1,
            emulator.count(Kind::Users)
        ));
        Ok(context.signal_exit().unwrap_or(Exit::Done))
    }

    fn emulator(&self) -> Result<Emulator, CliError> {
        let defaults = Config::default();
        let data = Data { users: self.users, leads: self.leads, ..defaults.data };
        Emulator::start(Config { data, ..defaults })
            .map_err(|error| CliError::new(Exit::Other, "emulator", error.to_string()))
    }
}

fn account(form: &Form, emulator: &Emulator) -> Account {
    let mut secrets = Secrets::default();
    for field in form.fields.iter().filter(|field| field.required) {
        secrets.insert(&field.name, Secret::new(emulator.token().to_owned()));
    }
    Account { id: "demo".into(), values: Map::new(), secrets }
}

/// Reads, and gives the records and requests.
fn read(context: &Context, connection: &Connection) -> Result<(u64, u64), CliError> {
    let progress = Progress::new(&context.console);
    let streams = choose(&connection.streams()?, &[])?;
    let runs = streams
        .into_iter()
        .map(|info| {
            let sink = Show(progress.stream(&info.name));
            let run = StreamRun {
                info,
                mode: RunMode::Full,
                options: "{}".into(),
                state: None,
                limit: None,
            };
            (run, sink)
        })
        .collect();
    let config = ReadConfig::standard();
    let (mut records, mut requests) = (0, 0);
    for report in read_streams(connection, &config, runs) {
        let end = match report.end {
            End::Complete => paint("complete", Colour::Green),
            End::Unproved(doubts) => {
                let codes: Vec<_> = doubts.into_iter().map(|doubt| doubt.code).collect();
                paint(&format!("complete, unproved ({})", codes.join(", ")), Colour::Yellow)
            }
            End::Stopped(failure) => return Err(failure.into()),
            End::Plugin(error) => return Err(error.into()),
            End::Limit | End::Cancelled | End::Sink(_) => paint("stopped", Colour::Red),
        };
        records += report.totals.emitted;
        requests += report.totals.requests;
        context.console.out(&format!(
            "   {:12} {end}: {} records of {} rows received, {} requests",
            report.stream, report.totals.emitted, report.totals.received, report.totals.requests
        ));
    }
    Ok((records, requests))
}

/// Shows how far a stream is, and keeps nothing.
struct Show(StreamProgress);

impl PageSink for Show {
    fn page(&mut self, page: &PageOut<'_>) -> std::io::Result<()> {
        self.0.page(page);
        Ok(())
    }

    fn event(&mut self, event: ReadEvent<'_>) {
        self.0.event(&event);
    }
}

/// Writes, and gives how many were accepted, of how many.
fn write(context: &Context, connection: &Connection) -> Result<(u64, u64), CliError> {
    let records = [
        json!({"email": "nora.lind@example.com", "name": "Nora Lind", "attributes": {"plan": "pro"}}),
        json!({"email": "broken@example.com", "name": "Refused by the service"}),
        json!({"email": "juan+news@example.com", "name": "Juan Ortega"}),
    ];
    let lines = records.each_ref().map(ToString::to_string).join("\n");
    let targets = connection.targets()?;
    let target = find_target(&targets, "users")?;
    let run = WriteRun {
        target: target.name.clone(),
        operation: find_operation(target, Some("upsert"))?.clone(),
        options: "{}".into(),
        id: "demo".into(),
        retry: RetryPolicy::standard(),
    };
    let mut shown = Outcomes(&context.console);
    let summary =
        write_records(connection, &run, lines.as_bytes(), WriteProgress::default(), &mut shown);
    match summary.end {
        WriteEnd::Complete | WriteEnd::Cancelled => {}
        WriteEnd::Stopped(failure) => return Err((*failure).into()),
        WriteEnd::Plugin(error) => return Err(error.into()),
        WriteEnd::Input(error) | WriteEnd::Sink(error) => {
            return Err(CliError::new(Exit::Other, "system", error.to_string()));
        }
        WriteEnd::OtherInput(error) => {
            return Err(CliError::new(Exit::Other, "system", error.to_string()));
        }
    }
    Ok((summary.totals.accepted, summary.totals.records))
}

/// Shows the outcome of each record, and keeps nothing.
struct Outcomes<'a>(&'a Console);

impl WriteSink for Outcomes<'_> {
    fn append(&mut self, _entry: &Entry) -> std::io::Result<()> {
        Ok(())
    }

    fn keep(&mut self, settled: &[Settled<'_>]) -> std::io::Result<BTreeMap<String, u64>> {
        for Settled { line, outcome, .. } in settled {
            let shown = match (outcome, outcome.fault()) {
                (RecordOutcome::Accepted { .. }, _) => paint("accepted", Colour::Green),
                (_, Some(fault)) => format!("{}: {}", paint("refused", Colour::Red), fault.message),
                (other, None) => other.name().to_owned(),
            };
            let email = match &line.content {
                Content::Record { text, .. } => serde_json::from_str::<Value>(text)
                    .ok()
                    .and_then(|record| record["email"].as_str().map(str::to_owned)),
                Content::Bad { .. } => None,
            };
            self.0.out(&format!("   {:24} {shown}", email.unwrap_or_default()));
        }
        Ok(BTreeMap::new())
    }

    fn event(&mut self, event: WriteEvent<'_>) {
        match event {
            WriteEvent::Waiting { reason, .. } => self.0.note(&format!("waits: {reason}")),
            WriteEvent::Notice(notice) => self.0.note(&notice.message),
            WriteEvent::Progress(_) => {}
        }
    }
}
