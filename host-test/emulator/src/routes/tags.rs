//! `/tags`.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::Response;
use serde_json::Value;

use super::{Pairs, object, parameter};
use crate::answer;
use crate::contact::Kind;
use crate::state::Shared;
use crate::store::Store;

pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Response<Body> {
    answer::data(&shared.lock().store.tags.names().collect())
}

/// Puts a tag on contacts or takes it off. Where one of them does not exist, nothing is changed.
pub(super) async fn change(State(shared): State<Arc<Shared>>, body: Bytes) -> Response<Body> {
    let body = match object(&body) {
        Ok(body) => body,
        Err(answer) => return *answer,
    };
    let Some(name) = body.get("tag").and_then(Value::as_str).filter(|name| !name.is_empty()) else {
        return answer::failed("You must provide a tag");
    };
    let state = &mut *shared.lock();
    let store = &mut state.store;
    let mut positions = Vec::new();
    for kind in Kind::ALL {
        for reference in body.get(kind.name()).and_then(Value::as_array).into_iter().flatten() {
            match referenced(store, kind, reference) {
                Some(position) => positions.push(position),
                None => return answer::unknown_contact(&state.switches),
            }
        }
    }
    let untag = body.get("untag").and_then(Value::as_bool).unwrap_or(false);
    let tag = if untag { store.tags.find(name) } else { Some(store.tags.ensure(name)) };
    let Some(tag) = tag else { return answer::done() };
    let now = store.clock.tick();
    for position in positions {
        let last_update =
            if state.switches.tags_move_last_update { now } else { store.last_update(position) };
        store.update(position, last_update, |contact| {
            contact.tags.retain(|&other| other != tag);
            if !untag {
                contact.tags.push(tag);
            }
        });
    }
    answer::done()
}

/// Drops a tag from the project, named in the body or, by a switch, in the query.
pub(super) async fn delete(
    State(shared): State<Arc<Shared>>,
    query: Pairs,
    body: Bytes,
) -> Response<Body> {
    let state = &mut *shared.lock();
    let in_body = object(&body).ok().and_then(|body| Some(body.get("tag")?.as_str()?.to_owned()));
    let in_query =
        parameter(&query, "tag").filter(|_| state.switches.delete_tag_by_query).map(str::to_owned);
    let Some(name) = in_body.or(in_query) else {
        return answer::failed("You must provide a tag");
    };
    state.store.clock.tick();
    state.store.tags.delete(&name);
    answer::done()
}

/// A contact of a list, named by `user_id` or by `email`.
fn referenced(store: &Store, kind: Kind, reference: &Value) -> Option<u32> {
    match reference["user_id"].as_str().filter(|_| kind == Kind::Users) {
        Some(user_id) => store.by_user_id(user_id),
        None => store.by_email(kind, reference["email"].as_str()?),
    }
}
