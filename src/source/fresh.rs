//! Rows handed over that the pass catching up will meet again: those of the seconds below the mark.
//!
//! They are known by a print of their text, not by key and time: a row that was changed twice within a second has the
//! same time and another text, and is handed over again. Where there are more of them than are remembered, some are
//! handed over twice, and none is lost.

use crate::json::{Store, Value};

/// The prints of the newest rows, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fresh(Vec<Print>);

/// A 128-bit FNV-1a hash in hexadecimal: JSON numbers do not hold as much.
type Print = String;

/// So many rows are remembered: together with the keys of a large second they fit the state.
const MOST: usize = 48;

impl Store for Fresh {
    fn write(&mut self, out: &mut String) {
        self.0.write(out);
    }

    fn read(&mut self, value: &Value<'_>) -> bool {
        self.0.read(value)
    }

    fn is_blank(&self) -> bool {
        self.0.is_blank()
    }

    fn clear(&mut self) -> bool {
        Store::clear(&mut self.0)
    }
}

impl Fresh {
    /// Remembers a row; whether it was handed over before, as it is.
    pub(super) fn has_seen(&mut self, raw: &str) -> bool {
        let print = print(raw);
        if self.0.contains(&print) {
            return true;
        }
        if self.0.len() == MOST {
            self.0.remove(0);
        }
        self.0.push(print);
        false
    }
}

fn print(raw: &str) -> Print {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let hash = raw.bytes().fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    format!("{hash:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::testing::written;

    fn check(rows: &[&str], expected: &[bool]) {
        let mut fresh = Fresh::default();
        let found: Vec<_> = rows.iter().map(|row| fresh.has_seen(row)).collect();
        assert_eq!(found, expected, "{rows:?}");
    }

    #[test]
    fn a_row_is_known_again_unless_its_text_changed() {
        check(&["a", "b", "a", "A", "b"], &[false, false, true, false, true]);
    }

    #[test]
    fn the_oldest_is_forgotten_first_and_the_state_stays_small() {
        let mut fresh = Fresh::default();
        for number in 0..=MOST {
            assert!(!fresh.has_seen(&number.to_string()));
        }
        assert!(!fresh.has_seen("0"));
        assert!(fresh.has_seen(&MOST.to_string()));
        assert!(written(&mut fresh).len() < 1800);
    }

    #[test]
    fn the_print_is_that_of_the_standard() {
        assert_eq!(print("a"), "d228cb696f1a8caf78912b704e4a8964");
    }
}
