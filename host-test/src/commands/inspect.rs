//! `connector inspect`: what a plugin is, what it may do, and the policy in force.

use clap::Args;
use connector_egress::Limits;
use connector_engine::plugin::CONTRACT;
use serde_json::json;

use crate::context::Context;
use crate::error::{CliError, Exit};

/// Show what the plugin is, all that it may reach, and the limits on it
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  connector inspect\n  connector inspect --plugin other.wasm --json"
)]
pub struct Inspect {}

impl Inspect {
    /// Runs it.
    pub fn run(self, context: &Context) -> Result<Exit, CliError> {
        let plugin = context.plugin()?;
        let descriptor = plugin.describe()?;
        let artifact = plugin.artifact();
        let limits = Limits::default();
        let secrets: Vec<_> = descriptor
            .secrets
            .iter()
            .map(|slot| {
                json!({
                    "name": slot.name, "headers": slot.headers, "query": slot.query,
                    "origins": slot.origins,
                })
            })
            .collect();
        let grants: Vec<_> = context.globals.origins.iter().map(ToString::to_string).collect();
        let metadata: serde_json::Value =
            serde_json::from_str(&descriptor.metadata).unwrap_or_default();
        let value = json!({
            "id": descriptor.id, "name": descriptor.name, "version": descriptor.version,
            "summary": descriptor.summary, "documentation": descriptor.documentation,
            "metadata": metadata,
            "contract": CONTRACT,
            "state_format": descriptor.state_format, "oldest_state": descriptor.oldest_state,
            "file": artifact.name(), "bytes": artifact.bytes().len(), "sha256": artifact.sha256(),
            "imports": plugin.imports(), "exports": plugin.exports(),
            "policy": {
                "origins": descriptor.origins, "methods": descriptor.methods, "secrets": secrets,
                "grants": grants, "redirects": "never followed", "proxies": "never used",
            },
            "limits": {
                "memory_bytes": limits.memory_bytes,
                "guest_ms": limits.guest_time.as_millis(),
                "request_ms": limits.request_time.as_millis(),
                "page_ms": limits.page_time.as_millis(),
                "request_body_bytes": limits.request_body_bytes,
                "response_body_bytes": limits.response_body_bytes,
                "lifted_bytes": limits.lifted_bytes,
                "requests_per_page": limits.requests_per_page,
                "records_per_page": limits.records_per_page,
                "requests_at_once": limits.requests_at_once,
            },
        });
        let mut text = format!(
            "{} {}: {}\n\nfile      {}\nsize      {} bytes\nsha-256   {}\ncontract  {CONTRACT}\nstates    format {}, reads from {}\n",
            descriptor.name,
            descriptor.version,
            descriptor.summary,
            artifact.name(),
            artifact.bytes().len(),
            artifact.sha256(),
            descriptor.state_format,
            descriptor.oldest_state,
        );
        let mut list = |title: &str, items: &[String]| {
            for (index, item) in items.iter().enumerate() {
                let title = if index == 0 { title } else { "" };
                text.push_str(&format!("{title:9} {item}\n"));
            }
        };
        list("imports", plugin.imports());
        list("exports", plugin.exports());
        text.push_str("\nThe policy in force:\n");
        let mut line = |what: &str, how: String| text.push_str(&format!("  {what:18} {how}\n"));
        line("may reach", descriptor.origins.join(", "));
        for grant in &grants {
            line("sent elsewhere", grant.clone());
        }
        line("by", descriptor.methods.join(", "));
        for slot in &descriptor.secrets {
            let places = slot
                .headers
                .iter()
                .map(|name| format!("header {name}"))
                .chain(slot.query.iter().map(|name| format!("query parameter {name}")))
                .collect::<Vec<_>>();
            line(
                &format!("secret {}", slot.name),
                format!("only in {}, only to {}", places.join(", "), slot.origins.join(", ")),
            );
        }
        line("redirects, proxies", "never followed, never used".into());
        text.push_str("\nThe limits on a call:\n");
        let mut line = |what: &str, how: String| text.push_str(&format!("  {what:18} {how}\n"));
        line("memory", format!("{} MiB", limits.memory_bytes >> 20));
        line(
            "time",
            format!(
                "{} s between two requests, {} s a request, {} s in all",
                limits.guest_time.as_secs(),
                limits.request_time.as_secs(),
                limits.page_time.as_secs()
            ),
        );
        line(
            "requests",
            format!("{}, {} at once", limits.requests_per_page, limits.requests_at_once),
        );
        line("answer", format!("{} MiB, decompressed", limits.response_body_bytes >> 20));
        line(
            "handed over",
            format!("{} MiB, {} records", limits.lifted_bytes >> 20, limits.records_per_page),
        );
        context.console.report(&value, &text);
        Ok(Exit::Done)
    }
}
