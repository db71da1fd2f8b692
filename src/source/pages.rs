//! Walks a list page by page, from page 0, where nothing proves more.
//!
//! A short page is no end, since the service may cap the size of pages; an empty one is no end
//! either, unless the one after it is empty too. A page that comes again stops the walk: pages are
//! compared with one before, whose place doubles, so that no circle of any length goes on for ever.
//!
//! Pages that lie side by side prove nothing of a list that moves: what stands past the border may be
//! pulled up over it unseen. Only a list that one page holds, and does not fill, is read whole for sure.

use super::key::{Key, sequence};
use crate::bindings::types::{Action, Failure, Notice};
use crate::json::stored;

/// Where a walk stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pages {
    page: u64,
    /// Whether the page before was empty.
    empty: bool,
    /// Whether rows may stand, or have stood, past a border between two pages.
    torn: bool,
    /// What an earlier page held: the first, or the last whose number is a power of two.
    earlier: Option<u64>,
}

stored!(Pages { page, empty, torn, earlier });

impl Pages {
    /// The page to ask for.
    pub(crate) fn page(&self) -> u64 {
        self.page
    }

    /// The pages that will be asked for for certain.
    pub(crate) fn ahead(&self) -> impl Iterator<Item = u64> + use<> {
        self.page..=self.page.saturating_add(u64::from(!self.empty))
    }

    /// Whether rows that moved meanwhile may have been missed.
    pub(crate) fn is_torn(&self) -> bool {
        self.torn
    }

    /// The page will be asked for again, and may hold other rows then.
    pub(crate) fn tear(&mut self) {
        self.torn = true;
    }

    /// Goes past a page that was asked for with `size` rows and holds these; whether the list ends here.
    pub(crate) fn take(&mut self, rows: &[&str], size: usize) -> Result<bool, Box<Failure>> {
        let page = self.page;
        self.page = page.saturating_add(1);
        self.torn |= rows.len() >= size || (page > 0 && !rows.is_empty());
        if rows.is_empty() {
            return Ok(std::mem::replace(&mut self.empty, true));
        }
        self.empty = false;
        let keys: Vec<_> = rows.iter().map(|row| Key::of(row)).collect();
        let held = sequence(keys.iter());
        if self.earlier == Some(held) {
            return Err(repeats(page));
        }
        if page == 0 || page.is_power_of_two() {
            self.earlier = Some(held);
        }
        Ok(false)
    }
}

/// The doubt about a list that was read over more than one border.
pub(crate) fn page_by_page(what: &str) -> Notice {
    let message = format!(
        "The {what} were read page by page, and nothing shows whether some moved from a page still to be read to one that had been: those are missing."
    );
    Notice::new("page-by-page", message)
}

fn repeats(page: u64) -> Box<Failure> {
    let (code, message) = if page == 1 {
        (
            "page-numbering",
            "Page 0 and page 1 hold the same rows: pages do not seem to be numbered from 0."
                .to_owned(),
        )
    } else {
        ("page-repeats", format!("Page {page} holds the same rows as an earlier one."))
    };
    Failure::new(Action::Stop, code, message)
        .remedy("Try again later; if it stays, the list is not paged in this way.")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks pages, and past the last one the same again; which page it ended at, or how it failed.
    fn check(pages: &[&[&str]], expected: Result<u64, &str>) {
        let mut walk = Pages::default();
        let last = *pages.last().expect("a page");
        let found = loop {
            let at = walk.page();
            let index = usize::try_from(at).expect("a small number");
            match walk.take(pages.get(index).copied().unwrap_or(last), 50) {
                Ok(false) => assert!(at < 100, "it goes on for ever"),
                Ok(true) => break Ok(at),
                Err(failure) => break Err(failure.code),
            }
        };
        assert_eq!(found.as_ref().map_err(String::as_str).copied(), expected);
    }

    #[test]
    fn a_list_ends_with_two_empty_pages() {
        check(&[&[]], Ok(1));
        check(&[&["1", "2"], &[]], Ok(2));
        check(&[&["1", "2"], &["3"], &["4", "5"], &[]], Ok(4));
    }

    #[test]
    fn an_empty_page_in_the_middle_is_no_end() {
        check(&[&["1", "2"], &[], &["3"], &[]], Ok(4));
        check(&[&[], &["1"], &[]], Ok(3));
    }

    #[test]
    fn a_page_that_comes_again_stops_the_walk() {
        check(&[&["1", "2"]], Err("page-numbering"));
        check(&[&["1"], &["2"], &["3"], &["4"], &["5"], &["6"]], Err("page-repeats"));
    }

    #[test]
    fn a_circle_of_pages_stops_the_walk() {
        let circle: [&[&str]; 3] = [&["a"], &["b"], &["c"]];
        let pages: Vec<_> = circle.iter().cycle().take(60).copied().collect();
        check(&pages, Err("page-repeats"));
    }

    #[test]
    fn only_a_page_that_is_alone_and_not_full_is_read_whole_for_sure() {
        for (pages, torn) in [
            (&[0][..], false),
            (&[1], false),
            (&[2], true),
            (&[1, 1], true),
            (&[0, 1], true),
            (&[3], true),
        ] {
            let mut walk = Pages::default();
            for (page, rows) in pages.iter().chain(&[0, 0]).enumerate() {
                let rows: Vec<_> = (0..*rows).map(|row| format!("{page} {row}")).collect();
                let rows: Vec<_> = rows.iter().map(String::as_str).collect();
                walk.take(&rows, 2).expect("pages that differ");
            }
            assert_eq!(walk.is_torn(), torn, "{pages:?}");
        }
    }
}
