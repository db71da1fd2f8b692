//! Hostile guests: each ends in the error that it should, and the next call works as if nothing had happened.

mod answers;
mod components;
mod cost;
mod harm;
mod requests;
