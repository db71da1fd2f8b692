//! The paths of the API below `/v1`, one file for each part of it.

mod companies;
mod contacts;
mod knowledge;
mod messages;
mod tags;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use axum::routing::{get, post};
use serde_json::{Map, Value};

use crate::answer;
use crate::state::Shared;

/// All routes, without trailing slashes. An unknown path and an unknown method are both a 404 with
/// an error envelope.
pub(crate) fn api(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/users/list", get(contacts::list_users))
        .route("/v1/leads/list", get(contacts::list_leads))
        .route(
            "/v1/users",
            get(contacts::one_user).post(contacts::write_users).delete(contacts::delete_user),
        )
        .route(
            "/v1/leads",
            get(contacts::one_lead).post(contacts::write_leads).delete(contacts::delete_lead),
        )
        .route("/v1/users/unsubscribe/{id}", post(contacts::unsubscribe))
        .route("/v1/users/add-attributes/{user_id}", post(contacts::add_attributes))
        .route("/v1/users/add-to-company", post(companies::add_user))
        .route("/v1/company/add-attributes/{company_id}", post(companies::add_attributes))
        .route("/v1/tags", get(tags::list).post(tags::change).delete(tags::delete))
        .route("/v1/messages", post(messages::send))
        .route("/v1/accounts", get(knowledge::accounts))
        .route("/v1/knowledge/collections", get(knowledge::collections))
        .route("/v1/knowledge/collections/{id}", get(knowledge::collection))
        .route("/v1/knowledge/articles", get(knowledge::articles))
        .route("/v1/knowledge/articles/{id}", get(knowledge::article))
        .route("/v1/knowledge/writers", get(knowledge::accounts))
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
        .with_state(shared)
}

async fn not_found() -> Response<Body> {
    answer::error(StatusCode::NOT_FOUND, "Not found")
}

/// The query of a request, in order.
type Pairs = axum::extract::Query<Vec<(String, String)>>;

/// The first value of a query parameter.
fn parameter<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// A number in the query; the default where it is missing or none, as PHP services do.
fn number(pairs: &Pairs, name: &str, default: usize) -> usize {
    parameter(pairs, name).and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The object that a body holds.
fn object(body: &[u8]) -> Result<Map<String, Value>, Box<Response<Body>>> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(Box::new(answer::failed("The body is not a JSON object"))),
    }
}
