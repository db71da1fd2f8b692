//! Faults as answers: made instead of the API's own, or of it.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderValue, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::answer;
use crate::auth::Refused;
use crate::contact::Kind;
use crate::faults::{Fault, FaultBody, RetryAfter};

/// The connection is to be closed as it is.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a fault closes the connection")]
pub(crate) struct Closed;

/// What a fault answers instead of the API; `None` where the API's answer is needed.
pub(crate) fn instead(fault: &Fault) -> Option<Result<Response<Body>, Closed>> {
    Some(match fault {
        Fault::Answer { status, body, retry_after } => {
            Ok(made(*status, body, retry_after.as_ref()))
        }
        Fault::CloseBefore => Err(Closed),
        Fault::Endless => Ok(endless()),
        Fault::Redirect { status, location } => Ok(redirect(*status, location)),
        _ => return None,
    })
}

/// The API's answer with a fault in it.
pub(crate) async fn spoil(
    fault: Fault,
    answer: Response<Body>,
    token: &str,
) -> Result<Response<Body>, Closed> {
    let (mut parts, body) = answer.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let body = to_bytes(body, usize::MAX).await.expect("the routes answer from memory");
    let with = |body: Body| Response::from_parts(parts.clone(), body);
    Ok(match fault {
        Fault::CloseAfter => return Err(Closed),
        Fault::CutBody => {
            let mut answer = with(half_then_closed(&body));
            answer.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
            answer
        }
        Fault::CutJson => with(Body::from(body.slice(..body.len() / 2))),
        Fault::Drip { bytes, every_ms } => with(dripping(&body, bytes, every_ms)),
        Fault::DuplicateKeys => with(Body::from(duplicated(&body))),
        Fault::EmptyBody => with(Body::empty()),
        Fault::EmptyPage => with(edited(&body, Vec::clear)),
        Fault::EchoToken => {
            let mut answer = with(echoed(&body, token));
            let value = HeaderValue::from_str(token).unwrap_or(HeaderValue::from_static("?"));
            answer.headers_mut().insert("x-token", value);
            answer
        }
        Fault::KeylessRow => with(edited(&body, |rows| {
            if let Some(Value::Object(row)) = rows.first_mut() {
                row.remove("crmhero_user_id");
            }
        })),
        Fault::ShortPage { rows: len } => with(edited(&body, |rows| rows.truncate(len))),
        Fault::Slow { ms } => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            with(Body::from(body))
        }
        Fault::Answer { .. } | Fault::CloseBefore | Fault::Endless | Fault::Redirect { .. } => {
            unreachable!("`instead` has answered these")
        }
    })
}

fn made(status: u16, body: &FaultBody, retry_after: Option<&RetryAfter>) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = match body {
        FaultBody::AccessTokenNotFound => answer::error(status, &Refused::UnknownToken.to_string()),
        FaultBody::Empty => answer::with_type(status, "application/json", Vec::new()),
        FaultBody::Error(message) => answer::error(status, message),
        FaultBody::HeaderMissing => answer::error(status, &Refused::NoUsableHeader.to_string()),
        FaultBody::Html => answer::with_type(status, "text/html", HTML.as_bytes().to_vec()),
        FaultBody::Text(text) => {
            answer::with_type(status, "application/json", text.as_bytes().to_vec())
        }
    };
    if let Some(retry_after) = retry_after {
        let text = match retry_after {
            RetryAfter::DateIn(seconds) => http_date(*seconds),
            RetryAfter::Seconds(seconds) => seconds.to_string(),
            RetryAfter::Text(text) => text.clone(),
        };
        if let Ok(value) = HeaderValue::from_str(&text) {
            answer.headers_mut().insert(header::RETRY_AFTER, value);
        }
    }
    answer
}

fn redirect(status: u16, location: &str) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FOUND);
    let mut answer = answer::with_type(status, "text/html", Vec::new());
    let (name, value) = if status.is_redirection() {
        (header::LOCATION, location.to_owned())
    } else {
        (header::REFRESH, format!("0; url={location}"))
    };
    if let Ok(value) = HeaderValue::from_str(&value) {
        answer.headers_mut().insert(name, value);
    }
    answer
}

fn endless() -> Response<Body> {
    let start = Bytes::from_static(b"{\"data\":{\"users\":[\"");
    let more = Bytes::from(vec![b'x'; 64 * 1024]);
    let pieces = stream::unfold(Some(start), move |piece| {
        let next = Some(more.clone());
        async move { Some((Ok::<_, Infallible>(piece?), next)) }
    });
    let mut answer = answer::json_bytes(Vec::new());
    *answer.body_mut() = Body::from_stream(pieces);
    answer
}

fn half_then_closed(body: &Bytes) -> Body {
    let half = body.slice(..body.len() / 2);
    Body::from_stream(stream::unfold(Some(half), |half| async move {
        if half.is_none() {
            // The server writes what it has while it waits for more.
            tokio::task::yield_now().await;
        }
        Some((half.ok_or(Closed), None))
    }))
}

fn dripping(body: &Bytes, bytes: usize, every_ms: u64) -> Body {
    let rest = body.clone();
    Body::from_stream(stream::unfold(rest, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(every_ms)).await;
        let piece = rest.split_to(bytes.clamp(1, rest.len()));
        Some((Ok::<_, Infallible>(piece), rest))
    }))
}

/// The first contact's id, or else the envelope's key, stands twice.
fn duplicated(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let Some(at) = text.find("{\"crmhero_user_id\":") else {
        return text.replacen('{', "{\"data\":null,", 1);
    };
    let end = text[at..].find(',').map_or(text.len(), |comma| at + comma + 1);
    format!("{}{}{}", &text[..end], &text[at + 1..end], &text[end..])
}

/// The answer with its list changed; as it is where it has none.
fn edited(body: &Bytes, edit: impl FnOnce(&mut Vec<Value>)) -> Body {
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else {
        return Body::from(body.clone());
    };
    let Some(data) = value.get_mut("data") else { return Body::from(body.clone()) };
    let in_wrapper = Kind::ALL.map(Kind::name).into_iter().find(|name| data[name].is_array());
    let list = match in_wrapper {
        Some(name) => &mut data[name],
        None => data,
    };
    if let Value::Array(rows) = list {
        edit(rows);
    }
    Body::from(value.to_string())
}

/// The answer with the token beside its data.
fn echoed(body: &[u8], token: &str) -> Body {
    let mut hex = String::new();
    for byte in token.bytes() {
        write!(hex, "{byte:02x}").expect("writing to memory");
    }
    let echo = json!({
        "plain": token,
        "header": format!("Authentication: Bearer {token}"),
        "percent": utf8_percent_encode(token, RESERVED).to_string(),
        "base64": STANDARD.encode(token),
        "hex": hex,
    });
    let text = String::from_utf8_lossy(body);
    Body::from(text.replacen('{', &format!("{{\"echo\":{echo},"), 1))
}

fn http_date(in_seconds: i64) -> String {
    let by = Duration::from_secs(in_seconds.unsigned_abs());
    let now = SystemTime::now();
    let then = if in_seconds < 0 { now.checked_sub(by) } else { now.checked_add(by) };
    httpdate::fmt_http_date(then.unwrap_or(now))
}

/// What a query must encode.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const HTML: &str = "<!DOCTYPE html>\n<html><head><title>Bad gateway</title></head>\
    <body><h1>Bad gateway</h1><p>The server is taking a short break.</p></body></html>\n";
