//! The emulator's clock: it never reads the machine's, so runs can be repeated to the byte.

/// Seconds since 1970 that advance by a fixed step on each change, or to where they are set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    now: u32,
    step: u32,
}

impl Clock {
    pub(crate) const fn new(start: u32, step: u32) -> Self {
        Self { now: start, step }
    }

    /// Steps forward and returns the new instant.
    pub(crate) fn tick(&mut self) -> u32 {
        self.now = self.now.saturating_add(self.step);
        self.now
    }

    pub(crate) const fn set(&mut self, now: u32) {
        self.now = now;
    }

    pub(crate) const fn now(self) -> u32 {
        self.now
    }
}

/// Appends `seconds` since 1970 as `YYYY-MM-DD HH:MM:SS`, UTC.
pub(crate) fn write_stamp(out: &mut Vec<u8>, seconds: u32) {
    let (year, month, day) = date(seconds / 86_400);
    let time = seconds % 86_400;
    two_digits(out, year / 100);
    two_digits(out, year % 100);
    for (separator, number) in
        [(b'-', month), (b'-', day), (b' ', time / 3600), (b':', time / 60 % 60), (b':', time % 60)]
    {
        out.push(separator);
        two_digits(out, number);
    }
}

/// `seconds` since 1970 as the text that [`write_stamp`] appends.
pub(crate) fn stamp(seconds: u32) -> String {
    let mut out = Vec::with_capacity(19);
    write_stamp(&mut out, seconds);
    String::from_utf8(out).expect("digits and separators are ASCII")
}

fn two_digits(out: &mut Vec<u8>, number: u32) {
    for digit in [number / 10, number % 10] {
        out.push(b'0' + u8::try_from(digit).expect("below 10"));
    }
}

/// Year, month and day of a day counted from 1970-01-01, after Howard Hinnant's civil calendar
/// algorithm, in which a year begins in March.
const fn date(day: u32) -> (u32, u32, u32) {
    let shifted = day + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, of_year - (153 * march_month + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_as_the_api_writes_them() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_721_040_555, "2024-07-15 10:49:15"),
            (1_767_225_600, "2026-01-01 00:00:00"),
            (u32::MAX, "2106-02-07 06:28:15"),
        ] {
            assert_eq!(stamp(seconds), text);
        }
    }

    #[test]
    fn a_tick_moves_by_the_step_and_stops_at_the_end_of_time() {
        let mut clock = Clock::new(u32::MAX - 3, 2);
        assert_eq!([clock.tick(), clock.tick(), clock.now()], [u32::MAX - 1, u32::MAX, u32::MAX]);
    }
}
