//! `/users` and `/leads`.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::Response;
use serde_json::{Map, Value};

use super::{Pairs, number, object, parameter};
use crate::answer;
use crate::config::Switches;
use crate::contact::Kind;
use crate::listing::{Order, Sort, page_ranks, shuffled_ties};
use crate::mutations::Walk;
use crate::render;
use crate::state::Shared;
use crate::store::{Store, render_rows};
use crate::upsert;

pub(super) async fn list_users(State(shared): State<Arc<Shared>>, query: Pairs) -> Response<Body> {
    list(&shared, &query, Kind::Users)
}

pub(super) async fn list_leads(State(shared): State<Arc<Shared>>, query: Pairs) -> Response<Body> {
    list(&shared, &query, Kind::Leads)
}

pub(super) async fn one_user(State(shared): State<Arc<Shared>>, query: Pairs) -> Response<Body> {
    one(&shared, &query, Kind::Users)
}

pub(super) async fn one_lead(State(shared): State<Arc<Shared>>, query: Pairs) -> Response<Body> {
    one(&shared, &query, Kind::Leads)
}

pub(super) async fn write_users(State(shared): State<Arc<Shared>>, body: Bytes) -> Response<Body> {
    write(&shared, Kind::Users, &body)
}

pub(super) async fn write_leads(State(shared): State<Arc<Shared>>, body: Bytes) -> Response<Body> {
    write(&shared, Kind::Leads, &body)
}

pub(super) async fn delete_user(State(shared): State<Arc<Shared>>, query: Pairs) -> Response<Body> {
    delete(&shared, &query, Kind::Users)
}

pub(super) async fn delete_lead(State(shared): State<Arc<Shared>>, query: Pairs) -> Response<Body> {
    delete(&shared, &query, Kind::Leads)
}

/// The id may be the account's own or the internal one: the only source leaves it open.
pub(super) async fn unsubscribe(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Response<Body> {
    let state = &mut *shared.lock();
    let internal = || match state.store.by_id(id.parse().ok()?)? {
        (position, Kind::Users) => Some(position),
        (_, Kind::Leads) => None,
    };
    let Some(position) = state.store.by_user_id(&id).or_else(internal) else {
        return answer::unknown_contact(&state.switches);
    };
    let now = state.store.clock.tick();
    state.store.update(position, now, |contact| contact.unsubscribed = true);
    answer::done()
}

pub(super) async fn add_attributes(
    State(shared): State<Arc<Shared>>,
    Path(user_id): Path<String>,
    body: Bytes,
) -> Response<Body> {
    let body = match object(&body) {
        Ok(body) => body,
        Err(answer) => return *answer,
    };
    let Some(Value::Object(sent)) = body.get("attributes") else {
        return answer::failed("You must provide attributes");
    };
    let state = &mut *shared.lock();
    let Some(position) = state.store.by_user_id(&user_id) else {
        return answer::unknown_contact(&state.switches);
    };
    match properties(sent, &state.switches) {
        Ok(attributes) => {
            let now = state.store.clock.tick();
            state.store.update(position, now, |contact| contact.attributes.merge(attributes));
            answer::done()
        }
        Err(message) => answer::failed(&message),
    }
}

/// Custom properties as they are stored, or what is wrong with the first bad one.
pub(super) fn properties(
    sent: &Map<String, Value>,
    switches: &Switches,
) -> Result<Map<String, Value>, String> {
    sent.iter()
        .map(|(key, value)| Ok((key.clone(), upsert::property(key, value, switches.long_text)?)))
        .collect()
}

fn list(shared: &Shared, query: &Pairs, kind: Kind) -> Response<Body> {
    let state = &mut *shared.lock();
    let switches = &state.switches;
    let ranks = page_ranks(
        state.store.listing(kind).len(),
        number(query, "page", 0),
        number(query, "per_page", 50),
        switches,
    );
    let ranks = match ranks {
        Ok(ranks) => ranks,
        Err(largest) => return answer::failed(&format!("per_page must be at most {largest}")),
    };
    let order = Order {
        sort: Sort::of(parameter(query, "sort"), switches),
        descending: switches.sort_honoured && parameter(query, "sort_direction") == Some("desc"),
    };
    state.list_answers += 1;
    let ties = shuffled_ties(switches, state.list_answers);
    let rows = state.store.slice(kind, order, ranks, ties);
    let mut out = Vec::with_capacity(64 + rows.len() * 1_600);
    out.extend_from_slice(b"{\"data\":{\"");
    out.extend_from_slice(kind.name().as_bytes());
    out.extend_from_slice(b"\":[");
    render_rows(&mut out, &state.store, &rows, switches);
    out.extend_from_slice(b"]}}");
    let walk = Walk { order, end: ranks.0.saturating_add(rows.len()) };
    state.mutator.after_list_request(&mut state.store, kind, walk, switches);
    answer::json_bytes(out)
}

fn one(shared: &Shared, query: &Pairs, kind: Kind) -> Response<Body> {
    let state = shared.lock();
    let Some(position) = named(&state.store, query, kind) else {
        return answer::unknown_contact(&state.switches);
    };
    let mut out = Vec::with_capacity(2_000);
    out.extend_from_slice(b"{\"data\":");
    render::single(&mut out, &state.store.contact(position), &state.store.tags, &state.switches);
    out.push(b'}');
    answer::json_bytes(out)
}

fn write(shared: &Shared, kind: Kind, body: &[u8]) -> Response<Body> {
    let state = &mut *shared.lock();
    match upsert::apply(&mut state.store, kind, body, &state.switches) {
        Ok(report) => answer::data(&report),
        Err(message) => answer::failed(&message),
    }
}

fn delete(shared: &Shared, query: &Pairs, kind: Kind) -> Response<Body> {
    let state = &mut *shared.lock();
    let Some(position) = named(&state.store, query, kind) else {
        return answer::unknown_contact(&state.switches);
    };
    state.store.clock.tick();
    state.store.delete(position);
    answer::done()
}

/// The contact that a query names: by `email`, or a user by `user_id`.
fn named(store: &Store, query: &Pairs, kind: Kind) -> Option<u32> {
    if let Some(email) = parameter(query, "email") {
        return store.by_email(kind, email);
    }
    store.by_user_id(parameter(query, "user_id").filter(|_| kind == Kind::Users)?)
}
