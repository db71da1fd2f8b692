//! Runs a batch: every record gets exactly one outcome, whatever comes back.
//!
//! Records are parsed and checked, the later of two with one key replaces the earlier, and the rest is sent in groups.
//! A group whose answer cannot say which record failed is sent again in halves, depth first, until it can: at most
//! 2·⌈log₂ n⌉ + 1 requests for one bad record among n. That repeats only operations that are safe to repeat: the
//! others send each record alone.
//!
//! The limit of requests is never passed. A group is begun only as large as the requests that are left can take to a
//! first outcome (a record alone with 1, 2 records with 2, 64 with 7), so every call gets on; records that it does not
//! come to are `deferred` without a failure: the caller calls again.
//!
//! What may have been done (a time-out after sending, an answer that cannot be read) is read back at once by GET, as
//! far as the limit allows: done as sent is `accepted`; absent or otherwise is `deferred`, since what is read back is
//! only used by operations that are safe to repeat; what cannot be told stays `unknown`. Unless all were done, the run
//! then stops: the service is not well.

use super::item::{Item, Lookup};
use super::record::rejection;
use super::verdict::{Sent, Verdict, verdict};
use super::writer::{LeftOut, Settled, Told, Writer};
use crate::api::{Api, interpret};
use crate::bindings::destination::{Batch, Outcome, Receipt, Rejection, WriteReport};
use crate::bindings::types::{Action, Failure, Notice};
use crate::same::firsts;
use crate::transport::Transport;

/// Writes a batch.
pub(super) fn write(
    transport: &dyn Transport,
    api: &Api,
    writer: &dyn Writer,
    repeat_safe: bool,
    batch: &Batch,
) -> WriteReport {
    let mut run = Run::prepare(transport, api, writer, batch);
    run.repeat_safe = repeat_safe;
    run.write();
    run.report(|| Outcome::Deferred)
}

/// Finds out what became of a batch, by GET alone: one request a record. A record that there was no request left for is
/// `unknown` with the code `not-asked`.
pub(super) fn settle(
    transport: &dyn Transport,
    api: &Api,
    writer: &dyn Writer,
    batch: &Batch,
) -> WriteReport {
    let mut run = Run::prepare(transport, api, writer, batch);
    run.settle();
    run.report(|| {
        let message = "Not looked up: no request was left in this call.";
        Outcome::Unknown(rejection(None, "not-asked", message))
    })
}

struct Run<'a> {
    transport: &'a dyn Transport,
    api: &'a Api,
    writer: &'a dyn Writer,
    /// Whether writing a record twice is the same as writing it once.
    repeat_safe: bool,
    requests_left: u32,
    /// One per record; none if it is not to be sent.
    items: Vec<Option<Box<Item>>>,
    /// One per record; none as long as nothing is known.
    outcomes: Vec<Option<Outcome>>,
    stopped: Option<Box<Failure>>,
    notices: Vec<Notice>,
    wait_ms: Option<u64>,
}

impl<'a> Run<'a> {
    fn prepare(
        transport: &'a dyn Transport,
        api: &'a Api,
        writer: &'a dyn Writer,
        batch: &Batch,
    ) -> Self {
        let mut left_out = LeftOut::default();
        let mut items: Vec<Option<Box<Item>>> = Vec::new();
        let mut outcomes = Vec::new();
        for record in &batch.records {
            let (item, outcome) = match writer.parse(record, &mut left_out) {
                Ok(item) => (Some(item), None),
                Err(refused) => (None, Some(Outcome::Invalid(*refused))),
            };
            items.push(item);
            outcomes.push(outcome);
        }
        supersede(&mut items, &mut outcomes);
        Run {
            transport,
            api,
            writer,
            repeat_safe: false,
            requests_left: batch.limits.requests,
            items,
            outcomes,
            stopped: None,
            notices: left_out.notice().into_iter().collect(),
            wait_ms: None,
        }
    }

    fn write(&mut self) {
        let mut fresh = self.groups().into_iter();
        let mut halves: Vec<Vec<usize>> = Vec::new();
        while self.stopped.is_none() && self.requests_left > 0 {
            let group = if let Some(half) = halves.pop() {
                half
            } else if let Some(mut group) = fresh.next() {
                group.truncate(self.most_to_begin());
                group
            } else {
                break;
            };
            let mut open = self.send(&group);
            if !open.is_empty() {
                let second = open.split_off(open.len().div_ceil(2));
                halves.extend([second, open].into_iter().filter(|half| !half.is_empty()));
            }
        }
    }

    fn settle(&mut self) {
        for index in 0..self.items.len() {
            let Some(item) = &self.items[index] else {
                continue;
            };
            let Some(lookup) = item.lookup.clone() else {
                let message = "The API has no way to read back what this record did.";
                self.outcomes[index] =
                    Some(Outcome::Unknown(rejection(None, "cannot-be-told", message)));
                continue;
            };
            if self.requests_left == 0 || self.stopped.is_some() {
                continue;
            }
            match self.look_up(index, &lookup) {
                Ok(Settled::Done(effect)) => self.outcomes[index] = Some(accepted(effect, None)),
                Ok(Settled::NotDone) => self.outcomes[index] = Some(Outcome::Deferred),
                Ok(Settled::Unknown(message)) => {
                    self.outcomes[index] =
                        Some(Outcome::Unknown(rejection(None, "unsettled", message)));
                }
                Err(failure) => {
                    self.outcomes[index] = Some(Outcome::Unknown(as_rejection(&failure)));
                    self.stopped = Some(failure);
                }
            }
        }
    }

    fn report(self, unreached: impl Fn() -> Outcome) -> WriteReport {
        WriteReport {
            outcomes: self
                .outcomes
                .into_iter()
                .map(|outcome| outcome.unwrap_or_else(&unreached))
                .collect(),
            stopped: self.stopped.map(|failure| *failure),
            notices: self.notices,
            wait_ms: self.wait_ms,
        }
    }

    /// The records to send, in the groups of their requests, in the order of each group's first record.
    fn groups(&self) -> Vec<Vec<usize>> {
        let sent: Vec<(usize, &Item)> = self
            .items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| Some((index, item.as_deref()?)))
            .collect();
        let firsts = firsts(&mut sent.iter().map(|(_, item)| item.group.as_str()));
        // By the place of its first record.
        let mut groups: Vec<Vec<usize>> = vec![Vec::new(); sent.len()];
        for ((index, _), first) in sent.iter().zip(firsts) {
            groups[first].push(*index);
        }
        let most = self.writer.per_request().max(1) as usize;
        groups.iter().flat_map(|group| group.chunks(most).map(<[usize]>::to_vec)).collect()
    }

    /// How many records may be begun with, so that halving reaches a record alone with the requests that are left.
    fn most_to_begin(&self) -> usize {
        1 << self.requests_left.saturating_sub(1).min(16)
    }

    /// Sends a group, and hands back the records that have to be sent again in smaller groups.
    fn send(&mut self, group: &[usize]) -> Vec<usize> {
        let writer = self.writer;
        let items: Vec<&Item> =
            group.iter().map(|index| self.items[*index].as_deref().expect("it is sent")).collect();
        let request = writer.request(self.api, &items);
        self.requests_left -= 1;
        let result = self.transport.send(&request);
        if let Ok(response) = &result {
            self.wait_ms = response.retry_after_ms.or(self.wait_ms);
        }
        let sent =
            Sent { repeat_safe: self.repeat_safe, path_names_record: writer.path_names_record() };
        match verdict(&result, sent) {
            Verdict::Answered(data) => {
                let told = writer.judge(&items, data);
                return self.take(group, told);
            }
            Verdict::Refused(refusal) => match group {
                [index] if refusal.not_found && writer.is_done_if_unknown() => {
                    self.outcomes[*index] = Some(accepted("already", None));
                }
                [index] => self.outcomes[*index] = Some(Outcome::Rejected(refusal.rejection)),
                // Records share a request only where a repeat is safe.
                _ => return group.to_vec(),
            },
            Verdict::Stopped(failure) => self.stopped = Some(failure),
            Verdict::Unclear(failure) => self.read_back_after(group, failure),
            Verdict::Withheld => {
                for index in group {
                    self.outcomes[*index] = Some(Outcome::Planned);
                }
            }
        }
        Vec::new()
    }

    /// Takes what an answer says of each record; hands back those of which it cannot say anything.
    fn take(&mut self, group: &[usize], told: Vec<Told>) -> Vec<usize> {
        let mut open = Vec::new();
        for (index, told) in group.iter().zip(told) {
            self.outcomes[*index] = match told {
                Told::Accepted(effect, answer) => Some(accepted(effect, answer)),
                Told::Contradicted(message) => Some(self.decide(*index, message)),
                Told::Open => {
                    open.push(*index);
                    None
                }
                Told::Rejected(message) => {
                    let rejection =
                        Rejection { status: Some(200), ..rejection(None, "refused", message) };
                    Some(Outcome::Rejected(rejection))
                }
            };
        }
        open
    }

    /// Reads back a record whose answer contradicts itself: what is not there as it was sent was refused.
    fn decide(&mut self, index: usize, message: String) -> Outcome {
        let lookup = self.items[index].as_ref().and_then(|item| item.lookup.clone());
        let settled = match lookup {
            Some(lookup) if self.requests_left > 0 => self.look_up(index, &lookup).ok(),
            Some(_) | None => None,
        };
        match settled {
            Some(Settled::Done(effect)) => accepted(effect, None),
            Some(Settled::NotDone) => {
                let message = format!("{message} Read back, it is not there as it was sent.");
                Outcome::Rejected(rejection(None, "not-written", message))
            }
            Some(Settled::Unknown(_)) | None => {
                Outcome::Unknown(rejection(None, "contradiction", message))
            }
        }
    }

    /// Reads back the records of a request that may have been done.
    fn read_back_after(&mut self, group: &[usize], failure: Box<Failure>) {
        let mut cause = None;
        let mut done = 0;
        for index in group {
            let lookup = self.items[*index].as_ref().and_then(|item| item.lookup.clone());
            let settled = match lookup {
                Some(lookup) if cause.is_none() && self.requests_left > 0 => {
                    match self.look_up(*index, &lookup) {
                        Ok(settled) => Some(settled),
                        Err(failure) => {
                            cause = Some(failure);
                            None
                        }
                    }
                }
                Some(_) | None => None,
            };
            self.outcomes[*index] = Some(match settled {
                Some(Settled::Done(effect)) => {
                    done += 1;
                    accepted(effect, None)
                }
                Some(Settled::NotDone) => Outcome::Deferred,
                Some(Settled::Unknown(message)) => {
                    let message = format!("{} {message}", failure.message);
                    Outcome::Unknown(Rejection { message, ..as_rejection(&failure) })
                }
                None => Outcome::Unknown(as_rejection(&failure)),
            });
        }
        if done == group.len() {
            let message = format!(
                "{} {done} records of that request were read back, and all are there as they were sent.",
                failure.message
            );
            self.notices.push(Notice::new("read-back", message));
        } else {
            self.stopped = Some(cause.unwrap_or(failure));
        }
    }

    fn look_up(&mut self, index: usize, lookup: &Lookup) -> Result<Settled, Box<Failure>> {
        let by = lookup.by.as_ref().map(|(name, value)| (*name, value.as_str()));
        let request = self.api.get(lookup.path, by.as_slice());
        self.requests_left -= 1;
        let response = self.transport.send(&request)?;
        self.wait_ms = response.retry_after_ms.or(self.wait_ms);
        let found: Option<&str> = match interpret(&response) {
            Ok(answer) => Some(answer.data.ok_or_else(|| {
                let message = "Customerly answered without data.";
                Failure::new(Action::RetryLater, "unexpected-answer", message)
            })?),
            Err(failure) if failure.code == "not-found" => None,
            Err(failure) => return Err(failure),
        };
        let item = self.items[index].as_ref().expect("only records that may be sent are looked up");
        Ok(self.writer.settle(item, found))
    }
}

/// Of records with one key only the last is sent.
fn supersede(items: &mut [Option<Box<Item>>], outcomes: &mut [Option<Outcome>]) {
    let keyed = || {
        items
            .iter()
            .enumerate()
            .rev()
            .filter_map(|(index, item)| Some((index, item.as_ref()?.key.as_deref()?)))
    };
    let places: Vec<usize> = keyed().map(|(index, _)| index).collect();
    let firsts = firsts(&mut keyed().map(|(_, key)| key));
    for (index, first) in places.iter().zip(firsts) {
        let last = places[first];
        if last != *index {
            // A list of the contract has no more.
            let last = u32::try_from(last).unwrap_or(u32::MAX);
            outcomes[*index] = Some(Outcome::Superseded(last));
            items[*index] = None;
        }
    }
}

fn accepted(effect: &str, answer: Option<String>) -> Outcome {
    Outcome::Accepted(Receipt { effect: effect.into(), answer })
}

/// A failure as the reason why nothing is known of a record.
fn as_rejection(failure: &Failure) -> Rejection {
    Rejection {
        status: failure.upstream.as_ref().and_then(|upstream| upstream.status),
        ..rejection(None, &failure.code, &failure.message)
    }
}

#[cfg(test)]
mod tests;
