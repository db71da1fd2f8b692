//! The time in a contact's `last_update`: `YYYY-MM-DD HH:MM:SS`, whole seconds, no zone.
//!
//! No source states the zone; it is read as UTC (inferred), which matters only for the arithmetic of
//! a lookback. The order of two stamps is the order of their texts.

use std::fmt;

use crate::json::{Store, Value, quote};

/// Seconds since 1970-01-01 00:00:00, as the service's clock shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Stamp(i64);

impl Stamp {
    /// Reads `YYYY-MM-DD HH:MM:SS`; none if it is anything else, or no time of a calendar.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes: &[u8; 19] = text.as_bytes().try_into().ok()?;
        let separated = [(4, b'-'), (7, b'-'), (10, b' '), (13, b':'), (16, b':')];
        if separated.iter().any(|&(index, separator)| bytes[index] != separator) {
            return None;
        }
        let number = |from: usize, to: usize| {
            bytes[from..to].iter().try_fold(0_i64, |sum, byte| {
                byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0'))
            })
        };
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        let real = (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour < 24
            && minute < 60
            && second <= 60;
        real.then(|| Stamp(days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second))
    }

    /// So many seconds earlier.
    pub(crate) fn less(self, seconds: u32) -> Self {
        Stamp(self.0 - i64::from(seconds))
    }

    /// So many seconds since 1970.
    #[cfg(test)]
    pub(crate) fn at(seconds: i64) -> Self {
        Stamp(seconds)
    }

    /// Seconds since 1970.
    pub(crate) fn seconds(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.0.div_euclid(86_400));
        let time = self.0.rem_euclid(86_400);
        let (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60);
        write!(formatter, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}

impl Store for Stamp {
    fn write(&mut self, out: &mut String) {
        quote(&self.to_string(), out);
    }

    fn read(&mut self, value: &Value<'_>) -> bool {
        value.as_str().and_then(Stamp::parse).map(|stamp| *self = stamp).is_some()
    }
}

/// Days since 1970-01-01 of a date of the Gregorian calendar. The year begins in March, so that the
/// leap day comes last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The date of a day since 1970-01-01.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Option<i64>) {
        assert_eq!(Stamp::parse(text).map(Stamp::seconds), expected, "{text}");
    }

    #[test]
    fn a_time_is_read_as_utc() {
        check("1970-01-01 00:00:00", Some(0));
        check("2024-07-15 10:49:15", Some(1_721_040_555));
        check("2000-02-29 23:59:59", Some(951_868_799));
        check("1969-12-31 23:59:59", Some(-1));
    }

    #[test]
    fn anything_else_is_no_time() {
        for text in [
            "",
            "2024-07-15",
            "2024-07-15T10:49:15",
            "2024-07-15 10:49:15Z",
            "0000-00-00 00:00:00",
            "2024-13-01 00:00:00",
            "2024-01-01 24:00:00",
            "2024-01-01 +1:00:00",
            "2024-01-01 00:00:0\u{661}",
        ] {
            check(text, None);
        }
    }

    proptest! {
        #[test]
        fn a_time_survives_its_text(seconds in -62_167_219_200_i64..253_402_300_800) {
            let stamp = Stamp(seconds);
            prop_assert_eq!(Stamp::parse(&stamp.to_string()), Some(stamp));
        }

        #[test]
        fn the_order_of_times_is_that_of_their_texts(
            one in -62_167_219_200_i64..253_402_300_800,
            other in -62_167_219_200_i64..253_402_300_800,
        ) {
            let texts = (Stamp(one).to_string(), Stamp(other).to_string());
            prop_assert_eq!(one.cmp(&other), texts.0.cmp(&texts.1));
        }
    }
}
