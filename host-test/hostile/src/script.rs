//! The script: what to do, and what was received, as JSON.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::bindings::http::{
    Body, ErrorKind, Header, HttpError, Parameter, Part, Piece, Request, Response, send,
};

/// The settings' values.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum Script {
    /// Sends, and hands back what was received.
    Send {
        /// The requests, in order.
        requests: Vec<Planned>,
    },
    /// Hands back the settings as they came.
    Settings,
    /// Never ends.
    Spin,
    /// Takes memory until it gets none.
    TakeMemory,
    /// Leaves marks in its memory for a later call, and hands back how many an earlier one left.
    LeaveMarks {
        /// How many MiB to mark.
        mebibytes: usize,
    },
    /// Calls itself without end.
    Recurse,
    /// Calls itself without end, with much to remember each time.
    RecurseWithFrames,
    /// Panics.
    Panic,
    /// Sends without end.
    Flood {
        /// What to send.
        request: Planned,
    },
    /// Hands over so many MiB.
    HandOver {
        /// How many.
        mebibytes: usize,
    },
    /// Hands over so many MiB out of one.
    HandOverAgain {
        /// How many.
        mebibytes: usize,
    },
    /// Hands over a page of this kind.
    Page {
        /// Its records.
        records: Vec<String>,
        /// Its state.
        state: String,
        /// What it claims to have received and emitted.
        counted: u32,
        /// Whether a second page follows the first.
        #[serde(default)]
        more: bool,
        /// Requests to send before the last page.
        #[serde(default)]
        requests: Vec<Planned>,
        /// Requests that it claims to make next.
        #[serde(default)]
        ahead: Vec<Planned>,
    },
    /// Sends, and reports so many records as done.
    Write {
        /// The requests, in order.
        requests: Vec<Planned>,
        /// How many outcomes to report.
        outcomes: usize,
    },
}

/// A request.
#[derive(Debug, Deserialize)]
pub struct Planned {
    method: String,
    url: String,
    #[serde(default)]
    query: Vec<(String, Vec<PlannedPart>)>,
    #[serde(default)]
    headers: Vec<(String, Vec<PlannedPart>)>,
    body: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PlannedPart {
    Text(String),
    Secret(String),
    Base64(Vec<PlannedPart>),
}

impl Script {
    /// Reads the settings' values.
    pub fn parse(values: &str) -> Result<Self, String> {
        serde_json::from_str(values).map_err(|error| error.to_string())
    }
}

/// Sends the requests, and tells all that was received.
pub fn send_all(requests: &[Planned]) -> String {
    let told: Vec<_> = requests
        .iter()
        .map(|planned| match send(&planned.request()) {
            Ok(response) => answer(&response),
            Err(error) => no_answer(&error),
        })
        .collect();
    Value::from(told).to_string()
}

impl Planned {
    /// The request of the contract.
    pub fn request(&self) -> Request {
        let header = |(name, value): &(String, Vec<PlannedPart>)| Header {
            name: name.clone(),
            value: value.iter().map(PlannedPart::part).collect(),
        };
        let parameter = |(name, value): &(String, Vec<PlannedPart>)| Parameter {
            name: name.clone(),
            value: value.iter().map(PlannedPart::part).collect(),
        };
        Request {
            method: self.method.clone(),
            url: self.url.clone(),
            query: self.query.iter().map(parameter).collect(),
            headers: self.headers.iter().map(header).collect(),
            body: self.body.clone().map(Body::Text),
        }
    }
}

impl PlannedPart {
    fn part(&self) -> Part {
        match self {
            PlannedPart::Text(text) => Part::Text(text.clone()),
            PlannedPart::Secret(slot) => Part::Secret(slot.clone()),
            PlannedPart::Base64(parts) => Part::Base64(parts.iter().map(Self::piece).collect()),
        }
    }

    fn piece(&self) -> Piece {
        match self {
            PlannedPart::Secret(slot) => Piece::Secret(slot.clone()),
            PlannedPart::Text(text) => Piece::Text(text.clone()),
            PlannedPart::Base64(_) => Piece::Text(String::new()),
        }
    }
}

fn answer(response: &Response) -> Value {
    let (text, bytes) = match &response.body {
        Body::Text(text) => (Some(text), None),
        Body::Bytes(bytes) => (None, Some(bytes)),
    };
    json!({
        "status": response.status,
        "headers": response.headers,
        "retry_after_ms": response.retry_after_ms,
        "text": text,
        "bytes": bytes,
    })
}

fn no_answer(error: &HttpError) -> Value {
    let kind = match error.kind {
        ErrorKind::Denied => "denied",
        ErrorKind::InvalidRequest => "invalid-request",
        ErrorKind::Withheld => "withheld",
        ErrorKind::Dns => "dns",
        ErrorKind::Connect => "connect",
        ErrorKind::Tls => "tls",
        ErrorKind::Timeout => "timeout",
        ErrorKind::Closed => "closed",
        ErrorKind::Malformed => "malformed",
        ErrorKind::TooLarge => "too-large",
        ErrorKind::Budget => "budget",
        ErrorKind::Cancelled => "cancelled",
    };
    json!({ "error": kind, "maybe_sent": error.maybe_sent, "message": error.message })
}
