//! Which of some texts are the same.
//!
//! One sort for all that has to know it: a map or set of its own for each type costs kilobytes.

use std::collections::BinaryHeap;

/// The places of texts in the order of the texts; of those that are the same the first comes first.
pub(crate) fn order<'a>(texts: &mut dyn Iterator<Item = &'a str>) -> Vec<(&'a str, usize)> {
    let places: Vec<(&str, usize)> = texts.enumerate().map(|(at, text)| (text, at)).collect();
    BinaryHeap::from(places).into_sorted_vec()
}

/// For each text the place of the first that is the same: its own where it is new.
pub(crate) fn firsts(texts: &mut dyn Iterator<Item = &str>) -> Vec<usize> {
    let order = order(texts);
    let mut firsts = vec![0; order.len()];
    let mut first = None;
    for (text, at) in order {
        let place = match first {
            Some((known, place)) if known == text => place,
            _ => at,
        };
        first = Some((text, place));
        firsts[at] = place;
    }
    firsts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(texts: &[&str], expected: &[usize]) {
        assert_eq!(firsts(&mut texts.iter().copied()), expected, "{texts:?}");
    }

    #[test]
    fn each_text_knows_where_it_stood_first() {
        check(&[], &[]);
        check(&["", "a", ""], &[0, 1, 0]);
        check(&["b", "a", "b", "c", "a", "a"], &[0, 1, 0, 3, 1, 1]);
    }
}
