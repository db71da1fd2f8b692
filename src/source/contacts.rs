//! Reads `users` and `leads`: one request a call, a state after every page.

#[cfg(test)]
mod tests;
mod words;

use self::words::{doubt, halted, lesson};
use super::fields::one_line;
use super::fresh::Fresh;
use super::key::Key;
use super::options::ContactOptions;
use super::page::{blank, ended};
use super::rows::{self, Contact};
use super::stamp::Stamp;
use super::state;
use super::walk::{Ask, Doubt, Lesson, Reach, Row, Verdict, Walk};
use crate::Transport;
use crate::api::{Api, interpret};
use crate::bindings::http::{Body, Request, Response};
use crate::bindings::source::{BadRecord, Counts, Mode, Page, Progress};
use crate::bindings::types::{Action, Failure, Notice};
use crate::json::stored;
use crate::words::has;

/// One of the two lists of contacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    /// Contacts without an account.
    Leads,
    /// Contacts with one.
    Users,
}

impl List {
    /// Its name: of the stream, and of the field that holds its rows.
    pub(crate) fn name(self) -> &'static str {
        match self {
            List::Leads => "leads",
            List::Users => "users",
        }
    }

    fn path(self) -> &'static str {
        match self {
            List::Leads => "/leads/list",
            List::Users => "/users/list",
        }
    }
}

/// The state of a stream of contacts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct At {
    /// The mark that the last finished run ended with.
    mark: Option<Stamp>,
    /// Whether that run saw rows without a time.
    unstamped: bool,
    /// The run under way.
    run: Option<Run>,
}

stored!(At { mark, unstamped, run });

/// A run under way.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
struct Run {
    full: bool,
    walk: Walk,
    fresh: Fresh,
}

stored!(Run { full, walk, fresh });

/// So many of the next requests are told ahead.
const AHEAD: usize = 6;

/// Reads a page.
pub(crate) fn read(
    transport: &impl Transport,
    api: &Api,
    list: List,
    options: ContactOptions,
    mode: Mode,
    state: Option<&str>,
) -> Result<Box<Page>, Box<Failure>> {
    let mut at = match state {
        Some(text) => state::read::<At>(list.name(), text)?,
        None => At::default(),
    };
    let mut run = go_on(&mut at, options, mode)?;
    let ask = run.walk.ask();
    let response = transport.send(&request(api, list, ask))?;
    let contacts = match contacts(&response, list) {
        Ok(contacts) => contacts,
        Err(failure) => {
            let Some(notice) = refused(&failure, ask, &mut run) else {
                return Err(failure);
            };
            at.run = Some(run);
            let mut page = page(list, &mut at, api);
            page.notices.push(notice);
            return Ok(page);
        }
    };
    let rows: Vec<_> = contacts.iter().map(row).collect();
    let taken = run.walk.take(&rows).map_err(halted)?;
    let mut sorted = Sorted::default();
    for (contact, verdict) in contacts.iter().zip(taken.verdicts) {
        let emits = matches!(verdict, Verdict::Emit { .. });
        let seen = emits && run.walk.is_fresh(contact.stamp) && run.fresh.has_seen(contact.raw);
        sorted.add(contact, if seen { Verdict::Duplicate } else { verdict });
    }
    let notices = taken.lessons.into_iter().map(lesson).collect();
    let progress = if taken.done { end(&run, &at) } else { Progress::More };
    if taken.done {
        at.unstamped = run.walk.has_unstamped() || (at.unstamped && !run.full);
        at.mark = run.walk.mark();
    } else {
        at.run = Some(run);
    }
    let mut page = page(list, &mut at, api);
    page.records = sorted.records;
    page.quarantined = sorted.quarantined;
    page.counts = sorted.counts;
    page.notices = notices;
    page.progress = progress;
    Ok(page)
}

/// The run that the state is in, or the next one. A full run that was asked for does not go on from
/// an incremental one.
fn go_on(at: &mut At, options: ContactOptions, mode: Mode) -> Result<Run, Box<Failure>> {
    if let Some(run) = at.run.take().filter(|run| run.full || mode == Mode::Incremental) {
        return if run.walk.is_sound() {
            Ok(run)
        } else {
            Err(state::damaged("its numbers make no sense"))
        };
    }
    let since = options.start_date;
    let reach = match (mode, at.mark) {
        (Mode::Incremental, Some(mark)) => {
            Reach::Changes { mark, lookback: options.lookback, since }
        }
        (Mode::Incremental | Mode::Full, _) => Reach::Full { since },
    };
    let full = matches!(reach, Reach::Full { .. });
    Ok(Run { full, walk: Walk::new(reach, options.page_size), fresh: Fresh::default() })
}

fn request(api: &Api, list: List, ask: Ask) -> Request {
    let (page, per_page) = (ask.page.to_string(), ask.per_page.to_string());
    let query = [
        ("page", page.as_str()),
        ("per_page", per_page.as_str()),
        ("sort", "last_update"),
        ("sort_direction", "desc"),
    ];
    api.get(list.path(), &query)
}

/// The rows of an answer, or what is wrong with it.
fn contacts(response: &Response, list: List) -> Result<Vec<Contact<'_>>, Box<Failure>> {
    if let (Body::Text(text), 200..300) = (&response.body, response.status)
        && let Some(contacts) = rows::contacts(text, list.name())
    {
        return Ok(contacts);
    }
    interpret(response)?;
    let message =
        format!("Customerly answered {} without a list of {}.", response.status, list.name());
    Err(Failure::new(Action::RetryLater, "unexpected-answer", message))
}

fn row(contact: &Contact<'_>) -> Row {
    Row { key: Key::of(contact.key.unwrap_or(contact.raw)), stamp: contact.stamp }
}

/// Whether a failure refuses the page size: then the run goes on with another.
fn refused(failure: &Failure, ask: Ask, run: &mut Run) -> Option<Notice> {
    let excerpt = failure.upstream.as_ref().and_then(|upstream| upstream.excerpt.as_deref());
    let named = excerpt.is_some_and(|excerpt| has(excerpt, "per_page"));
    let refused = failure.code == "request-refused" || (failure.code == "service-error" && named);
    let lesson = refused.then(|| run.walk.refuse()).flatten()?;
    Some(match lesson {
        Lesson::Refused(size) | Lesson::Fixed(size) => Notice::new(
            "page-size-refused",
            format!("Customerly refused pages of {} rows; going on with {size}.", ask.per_page),
        ),
        other => words::lesson(other),
    })
}

/// Rows sorted by what becomes of them.
#[derive(Default)]
struct Sorted {
    records: Vec<String>,
    quarantined: Vec<BadRecord>,
    counts: Counts,
}

impl Sorted {
    fn add(&mut self, contact: &Contact<'_>, verdict: Verdict) {
        self.counts.received += 1;
        match verdict {
            Verdict::Duplicate => self.counts.duplicates += 1,
            Verdict::Emit { .. } if contact.key.is_none() => {
                self.counts.quarantined += 1;
                self.quarantined.push(without_key(contact));
            }
            Verdict::Emit { recovered } => {
                self.counts.emitted += 1;
                self.counts.recovered += u32::from(recovered);
                self.records.push(contact.record());
            }
            Verdict::Skip => self.counts.filtered += 1,
        }
    }
}

fn without_key(contact: &Contact<'_>) -> BadRecord {
    let (code, message) = if contact.raw.starts_with('{') {
        ("no-key", "The row has no crmhero_user_id that is a number or a text.")
    } else {
        ("not-an-object", "The row is not a JSON object.")
    };
    BadRecord { raw: one_line(contact.raw), code: code.into(), message: message.into() }
}

/// How a finished run stands.
fn end(run: &Run, at: &At) -> Progress {
    let mut doubts = run.walk.doubts().to_vec();
    if !run.full && (run.walk.has_unstamped() || at.unstamped) {
        doubts.push(Doubt::CursorMissing);
    }
    ended(doubts.into_iter().map(doubt).collect())
}

/// A page without rows.
fn page(list: List, at: &mut At, api: &Api) -> Box<Page> {
    let walk = at.run.as_ref().map(|run| &run.walk);
    let ahead = walk.map(|walk| walk.ahead(AHEAD)).unwrap_or_default();
    let mark = walk.map_or(at.mark, Walk::mark).map(|mark| mark.to_string());
    let mut page = blank(state::write(list.name(), at));
    page.mark = mark;
    page.ahead = ahead.into_iter().map(|ask| request(api, list, ask)).collect();
    page
}
