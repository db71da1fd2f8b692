//! `connector serve`: the guide's flow as a page, on this machine alone.

use clap::Args;
use connector_store::{KeyPlace, NewKey, Store};
use customerly_emulator::{Config, Data, Emulator, Kind};
use serde_json::json;

use crate::context::{Context, grant};
use crate::error::{CliError, Exit};
use crate::saved::{now_ms, open_store};
use crate::web::{App, AppConfig, EmulatedAccount, Server};

/// Serve the credential's page on this machine: add credentials, choose them for a source or a destination
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  connector serve\n  connector serve --emulator --port 8080\n\nIt listens on 127.0.0.1 alone. With --emulator and without --store, what is saved is gone when it ends."
)]
pub struct Serve {
    /// The port; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Use an emulated account that is served beside the page, instead of the real service
    #[arg(long)]
    emulator: bool,
    /// How many users the emulated account has
    #[arg(long, requires = "emulator", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    users: u32,
    /// How many leads it has
    #[arg(long, requires = "emulator", default_value_t = 300, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    leads: u32,
}

impl Serve {
    /// Runs it until it is stopped.
    pub fn run(self, context: &Context) -> Result<Exit, CliError> {
        let plugin = context.plugin()?;
        let mut grants = context.globals.origins.clone();
        let emulator = self.emulator.then(|| self.start_emulator()).transpose()?;
        if let Some(emulator) = &emulator {
            for origin in plugin.describe()?.origins {
                grants.push(grant(&origin, &emulator.origin())?);
            }
        }
        let mut passing = None;
        let store = if self.emulator && context.globals.store.is_none() {
            let folder = tempfile::tempdir()
                .map_err(|error| CliError::new(Exit::Other, "system", error.to_string()))?;
            let key = NewKey::At(KeyPlace::File(folder.path().join("key")));
            let store = Store::open(&folder.path().join("store"), &key, now_ms())?;
            passing = Some(folder);
            store
        } else {
            open_store(&context.globals)?
        };
        let account = emulator.as_ref().map(|emulator| EmulatedAccount {
            origin: emulator.origin(),
            token: emulator.token().to_owned(),
        });
        let app = App::new(AppConfig {
            plugin,
            store,
            grants,
            rate: context.globals.rate,
            console: context.console.clone(),
            account: account.clone(),
        })?;
        let server = Server::bind(app, self.port)?;
        let token = account.as_ref().map(|account| account.token.as_str());
        let value = json!({
            "page": server.origin(),
            "emulator": account.as_ref().map(|account| account.origin.as_str()), "token": token,
        });
        let mut text = format!("{}\n", server.origin());
        if let (Some(emulator), Some(token)) = (&emulator, token) {
            let (users, leads) = (emulator.count(Kind::Users), emulator.count(Kind::Leads));
            text = format!(
                "{text}token: {token}\nThe emulated account at {} has {users} users and {leads} leads; enter this token as its API key.\n",
                emulator.origin()
            );
        }
        text.push_str("Open the address in a browser on this machine; stop with Ctrl-C.");
        context.console.report(&value, &text);
        server.run(&context.cancel)?;
        drop(passing);
        Ok(Exit::Done)
    }

    fn start_emulator(&self) -> Result<Emulator, CliError> {
        let defaults = Config::default();
        let data = Data { users: self.users, leads: self.leads, ..defaults.data };
        Emulator::start(Config { data, ..defaults })
            .map_err(|error| CliError::new(Exit::Other, "emulator", error.to_string()))
    }
}
