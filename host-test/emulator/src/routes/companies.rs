//! Companies, which can be written and not read back.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::Response;
use serde_json::{Map, Value};

use super::contacts::properties;
use super::object;
use crate::answer;
use crate::contact::Kind;
use crate::state::Shared;

/// Links a user to a company and makes the company where it is new.
pub(super) async fn add_user(State(shared): State<Arc<Shared>>, body: Bytes) -> Response<Body> {
    let body = match object(&body) {
        Ok(body) => body,
        Err(answer) => return *answer,
    };
    let Some(company_id) = text(&body, "company_id") else {
        return answer::failed("You must provide a company_id");
    };
    let state = &mut *shared.lock();
    let store = &state.store;
    let position = if let Some(id) = body.get("internal_user_id").and_then(Value::as_u64) {
        store.by_id(id).filter(|(_, kind)| *kind == Kind::Users).map(|(position, _)| position)
    } else if let Some(user_id) = text(&body, "user_id") {
        store.by_user_id(&user_id)
    } else {
        text(&body, "email").and_then(|email| store.by_email(Kind::Users, &email))
    };
    let Some(position) = position else { return answer::unknown_contact(&state.switches) };
    // One source types this as an array; objects in one are taken as one object.
    let sent: Map<String, Value> = match body.get("company_attributes") {
        Some(Value::Object(sent)) => sent.clone(),
        Some(Value::Array(parts)) => parts
            .iter()
            .filter_map(Value::as_object)
            .flatten()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
        _ => Map::new(),
    };
    let attributes = match properties(&sent, &state.switches) {
        Ok(attributes) => attributes,
        Err(message) => return answer::failed(&message),
    };
    state.store.write_company(&company_id, text(&body, "company_name"), attributes);
    let now = state.store.clock.tick();
    state.store.update(position, now, |contact| {
        if !contact.companies.contains(&company_id) {
            contact.companies.push(company_id);
        }
    });
    answer::done()
}

/// Sets properties of a company and renames it where a name is sent.
pub(super) async fn add_attributes(
    State(shared): State<Arc<Shared>>,
    Path(company_id): Path<String>,
    body: Bytes,
) -> Response<Body> {
    let body = match object(&body) {
        Ok(body) => body,
        Err(answer) => return *answer,
    };
    let none = Map::new();
    let sent = body.get("attributes").and_then(Value::as_object).unwrap_or(&none);
    let state = &mut *shared.lock();
    match properties(sent, &state.switches) {
        Ok(attributes) => {
            state.store.write_company(&company_id, text(&body, "company_name"), attributes);
            answer::done()
        }
        Err(message) => answer::failed(&message),
    }
}

/// A text, also where it was sent as a number.
fn text(body: &Map<String, Value>, key: &str) -> Option<String> {
    match body.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
