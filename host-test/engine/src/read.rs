//! The loop that reads a stream: page by page, each handed to a sink before the next is asked for, with waits and
//! retries between them.
//!
//! A sink makes a page's records durable before its state, so that a run that is killed anywhere and started again has
//! lost nothing. Streams are read side by side, each after those that it names.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::bindings::source::{BadRecord, Page, Progress, ReadRequest, StreamInfo};
use crate::bindings::types::{Action, Failure, Limits, Notice};
use crate::connection::{Connection, StreamSender};
use crate::error::{CallError, PluginError};
use crate::retry::{self, RetryPolicy};
use crate::schema_drift::{FieldDrift, SchemaDrift};
use crate::state::RunMode;

/// A stream to read.
#[derive(Clone, Debug)]
pub struct StreamRun {
    /// The stream.
    pub info: StreamInfo,
    /// What to read.
    pub mode: RunMode,
    /// JSON object of the stream's options.
    pub options: String,
    /// The plugin's state to go on from.
    pub state: Option<String>,
    /// Ends at the page that reaches so many records.
    pub limit: Option<u64>,
}

/// How streams are read.
#[derive(Clone, Copy, Debug)]
pub struct ReadConfig {
    /// When to try again.
    pub retry: RetryPolicy,
    /// Most requests sent early at once, of each stream; 0 sends none.
    pub ahead: usize,
}

impl ReadConfig {
    /// Requests sent early unless a person says otherwise: each more brings less.
    pub const AHEAD: u8 = 3;

    /// How streams are read unless a person says otherwise.
    pub fn standard() -> Self {
        ReadConfig { retry: RetryPolicy::standard(), ahead: usize::from(Self::AHEAD) }
    }
}

/// A page, for the sink.
#[derive(Debug)]
pub struct PageOut<'a> {
    /// Records, one JSON object a text, without line breaks.
    pub records: &'a [String],
    /// Keys found deleted.
    pub deleted: &'a [String],
    /// Rows set aside.
    pub quarantined: &'a [BadRecord],
    /// State to go on from, once all of the above is durable.
    pub state: &'a str,
    /// Whether the run ends with this page, so that the state begins the next one.
    pub finished: bool,
    /// Cursor value from which the next run reads.
    pub mark: Option<&'a str>,
    /// Rows that the stream is expected to have.
    pub total: Option<u64>,
    /// What was read so far, this page included.
    pub totals: &'a Totals,
}

/// Takes what a stream gives.
pub trait PageSink {
    /// Takes a page. An error ends the stream; what it was called with is then as if it had never been read.
    fn page(&mut self, page: &PageOut<'_>) -> std::io::Result<()>;

    /// Something that a person may want to see.
    fn event(&mut self, event: ReadEvent<'_>);

    /// The stream ended; nothing more comes. An error makes the end one of a sink that failed.
    fn ended(&mut self, _end: &End, _totals: &Totals) -> std::io::Result<()> {
        Ok(())
    }
}

/// Something that a person may want to see.
#[derive(Debug)]
pub enum ReadEvent<'a> {
    /// The stream waits.
    Waiting {
        /// Until when.
        until: SystemTime,
        /// Why.
        reason: &'a str,
    },
    /// Something worth telling; each is told once.
    Notice(&'a Notice),
}

/// What one stream's run added up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Rows in the answers.
    pub received: u64,
    /// Records handed over.
    pub emitted: u64,
    /// Rows that were handed over before.
    pub duplicates: u64,
    /// Rows outside the scope.
    pub filtered: u64,
    /// Rows set aside.
    pub quarantined: u64,
    /// Of the emitted: those that came from gaps.
    pub recovered: u64,
    /// Keys found deleted.
    pub deleted: u64,
    /// Pages.
    pub pages: u64,
    /// Requests, early ones included.
    pub requests: u64,
    /// Bytes of the answers, decompressed.
    pub bytes: u64,
    /// Times that the stream waited.
    pub waits: u64,
    /// Milliseconds that it waited.
    pub waited_ms: u64,
}

/// How a stream ended.
#[derive(Debug)]
pub enum End {
    /// Every record alive at the end was emitted.
    Complete,
    /// Read to the end, with doubts.
    Unproved(Vec<Notice>),
    /// The limit on records was reached; the state goes on from there.
    Limit,
    /// Incomplete: a failure stopped it. The state stands.
    Stopped(Failure),
    /// Incomplete: the plugin broke the contract or a limit. The state stands.
    Plugin(PluginError),
    /// Incomplete: the sink failed. The state stands.
    Sink(std::io::Error),
    /// Incomplete: the host was told to stop. The state stands.
    Cancelled,
}

/// What came of a stream.
#[derive(Debug)]
pub struct ReadReport {
    /// Name of the stream.
    pub stream: String,
    /// How it ended.
    pub end: End,
    /// What it added up to.
    pub totals: Totals,
    /// Fields in which its records departed from its schema.
    pub schema_drift: Vec<FieldDrift>,
    /// Cursor value from which the next run reads.
    pub mark: Option<String>,
    /// Everything worth telling.
    pub notices: Vec<Notice>,
}

/// Reads streams side by side, each after those that it names and that are read too. Reports come in the order of
/// `runs`; the end of one stream, of whatever kind, does not stop another.
pub fn read_streams<S: PageSink + Send>(
    connection: &Connection,
    config: &ReadConfig,
    runs: Vec<(StreamRun, S)>,
) -> Vec<ReadReport> {
    let gates = Gates::new(runs.iter().map(|(run, _)| run.info.name.clone()));
    std::thread::scope(|scope| {
        let threads: Vec<_> = runs
            .into_iter()
            .map(|(run, mut sink)| {
                let gates = &gates;
                scope.spawn(move || {
                    // Opened also by a panic, or the streams behind it would wait for ever.
                    let _open = gates.opener(&run.info.name);
                    for name in &run.info.after {
                        gates.wait_for(name);
                    }
                    read_stream(connection, config, run, &mut sink)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| match thread.join() {
                Ok(report) => report,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

/// Reads one stream to its end.
pub fn read_stream<S: PageSink>(
    connection: &Connection,
    config: &ReadConfig,
    run: StreamRun,
    sink: &mut S,
) -> ReadReport {
    let stream = run.info.name.clone();
    let sender = connection.stream_sender(config.ahead);
    let drift = SchemaDrift::new(&run.info.schema);
    let mut reader = Reader {
        connection,
        config,
        request: ReadRequest {
            settings: connection.settings().clone(),
            stream_name: stream.clone(),
            options: run.options,
            mode: run.mode.into(),
            state: run.state,
            limits: call_limits(connection),
            now_ms: 0,
        },
        limit: run.limit,
        sender,
        sink,
        totals: Totals::default(),
        drift,
        mark: None,
        notices: Vec::new(),
        failures: 0,
    };
    let end = reader.run();
    reader.count_requests();
    for notice in reader.drift.notices() {
        reader.notice(notice);
    }
    let Reader { totals, drift, mark, notices, sink, .. } = reader;
    let end = match (sink.ended(&end, &totals), end) {
        // The first fault is the one to tell.
        (Err(error), End::Complete | End::Unproved(_) | End::Limit) => End::Sink(error),
        (_, end) => end,
    };
    ReadReport { stream, end, totals, schema_drift: drift.fields(), mark, notices }
}

/// What a call is asked to aim at.
pub(crate) fn call_limits(connection: &Connection) -> Limits {
    const RECORDS: u32 = 1000;
    const BYTES: u32 = 2 << 20;
    let requests = u32::try_from(connection.limits().requests_per_page).unwrap_or(u32::MAX);
    Limits { requests, records: RECORDS, bytes: BYTES }
}

struct Reader<'a, S> {
    connection: &'a Connection,
    config: &'a ReadConfig,
    request: ReadRequest,
    limit: Option<u64>,
    sender: StreamSender,
    sink: &'a mut S,
    totals: Totals,
    drift: SchemaDrift,
    mark: Option<String>,
    notices: Vec<Notice>,
    failures: u32,
}

impl<S: PageSink> Reader<'_, S> {
    fn run(&mut self) -> End {
        loop {
            if let Some(end) = self.wait_while_blocked() {
                return end;
            }
            self.request.now_ms = now_ms();
            let ended = match self.connection.read(&self.request, &self.sender) {
                Ok(page) => self.take(page),
                Err(error) => {
                    if let Some(early) = &self.sender.early {
                        early.plan(Vec::new());
                    }
                    match error {
                        CallError::Failure(failure) => self.after_failure(failure, None),
                        CallError::Plugin(PluginError::Cancelled { .. }) => Some(End::Cancelled),
                        CallError::Plugin(error) => Some(End::Plugin(error)),
                    }
                }
            };
            if let Some(end) = ended {
                return end;
            }
        }
    }

    /// Hands a page over, and says whether the stream ends with it.
    fn take(&mut self, mut page: Page) -> Option<End> {
        let early = std::mem::take(&mut page.ahead);
        let last = matches!(page.progress, Progress::Complete | Progress::CompleteUnproved(_));
        if let Some(ahead) = &self.sender.early {
            // Of a page that stopped, nothing is sent early: the service is to be left alone.
            let stopped = matches!(page.progress, Progress::Stopped(_)) || last;
            ahead.plan(if stopped { Vec::new() } else { early });
        }
        self.add_up(&page);
        let out = PageOut {
            records: &page.records,
            deleted: &page.deleted,
            quarantined: &page.quarantined,
            state: &page.state,
            finished: last,
            mark: page.mark.as_deref(),
            total: page.total,
            totals: &self.totals,
        };
        if let Err(error) = self.sink.page(&out) {
            return Some(End::Sink(error));
        }
        for record in &page.records {
            self.drift.observe(record);
        }
        for notice in std::mem::take(&mut page.notices) {
            self.notice(notice);
        }
        let progressed = self.request.state.as_ref() != Some(&page.state);
        self.request.state = Some(page.state);
        self.mark = page.mark.or(self.mark.take());
        match page.progress {
            Progress::Complete => Some(End::Complete),
            Progress::CompleteUnproved(doubts) => Some(End::Unproved(doubts)),
            Progress::Stopped(failure) => {
                if progressed {
                    self.failures = 0;
                }
                self.after_failure(failure, page.wait_ms)
            }
            Progress::More if self.limit.is_some_and(|limit| self.totals.emitted >= limit) => {
                Some(End::Limit)
            }
            Progress::More => {
                self.failures = 0;
                page.wait_ms.and_then(|wait| {
                    self.wait(Duration::from_millis(wait), "the service asks for a pause")
                })
            }
        }
    }

    /// Waits, if the failure can pass and there is time; else the stream ends.
    fn after_failure(&mut self, failure: Failure, wait_ms: Option<u64>) -> Option<End> {
        if self.connection.cancel().is_cancelled() {
            return Some(End::Cancelled);
        }
        if failure.action != Action::RetryLater {
            return Some(End::Stopped(failure));
        }
        self.failures += 1;
        let asked = failure.retry_after_ms.max(wait_ms).map(Duration::from_millis);
        match self.config.retry.wait(self.failures, asked, Instant::now()) {
            Some(wait) => self.wait(wait, &failure.message),
            None => Some(End::Stopped(failure)),
        }
    }

    /// While the service wants to be left alone by this credential, no stream of it asks.
    fn wait_while_blocked(&mut self) -> Option<End> {
        let until = self.connection.pacer().blocked_until()?;
        let wait = until.saturating_duration_since(Instant::now());
        if self.config.retry.deadline.is_some_and(|deadline| until >= deadline) {
            return Some(End::Stopped(retry::left_alone(wait)));
        }
        self.wait(wait, "the service asks to be left alone")
    }

    fn wait(&mut self, wait: Duration, reason: &str) -> Option<End> {
        self.totals.waits += 1;
        self.totals.waited_ms += u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.sink.event(ReadEvent::Waiting { until: SystemTime::now() + wait, reason });
        self.connection.cancel().wait(wait).then_some(End::Cancelled)
    }

    fn notice(&mut self, notice: Notice) {
        if !self.notices.contains(&notice) {
            self.sink.event(ReadEvent::Notice(&notice));
            self.notices.push(notice);
        }
    }

    fn add_up(&mut self, page: &Page) {
        let totals = &mut self.totals;
        totals.received += u64::from(page.counts.received);
        totals.emitted += u64::from(page.counts.emitted);
        totals.duplicates += u64::from(page.counts.duplicates);
        totals.filtered += u64::from(page.counts.filtered);
        totals.quarantined += u64::from(page.counts.quarantined);
        totals.recovered += u64::from(page.counts.recovered);
        totals.deleted += page.deleted.len() as u64;
        totals.pages += 1;
        self.count_requests();
    }

    fn count_requests(&mut self) {
        self.totals.requests = self.sender.counted.requests();
        self.totals.bytes = self.sender.counted.bytes();
    }
}

/// Which streams have ended, for those that come after them.
struct Gates {
    open: Mutex<BTreeMap<String, bool>>,
    changed: Condvar,
}

struct Opener<'a> {
    gates: &'a Gates,
    name: String,
}

impl Gates {
    fn new(names: impl Iterator<Item = String>) -> Self {
        let open = Mutex::new(names.map(|name| (name, false)).collect());
        Gates { open, changed: Condvar::new() }
    }

    fn opener(&self, name: &str) -> Opener<'_> {
        Opener { gates: self, name: name.to_owned() }
    }

    fn wait_for(&self, name: &str) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = |open: &mut BTreeMap<String, bool>| open.get(name) == Some(&false);
        drop(self.changed.wait_while(open, closed));
    }
}

impl Drop for Opener<'_> {
    fn drop(&mut self) {
        let mut open = self.gates.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.insert(self.name.clone(), true);
        self.gates.changed.notify_all();
    }
}

pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
