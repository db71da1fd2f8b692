//! The streams and how they are read.
//!
//! Reading is stateless: each call takes the state of the page before and gives one page and its state.
//!
//! | module | what lives there |
//! | --- | --- |
//! | `streams` | which streams there are |
//! | `options`, `state`, `page` | what a call is given, and what it gives |
//! | `contacts` | `users` and `leads`, over `walk`, which proves that nothing was missed |
//! | `snapshot` | lists of one answer |
//! | `articles`, `details`, `custom` | lists read page by page, over `pages` |
//! | `rows`, `fields`, `sorted` | the rows of an answer, byte for byte, and what becomes of them |
//! | `key`, `stamp` | which record a row is, and when it was changed |

mod articles;
mod contacts;
mod custom;
mod details;
mod fields;
mod fresh;
mod key;
mod options;
mod page;
mod pages;
mod rows;
#[cfg(test)]
mod sim;
mod snapshot;
mod sorted;
mod stamp;
mod state;
mod streams;
mod walk;

use self::options::{ContactOptions, invalid};
use self::streams::Stream;
use crate::Transport;
use crate::api::Api;
use crate::bindings::source::{Page, ReadRequest, StreamInfo};
use crate::bindings::types::{self, Action, Failure, Problem};
use crate::settings::Settings;

/// The streams: the same for every account, so nothing is sent.
pub fn streams(settings: &types::Settings) -> Result<Vec<StreamInfo>, Box<Failure>> {
    Settings::require(settings)?;
    Ok(streams::all())
}

/// All faults of a stream's options.
pub fn validate(_: &types::Settings, stream: &str, options: &str) -> Vec<Problem> {
    match Stream::named(stream) {
        Some(stream) => stream.validate(options),
        None => vec![Problem::new("", "unknown-stream", unknown(stream))],
    }
}

/// Reads a page.
pub fn read(transport: &impl Transport, request: &ReadRequest) -> Result<Box<Page>, Box<Failure>> {
    let api = Api::new(&Settings::require(&request.settings)?);
    let name = request.stream_name.as_str();
    let stream = Stream::named(name)
        .ok_or_else(|| Failure::new(Action::FixSettings, "unknown-stream", unknown(name)))?;
    let (text, state) = (request.options.as_str(), request.state.as_deref());
    match stream {
        Stream::Contacts(list) => {
            let options = ContactOptions::parse(text).map_err(invalid)?;
            contacts::read(transport, &api, list, options, request.mode, state)
        }
        Stream::Custom => {
            let options = custom::Options::parse(text).map_err(invalid)?;
            custom::read(transport, &api, &options, state)
        }
        Stream::Articles => {
            options::none(text).map_err(invalid)?;
            articles::read(transport, &api, state)
        }
        Stream::Details(list) => {
            options::none(text).map_err(invalid)?;
            details::read(transport, &api, list, state, &request.limits)
        }
        Stream::Snapshot(snapshot) => {
            options::none(text).map_err(invalid)?;
            snapshot::read(transport, &api, snapshot, state)
        }
    }
}

fn unknown(stream: &str) -> String {
    format!("There is no stream `{stream}`.")
}
