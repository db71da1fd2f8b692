//! Percent-encoding of query names and values.
//!
//! Everything but the unreserved characters of RFC 3986 (letters, digits, `-`, `.`, `_`, `~`)
//! becomes `%` and two upper-case hexadecimal digits of its UTF-8 bytes. A space is `%20`, never
//! `+`: the one spelling that every decoder reads alike. So no value can end its parameter, start
//! another one or leave the query.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

pub(crate) const UNRESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The text as a name or value of a query. It may be a secret: it is written in one allocation,
/// which is overwritten on drop.
pub fn encode_query(text: &str) -> Zeroizing<String> {
    let mut encoded = Zeroizing::new(String::with_capacity(3 * text.len()));
    encoded.extend(utf8_percent_encode(text, UNRESERVED));
    encoded
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_unreserved_characters_stay_as_they_are() {
        for (text, encoded) in [
            ("aZ09-._~", "aZ09-._~"),
            ("a b+c", "a%20b%2Bc"),
            ("&=#?/%", "%26%3D%23%3F%2F%25"),
            ("é\r\n", "%C3%A9%0D%0A"),
        ] {
            assert_eq!(encode_query(text).as_str(), encoded);
        }
    }

    proptest! {
        #[test]
        fn decoding_gives_the_text_back(text in ".*") {
            let encoded = encode_query(&text);
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
            prop_assert_eq!(percent_decode_str(&encoded).decode_utf8().expect("UTF-8"), text.as_str());
        }
    }
}
