//! How Customerly is spoken to: the requests of its public REST API, version 1, and what its answers mean.

mod answer;

pub(crate) use answer::message;
pub use answer::{Answer, interpret};

use crate::bindings::http::{Body, Header, Parameter, Part, Request};
use crate::credentials::authorization;
use crate::settings::{AuthHeader, Settings};

/// The one origin that the connector addresses (confirmed).
pub const ORIGIN: &str = "https://api.customerly.io";

/// What every path begins with (confirmed: there is no other version, and no version header).
pub const BASE_PATH: &str = "/v1";

/// Builds requests that carry the credential.
#[derive(Clone, Debug)]
pub struct Api {
    auth_header: AuthHeader,
}

impl Api {
    /// For this credential.
    pub fn new(settings: &Settings) -> Self {
        Api { auth_header: settings.auth_header }
    }

    /// Reads `path` (below the base path, with its leading slash, percent-encoded).
    pub fn get(&self, path: &str, query: &[(&str, &str)]) -> Request {
        self.request("GET", path, query, None)
    }

    /// Posts a JSON body.
    pub fn post(&self, path: &str, body: String) -> Request {
        self.request("POST", path, &[], Some(body))
    }

    /// Deletes, with an identifier in the query or, as tags need it, in a JSON body.
    pub fn delete(&self, path: &str, query: &[(&str, &str)], body: Option<String>) -> Request {
        self.request("DELETE", path, query, body)
    }

    /// A request of any method that the connector declares.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        query: &[(&str, &str)],
        body: Option<String>,
    ) -> Request {
        let mut headers = vec![header("Accept", "application/json")];
        if body.is_some() {
            headers.push(header("Content-Type", "application/json"));
        }
        let authorization = authorization(self.auth_header);
        headers.extend(authorization.headers);
        let query = query.iter().map(|(name, value)| parameter(name, value));
        Request {
            method: method.into(),
            url: format!("{ORIGIN}{BASE_PATH}{path}"),
            query: query.chain(authorization.query).collect(),
            headers,
            body: body.map(Body::Text),
        }
    }
}

fn header(name: &str, value: &str) -> Header {
    Header { name: name.into(), value: vec![Part::Text(value.into())] }
}

fn parameter(name: &str, value: &str) -> Parameter {
    Parameter { name: name.into(), value: vec![Part::Text(value.into())] }
}
