//! What the tests share: a service that can misbehave, a guest that does as it is told, and a connection between them.

pub mod guest;
pub mod identity;
pub mod lab;
pub mod server;
