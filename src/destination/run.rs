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

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::item::{Item, Lookup};
use super::record::rejection;
use super::verdict::{Sent, Verdict, verdict};
use super::writer::{LeftOut, Settled, Told, Writer};
use crate::api::{Api, interpret};
use crate::bindings::destination::{Batch, Outcome, Receipt, Rejection, WriteReport};
use crate::bindings::types::{Action, Failure, Notice};
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
    items: Vec<Option<Item>>,
    /// One per record; none as long as nothing is known.
    outcomes: Vec<Option<Outcome>>,
    stopped: Option<Failure>,
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
        let mut items: Vec<Option<Item>> = Vec::new();
        let mut outcomes = Vec::new();
        for record in &batch.records {
            let (item, outcome) = match writer.parse(record, &mut left_out) {
                Ok(item) => (Some(item), None),
                Err(rejection) => (None, Some(Outcome::Invalid(rejection))),
            };
            items.push(item);
            outcomes.push(outcome);
        }
        let mut last = BTreeMap::new();
        for index in (0..items.len()).rev() {
            let Some(key) = items[index].as_ref().and_then(|item| item.key.clone()) else {
                continue;
            };
            if let Some(later) = last.get(&key) {
                outcomes[index] = Some(Outcome::Superseded(*later));
                items[index] = None;
            } else {
                last.insert(
                    key,
                    u32::try_from(index).expect("a list of the contract has u32 ends"),
                );
            }
        }
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
            stopped: self.stopped,
            notices: self.notices,
            wait_ms: self.wait_ms,
        }
    }

    /// The records to send, in the groups of their requests, in the order of each group's first record.
    fn groups(&self) -> Vec<Vec<usize>> {
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (index, item) in self.items.iter().enumerate() {
            let Some(item) = item else {
                continue;
            };
            let number = *numbers.entry(&item.group).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[number].push(index);
        }
        let most = self.writer.per_request().max(1);
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
            group.iter().map(|index| self.items[*index].as_ref().expect("it is sent")).collect();
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
    fn read_back_after(&mut self, group: &[usize], failure: Failure) {
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

    fn look_up(&mut self, index: usize, lookup: &Lookup) -> Result<Settled, Failure> {
        let by = lookup.by.as_ref().map(|(name, value)| (*name, value.as_str()));
        let request = self.api.get(lookup.path, by.as_slice());
        self.requests_left -= 1;
        let response = self.transport.send(&request)?;
        self.wait_ms = response.retry_after_ms.or(self.wait_ms);
        let found: Option<&RawValue> = match interpret(&response) {
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
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::testing::{batch, said, settle, write};
    use super::*;
    use crate::bindings::http::{Body, ErrorKind, HttpError, Request, Response};
    use crate::transport::testing::{answer, line, no_answer};

    /// Records `u0@x.co`, `u1@x.co` …
    fn users(count: usize) -> Vec<String> {
        (0..count)
            .map(|index| format!(r#"{{"email":"u{index}@x.co","name":"N{index}"}}"#))
            .collect()
    }

    fn batch_of(count: usize, requests: u32) -> Batch {
        let records = users(count);
        let records: Vec<&str> = records.iter().map(String::as_str).collect();
        let mut batch = batch("users.upsert", "{}", &records);
        batch.limits.requests = requests;
        batch
    }

    /// The e-mails of a request to write.
    fn emails(request: &Request) -> Vec<String> {
        let Some(Body::Text(body)) = &request.body else {
            return Vec::new();
        };
        let body: Value = serde_json::from_str(body).expect("a body is JSON");
        let users = body["users"].as_array().expect("the wrapper").iter();
        users.map(|user| user["email"].as_str().expect("an e-mail").to_owned()).collect()
    }

    /// A service that refuses a request with a bad record as a whole.
    fn refuses_all<'a>(
        bad: &'a [&'a str],
    ) -> impl Fn(&Request) -> Result<Response, HttpError> + 'a {
        |request| {
            let emails = emails(request);
            Ok(if emails.iter().any(|email| bad.contains(&email.as_str())) {
                answer(409, &said("Conflict"))
            } else {
                answer(200, &format!(r#"{{"data":{{"inserted":{}}}}}"#, emails.len()))
            })
        }
    }

    #[test]
    fn a_batch_goes_out_in_one_request_and_serialised() {
        let records = [
            r#"{"email":"a+b@x.co","user_id":"u\"1","attributes":{"n":12345678901234567890,"f":1.50}}"#,
            r#"{"email":"c@x.co","tags":["beta"]}"#,
        ];
        let (outcomes, report, lines) = write(&batch("users.upsert", "{}", &records), |_| {
            Ok(answer(200, r#"{"data":{"inserted":2,"errors":[]}}"#))
        });
        assert_eq!(outcomes, ["accepted unspecified", "accepted unspecified"]);
        assert_eq!(report.stopped, None);
        assert_eq!(
            lines,
            [format!(r#"POST /v1/users {{"users":[{},{}]}}"#, records[0], records[1])]
        );
    }

    #[test]
    fn a_bad_record_is_refused_and_the_others_land_in_input_order() {
        let records = [
            r#"{"email":"broken@"}"#,
            r#"{"email":"a@x.co"}"#,
            "[]",
            r#"{"email":"b@x.co","attributes":{"first name":1}}"#,
            r#"{"email":"c@x.co"}"#,
        ];
        let (outcomes, _, lines) = write(&batch("leads.upsert", "{}", &records), |_| {
            Ok(answer(
                200,
                r#"{"data":{"inserted":1,"not_added":[{"email":"c@x.co","error":"No"}]}}"#,
            ))
        });
        assert_eq!(
            outcomes,
            [
                "invalid email /email",
                "accepted unspecified",
                "invalid not-an-object",
                "invalid property-name /attributes/first name",
                "rejected refused",
            ]
        );
        assert_eq!(lines, [r#"POST /v1/leads {"leads":[{"email":"a@x.co"},{"email":"c@x.co"}]}"#]);
    }

    #[test]
    fn the_last_of_several_with_one_key_is_sent_unless_it_is_invalid() {
        let records = [
            r#"{"email":"a@x.co","name":"1"}"#,
            r#"{"email":"b@x.co","name":"2"}"#,
            r#"{"email":"a@x.co","name":"3"}"#,
            r#"{"email":"a@x.co","name":"4"}"#,
            r#"{"email":"b@x.co","name":5}"#,
        ];
        let (outcomes, _, lines) = write(&batch("users.upsert", "{}", &records), |_| {
            Ok(answer(200, r#"{"data":{"inserted":2}}"#))
        });
        assert_eq!(
            outcomes,
            [
                "superseded 3",
                "accepted unspecified",
                "superseded 3",
                "accepted unspecified",
                "invalid type /name",
            ]
        );
        assert!(lines[0].ends_with(
            r#"{"users":[{"email":"b@x.co","name":"2"},{"email":"a@x.co","name":"4"}]}"#
        ));
    }

    #[test]
    fn a_batch_refused_as_a_whole_is_halved_until_the_bad_record_is_alone() {
        let (outcomes, report, lines) = write(&batch_of(8, 100), refuses_all(&["u5@x.co"]));
        let mut expected = vec!["accepted unspecified"; 8];
        expected[5] = "rejected refused";
        assert_eq!(outcomes, expected);
        assert_eq!(lines.len(), 7);
        let Outcome::Rejected(rejection) = &report.outcomes[5] else {
            panic!("it is rejected");
        };
        assert_eq!((rejection.message.as_str(), rejection.status), ("Conflict", Some(409)));
    }

    #[test]
    fn a_count_that_is_too_low_is_halved_too() {
        let (outcomes, ..) = write(&batch_of(5, 100), |request| {
            let emails = emails(request);
            let inserted = emails.iter().filter(|email| *email != "u3@x.co").count();
            Ok(answer(200, &format!(r#"{{"data":{{"inserted":{inserted}}}}}"#)))
        });
        let mut expected = vec!["accepted unspecified"; 5];
        expected[3] = "rejected refused";
        assert_eq!(outcomes, expected);
    }

    #[test]
    fn a_429_in_the_middle_keeps_what_is_done_and_defers_the_rest() {
        let calls = Cell::new(0);
        let (outcomes, report, _) = write(&batch_of(120, 100), |request| {
            calls.set(calls.get() + 1);
            if calls.get() < 3 {
                let inserted = emails(request).len();
                return Ok(answer(200, &format!(r#"{{"data":{{"inserted":{inserted}}}}}"#)));
            }
            Ok(Response { retry_after_ms: Some(3000), ..answer(429, "") })
        });
        assert_eq!(outcomes[..100], vec!["accepted unspecified"; 100]);
        assert_eq!(outcomes[100..], vec!["deferred"; 20]);
        let stopped = report.stopped.expect("it was stopped");
        assert_eq!((stopped.action, stopped.retry_after_ms), (Action::RetryLater, Some(3000)));
        assert_eq!(report.wait_ms, Some(3000));
    }

    #[test]
    fn a_refused_token_rejects_no_record() {
        let (outcomes, report, lines) =
            write(&batch_of(3, 100), |_| Ok(answer(500, &said("Access token not found."))));
        assert_eq!(outcomes, ["deferred"; 3]);
        assert_eq!(report.stopped.expect("it was stopped").action, Action::Reauthorize);
        assert_eq!(lines.len(), 1);
    }

    #[test]
    fn what_was_never_sent_is_deferred() {
        let (outcomes, report, _) =
            write(&batch_of(2, 100), |_| Err(no_answer(ErrorKind::Connect, false)));
        assert_eq!(outcomes, ["deferred", "deferred"]);
        assert_eq!(report.stopped.expect("it was stopped").action, Action::RetryLater);
    }

    #[test]
    fn what_a_dry_run_withholds_is_planned_and_all_of_it_is_gone_through() {
        let (outcomes, report, lines) =
            write(&batch_of(60, 100), |_| Err(no_answer(ErrorKind::Withheld, false)));
        assert_eq!(outcomes, vec!["planned"; 60]);
        assert_eq!((report.stopped, lines.len()), (None, 2));
    }

    /// A service that answers no write, and of which only some contacts can be read back.
    fn forgets<'a>(
        write: impl Fn() -> Result<Response, HttpError> + 'a,
        contacts: &'a [(&'a str, &'a str)],
    ) -> impl Fn(&Request) -> Result<Response, HttpError> + 'a {
        move |request| {
            if request.method != "GET" {
                return write();
            }
            let line = line(request);
            let contact = contacts.iter().find(|(email, _)| line.ends_with(&format!("={email}")));
            Ok(match contact {
                Some((_, fields)) => answer(200, &format!(r#"{{"data":{fields}}}"#)),
                None => answer(500, &said("User doesn't exist")),
            })
        }
    }

    #[test]
    fn an_unknown_write_is_settled_by_reading_back() {
        let contacts = [
            ("u0@x.co", r#"{"email":"u0@x.co","name":"N0","country":"SE"}"#),
            ("u1@x.co", r#"{"email":"u1@x.co","name":"another"}"#),
            ("u2@x.co", "[]"),
        ];
        for write_answer in [
            Err(no_answer(ErrorKind::Timeout, true)),
            Err(no_answer(ErrorKind::Closed, true)),
            Ok(answer(200, r#"{"data":{"inserted":4"#)),
            Ok(answer(502, "<html>")),
        ] {
            let (outcomes, report, lines) =
                write(&batch_of(4, 100), forgets(|| write_answer.clone(), &contacts));
            assert_eq!(outcomes[0], "accepted unspecified");
            assert_eq!(outcomes[1], "deferred");
            assert!(outcomes[2].starts_with("unknown "), "{}", outcomes[2]);
            assert_eq!(outcomes[3], "deferred");
            assert_eq!(report.stopped.expect("it was stopped").action, Action::RetryLater);
            assert_eq!(lines[1], "GET /v1/users?email=u0@x.co");
            assert_eq!(lines.len(), 5);
        }
    }

    #[test]
    fn a_write_that_was_done_all_the_same_stops_nothing() {
        let records: Vec<String> = users(60);
        let contacts: Vec<(String, &str)> =
            records.iter().enumerate().map(|(i, r)| (format!("u{i}@x.co"), r.as_str())).collect();
        let contacts: Vec<(&str, &str)> = contacts.iter().map(|(e, r)| (e.as_str(), *r)).collect();
        let (outcomes, report, lines) = write(
            &batch_of(60, 100),
            forgets(|| Err(no_answer(ErrorKind::Timeout, true)), &contacts),
        );
        assert_eq!(outcomes, vec!["accepted unspecified"; 60]);
        assert_eq!((report.stopped, lines.len()), (None, 62));
        assert_eq!(report.notices.len(), 2);
    }

    #[test]
    fn what_cannot_be_settled_stays_unknown() {
        let (outcomes, _, lines) =
            write(&batch_of(3, 100), |_| Err(no_answer(ErrorKind::Timeout, true)));
        assert_eq!(outcomes, ["unknown timeout"; 3]);
        assert_eq!(lines.len(), 2);
        let (outcomes, ..) =
            write(&batch_of(1, 1), forgets(|| Err(no_answer(ErrorKind::Closed, true)), &[]));
        assert_eq!(outcomes, ["unknown closed"]);
    }

    #[test]
    fn a_contradiction_is_decided_by_reading_back() {
        let contradiction =
            || Ok(answer(200, r#"{"data":{"inserted":3,"errors":["u1@x.co","u2@x.co"]}}"#));
        let contacts = [("u1@x.co", r#"{"email":"u1@x.co","name":"N1"}"#)];
        let (outcomes, ..) = write(&batch_of(3, 100), forgets(contradiction, &contacts));
        assert_eq!(
            outcomes,
            ["accepted unspecified", "accepted unspecified", "rejected not-written"]
        );
    }

    #[test]
    fn settling_reads_only_and_says_done_not_done_or_unknown() {
        let contacts = [
            ("u0@x.co", r#"{"email":"u0@x.co","name":"N0"}"#),
            ("u1@x.co", r#"{"email":"u1@x.co","name":"another"}"#),
            ("u2@x.co", r#"{"email":"other@x.co"}"#),
        ];
        let (outcomes, report, lines) =
            settle(&batch_of(4, 100), forgets(|| panic!("it reads only"), &contacts));
        assert_eq!(outcomes, ["accepted unspecified", "deferred", "unknown unsettled", "deferred"]);
        assert_eq!((report.stopped, lines.len()), (None, 4));
    }

    #[test]
    fn settling_stops_at_a_failure_or_at_the_limit_and_then_knows_nothing() {
        let (outcomes, report, _) = settle(&batch_of(2, 100), |_| Ok(answer(429, "")));
        assert_eq!(outcomes, ["unknown rate-limited", "unknown not-asked"]);
        assert_eq!(report.stopped.expect("it was stopped").action, Action::RetryLater);
        let (outcomes, report, _) = settle(&batch_of(2, 1), forgets(|| panic!("reads"), &[]));
        assert_eq!(outcomes, ["deferred", "unknown not-asked"]);
        assert_eq!(report.stopped, None);
    }

    #[test]
    fn tags_that_cannot_be_read_back_leave_it_unknown() {
        let record = r#"{"email":"a@x.co","tags":["beta"]}"#;
        let batch = batch("users.upsert", "{}", &[record]);
        let check = |contact: &str, expected: &str| {
            let (outcomes, ..) =
                settle(&batch, forgets(|| panic!("reads"), &[("a@x.co", contact)]));
            assert_eq!(outcomes, [expected], "{contact}");
        };
        check(r#"{"email":"a@x.co"}"#, "unknown unsettled");
        check(r#"{"email":"a@x.co","user_tags":["beta","x"]}"#, "accepted unspecified");
        check(r#"{"email":"a@x.co","user_tags":[{"name":"beta"}]}"#, "accepted unspecified");
        check(r#"{"email":"a@x.co","user_tags":[]}"#, "deferred");
    }

    /// Anything that may come back.
    fn anything() -> impl Strategy<Value = Result<Response, HttpError>> {
        let status =
            prop_oneof![Just(200_u16), Just(500), Just(429), Just(404), Just(503), 100_u16..999];
        let body = prop_oneof![
            Just(r#"{"data":{"inserted":1}}"#.to_owned()),
            Just(r#"{"data":{"inserted":2,"errors":["u1@x.co"]}}"#.to_owned()),
            Just(r#"{"data":{"inserted":9,"not_added":[7]}}"#.to_owned()),
            Just(r#"{"data":{"email":"u1@x.co","name":"N1"}}"#.to_owned()),
            Just(said("User doesn't exist")),
            Just(said("Invalid")),
            r#"(\{"(data|error)":)?.{0,30}\}?"#,
        ];
        let text = (status, body).prop_map(|(status, body)| Ok(answer(status, &body)));
        let bytes = prop::collection::vec(any::<u8>(), 0..20)
            .prop_map(|bytes| Ok(Response { body: Body::Bytes(bytes), ..answer(200, "") }));
        let kind = prop::sample::select(vec![
            ErrorKind::Timeout,
            ErrorKind::Closed,
            ErrorKind::Withheld,
            ErrorKind::Budget,
            ErrorKind::TooLarge,
        ]);
        let error = (kind, any::<bool>()).prop_map(|(kind, sent)| Err(no_answer(kind, sent)));
        prop_oneof![8 => text, 1 => bytes, 2 => error]
    }

    proptest! {
        #[test]
        fn one_bad_record_is_found_in_two_log_n_plus_one_requests(
            count in 1_usize..=50,
            bad in any::<prop::sample::Index>(),
        ) {
            let bad = bad.index(count);
            let email = format!("u{bad}@x.co");
            let (outcomes, _, lines) = write(&batch_of(count, 1000), refuses_all(&[&email]));
            for (index, outcome) in outcomes.iter().enumerate() {
                let expected =
                    if index == bad { "rejected refused" } else { "accepted unspecified" };
                prop_assert_eq!(outcome, expected);
            }
            let log = count.next_power_of_two().ilog2() as usize;
            prop_assert!(lines.len() <= 2 * log + 1, "{} for {count}", lines.len());
        }

        #[test]
        fn any_number_of_bad_records_is_found_whatever_the_limit_of_one_call(
            count in 1_usize..=40,
            bad in prop::collection::btree_set(0_usize..40, 0..6),
            requests in 1_u32..12,
        ) {
            let bad: BTreeSet<String> = bad.iter().map(|index| format!("u{index}@x.co")).collect();
            let bad_names: Vec<&str> = bad.iter().map(String::as_str).collect();
            let mut pending = users(count);
            let mut settled = 0;
            while !pending.is_empty() {
                let mut batch = batch_of(0, requests);
                batch.records = pending.clone();
                let (outcomes, report, lines) = write(&batch, refuses_all(&bad_names));
                prop_assert!(lines.len() <= requests as usize);
                prop_assert_eq!(report.stopped, None);
                let mut deferred = Vec::new();
                for (outcome, record) in outcomes.iter().zip(pending) {
                    let is_bad = bad.iter().any(|email| record.contains(&format!("\"{email}\"")));
                    match outcome.as_str() {
                        "deferred" => deferred.push(record),
                        "accepted unspecified" => { prop_assert!(!is_bad); settled += 1; }
                        "rejected refused" => { prop_assert!(is_bad); settled += 1; }
                        other => prop_assert!(false, "{}", other),
                    }
                }
                prop_assert!(deferred.len() < outcomes.len(), "every call gets on");
                pending = deferred;
            }
            prop_assert_eq!(settled, count);
        }

        #[test]
        fn every_record_has_one_outcome_whatever_comes_back(
            answers in prop::collection::vec(anything(), 1..20),
            count in 0_usize..8,
            junk in prop::collection::vec(".{0,20}", 0..3),
            requests in 0_u32..20,
        ) {
            let mut batch = batch_of(count, requests);
            batch.records.extend(junk);
            let sent = RefCell::new(BTreeSet::new());
            let next = Cell::new(0);
            let (outcomes, report, lines) = write(&batch, |request| {
                sent.borrow_mut().extend(emails(request));
                next.set(next.get() + 1);
                answers[(next.get() - 1) % answers.len()].clone()
            });
            prop_assert_eq!(outcomes.len(), batch.records.len());
            prop_assert!(lines.len() <= requests as usize);
            let of = |word: &str| outcomes.iter().filter(|outcome| outcome.starts_with(word)).count();
            let told = of("accepted") + of("rejected") + of("unknown") + of("planned");
            prop_assert!(told <= sent.borrow().len());
            prop_assert_eq!(
                told + of("deferred") + of("invalid") + of("superseded"),
                batch.records.len()
            );
            if report.stopped.is_none() && requests > 0 && of("deferred") > 0 {
                prop_assert!(told > 0, "every call gets on");
            }
        }

        #[test]
        fn settling_has_one_outcome_for_each_whatever_comes_back(
            answers in prop::collection::vec(anything(), 1..8),
            count in 0_usize..6,
            requests in 0_u32..8,
        ) {
            let next = Cell::new(0);
            let (outcomes, ..) = settle(&batch_of(count, requests), |_| {
                next.set(next.get() + 1);
                answers[(next.get() - 1) % answers.len()].clone()
            });
            prop_assert_eq!(outcomes.len(), count);
        }
    }
}
