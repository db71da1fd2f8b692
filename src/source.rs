//! The streams and how they are read.

mod contacts;
mod key;
mod options;
mod page;
mod rows;
#[cfg(test)]
mod sim;
mod stamp;
mod state;
mod walk;

use self::contacts::List;
use self::options::{ContactOptions, invalid};
use crate::Transport;
use crate::api::Api;
use crate::bindings::source::{Page, ReadRequest};
use crate::bindings::types::{Action, Failure};
use crate::settings::Settings;

/// Reads a page.
pub fn read(transport: &impl Transport, request: &ReadRequest) -> Result<Page, Failure> {
    let api = Api::new(&Settings::require(&request.settings)?);
    let state = request.state.as_deref();
    let list = match request.stream_name.as_str() {
        "users" => List::Users,
        "leads" => List::Leads,
        name => {
            let message = format!("There is no stream `{name}`.");
            return Err(Failure::new(Action::FixSettings, "unknown-stream", message));
        }
    };
    let options = ContactOptions::parse(&request.options).map_err(invalid)?;
    contacts::read(transport, &api, list, options, request.mode, state)
}
