//! The server: connections, the order in which a request meets log, faults, credential and route.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::DefaultBodyLimit;
use axum::http::request::Parts;
use axum::http::{Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tower::ServiceExt as _;

use crate::auth::{self, AuthForm};
use crate::faulty::{self, Closed};
use crate::state::{Request as Logged, Shared};
use crate::{admin, answer, routes};

/// Answers connections until `stop` is sent or dropped.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: oneshot::Receiver<()>) {
    let routers = Routers {
        api: routes::api(Arc::clone(&shared)).layer(DefaultBodyLimit::disable()),
        admin: admin::routes(Arc::clone(&shared)).layer(DefaultBodyLimit::disable()),
        shared,
    };
    let accept = async {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(connection(stream, routers.clone()))),
                // Out of file descriptors: those of ended connections come back in a moment.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    tokio::select! {
        () = accept => {}
        _ = stop => {}
    }
}

#[derive(Clone, Debug)]
struct Routers {
    api: Router,
    admin: Router,
    shared: Arc<Shared>,
}

async fn connection(stream: TcpStream, routers: Routers) {
    let service = service_fn(|request| {
        let routers = routers.clone();
        async move { routers.answer(request).await }
    });
    // A latency of the network is what the switch adds, not what the kernel's batching does.
    let _ = stream.set_nodelay(true);
    // An error here is a client that went away or a fault that closes; neither needs anything.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

impl Routers {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, Closed> {
        let (parts, body) = request.into_parts();
        let Ok(body) = to_bytes(Body::new(body), LARGEST_BODY).await else {
            return Ok(answer::error(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"));
        };
        if parts.uri.path().starts_with("/_emulator/") {
            return Ok(route(self.admin.clone(), parts, body).await);
        }
        let sent = auth::sent(&parts.headers);
        let (at, fault, latency, token) = {
            let state = &mut *self.shared.lock();
            let path = parts.uri.path().strip_prefix("/v1").unwrap_or(parts.uri.path());
            let fault = state.faults.meet(parts.method.as_str(), path);
            let fault_name = fault.as_ref().map(|fault| fault.name().to_owned());
            let request = logged(&parts, &body, &sent, &state.token, fault_name);
            (state.requests.push(request), fault, state.switches.latency_ms, state.token.clone())
        };
        self.shared.tell();
        if latency > 0 {
            tokio::time::sleep(Duration::from_millis(latency)).await;
        }
        let answer = match fault {
            Some(fault) => match faulty::instead(&fault) {
                Some(invented) => invented?,
                None => faulty::spoil(fault, self.own(parts, body, &sent).await, &token).await?,
            },
            None => self.own(parts, body, &sent).await,
        };
        self.shared.lock().requests.answered(at, answer.status().as_u16());
        Ok(answer)
    }

    /// The answer of the API itself, applied where it is a write.
    async fn own(
        &self,
        mut parts: Parts,
        body: Bytes,
        sent: &[(AuthForm, String)],
    ) -> Response<Body> {
        let refused = {
            let state = self.shared.lock();
            let status = state.switches.bad_token_status;
            let refused = auth::authorise(sent, &state.token, &state.switches).err();
            refused.map(|why| (StatusCode::from_u16(status), why))
        };
        if let Some((status, why)) = refused {
            return answer::error(status.unwrap_or(StatusCode::UNAUTHORIZED), &why.to_string());
        }
        without_trailing_slash(&mut parts.uri);
        route(self.api.clone(), parts, body).await
    }
}

async fn route(router: Router, parts: Parts, body: Bytes) -> Response<Body> {
    let request = Request::from_parts(parts, Body::from(body));
    router.oneshot(request).await.unwrap_or_else(|never| match never {})
}

fn logged(
    parts: &Parts,
    body: &[u8],
    sent: &[(AuthForm, String)],
    token: &str,
    fault: Option<String>,
) -> Logged {
    let path_and_query = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    Logged {
        method: parts.method.to_string(),
        path_and_query: path_and_query.replace(token, "<token>"),
        auth_forms: sent.iter().map(|(form, _)| *form).collect(),
        body: String::from_utf8_lossy(body).replace(token, "<token>"),
        status: None,
        fault,
    }
}

/// Sources write some paths with a trailing slash and some without: all are taken in both forms.
fn without_trailing_slash(uri: &mut Uri) {
    let Some(path) = uri.path().strip_suffix('/').filter(|path| !path.is_empty()) else { return };
    let rewritten = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    *uri = rewritten.parse().expect("a valid path stays valid without its last slash");
}

/// A batch of a million contacts fits.
const LARGEST_BODY: usize = 2 << 30;
