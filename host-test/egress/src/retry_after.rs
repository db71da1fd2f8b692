//! `Retry-After`: how long a service asks to be left alone.
//!
//! | value | |
//! | --- | --- |
//! | `0`, `120`, `0120` | so many seconds |
//! | `Fri, 31 Dec 1999 23:59:59 GMT` and its two older forms | until then, by the host's clock |
//! | more than an hour | an hour: the run asks again, and hears the same answer if it must |
//! | more than a day | none: nobody means that |
//! | a date that has passed | none: a wait cannot be negative |
//! | `+5`, `-1`, `1.5`, ` 5`, `5 `, `5s`, `٥`, empty, anything else | none |
//!
//! "None" leaves the wait to the back-off of the caller, as if the header were absent.

use std::time::{Duration, SystemTime};

/// The longest wait that is obeyed.
pub const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// The longest wait that is believed.
pub const LONGEST_BELIEVED: Duration = Duration::from_hours(24);

/// How long to wait from `now`, by the value of the header; at most [`LONGEST_WAIT`].
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    // The standard library takes a sign before a number, the RFC does not: digits alone get that
    // far.
    let wait = if value.bytes().all(|byte| byte.is_ascii_digit()) {
        Duration::from_secs(value.parse().ok()?)
    } else {
        httpdate::parse_http_date(value).ok()?.duration_since(now).ok()?
    };
    (wait <= LONGEST_BELIEVED).then(|| wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 31 December 1999, 23:59:00.
    const NOW: u64 = 946_684_740;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
    }

    fn check(value: &str, seconds: Option<u64>) {
        assert_eq!(retry_after(value, now()), seconds.map(Duration::from_secs), "{value:?}");
    }

    #[test]
    fn seconds_are_digits() {
        for (value, seconds) in [("0", 0), ("1", 1), ("120", 120), ("0120", 120), ("3600", 3600)] {
            check(value, Some(seconds));
        }
    }

    #[test]
    fn sloppy_numbers_are_none() {
        for value in [
            "", " ", "+5", "-1", "-0", "1.5", "1e3", "0x10", " 5", "5 ", "5\t", "5s", "5, 6", "٥",
            "５", "1_000",
        ] {
            check(value, None);
        }
    }

    #[test]
    fn a_date_is_read_by_the_hosts_clock_in_its_three_forms() {
        check("Fri, 31 Dec 1999 23:59:59 GMT", Some(59));
        check("Friday, 31-Dec-99 23:59:59 GMT", Some(59));
        check("Fri Dec 31 23:59:59 1999", Some(59));
        check("Fri, 31 Dec 1999 23:59:00 GMT", Some(0));
    }

    #[test]
    fn a_date_that_has_passed_or_is_none_is_none() {
        for value in [
            "Fri, 31 Dec 1999 23:58:59 GMT",
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "Fri, 31 Feb 2000 00:00:00 GMT",
            "31 Dec 1999",
            "1999-12-31T23:59:59Z",
            "tomorrow",
        ] {
            check(value, None);
        }
    }

    #[test]
    fn a_long_wait_is_cut_and_an_absurd_one_is_none() {
        check("3601", Some(3600));
        check("86400", Some(3600));
        check("86401", None);
        check("18446744073709551615", None);
        check("18446744073709551616", None);
        check("99999999999999999999999999", None);
        check("Sat, 01 Jan 2000 12:00:00 GMT", Some(3600));
        check("Fri, 31 Dec 9999 23:59:59 GMT", None);
    }

    proptest! {
        #[test]
        fn no_value_makes_a_wait_of_more_than_an_hour(
            value in prop_oneof![".*", "[0-9]{1,24}", "[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT"],
        ) {
            prop_assert!(retry_after(&value, now()).is_none_or(|wait| wait <= LONGEST_WAIT));
        }

        #[test]
        fn a_date_and_the_seconds_to_it_are_the_same_wait(seconds in 0_u64..200_000) {
            let date = httpdate::fmt_http_date(now() + Duration::from_secs(seconds));
            prop_assert_eq!(retry_after(&date, now()), retry_after(&seconds.to_string(), now()));
        }
    }
}
