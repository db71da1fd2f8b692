//! Who may ask: requests that name this machine, and posts that come from a page of this process.

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Nothing but this page's own files, no frame around it, no form to elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The port on which this machine may be asked.
#[derive(Clone, Copy)]
pub(super) struct Port(pub(super) u16);

/// Refuses who may not ask, and says on every answer what a browser may do with it.
pub(super) async fn guard(State(port): State<Port>, request: Request, next: Next) -> Response {
    let mut response = match refusal(port, request.method(), request.headers()) {
        Some(reason) => (StatusCode::FORBIDDEN, format!("{reason}\n")).into_response(),
        None => next.run(request).await,
    };
    let same_origin = HeaderValue::from_static("same-origin");
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (REFERRER_POLICY, same_origin.clone()),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (HeaderName::from_static("cross-origin-opener-policy"), same_origin.clone()),
        (HeaderName::from_static("cross-origin-resource-policy"), same_origin),
    ] {
        headers.insert(name, value);
    }
    response
}

/// Why a request is refused.
fn refusal(port: Port, method: &Method, headers: &HeaderMap) -> Option<&'static str> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let hosts = ["127.0.0.1", "localhost"].map(|host| format!("{host}:{}", port.0));
    let Some(host) = text(&HOST).filter(|host| hosts.iter().any(|known| known == host)) else {
        return Some("This page answers only to 127.0.0.1 and localhost, with its port.");
    };
    let fetch = |name: &'static str| text(&HeaderName::from_static(name));
    let site = fetch("sec-fetch-site").unwrap_or("none");
    let own = matches!(site, "same-origin" | "none");
    if method == Method::GET || method == Method::HEAD {
        let visit = fetch("sec-fetch-mode") == Some("navigate");
        return (!own && !visit).then_some("This page is not part of another one.");
    }
    let origin = headers.get(ORIGIN);
    let foreign =
        origin.is_some_and(|origin| origin.as_bytes() != format!("http://{host}").as_bytes());
    (!own || foreign).then_some("This form was not sent by a page of this process.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &Method, headers: &[(&str, &str)], allowed: bool) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a name");
            map.append(name, value.parse().expect("a value"));
        }
        let refused = refusal(Port(8080), method, &map);
        assert_eq!(refused.is_none(), allowed, "{method} {headers:?}: {refused:?}");
    }

    #[test]
    fn only_this_machine_by_its_own_names_is_answered() {
        check(&Method::GET, &[("host", "127.0.0.1:8080")], true);
        check(&Method::GET, &[("host", "localhost:8080")], true);
        for host in
            ["evil.example:8080", "127.0.0.1", "127.0.0.1:8081", "127.0.0.1.evil.example:8080", ""]
        {
            check(&Method::GET, &[("host", host)], false);
        }
        check(&Method::GET, &[], false);
    }

    #[test]
    fn a_post_comes_from_a_page_of_its_own() {
        let host = ("host", "127.0.0.1:8080");
        check(&Method::POST, &[host], true);
        check(&Method::POST, &[host, ("origin", "http://127.0.0.1:8080")], true);
        check(&Method::POST, &[host, ("sec-fetch-site", "same-origin")], true);
        for origin in
            ["http://localhost:8080", "https://evil.example", "null", "http://127.0.0.1:80"]
        {
            check(&Method::POST, &[host, ("origin", origin)], false);
        }
        for site in ["cross-site", "same-site"] {
            check(&Method::POST, &[host, ("sec-fetch-site", site)], false);
        }
    }

    #[test]
    fn another_page_may_link_here_and_include_nothing() {
        let host = ("host", "127.0.0.1:8080");
        let cross = ("sec-fetch-site", "cross-site");
        check(&Method::GET, &[host, cross, ("sec-fetch-mode", "navigate")], true);
        check(&Method::GET, &[host, cross, ("sec-fetch-mode", "no-cors")], false);
    }
}
