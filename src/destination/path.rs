//! Paths with a part that comes from a record: percent-encoded, so that a value stays inside its segment.

/// A value as a part of a path segment: all but the unreserved characters of RFC 3986 is percent-encoded.
pub(super) fn encode(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            for digit in [byte >> 4, byte & 15] {
                encoded.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
        }
    }
    encoded
}

/// A value as a whole segment; none if it would be no segment, or step out of its folder.
pub(super) fn segment(value: &str) -> Option<String> {
    is_segment(value).then(|| encode(value))
}

/// Whether a segment is more than nothing, `.` or `..`: those mean another path, encoded or not.
pub(super) fn is_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: Option<&str>) {
        assert_eq!(segment(value).as_deref(), expected, "{value}");
    }

    #[test]
    fn a_value_stays_inside_its_segment() {
        check("acme-1042", Some("acme-1042"));
        check("a+b@x.co", Some("a%2Bb%40x.co"));
        check("../../x", Some("..%2F..%2Fx"));
        check("a?b#c", Some("a%3Fb%23c"));
        check("50%", Some("50%25"));
        check("%2e%2e", Some("%252e%252e"));
        check("é\\ \n", Some("%C3%A9%5C%20%0A"));
    }

    #[test]
    fn a_value_that_is_another_path_is_none() {
        for value in ["", ".", ".."] {
            check(value, None);
        }
        check("...", Some("..."));
    }

    proptest::proptest! {
        #[test]
        fn what_is_encoded_decodes_to_what_it_was(value in ".*") {
            let encoded = encode(&value);
            let mut bytes = Vec::new();
            let mut rest = encoded.as_bytes();
            while let Some((first, tail)) = rest.split_first() {
                if *first == b'%' {
                    let digits = std::str::from_utf8(&tail[..2]).expect("two digits");
                    bytes.push(u8::from_str_radix(digits, 16).expect("hexadecimal"));
                    rest = &tail[2..];
                } else {
                    proptest::prop_assert!(!b"/?#\\".contains(first));
                    bytes.push(*first);
                    rest = tail;
                }
            }
            proptest::prop_assert_eq!(bytes, value.as_bytes());
        }
    }
}
