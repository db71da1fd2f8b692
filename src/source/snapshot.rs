//! Reads a list that one answer holds whole: tags, teammates, collections, writers.

use super::sorted::{Shape, Sorted};
use super::state;
use crate::Transport;
use crate::api::{Api, interpret};
use crate::bindings::http::Response;
use crate::bindings::source::{Page, Progress};
use crate::bindings::types::{Action, Failure};
use crate::json::{elements, stored};

/// A list of one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// Name of the stream.
    pub(crate) stream: &'static str,
    /// Where it is read.
    pub(crate) path: &'static str,
    /// The field that names a record, if one is known.
    pub(crate) key: Option<&'static str>,
    /// Whether its rows may be bare texts.
    pub(crate) scalars: bool,
}

/// The state of a list of one answer: there is nothing to remember.
#[derive(Default)]
struct At {}

stored!(At {});

/// Reads the one page.
pub(crate) fn read(
    transport: &impl Transport,
    api: &Api,
    snapshot: Snapshot,
    state: Option<&str>,
) -> Result<Box<Page>, Box<Failure>> {
    if let Some(text) = state {
        state::read::<At>(snapshot.stream, text)?;
    }
    let response = transport.send(&api.get(snapshot.path, &[]))?;
    let rows = rows(&response, snapshot.stream)?;
    let shape = Shape { key: snapshot.key.as_slice(), scalars: snapshot.scalars, map: false };
    let sorted = Sorted::of(&rows, shape);
    let total = u64::try_from(rows.len()).ok();
    let mut page = sorted.into_page(state::write(snapshot.stream, &mut At {}));
    page.progress = Progress::Complete;
    page.total = total;
    Ok(page)
}

/// The rows of an answer with a list directly under `data`.
pub(crate) fn rows<'a>(response: &'a Response, what: &str) -> Result<Vec<&'a str>, Box<Failure>> {
    let answer = interpret(response)?;
    answer.data.and_then(elements).ok_or_else(|| unexpected(response, what))
}

/// The failure of an answer that can be read and is not what was asked for.
pub(crate) fn unexpected(response: &Response, what: &str) -> Box<Failure> {
    let message = format!("Customerly answered {} without a list of {what}.", response.status);
    Failure::new(Action::RetryLater, "unexpected-answer", message)
        .retry_after(response.retry_after_ms)
}

#[cfg(test)]
mod tests {
    use super::super::sim::{Account, read_all, request, with_state};
    use crate::transport::testing::answer;

    fn check(stream: &'static str, body: &'static str, code: &str, records: &[&str]) {
        let account = Account::with(move |_, _, _| Some(Ok(answer(200, body))));
        let brought = read_all(&account, request(stream, "{}"));
        let expected: Vec<_> = records.iter().map(ToString::to_string).collect();
        assert_eq!((brought.code(), &brought.records), (code, &expected), "{body}");
    }

    #[test]
    fn tags_are_texts_and_become_objects() {
        check(
            "tags",
            r#"{"data":["beta","pur\"chased"]}"#,
            "complete",
            &[r#"{"name":"beta"}"#, r#"{"name":"pur\"chased"}"#],
        );
        check("tags", r#"{"data":[]}"#, "complete", &[]);
    }

    #[test]
    fn other_lists_pass_their_objects_through() {
        let account = r#"{"account_id":41657,"email":"agent@example.com"}"#;
        check(
            "accounts",
            r#"{"data":[{"account_id":41657,"email":"agent@example.com"}]}"#,
            "complete",
            &[account],
        );
        check("writers", r#"{"data":[{"unknown":1}]}"#, "complete", &[r#"{"unknown":1}"#]);
    }

    #[test]
    fn each_list_is_read_where_the_api_keeps_it() {
        for (stream, line) in [
            ("tags", "GET /v1/tags"),
            ("accounts", "GET /v1/accounts/"),
            ("collections", "GET /v1/knowledge/collections"),
            ("writers", "GET /v1/knowledge/writers"),
        ] {
            let account = Account::with(|_, _, _| Some(Ok(answer(200, r#"{"data":[]}"#))));
            read_all(&account, request(stream, ""));
            assert_eq!(account.lines(), [line]);
        }
    }

    #[test]
    fn an_answer_without_a_list_is_never_an_empty_one() {
        for body in [r#"{"data":{}}"#, "{}", r#"{"data":null}"#, r#"{"data":"x"}"#] {
            check("tags", body, "unexpected-answer", &[]);
        }
        check("tags", r#"{"data":["a""#, "cut-off", &[]);
        check("tags", "<html>", "not-json", &[]);
        check("tags", r#"{"error":{"message":"oops"},"data":[]}"#, "service-error", &[]);
    }

    #[test]
    fn the_next_run_reads_everything_again() {
        let account = Account::new().list("/tags", [r#""a""#.to_owned()]);
        let first = read_all(&account, request("tags", "{}"));
        let next = read_all(&account, with_state("tags", "{}", first.state.clone()));
        assert_eq!((next.code(), next.records.len()), ("complete", 1));
        let foreign = read_all(&account, with_state("accounts", "{}", first.state));
        assert_eq!(foreign.code(), "foreign-state");
    }
}
