//! E-mail addresses: whether one is plausible, and where one is spoken of in a sentence.

use super::record::{Fields, Kind, Refused, at, kind, text};
use crate::words::{cut, find, has, is_any, is_letter};

/// Most bytes of an address (RFC 5321).
const LONGEST: usize = 254;

/// Most bytes before the `@` (RFC 5321).
const LONGEST_LOCAL: usize = 64;

/// The address in a field of a record; none if the field is absent or null.
pub(super) fn email_of(fields: &Fields<'_>, field: &str) -> Result<Option<String>, Refused> {
    let Some(value) = fields.get(field).filter(|value| kind(value) != Kind::Null) else {
        return Ok(None);
    };
    let Some(address) = text(value) else {
        return Err(at(field, "type", "is not a text"));
    };
    if !is_plausible(&address) {
        return Err(at(field, "email", &format!("is no e-mail address: `{}`", excerpt(&address))));
    }
    Ok(Some(address))
}

/// Whether a text can be an e-mail address. Only the service knows whether it is one.
pub(super) fn is_plausible(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return false;
    };
    address.len() <= LONGEST
        && (1..=LONGEST_LOCAL).contains(&local.len())
        && local
            .chars()
            .all(|c| !c.is_whitespace() && !c.is_control() && !is_any(c, "@,;:<>()[]\\\""))
        && has(domain, ".")
        && domain.split('.').all(is_label)
}

/// Where `address` (in lower case) stands in `sentence` (in lower case) on its own, not inside a longer address: byte
/// ranges.
pub(super) fn places(sentence: &str, address: &str) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    let mut from = 0;
    while let Some(found) = sentence.get(from..).and_then(|rest| find(rest, address)) {
        let (start, end) = (from + found, from + found + address.len());
        let before = sentence.get(..start).and_then(|before| before.chars().next_back());
        let mut after = sentence.get(end..).unwrap_or_default().chars();
        let ends = match after.next() {
            Some('.') => !after.next().is_some_and(is_letter),
            Some(next) => !(is_letter(next) || is_any(next, "-_@")),
            None => true,
        };
        let begins = before
            .is_none_or(|before| !(is_letter(before) || is_any(before, ".!#$%&*+/=?^_{|}~-@")));
        if begins && ends {
            places.push((start, end));
        }
        from = end;
    }
    places
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(|c| is_letter(c) || c == '-')
}

/// The beginning of a text that may be of any length.
fn excerpt(text: &str) -> &str {
    cut(text, 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, expected: bool) {
        assert_eq!(is_plausible(address), expected, "{address}");
    }

    #[test]
    fn plausible_addresses_pass() {
        for address in [
            "nora.lind@example.com",
            "a+b@example.com",
            "o'neil@example.co.uk",
            "x_1-%!@sub.example.museum",
            "jörg@größe.de",
        ] {
            check(address, true);
        }
    }

    #[test]
    fn what_can_be_no_address_is_refused() {
        for address in [
            "",
            "broken",
            "broken@",
            "@example.com",
            "a@b",
            "a b@example.com",
            "a@exa mple.com",
            " a@example.com",
            "a@example.com ",
            "a@@example.com",
            "a@b@example.com",
            "a@.com",
            "a@example..com",
            "a@example.com.",
            "a@-example.com",
            "a,b@example.com",
            "a@example.com\n",
            "Nora <nora@example.com>",
            "a@example.com?x=1",
        ] {
            check(address, false);
        }
        check(&format!("{}@example.com", "x".repeat(65)), false);
        check(&format!("a@{}.com", "x".repeat(255)), false);
    }

    #[test]
    fn an_address_is_found_in_a_sentence_but_not_inside_a_longer_one() {
        let found = |sentence: &str| places(sentence, "a@x.co").len();
        for sentence in [
            "a@x.co",
            "invalid: a@x.co.",
            "\"a@x.co\" is taken",
            "<a@x.co>",
            "'a@x.co'",
            "a@x.co, b@x.co",
        ] {
            assert_eq!(found(sentence), 1, "{sentence}");
        }
        for sentence in ["a@x.com", "aa@x.co", "b.a@x.co", "a@x.co.uk", "a@x.co-op", ""] {
            assert_eq!(found(sentence), 0, "{sentence}");
        }
    }
}
