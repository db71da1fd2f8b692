//! The admin surface below `/_emulator/`: what [`crate::Emulator`] does, for another process.
//! There is no credential; the server listens on loopback only.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode, header};
use axum::routing::{get, post};
use futures_util::stream;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::answer;
use crate::config::Switches;
use crate::contact::Kind;
use crate::emulator::{LINES, lines};
use crate::faults::FaultRule;
use crate::mutations::{Change, RandomMutations, Script};
use crate::state::Shared;

pub(crate) fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/_emulator/count", get(count))
        .route("/_emulator/contacts/{kind}", get(contacts))
        .route("/_emulator/mark", post(mark))
        .route("/_emulator/alive/{kind}", get(alive))
        .route("/_emulator/requests", get(requests).delete(clear_requests))
        .route("/_emulator/messages", get(messages))
        .route("/_emulator/companies", get(companies))
        .route("/_emulator/switches", get(switches).post(turn_switches))
        .route("/_emulator/faults", get(faults).post(add_faults).delete(clear_faults))
        .route("/_emulator/script", post(set_script).delete(clear_script))
        .route("/_emulator/random", post(set_random).delete(clear_random))
        .route("/_emulator/change", post(change))
        .route("/_emulator/mutations", get(mutations))
        .route("/_emulator/clock", get(clock).post(set_clock))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(shared)
}

type Account = State<Arc<Shared>>;

async fn count(State(shared): Account) -> Response<Body> {
    let state = shared.lock();
    json_of(&json!({
        "users": state.store.listing(Kind::Users).len(),
        "leads": state.store.listing(Kind::Leads).len(),
        "tags": state.store.tags.names().count(),
        "companies": state.store.companies.len(),
        "messages": state.store.messages.len(),
        "requests": state.requests.kept().len(),
        "mutations": state.mutator.made.len(),
    }))
}

async fn contacts(State(shared): Account, Path(kind): Path<Kind>) -> Response<Body> {
    let pieces = stream::unfold(0, move |rank| {
        let lines = lines(&shared, kind, rank);
        async move {
            (!lines.is_empty()).then(|| (Ok::<_, Infallible>(Bytes::from(lines)), rank + LINES))
        }
    });
    let mut answer = answer::with_type(StatusCode::OK, "application/x-ndjson", Vec::new());
    *answer.body_mut() = Body::from_stream(pieces);
    answer
}

async fn mark(State(shared): Account) -> Response<Body> {
    shared.lock().store.mark();
    nothing()
}

async fn alive(State(shared): Account, Path(kind): Path<String>) -> Response<Body> {
    let kind = match kind.as_str() {
        "any" => None,
        "leads" => Some(Kind::Leads),
        "users" => Some(Kind::Users),
        _ => return unknown().await,
    };
    json_of(&json!(shared.lock().store.alive_throughout(kind)))
}

async fn requests(State(shared): Account) -> Response<Body> {
    json_of(&json!(shared.lock().requests.kept()))
}

async fn clear_requests(State(shared): Account) -> Response<Body> {
    shared.lock().requests.forget();
    nothing()
}

async fn messages(State(shared): Account) -> Response<Body> {
    json_of(&json!(shared.lock().store.messages))
}

async fn companies(State(shared): Account) -> Response<Body> {
    json_of(&shared.lock().store.companies_json())
}

async fn switches(State(shared): Account) -> Response<Body> {
    json_of(&json!(shared.lock().switches))
}

/// Turns the switches that the body names and keeps the others.
async fn turn_switches(State(shared): Account, body: Bytes) -> Response<Body> {
    let turned: Map<String, Value> = match parse(&body) {
        Ok(turned) => turned,
        Err(answer) => return *answer,
    };
    let switches = &mut shared.lock().switches;
    let mut all = json!(switches);
    for (name, value) in turned {
        all[name] = value;
    }
    match serde_json::from_value::<Switches>(all) {
        Ok(turned) => {
            *switches = turned;
            json_of(&json!(switches))
        }
        Err(error) => bad_request(&error.to_string()),
    }
}

async fn faults(State(shared): Account) -> Response<Body> {
    json_of(&shared.lock().faults.rules().map(|rule| json!(rule)).collect())
}

async fn add_faults(State(shared): Account, body: Bytes) -> Response<Body> {
    match parse::<Vec<FaultRule>>(&body) {
        Ok(rules) => {
            shared.lock().faults.add(rules);
            nothing()
        }
        Err(answer) => *answer,
    }
}

async fn clear_faults(State(shared): Account) -> Response<Body> {
    shared.lock().faults.clear();
    nothing()
}

async fn set_script(State(shared): Account, script: String) -> Response<Body> {
    match script.parse::<Script>() {
        Ok(script) => {
            shared.lock().mutator.set_script(script);
            nothing()
        }
        Err(error) => bad_request(&error.to_string()),
    }
}

async fn clear_script(State(shared): Account) -> Response<Body> {
    shared.lock().mutator.set_script(Script::default());
    nothing()
}

async fn set_random(State(shared): Account, body: Bytes) -> Response<Body> {
    match parse::<RandomMutations>(&body) {
        Ok(random) => {
            shared.lock().mutator.set_random(Some(random));
            nothing()
        }
        Err(answer) => *answer,
    }
}

async fn clear_random(State(shared): Account) -> Response<Body> {
    shared.lock().mutator.set_random(None);
    nothing()
}

async fn change(State(shared): Account, change: String) -> Response<Body> {
    match change.parse::<Change>() {
        Ok(change) => {
            let state = &mut *shared.lock();
            state.mutator.apply(&mut state.store, change, &state.switches);
            nothing()
        }
        Err(problem) => bad_request(&problem),
    }
}

async fn mutations(State(shared): Account) -> Response<Body> {
    json_of(&json!(shared.lock().mutator.made))
}

async fn clock(State(shared): Account) -> Response<Body> {
    json_of(&json!(shared.lock().store.clock.now()))
}

async fn set_clock(State(shared): Account, body: Bytes) -> Response<Body> {
    match parse::<u32>(&body) {
        Ok(now) => {
            shared.lock().store.clock.set(now);
            nothing()
        }
        Err(answer) => *answer,
    }
}

async fn unknown() -> Response<Body> {
    let text = "there is no such path; see the README of the emulator\n";
    answer::with_type(StatusCode::NOT_FOUND, "text/plain", text.as_bytes().to_vec())
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Box<Response<Body>>> {
    serde_json::from_slice(body).map_err(|error| Box::new(bad_request(&error.to_string())))
}

fn json_of(value: &Value) -> Response<Body> {
    answer::json_bytes(value.to_string().into_bytes())
}

fn nothing() -> Response<Body> {
    let mut answer = answer::with_type(StatusCode::NO_CONTENT, "text/plain", Vec::new());
    answer.headers_mut().remove(header::CONTENT_TYPE);
    answer
}

fn bad_request(problem: &str) -> Response<Body> {
    answer::with_type(StatusCode::BAD_REQUEST, "text/plain", format!("{problem}\n").into_bytes())
}
