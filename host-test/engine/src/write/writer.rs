//! The calls that the loop makes: of a connection, or of whoever stands in for one.

use std::time::Instant;

use crate::bindings::destination::{Batch, WriteReport};
use crate::bindings::types::{Limits, Settings};
use crate::cancel::Cancel;
use crate::connection::Connection;
use crate::error::PluginError;

/// The calls that write, and what a loop over them needs to know.
pub trait Writer {
    /// Writes a batch.
    fn write(&self, batch: &Batch) -> Result<WriteReport, PluginError>;

    /// Finds out what became of a batch.
    fn settle(&self, batch: &Batch) -> Result<WriteReport, PluginError>;

    /// The settings as the plugin sees them.
    fn settings(&self) -> Settings;

    /// How much a call may do.
    fn call_limits(&self) -> Limits;

    /// When the service may be asked again, if it asked to be left alone.
    fn blocked_until(&self) -> Option<Instant>;

    /// The switch that stops everything.
    fn cancel(&self) -> Cancel;
}

impl Writer for Connection {
    fn write(&self, batch: &Batch) -> Result<WriteReport, PluginError> {
        Connection::write(self, batch)
    }

    fn settle(&self, batch: &Batch) -> Result<WriteReport, PluginError> {
        Connection::settle(self, batch)
    }

    fn settings(&self) -> Settings {
        Connection::settings(self).clone()
    }

    fn call_limits(&self) -> Limits {
        crate::read::call_limits(self)
    }

    fn blocked_until(&self) -> Option<Instant> {
        self.pacer().blocked_until()
    }

    fn cancel(&self) -> Cancel {
        Connection::cancel(self).clone()
    }
}
