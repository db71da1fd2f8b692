//! One of the two lists in every order it can be asked for.
//!
//! `last_update` and `crmhero_user_id` are kept in order as contacts change; any other order is
//! sorted when it is first asked for after a change, and kept.

use std::collections::HashMap;

use crate::config::{DefaultOrder, PageSize, Paging, Switches, TieOrder};
use crate::contact::Contact;
use crate::random::{Random, mix};
use crate::ranked::Ranked;

/// The orders of a list.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Sort {
    Email,
    FirstSeen,
    Id,
    LastActivity,
    LastUpdate,
    Name,
    Shuffled,
}

impl Sort {
    /// The order of a `sort` parameter; an unknown field is ignored.
    pub(crate) fn of(parameter: Option<&str>, switches: &Switches) -> Self {
        let default = match switches.default_order {
            DefaultOrder::Id => Self::Id,
            DefaultOrder::Shuffled => Self::Shuffled,
        };
        if !switches.sort_honoured {
            return default;
        }
        match parameter {
            Some("crmhero_user_id") => Self::Id,
            Some("email") => Self::Email,
            Some("first_seen_at") => Self::FirstSeen,
            Some("last_activity") => Self::LastActivity,
            Some("last_update") => Self::LastUpdate,
            Some("name") => Self::Name,
            _ => default,
        }
    }
}

/// An order and its direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) sort: Sort,
    pub(crate) descending: bool,
}

/// Positions of contacts in their orders.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    /// `last_update` in the upper half, the position in the lower.
    by_update: Ranked,
    by_position: Ranked,
    sorted: HashMap<Sort, Vec<u32>>,
}

impl Listing {
    /// A list of positions and their `last_update`.
    pub(crate) fn new(members: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        Self {
            by_update: Ranked::from_keys(
                members.clone().map(|(position, at)| key(at, position)).collect(),
            ),
            by_position: Ranked::from_keys(
                members.map(|(position, _)| u64::from(position)).collect(),
            ),
            sorted: HashMap::new(),
        }
    }

    pub(crate) fn insert(&mut self, position: u32, last_update: u32) {
        self.by_update.insert(key(last_update, position));
        self.by_position.insert(position.into());
        self.sorted.clear();
    }

    pub(crate) fn remove(&mut self, position: u32, last_update: u32) {
        self.by_update.remove(key(last_update, position));
        self.by_position.remove(position.into());
        self.sorted.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.by_position.len()
    }

    /// The members by `crmhero_user_id`.
    pub(crate) fn positions(&self) -> impl Iterator<Item = u32> {
        self.by_position.iter().map(position_of)
    }

    /// The members by `crmhero_user_id`, of the ranks from `start` to before `end`.
    pub(crate) fn positions_between(&self, start: usize, end: usize) -> Vec<u32> {
        self.by_position.range(start, end).into_iter().map(position_of).collect()
    }

    /// The members of the ranks from `start` to before `end`. `ties` shuffles those of one
    /// `last_update`, differently for each number; `contact` gives a member for the orders that
    /// are not kept.
    pub(crate) fn slice(
        &mut self,
        order: Order,
        start: usize,
        end: usize,
        ties: Option<u64>,
        contact: impl Fn(u32) -> Contact,
    ) -> Vec<u32> {
        let len = self.len();
        let (start, end) = (start.min(len), end.min(len));
        if start >= end {
            return Vec::new();
        }
        let (from, to) = if order.descending { (len - end, len - start) } else { (start, end) };
        let mut positions = match (order.sort, ties) {
            (Sort::Id, _) => self.positions_between(from, to),
            (Sort::LastUpdate, Some(ties)) => self.with_shuffled_ties(from, to, ties),
            (Sort::LastUpdate, None) => {
                self.by_update.range(from, to).into_iter().map(position_of).collect()
            }
            (sort, _) => {
                let positions = &self.by_position;
                self.sorted.entry(sort).or_insert_with(|| sorted(positions, sort, contact))
                    [from..to]
                    .to_vec()
            }
        };
        if order.descending {
            positions.reverse();
        }
        positions
    }

    /// Ascending ranks, each group of one `last_update` shuffled as a whole before it is cut.
    fn with_shuffled_ties(&self, from: usize, to: usize, ties: u64) -> Vec<u32> {
        let second =
            |rank| self.by_update.at(rank).expect("the caller keeps ranks within the list") >> 32;
        let first = self.by_update.rank(second(from) << 32);
        let last = self.by_update.rank((second(to - 1) + 1) << 32);
        let mut keys = self.by_update.range(first, last);
        for group in keys.chunk_by_mut(|a, b| a >> 32 == b >> 32) {
            Random::new(ties ^ mix(group[0])).shuffle(group);
        }
        keys[from - first..to - first].iter().copied().map(position_of).collect()
    }
}

/// Which ranks a page of a list has, by the switches; the refused page size where it is refused.
pub(crate) fn page_ranks(
    len: usize,
    page: usize,
    asked: usize,
    switches: &Switches,
) -> Result<(usize, usize), usize> {
    let size = match &switches.page_size {
        PageSize::Clamp(largest) => asked.min(*largest),
        PageSize::Refuse(largest) if asked > *largest => return Err(*largest),
        PageSize::Refuse(_) => asked,
        PageSize::Only(sizes) => {
            let fitting = sizes.iter().rev().find(|&&size| size <= asked);
            *fitting.or(sizes.first()).unwrap_or(&asked)
        }
    }
    .max(1);
    let page = match switches.paging {
        Paging::FromZero => page,
        Paging::FromOne => page.saturating_sub(1),
        Paging::LastRepeats => page.min(len.saturating_sub(1) / size),
    };
    let start = page.saturating_mul(size);
    Ok((start, start.saturating_add(size)))
}

fn sorted(positions: &Ranked, sort: Sort, contact: impl Fn(u32) -> Contact) -> Vec<u32> {
    let positions = positions.iter().map(position_of);
    match sort {
        Sort::Email => by_text(positions, |position| contact(position).email),
        Sort::Name => by_text(positions, |position| contact(position).name),
        Sort::FirstSeen => by_number(positions, |position| contact(position).first_seen_at.into()),
        Sort::LastActivity => {
            by_number(positions, |position| contact(position).last_activity.unwrap_or(0).into())
        }
        Sort::Shuffled => by_number(positions, |position| mix(position.into())),
        Sort::Id | Sort::LastUpdate => positions.collect(),
    }
}

fn by_text(positions: impl Iterator<Item = u32>, text: impl Fn(u32) -> Option<String>) -> Vec<u32> {
    let mut keyed: Vec<_> = positions.map(|position| (text(position), position)).collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, position)| position).collect()
}

fn by_number(positions: impl Iterator<Item = u32>, number: impl Fn(u32) -> u64) -> Vec<u32> {
    let mut keyed: Vec<_> = positions.map(|position| (number(position), position)).collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, position)| position).collect()
}

fn key(last_update: u32, position: u32) -> u64 {
    u64::from(last_update) << 32 | u64::from(position)
}

fn position_of(key: u64) -> u32 {
    u32::try_from(key & u64::from(u32::MAX)).expect("the lower half of a key")
}

/// Whether this list shuffles ties in the answer of the given number.
pub(crate) fn shuffled_ties(switches: &Switches, answer: u64) -> Option<u64> {
    (switches.ties == TieOrder::Shuffled).then(|| mix(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        page: usize,
        asked: usize,
        switches: &Switches,
        expected: Result<(usize, usize), usize>,
    ) {
        assert_eq!(page_ranks(130, page, asked, switches), expected, "{page} {asked}");
    }

    #[test]
    fn page_sizes_follow_the_switch() {
        let with = |page_size| Switches { page_size, ..Switches::default() };
        check(1, 500, &with(PageSize::Clamp(100)), Ok((100, 200)));
        check(1, 99, &with(PageSize::Clamp(100)), Ok((99, 198)));
        check(0, 101, &with(PageSize::Refuse(100)), Err(100));
        check(2, 87, &with(PageSize::Only(vec![25, 50])), Ok((100, 150)));
        check(2, 10, &with(PageSize::Only(vec![25, 50])), Ok((50, 75)));
        check(3, 0, &with(PageSize::Clamp(100)), Ok((3, 4)));
    }

    #[test]
    fn page_numbers_follow_the_switch() {
        let with = |paging| Switches { paging, ..Switches::default() };
        check(0, 50, &with(Paging::FromOne), Ok((0, 50)));
        check(1, 50, &with(Paging::FromOne), Ok((0, 50)));
        check(9, 50, &with(Paging::LastRepeats), Ok((100, 150)));
        check(usize::MAX, 50, &with(Paging::FromZero), Ok((usize::MAX, usize::MAX)));
    }

    #[test]
    fn shuffled_ties_stay_within_their_second_and_differ_between_answers() {
        let members = (0..300_u32).map(|position| (position, 1_000 + position / 100));
        let mut listing = Listing::new(members);
        let order = Order { sort: Sort::LastUpdate, descending: true };
        let mut page = |ties| {
            listing.slice(order, 50, 150, Some(ties), |_| unreachable!("this order is kept"))
        };
        let (one, other) = (page(1), page(2));
        assert_ne!(one, other);
        assert_eq!(one, page(1));
        for rows in [one, other] {
            assert_eq!(rows.iter().filter(|&&position| position >= 200).count(), 50);
            assert!(rows[..50].iter().all(|&position| position >= 200));
            assert!(rows[50..].iter().all(|&position| (100..200).contains(&position)));
        }
    }
}
