//! Which record a row is, in 64 bits, and sets of such keys small enough for a state.

use crate::json::{Store, Value};

/// The identity of a row: a whole number below 2^63 is itself; the text of anything else is hashed,
/// with the top bit set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(u64);

const HASHED: u64 = 1 << 63;

impl Key {
    /// Of the text of a JSON value.
    pub(crate) fn of(text: &str) -> Self {
        let plain = text.len() < 20
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && (text == "0" || !text.starts_with('0'));
        match text.parse::<u64>() {
            Ok(number) if plain && number < HASHED => Key(number),
            _ => Key(hash(text.bytes()) | HASHED),
        }
    }

    /// Its number.
    #[cfg(test)]
    pub(crate) fn number(self) -> u64 {
        self.0
    }

    /// Two independent hashes, to be summed over a set.
    pub(crate) fn hashes(self) -> [u64; 2] {
        [mix(self.0), mix(self.0 ^ 0x9e37_79b9_7f4a_7c15)]
    }
}

/// Keys in the order in which they came, as one number.
pub(crate) fn sequence<'a>(keys: impl Iterator<Item = &'a Key>) -> u64 {
    hash(keys.flat_map(|key| key.0.to_le_bytes()))
}

/// A set of keys, each with a mark that can be cleared for all at once.
///
/// Its JSON is one text: the differences of the sorted keys in base 36, joined by `.`, with `*`
/// behind a marked one. Thousands of neighbouring ids take a few kilobytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keys {
    /// In ascending order.
    keys: Vec<(Key, bool)>,
}

impl Keys {
    /// Adds a key and marks it; whether it is new.
    pub(crate) fn insert(&mut self, key: Key) -> bool {
        match self.find(key) {
            Ok(at) => {
                self.keys[at].1 = true;
                false
            }
            Err(at) => {
                self.keys.insert(at, (key, true));
                true
            }
        }
    }

    /// Clears every mark.
    pub(crate) fn unmark(&mut self) {
        self.keys.iter_mut().for_each(|(_, marked)| *marked = false);
    }

    /// Whether the key is in the set.
    pub(crate) fn contains(&self, key: Key) -> bool {
        self.find(key).is_ok()
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// How many keys are marked.
    pub(crate) fn marked(&self) -> u64 {
        self.keys.iter().map(|&(_, marked)| u64::from(marked)).sum()
    }

    fn find(&self, key: Key) -> Result<usize, usize> {
        self.keys.binary_search_by(|(known, _)| known.cmp(&key))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut keys: Vec<(Key, bool)> = Vec::new();
        let mut previous = 0_u64;
        for piece in text.split('.').filter(|_| !text.is_empty()) {
            let digits = piece.strip_suffix('*');
            let step = u64::from_str_radix(digits.unwrap_or(piece), 36).ok()?;
            previous = previous.checked_add(step)?;
            if keys.last().is_some_and(|(last, _)| last.0 == previous) {
                keys.pop();
            }
            keys.push((Key(previous), digits.is_some()));
        }
        Some(Keys { keys })
    }
}

impl FromIterator<Key> for Keys {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Self {
        let mut set = Keys::default();
        for key in keys {
            set.insert(key);
        }
        set
    }
}

impl Store for Keys {
    fn write(&mut self, out: &mut String) {
        out.push('"');
        let mut previous = 0;
        for (index, (key, marked)) in self.keys.iter().enumerate() {
            if index > 0 {
                out.push('.');
            }
            base36(key.0 - previous, out);
            if *marked {
                out.push('*');
            }
            previous = key.0;
        }
        out.push('"');
    }

    fn read(&mut self, value: &Value<'_>) -> bool {
        value.as_str().and_then(Keys::parse).map(|keys| *self = keys).is_some()
    }
}

fn base36(mut number: u64, text: &mut String) {
    let mut digits = [0_u8; 13];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b"0123456789abcdefghijklmnopqrstuvwxyz"[(number % 36) as usize];
        number /= 36;
        if number == 0 {
            break;
        }
    }
    text.extend(digits[at..].iter().map(|&digit| char::from(digit)));
}

/// FNV-1a, stirred.
fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    mix(bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    }))
}

/// The finalizer of splitmix64.
pub(crate) fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::json::testing::{read_back, written};

    fn check(text: &str, exact: Option<u64>) {
        let key = Key::of(text);
        match exact {
            Some(number) => assert_eq!(key, Key(number), "{text}"),
            None => assert!(key.0 >= HASHED, "{text}"),
        }
    }

    #[test]
    fn whole_numbers_are_themselves_and_the_rest_is_hashed() {
        check("0", Some(0));
        check("90417733", Some(90_417_733));
        check("9223372036854775807", Some(HASHED - 1));
        for text in
            ["9223372036854775808", "12345678901234567890", "-1", "1.0", "1e3", "007", "\"7\""]
        {
            check(text, None);
        }
    }

    #[test]
    fn a_number_and_its_text_are_two_keys() {
        assert_ne!(Key::of("7"), Key::of("\"7\""));
    }

    #[test]
    fn a_thousand_hashed_keys_fit_a_state() {
        let mut keys: Keys = (0..1_000).map(|id| Key::of(&format!("\"id-{id}\""))).collect();
        let text = written(&mut keys);
        assert!(text.len() < 14_000, "{}", text.len());
    }

    #[test]
    fn a_damaged_set_is_an_error() {
        for text in ["\"!\"", "\"1..2\"", "\"zzzzzzzzzzzzzz\"", "\"3w5e11264sgsf.1\"", "1", "null"]
        {
            assert!(read_back::<Keys>(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_set_survives_its_text(numbers in prop::collection::vec(any::<u64>(), 0..40), split in 0_usize..40) {
            let (unmarked, marked) = numbers.split_at(split.min(numbers.len()));
            let mut keys: Keys = unmarked.iter().map(|&number| Key(number)).collect();
            keys.unmark();
            for &number in marked { keys.insert(Key(number)); }
            let text = written(&mut keys);
            prop_assert_eq!(read_back::<Keys>(&text).expect("a set"), keys);
        }
    }
}
