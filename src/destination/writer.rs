//! What an operation has to say for itself; the engine in [`super::run`] does the rest.

use super::item::Item;
use super::record::Refused;
use crate::api::Api;
use crate::bindings::http::Request;
use crate::bindings::types::Notice;

/// An operation with its options.
pub(super) trait Writer {
    /// Parses and checks a record; nothing is sent for one that is refused.
    fn parse(&self, text: &str, left_out: &mut LeftOut) -> Result<Box<Item>, Refused>;

    /// The request that writes these records, all of one group; never empty.
    fn request(&self, api: &Api, items: &[&Item]) -> Request;

    /// Most records in one request.
    fn per_request(&self) -> u32 {
        1
    }

    /// Whether the path of the request names the record, so that a 404 speaks of the record and not of the API.
    fn path_names_record(&self) -> bool {
        false
    }

    /// Whether a record that the service does not know is one for which nothing is left to do.
    fn is_done_if_unknown(&self) -> bool {
        false
    }

    /// What a success says of each record, in order.
    fn judge(&self, items: &[&Item], data: Option<&str>) -> Vec<Told>;

    /// What a record that was read back says of the write: `found` is the answer's data, none if the service does not
    /// know the record.
    fn settle(&self, item: &Item, found: Option<&str>) -> Settled;
}

/// A success of a record's own request: done, and what the service said.
pub(super) fn done(effect: &'static str, data: Option<&str>) -> Vec<Told> {
    let answer = data.map(str::to_owned);
    vec![Told::Accepted(
        effect,
        answer.filter(|answer| answer != "[]" && answer.len() <= ANSWER_BYTES),
    )]
}

/// A longer answer is not handed on.
const ANSWER_BYTES: usize = 4096;

/// What an answer says of one record.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Told {
    /// Done; the effect, and what the service said of the record.
    Accepted(&'static str, Option<String>),
    /// The answer contradicts itself about this record.
    Contradicted(String),
    /// The answer cannot say: the record is to be sent again in a smaller batch. Never for a record alone.
    Open,
    /// Refused, in these words.
    Rejected(String),
}

/// What a record that was read back says of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// It was done.
    Done(&'static str),
    /// It was not done, or has been undone.
    NotDone,
    /// It cannot be told.
    Unknown(String),
}

/// Fields that options allow to be left out, and how often each was.
#[derive(Debug, Default)]
pub(super) struct LeftOut(Vec<(String, u64)>);

impl LeftOut {
    /// Counts a field, by its JSON pointer.
    pub(super) fn count(&mut self, pointer: &str) {
        match self.0.binary_search_by(|(known, _)| known.as_str().cmp(pointer)) {
            Ok(at) => self.0[at].1 += 1,
            Err(at) => self.0.insert(at, (pointer.to_owned(), 1)),
        }
    }

    /// What to tell of it.
    pub(super) fn notice(&self) -> Option<Notice> {
        let fields: Vec<_> =
            self.0.iter().map(|(pointer, count)| format!("{pointer} ({count} times)")).collect();
        (!fields.is_empty()).then(|| {
            Notice::new(
                "left-out",
                format!("Not sent, as the options allow: {}.", fields.join(", ")),
            )
        })
    }
}
