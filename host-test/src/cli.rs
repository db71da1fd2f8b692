//! The arguments, and which command they mean.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use connector_egress::Grant;
use tracing_subscriber::filter::LevelFilter;

use crate::commands;
use crate::console::{Console, LogWriter, colours};
use crate::context::Context;
use crate::error::{CliError, Exit};

/// Run a data connector in a sandbox: save its credential, see its header, check it, read and write.
#[derive(Debug, Parser)]
#[command(name = "connector", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 anything else, 2 usage, 3 settings wrong, 4 credential refused, \
     5 try later, 6 incomplete or rejected records, 7 the plugin broke the contract or a limit, \
     130 and 143 stopped by a signal with the state saved.";

/// Arguments of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Globals {
    /// The component to run [default: the one built from this checkout]
    #[arg(long, global = true, value_name = "FILE")]
    pub plugin: Option<PathBuf>,
    /// Refuse any plugin but the one with this SHA-256
    #[arg(long, global = true, value_name = "HEX")]
    pub plugin_sha256: Option<String>,
    /// Send an origin of the plugin elsewhere, for tests: `https://HOST=http://127.0.0.1:PORT`
    #[arg(long = "origin", global = true, value_name = "FROM=TO")]
    pub origins: Vec<Grant>,
    /// A JSON file of the settings that are not secret
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "credential")]
    pub settings: Option<PathBuf>,
    /// One setting; may be repeated
    #[arg(long = "set", global = true, value_name = "FIELD=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
    /// A saved credential; else the secrets come from `CONNECTOR_<SLOT>`, such as `CONNECTOR_API_KEY`
    #[arg(long, global = true, value_name = "NAME")]
    pub credential: Option<String>,
    /// The folder of saved credentials [default: the platform's data folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Keep the key of a new store in a file in this folder [default: the system's keyring, else ~/.config/connector-keys]
    #[arg(long, global = true, value_name = "DIR")]
    pub key_dir: Option<PathBuf>,
    /// Most requests per second; 5 is kind to a real account [default: no limit but what the service asks for]
    #[arg(long, global = true, value_name = "N", value_parser = rate)]
    pub rate: Option<f64>,
    /// Write one JSON line per attempt to send a request, allowed or denied
    #[arg(long, global = true, value_name = "FILE")]
    pub audit: Option<PathBuf>,
    /// Reports and errors as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Compile the plugin anew instead of using the cache
    #[arg(long, global = true)]
    pub no_cache: bool,
    /// Say more; up to -vvv
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(commands::demo::Demo),
    Inspect(commands::inspect::Inspect),
    Credential(commands::credential::Credential),
    Flow(commands::flow::Flow),
    Headers(commands::headers::Headers),
    Check(commands::check::Check),
    Streams(commands::streams::Streams),
    Read(commands::read::Read),
    Serve(commands::serve::Serve),
    Write(commands::write::Write),
    Emulator(commands::emulator::Emulator),
    Airbyte(crate::airbyte::Airbyte),
    Singer(crate::singer::Singer),
}

/// All commands and their arguments, for tests that go through all of them.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command that the arguments name, and says how it ended.
pub(crate) fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let console = Console::new(cli.globals.json);
    log(&console, cli.globals.verbose);
    let context = match Context::new(cli.globals, console.clone()) {
        Ok(context) => context,
        Err(error) => {
            console.error(&error);
            return exit(error.exit);
        }
    };
    let result = match cli.command {
        Command::Demo(command) => command.run(&context),
        Command::Inspect(command) => command.run(&context),
        Command::Credential(command) => command.run(&context),
        Command::Flow(command) => command.run(&context),
        Command::Headers(command) => command.run(&context),
        Command::Check(command) => command.run(&context),
        Command::Streams(command) => command.run(&context),
        Command::Read(command) => command.run(&context),
        Command::Serve(command) => command.run(&context),
        Command::Write(command) => command.run(&context),
        Command::Emulator(command) => command.run(&context),
        Command::Airbyte(command) => command.run(&context),
        Command::Singer(command) => command.run(&context),
    };
    let ended = match result {
        Ok(exit) => exit,
        Err(error) => {
            console.error(&error);
            error.exit
        }
    };
    exit(context.signal_exit().unwrap_or(ended))
}

/// What clap has to say: help and version are no mistakes, and a mistake is one line.
fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // A reader that went away wants no more.
        let _ = error.print();
        return exit(Exit::Done);
    }
    let text = error.render().to_string();
    let line = text.lines().take_while(|line| !line.starts_with("Usage:")).collect::<Vec<_>>();
    let message = crate::error::one_line(&line.join(" "));
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    let error = CliError::usage(message.to_owned()).remedy("See --help.");
    Console::default().error(&error);
    exit(Exit::Usage)
}

fn exit(exit: Exit) -> ExitCode {
    ExitCode::from(exit as u8)
}

fn log(console: &Console, verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let console = console.clone();
    // A second subscriber is only ever asked for by a test that runs two commands in one process.
    let _ = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(colours())
        .with_writer(move || LogWriter(console.clone()))
        .try_init();
}

/// Parses `NAME=VALUE`.
pub(crate) fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".into()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("write a number of requests per second above 0".into()),
    }
}
