//! `/messages`: kept, and shown to nobody.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::Response;
use serde_json::{Value, json};

use super::object;
use crate::answer;
use crate::contact::Kind;
use crate::state::{Shared, State as Account};
use crate::words::TEAM;

pub(super) async fn send(State(shared): State<Arc<Shared>>, body: Bytes) -> Response<Body> {
    let body = match object(&body) {
        Ok(body) => body,
        Err(answer) => return *answer,
    };
    let state = &mut *shared.lock();
    for side in ["from", "to"] {
        let Some(party) = body.get(side).filter(|party| party.is_object()) else {
            return answer::failed(&format!("You must provide {side}"));
        };
        if !exists(state, party) {
            return answer::unknown_contact(&state.switches);
        }
    }
    if body.get("content").and_then(Value::as_str).is_none_or(str::is_empty) {
        return answer::failed("You must provide content");
    }
    let timestamp = state.store.clock.tick();
    state.store.messages.push(Value::Object(body));
    answer::data(&json!({ "timestamp": timestamp }))
}

/// A teammate by id; a contact by `email`, or by its internal or own id.
fn exists(state: &Account, party: &Value) -> bool {
    let id = match &party["id"] {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    };
    let kind = match party["type"].as_str() {
        Some("admin") => {
            return id.is_some_and(|id| TEAM.iter().any(|(known, ..)| known.to_string() == id));
        }
        Some("user") => Kind::Users,
        Some("lead") => Kind::Leads,
        _ => return false,
    };
    let store = &state.store;
    if let Some(email) = party["email"].as_str() {
        return store.by_email(kind, email).is_some();
    }
    id.is_some_and(|id| {
        let internal = id.parse().ok().and_then(|id| store.by_id(id));
        internal.is_some_and(|(_, of)| of == kind)
            || kind == Kind::Users && store.by_user_id(&id).is_some()
    })
}
