//! One file a command.

pub mod check;
pub mod demo;
pub mod emulator;
pub mod headers;
pub mod inspect;
pub mod read;
pub mod streams;
