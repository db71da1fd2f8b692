//! `connector emulator`: a Customerly to try things on, served alone.

use clap::Args;
use customerly_emulator::{Config, Data, Emulator as Server, Kind};
use serde_json::json;

use crate::context::Context;
use crate::error::{CliError, Exit};

/// Serve an emulated Customerly on this machine, without any account
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  connector emulator --users 10000 --port 8080\n  CONNECTOR_API_KEY=<the token it prints> connector read users --origin https://api.customerly.io=http://127.0.0.1:8080\n\nTo count what a read loses while contacts move:\n  curl -X POST http://127.0.0.1:8080/_emulator/mark\n  curl -d '{\"seed\":1,\"insert\":0.5,\"update\":0.5,\"delete\":0.5,\"convert\":0,\"stop_after\":500}' http://127.0.0.1:8080/_emulator/random\n  … read …, then ask for the ids of those that were there from the mark until now:\n  curl http://127.0.0.1:8080/_emulator/alive/users"
)]
pub struct Emulator {
    /// How many users
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    users: u32,
    /// How many leads
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    leads: u32,
    /// Another seed gives other data; the same one the same
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The port; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// What changes while it is read, such as: after 1 users: delete 3 users behind; may be repeated
    #[arg(long, value_name = "STEP")]
    script: Vec<String>,
    /// Milliseconds added to every answer
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency: u64,
}

impl Emulator {
    /// Runs it until it is stopped.
    pub fn run(self, context: &Context) -> Result<Exit, CliError> {
        let defaults = Config::default();
        let data = Data { users: self.users, leads: self.leads, seed: self.seed, ..defaults.data };
        let mut config = Config { port: self.port, data, ..defaults };
        config.switches.latency_ms = self.latency;
        config.script = self
            .script
            .join("\n")
            .parse()
            .map_err(|error| CliError::usage(format!("--script: {error}")))?;
        let server = Server::start(config)
            .map_err(|error| CliError::new(Exit::Other, "emulator", error.to_string()))?;
        let value = json!({
            "origin": server.origin(), "token": server.token(),
            "users": server.count(Kind::Users), "leads": server.count(Kind::Leads),
        });
        let text = format!(
            "{}\ntoken: {}\n{} users and {} leads; stop it with Ctrl-C",
            server.origin(),
            server.token(),
            server.count(Kind::Users),
            server.count(Kind::Leads)
        );
        context.console.report(&value, &text);
        context.cancel.wait_for_ever();
        Ok(Exit::Done)
    }
}
