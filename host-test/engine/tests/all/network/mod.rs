//! A hostile network: what the host makes of it, and what it lets the guest know.

mod addresses;
mod bodies;
mod certificates;
mod closed;
mod environment;
mod messages;
mod redirects;
mod slow;
