//! `/knowledge` and `/accounts`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Response;
use serde_json::Value;

use super::{Pairs, not_found, number, parameter};
use crate::answer;
use crate::knowledge::team;
use crate::listing::page_ranks;
use crate::state::Shared;

/// Teammates; `/knowledge/writers` answers the same, its shape being unknown.
pub(super) async fn accounts() -> Response<Body> {
    answer::data(&team())
}

pub(super) async fn collections(State(shared): State<Arc<Shared>>) -> Response<Body> {
    answer::data(&Value::Array(shared.lock().knowledge.collections()))
}

pub(super) async fn collection(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Response<Body> {
    let found = id.parse().ok().and_then(|id| shared.lock().knowledge.collection(id));
    match found {
        Some(collection) => answer::data(&collection),
        None => not_found().await,
    }
}

/// A page of articles: an array directly under `data`.
pub(super) async fn articles(State(shared): State<Arc<Shared>>, query: Pairs) -> Response<Body> {
    let state = shared.lock();
    let collection =
        parameter(&query, "knowledge_base_collection_id").map(|id| id.parse().unwrap_or(u32::MAX));
    let ranks = page_ranks(
        state.knowledge.count(collection),
        number(&query, "page", 0),
        number(&query, "per_page", 50),
        &state.switches,
    );
    match ranks {
        Ok((start, end)) => {
            let written_by = state.switches.written_by;
            let articles = state.knowledge.articles(collection, start, end, written_by);
            answer::data(&Value::Array(articles))
        }
        Err(largest) => answer::failed(&format!("per_page must be at most {largest}")),
    }
}

pub(super) async fn article(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Response<Body> {
    let found = id.parse().ok().and_then(|id| {
        let state = shared.lock();
        state.knowledge.article(id, state.switches.written_by)
    });
    match found {
        Some(article) => answer::data(&article),
        None => not_found().await,
    }
}
