//! One file a command.

pub mod check;
pub mod credential;
pub mod demo;
pub mod emulator;
pub mod flow;
pub mod headers;
pub mod inspect;
pub mod read;
pub mod serve;
pub mod streams;
pub mod write;
