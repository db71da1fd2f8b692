//! The start: choose a source or a destination, or go on with one that is saved.

use axum::extract::{Path, State};
use axum::response::Redirect;
use connector_store::{Flow, FlowKind};
use maud::{Markup, html};

use super::app::App;
use super::fault::Fault;
use super::layout::{Frame, page};
use super::posted::Posted;
use crate::commands::flow::what;
use crate::markdown::sentence;

/// The start.
pub(super) async fn home(State(app): State<App>) -> Result<Markup, Fault> {
    app.blocking(|app| {
        let flows = app.store().flows()?;
        let credentials = app.credentials()?;
        let own = |flow: &&Flow| credentials.iter().any(|c| c.id == flow.credential_id);
        let flows: Vec<_> = flows.iter().filter(own).collect();
        let descriptor = &app.descriptor;
        let content = html! {
            h1 { (descriptor.name) }
            p { (sentence(&descriptor.summary)) }
            @if let Some(account) = &app.account {
                div .box .info {
                    p { strong { "Emulated account. " } "Nothing here reaches the real service: requests go to "
                        code { (account.origin) } ". Enter this as its access token:" }
                    p { code .copy #emulator-token { (account.token) } }
                }
            }
            ul .tiles {
                @if descriptor.reads {
                    li .tile .add { a .stretched href="/authenticate/source" { "New source" }
                        p { "Read from " (descriptor.name) } }
                }
                @if descriptor.writes {
                    li .tile .add { a .stretched href="/authenticate/destination" { "New destination" }
                        p { "Write to " (descriptor.name) } }
                }
            }
            h2 { "Saved sources and destinations" }
            @if flows.is_empty() { p .quiet { "None yet." } } @else {
                ul .list {
                    @for flow in flows {
                        li {
                            a href=(address(flow)) { (flow.name) }
                            " " span .quiet { (what(&flow.kind)) }
                            form .inline method="post" action={ "/flow/" (flow.id) "/remove" } {
                                input type="hidden" name="csrf" value=(app.csrf);
                                button .small data-ask={ "Remove " (flow.name) " with its state?" } { "Remove" span .hidden { " " (flow.name) } }
                            }
                        }
                    }
                }
            }
        };
        Ok(page(&Frame::new(&descriptor.name), &content))
    })
    .await
}

/// Removes a source or destination.
pub(super) async fn remove_flow(
    State(app): State<App>,
    Path(id): Path<String>,
    _: Posted,
) -> Result<Redirect, Fault> {
    app.blocking(move |app| {
        let flow = app.store().flow(&id)?;
        let key = flow.id.to_string();
        if let Some(reading) = app.readings().remove(&key) {
            reading.cancel.cancel();
        }
        if let Some(writing) = app.writings().remove(&key) {
            writing.cancel.cancel();
        }
        app.store().remove_flow(&flow.id)?;
        Ok(Redirect::to("/"))
    })
    .await
}

/// Where a source or destination is.
pub(super) fn address(flow: &Flow) -> String {
    let role = match flow.kind {
        FlowKind::Destination { .. } => "destination",
        _ => "source",
    };
    format!("/{role}/{}", flow.id)
}
