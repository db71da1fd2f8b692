//! What the Airbyte and Singer protocols share: a flat configuration, schemas as platforms take them, records taken
//! apart without parsing their values, and the loops over one connection.
//!
//! Both protocols are thin: they translate messages, and everything else is done by the engine.

pub mod config;
pub mod form_schema;
pub mod lines;
pub mod load;
pub mod objects;
pub mod options;
pub mod raw_object;
pub mod record_schema;
pub mod resume;
pub mod session;
pub mod time;
