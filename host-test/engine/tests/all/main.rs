//! The sandbox against a hostile plugin, a hostile network and a hostile answer.
//!
//! Every request here goes the whole way: from a guest (`host-test/hostile`, built by the tests, which does as its
//! settings tell it) through the policy and the real client to a service on loopback that writes exactly the bytes that
//! a test wants. Nobody sleeps: a service that has to be slow waits until the client gives up.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

#[cfg(unix)]
mod cache;
mod guests;
mod network;
mod secrets;
mod support;
