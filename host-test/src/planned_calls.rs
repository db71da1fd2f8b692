//! What a dry run shows: each request that it kept back, with the names of secrets in their places.

use connector_egress::AuditRecord;
use connector_egress::encode::encode_query;
use connector_engine::audit::Audit;
use connector_engine::bindings::http::{Body, Part, Piece, Request};
use connector_engine::http::WithheldRequest;
use serde_json::{Map, Value, json};

use crate::console::Console;

/// Prints each request that is kept back, as it comes.
pub(crate) struct PlannedCalls(pub(crate) Console);

impl Audit for PlannedCalls {
    fn record(&self, _record: AuditRecord) {}

    fn withheld(&self, withheld: WithheldRequest) {
        let request = &withheld.request;
        if self.0.json() {
            self.0.out(&to_json(request).to_string());
        } else {
            self.0.out(&to_text(request));
        }
    }
}

fn to_text(request: &Request) -> String {
    let mut lines = vec![format!("{} {}", request.method, url(request))];
    let headers = request.headers.iter();
    lines.extend(headers.map(|header| format!("  {}: {}", header.name, value(&header.value))));
    match &request.body {
        Some(Body::Text(body)) => lines.push(format!("  {body}")),
        Some(Body::Bytes(bytes)) => lines.push(format!("  ({} bytes)", bytes.len())),
        None => {}
    }
    lines.push(String::new());
    lines.join("\n")
}

fn to_json(request: &Request) -> Value {
    let headers: Map<_, _> = request
        .headers
        .iter()
        .map(|header| (header.name.clone(), Value::from(value(&header.value))))
        .collect();
    let body = match &request.body {
        Some(Body::Text(body)) => {
            serde_json::from_str(body).unwrap_or_else(|_| Value::from(body.as_str()))
        }
        Some(Body::Bytes(bytes)) => json!({"bytes": bytes.len()}),
        None => Value::Null,
    };
    json!({"call": {
        "method": request.method, "url": url(request), "headers": headers, "body": body,
    }})
}

/// The URL with its parameters, encoded as they would be sent.
fn url(request: &Request) -> String {
    let mut url = request.url.clone();
    for parameter in &request.query {
        let value: String = parameter
            .value
            .iter()
            .map(|part| match part {
                Part::Text(text) => encode_query(text).to_string(),
                part => value(std::slice::from_ref(part)),
            })
            .collect();
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(&encode_query(&parameter.name));
        url.push('=');
        url.push_str(&value);
    }
    url
}

/// A value, with `{slot}` in place of a secret.
fn value(parts: &[Part]) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Secret(slot) => format!("{{{slot}}}"),
    };
    parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Secret(slot) => format!("{{{slot}}}"),
            Part::Base64(pieces) => {
                format!("base64({})", pieces.iter().map(piece).collect::<String>())
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use connector_engine::bindings::http::{Header, Parameter};

    use super::*;

    fn request() -> Request {
        let text = |text: &str| Part::Text(text.into());
        Request {
            method: "DELETE".into(),
            url: "https://api.example.com/v1/users".into(),
            query: vec![Parameter { name: "email".into(), value: vec![text("a+b@x.co")] }],
            headers: vec![Header {
                name: "Authentication".into(),
                value: vec![text("Bearer "), Part::Secret("api_key".into())],
            }],
            body: Some(Body::Text(r#"{"tag":"x"}"#.into())),
        }
    }

    #[test]
    fn a_call_is_shown_as_it_would_be_sent_with_the_secret_by_name() {
        assert_eq!(
            to_text(&request()),
            "DELETE https://api.example.com/v1/users?email=a%2Bb%40x.co\n  \
             Authentication: Bearer {api_key}\n  {\"tag\":\"x\"}\n"
        );
        let call = &to_json(&request())["call"];
        assert_eq!(call["headers"]["Authentication"], "Bearer {api_key}");
        assert_eq!(call["body"]["tag"], "x");
    }
}
