//! Metrics, a line each on standard error.

use connector_egress::{AuditRecord, Verdict};
use connector_engine::audit::Audit;
use connector_engine::http::WithheldRequest;
use serde_json::{Value, json};

use crate::console::Console;

/// Tells how long each request took.
pub(super) struct Timers(pub(super) Console);

impl Audit for Timers {
    fn record(&self, record: AuditRecord) {
        if record.verdict == Verdict::Allowed {
            self.0.note(&line(&timer(&record)));
        }
    }

    fn withheld(&self, _request: WithheldRequest) {}
}

/// Tells how many records of a stream were sent.
pub(super) fn counter(console: &Console, stream: &str, value: u64) {
    let metric = json!({
        "type": "counter", "metric": "record_count", "value": value, "tags": {"stream": stream},
    });
    console.note(&line(&metric));
}

fn line(metric: &Value) -> String {
    format!("INFO METRIC: {metric}")
}

fn timer(record: &AuditRecord) -> Value {
    let succeeded = record.status.is_some_and(|status| status < 400);
    #[expect(clippy::cast_precision_loss, reason = "a request takes no 285,000 years")]
    let seconds = record.duration_ms as f64 / 1000.0;
    json!({
        "type": "timer",
        "metric": "http_request_duration",
        "value": seconds,
        "tags": {
            "endpoint": record.path,
            "http_status_code": record.status,
            "status": if succeeded { "succeeded" } else { "failed" },
        },
    })
}
