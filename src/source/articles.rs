//! Reads the articles of the help centre, collection by collection: one request a call.
//!
//! The collections come first. The state holds the ids of those still to be read, in ascending
//! order; where they do not all fit, the collections are read again once these are done.
//!
//! Nothing but a page number says where a collection stands, and an article may move from one
//! collection to another, so that only a single collection of a single page is read whole for sure.

use std::collections::BinaryHeap;

use super::fields::fields;
use super::page::ended;
use super::pages::{Pages, page_by_page};
use super::snapshot::rows;
use super::sorted::{Shape, Sorted};
use super::state;
use crate::Transport;
use crate::api::{Api, interpret};
use crate::bindings::http::Request;
use crate::bindings::source::{Page, Progress};
use crate::bindings::types::{Failure, Notice};
use crate::json::stored;

/// The stream's name.
pub(crate) const STREAM: &str = "articles";

/// The field that names an article.
pub(crate) const KEY: &str = "knowledge_base_article_id";

/// The field that names a collection.
pub(crate) const COLLECTION: &str = "knowledge_base_collection_id";

/// Rows on a page, as every known client asks for.
const PER_PAGE: usize = 50;

/// So many ids fit a state, whatever their length.
const MOST_IDS: usize = 600;

/// So many of the next requests are told ahead.
const AHEAD: usize = 6;

#[derive(Default)]
struct At {
    run: Option<Run>,
}

stored!(At { run });

/// A run under way.
#[derive(Default)]
struct Run {
    /// Collections that are known and still to be read, the one under way first.
    ids: Vec<u64>,
    /// Where the one under way stands.
    pages: Pages,
    /// The last collection that was read to its end.
    past: Option<u64>,
    /// Whether there are more collections past the last of `ids`.
    more: bool,
    /// Collections that could not be read.
    skipped: u32,
    /// Whether articles that moved meanwhile may have been missed.
    torn: bool,
}

stored!(Run { ids, pages, past, more, torn, skipped });

/// Reads a page.
pub(crate) fn read(
    transport: &impl Transport,
    api: &Api,
    state: Option<&str>,
) -> Result<Box<Page>, Box<Failure>> {
    let at = match state {
        Some(text) => state::read::<At>(STREAM, text)?,
        None => At::default(),
    };
    let run = at.run.unwrap_or_default();
    match run.ids.first() {
        None => read_collections(transport, api, run),
        Some(&id) => read_articles(transport, api, id, run),
    }
}

/// Reads which collections there are past those that were read.
fn read_collections(
    transport: &impl Transport,
    api: &Api,
    mut run: Run,
) -> Result<Box<Page>, Box<Failure>> {
    let response = transport.send(&api.get("/knowledge/collections", &[]))?;
    let rows = rows(&response, "collections")?;
    let id = |row: &&str| fields(row, &[COLLECTION])?[0]?.parse::<u64>().ok();
    let mut ids: Vec<_> = rows.iter().filter_map(id).collect();
    if run.past.is_none() {
        run.skipped = u32::try_from(rows.len() - ids.len()).unwrap_or(u32::MAX);
    }
    ids.retain(|&id| run.past.is_none_or(|past| id > past));
    ids = BinaryHeap::from(ids).into_sorted_vec();
    ids.dedup();
    run.more = ids.len() > MOST_IDS;
    ids.truncate(MOST_IDS);
    run.ids = ids;
    Ok(page(api, Sorted::new(), run))
}

/// Reads a page of a collection.
fn read_articles(
    transport: &impl Transport,
    api: &Api,
    id: u64,
    mut run: Run,
) -> Result<Box<Page>, Box<Failure>> {
    let response = transport.send(&request(api, id, run.pages.page()))?;
    if let Err(failure) = interpret(&response) {
        if failure.code != "not-found" {
            return Err(failure);
        }
        run.skipped = run.skipped.saturating_add(1);
        run.end_collection(id);
        let message =
            format!("The collection {id} was listed, and is not found: {}", failure.message);
        let mut page = page(api, Sorted::new(), run);
        page.notices.push(Notice::new("collection-gone", message));
        return Ok(page);
    }
    let rows = rows(&response, STREAM)?;
    let is_last = run.pages.take(&rows, PER_PAGE)?;
    run.torn |= run.pages.is_torn() || run.past.is_some();
    if is_last {
        run.end_collection(id);
    }
    let shape = Shape { key: &[KEY], scalars: false, map: false };
    Ok(page(api, Sorted::of(&rows, shape), run))
}

impl Run {
    fn end_collection(&mut self, id: u64) {
        self.ids.remove(0);
        self.past = Some(id);
        self.pages = Pages::default();
    }

    fn is_done(&self) -> bool {
        self.ids.is_empty() && !self.more
    }

    fn end(&self) -> Progress {
        let skipped = (self.skipped > 0).then(|| {
            let message = format!(
                "{} collections could not be read: they have no usable id, or were listed and not found.",
                self.skipped
            );
            Notice::new("collections-skipped", message)
        });
        ended(skipped.into_iter().chain(self.torn.then(|| page_by_page(STREAM))).collect())
    }
}

fn page(api: &Api, sorted: Sorted, run: Run) -> Box<Page> {
    if run.is_done() {
        let mut page = sorted.into_page(state::write(STREAM, &mut At { run: None }));
        page.progress = run.end();
        return page;
    }
    let mut ahead = Vec::new();
    let mut pages = run.pages;
    for id in run.ids.iter().take(AHEAD) {
        ahead.extend(pages.ahead().map(|page| request(api, *id, page)));
        pages = Pages::default();
    }
    ahead.truncate(AHEAD);
    let mut page = sorted.into_page(state::write(STREAM, &mut At { run: Some(run) }));
    page.ahead = ahead;
    page
}

fn request(api: &Api, id: u64, page: u64) -> Request {
    let (id, page, size) = (id.to_string(), page.to_string(), PER_PAGE.to_string());
    api.get("/knowledge/articles/", &[(COLLECTION, &id), ("page", &page), ("per_page", &size)])
}

#[cfg(test)]
mod tests {
    use super::super::sim::{Account, Brought, read_all, request};
    use crate::transport::testing::answer;

    fn account(collections: &[(u64, u64)]) -> Account {
        account_with(Account::new(), collections)
    }

    /// Collections by id and number of articles; an article's id is 10,000 times that of its collection and more.
    fn account_with(account: Account, collections: &[(u64, u64)]) -> Account {
        let row = |&(id, _): &(u64, u64)| format!(r#"{{"knowledge_base_collection_id":{id}}}"#);
        let account = account.list("/knowledge/collections", collections.iter().map(row));
        collections.iter().fold(account, |account, &(id, count)| {
            let row =
                |article| format!(r#"{{"knowledge_base_article_id":{}}}"#, id * 10_000 + article);
            account.list(&format!("/knowledge/articles/?{id}"), (0..count).map(row))
        })
    }

    fn check(account: &Account, code: &str, articles: usize) -> Brought {
        let brought = read_all(account, request("articles", "{}"));
        let mut records = brought.records.clone();
        records.sort_unstable();
        records.dedup();
        assert_eq!((brought.code(), records.len()), (code, articles));
        brought
    }

    #[test]
    fn every_article_of_every_collection_is_read() {
        check(&account(&[(7, 130), (3, 0), (5, 50), (9, 1)]), "page-by-page", 181);
        check(&account(&[]), "complete", 0);
    }

    #[test]
    fn only_one_collection_of_one_page_is_read_whole_for_sure() {
        for (collections, code) in [
            (&[(1, 49)][..], "complete"),
            (&[(1, 50)], "page-by-page"),
            (&[(1, 51)], "page-by-page"),
            (&[(1, 1), (2, 0)], "page-by-page"),
        ] {
            let articles: u64 = collections.iter().map(|&(_, count)| count).sum();
            check(&account(collections), code, usize::try_from(articles).expect("a few"));
        }
    }

    #[test]
    fn the_requests_are_those_of_the_api_and_told_ahead() {
        let account = account(&[(7, 60), (3, 0)]);
        let brought = check(&account, "page-by-page", 60);
        let lines = account.lines();
        let articles = |id: u64, page: u64| {
            format!(
                "GET /v1/knowledge/articles/?knowledge_base_collection_id={id}&page={page}&per_page=50"
            )
        };
        assert_eq!(lines[0], "GET /v1/knowledge/collections");
        let places = [(3, 0), (3, 1), (7, 0), (7, 1), (7, 2), (7, 3)];
        assert_eq!(lines[1..], places.map(|(id, page)| articles(id, page)));
        for (index, page) in brought.pages.iter().enumerate() {
            let ahead: Vec<_> = page.ahead.iter().map(crate::transport::testing::line).collect();
            assert!(lines[index + 1..].starts_with(&ahead), "{ahead:?} after {}", lines[index]);
        }
    }

    #[test]
    fn more_collections_than_a_state_holds_are_all_read() {
        let collections: Vec<_> =
            (1..=1_300).map(|id| (id + (1 << 50), u64::from(id % 2 == 0))).collect();
        let row = |id: u64| format!(r#"{{"knowledge_base_article_id":{id}}}"#);
        let account = Account::new().list(
            "/knowledge/collections",
            collections.iter().map(|(id, _)| format!(r#"{{"knowledge_base_collection_id":{id}}}"#)),
        );
        let account = collections.iter().fold(account, |account, &(id, count)| {
            account.list(&format!("/knowledge/articles/?{id}"), (0..count).map(|_| row(id)))
        });
        check(&account, "page-by-page", 650);
    }

    #[test]
    fn a_capped_page_size_loses_nothing() {
        let capped = Account::with(|_, request, _| {
            let page = request.query.iter().find(|parameter| parameter.name == "page")?;
            let page: u64 = crate::transport::testing::value(&page.value).parse().ok()?;
            let row = |article| format!(r#"{{"knowledge_base_article_id":{article}}}"#);
            let rows: Vec<_> = (page * 20..130.min(page * 20 + 20)).map(row).collect();
            Some(Ok(answer(200, &format!(r#"{{"data":[{}]}}"#, rows.join(",")))))
        });
        check(&account_with(capped, &[(1, 130)]), "page-by-page", 130);
    }

    #[test]
    fn a_failed_answer_loses_nothing() {
        for (status, body) in
            [(429, ""), (200, r#"{"data":[{"a""#), (200, "<html>"), (200, r#"{"data":{}}"#)]
        {
            let faulty = Account::with(move |number, _, _| {
                (number % 3 == 1).then(|| Ok(answer(status, body)))
            });
            check(&account_with(faulty, &[(1, 130), (2, 60)]), "page-by-page", 190);
        }
    }

    #[test]
    fn a_collection_that_is_gone_or_has_no_id_is_told_in_the_end() {
        let account = account(&[(1, 10), (2, 10)]).list(
            "/knowledge/collections",
            [
                r#"{"knowledge_base_collection_id":1}"#,
                r#"{"knowledge_base_collection_id":77}"#,
                "{}",
            ]
            .map(str::to_owned),
        );
        let brought = check(&account, "collections-skipped", 10);
        assert_eq!(brought.notices(), ["collection-gone"]);
    }

    #[test]
    fn a_service_that_ignores_the_page_number_stops_the_read() {
        let stuck = Account::with(|number, _, _| {
            (number > 0).then(|| Ok(answer(200, r#"{"data":[{"knowledge_base_article_id":1}]}"#)))
        });
        check(&account_with(stuck, &[(1, 1)]), "page-numbering", 1);
    }
}
