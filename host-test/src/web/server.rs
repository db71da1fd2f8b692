//! The server: loopback only, until it is told to stop.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use connector_engine::Cancel;
use tokio::runtime::{Builder, Runtime};

use super::app::App;
use super::fault::Fault;
use super::guard::{Port, guard};
use super::{assets, authenticate, credential, destination, home, source};
use crate::error::{CliError, Exit};

/// Largest form, records apart.
const FORM_BYTES: usize = 256 << 10;

/// Most records that can be pasted or uploaded, in bytes.
const RECORD_BYTES: usize = 32 << 20;

/// A page that is ready to be served.
pub struct Server {
    app: App,
    runtime: Runtime,
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Listens on 127.0.0.1, at `port` or, with 0, at a free one. No other address can be chosen.
    pub fn bind(app: App, port: u16) -> Result<Self, CliError> {
        let cannot = |error: &std::io::Error| {
            CliError::new(
                Exit::Other,
                "port",
                format!("cannot listen on 127.0.0.1:{port}: {error}"),
            )
            .remedy("Choose another --port, or 0 for any.")
        };
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| cannot(&error))?;
        listener.set_nonblocking(true).map_err(|error| cannot(&error))?;
        let address = listener.local_addr().map_err(|error| cannot(&error))?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("page")
            .enable_all()
            .build()
            .map_err(|error| CliError::new(Exit::Other, "threads", error.to_string()))?;
        Ok(Server { app, runtime, listener, address })
    }

    /// Where the page is.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves until `cancel` is turned.
    pub fn run(self, cancel: &Cancel) -> Result<(), CliError> {
        let Server { app, runtime, listener, address } = self;
        let failed = |error: std::io::Error| CliError::new(Exit::Other, "serve", error.to_string());
        let router = router(app.clone(), address.port());
        let served = runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            axum::serve(listener, router).await
        });
        cancel.wait_for_ever();
        app.stop();
        if served.is_finished() {
            runtime.block_on(served).map_err(std::io::Error::other).flatten().map_err(failed)?;
        }
        runtime.shutdown_background();
        Ok(())
    }
}

fn router(app: App, port: u16) -> Router {
    let records = DefaultBodyLimit::max(RECORD_BYTES);
    Router::new()
        .route("/", get(home::home))
        .route("/page.css", get(assets::style))
        .route("/page.js", get(assets::script))
        .route("/authenticate/{role}", get(authenticate::screen))
        .route("/authenticate/{role}/add", get(authenticate::add).post(authenticate::post_add))
        .route(
            "/authenticate/{role}/edit/{id}",
            get(authenticate::edit).post(authenticate::post_edit),
        )
        .route("/authenticate/{role}/test/{id}", post(credential::test))
        .route("/authenticate/{role}/remedy/{id}", post(credential::remedy))
        .route(
            "/authenticate/{role}/remove/{id}",
            get(credential::ask_to_remove).post(credential::remove),
        )
        .route("/source/new", get(source::new).post(source::post_new))
        .route("/source/{id}", get(source::show))
        .route("/source/{id}/read", post(source::start))
        .route("/source/{id}/stop", post(source::stop))
        .route("/source/{id}/progress", get(source::progress))
        .route("/source/{id}/records/{stream}", get(source::download))
        .route("/destination/new", get(destination::new).post(destination::post_new))
        .route("/destination/{id}", get(destination::show).post(destination::post).layer(records))
        .route("/destination/{id}/stop", post(destination::stop))
        .route("/destination/{id}/progress", get(destination::progress))
        .route("/destination/{id}/outcomes", get(destination::outcomes))
        .route("/flow/{id}/remove", post(home::remove_flow))
        .fallback(async || Fault::missing("There is no such page."))
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        .layer(from_fn_with_state(Port(port), guard))
        .with_state(app)
}
