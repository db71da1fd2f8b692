//! A secret, and every form in which it may show itself.
//!
//! A [`Secret`] has no `Display` and no `Serialize`, its `Debug` prints nothing of it, and its
//! bytes are overwritten when it is dropped. [`Secret::expose`] is the one way to the value, so a
//! search for that word finds every place that has it. A [`Fingerprint`] tells two secrets apart
//! without either.
//!
//! [`Secret::forms`] is the list that the scrubber replaces and that the tests with a canary token
//! look for:
//!
//! | form | of `a/b` |
//! | --- | --- |
//! | plain | `a/b` |
//! | percent-encoded, as strict as RFC 3986, as JavaScript's two functions and as a form do it, all but letters and digits, and every byte, upper and lower case | `a%2Fb`, `a%2fb`, `%61%2F%62` |
//! | base64, standard and URL-safe, with and without padding | `YS9i` |
//! | base64 inside of a longer text, at each of the three offsets: the characters that the text around cannot change, if they are four or more | none; of `secret`, `c2VjcmV0`, `NlY3Jld`, `zZWNyZX` |
//! | hexadecimal, lower and upper case | `612f62` |
//! | JSON-escaped, with `\/`, with `\u` for what is not ASCII and for every character | `a\/b`, `\u0061\u002f\u0062` |
//! | JSON-escaped twice, as in a JSON string that quotes JSON | `a\\/b`, `a\\\/b` |
//! | HTML-escaped, and as Rust's `Debug` writes text | |
//!
//! Base64 with `+` or `/` is also listed as JSON and percent-encoding write it.

use std::collections::BTreeSet;
use std::fmt;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::encode::UNRESERVED;

/// A value that no plugin, log, answer or file may show.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the value over.
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value, for the one place that writes it into a request and the one that seals it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A short text by which to tell this secret from another.
    pub fn fingerprint(&self) -> Fingerprint {
        let digest = Sha256::new()
            .chain_update(b"connector secret fingerprint v1\0")
            .chain_update(self.0.as_bytes())
            .finalize();
        Fingerprint([digest[0], digest[1], digest[2], digest[3]])
    }

    /// Every form of the secret, each once, none empty. An empty secret has none.
    pub fn forms(&self) -> Vec<Zeroizing<String>> {
        let mut forms = Forms::default();
        if self.0.is_empty() {
            return Vec::new();
        }
        forms.add_text(&self.0);
        forms.add_percent(&self.0);
        forms.add_base64(self.0.as_bytes());
        forms.add_hex(self.0.as_bytes());
        forms.add_json(&self.0);
        forms.add_markup(&self.0);
        forms.0.into_iter().map(Zeroizing::new).collect()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// 32 bits of a digest of a secret, as eight hexadecimal digits: enough to see that a secret
/// changed, too little to find it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 4]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What `encodeURIComponent` leaves as it is, besides letters and digits.
const COMPONENT: &AsciiSet =
    &UNRESERVED.remove(b'!').remove(b'\'').remove(b'(').remove(b')').remove(b'*');

/// What `encodeURI` leaves as it is.
const URI: &AsciiSet = &COMPONENT
    .remove(b';')
    .remove(b',')
    .remove(b'/')
    .remove(b'?')
    .remove(b':')
    .remove(b'@')
    .remove(b'&')
    .remove(b'=')
    .remove(b'+')
    .remove(b'$')
    .remove(b'#');

/// What a form leaves as it is; its space is `+`.
const FORM: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*').remove(b' ');

/// A shorter fragment of base64 occurs in any text, and tells less than three bytes of the secret.
const SHORTEST_FRAGMENT: usize = 4;

#[derive(Default)]
struct Forms(BTreeSet<String>);

impl Forms {
    fn add_text(&mut self, text: &str) {
        if !text.is_empty() {
            self.0.insert(text.to_owned());
        }
    }

    fn add_percent(&mut self, text: &str) {
        for set in [UNRESERVED, COMPONENT, URI, NON_ALPHANUMERIC] {
            self.add_hex_cases(&utf8_percent_encode(text, set).to_string());
        }
        self.add_hex_cases(&utf8_percent_encode(text, FORM).to_string().replace(' ', "+"));
        let mut every_byte = String::new();
        for byte in text.bytes() {
            write!(every_byte, "%{byte:02X}").expect("a string takes any text");
        }
        self.add_hex_cases(&every_byte);
    }

    /// Adds a percent-encoding with the digits after each `%` in upper and in lower case.
    fn add_hex_cases(&mut self, encoded: &str) {
        self.add_text(encoded);
        let mut lower = String::with_capacity(encoded.len());
        let mut digits = 0;
        for character in encoded.chars() {
            lower.push(if digits > 0 { character.to_ascii_lowercase() } else { character });
            digits = if character == '%' { 2_u8 } else { digits.saturating_sub(1) };
        }
        self.add_text(&lower);
    }

    fn add_base64(&mut self, bytes: &[u8]) {
        self.add_base64_spellings(&STANDARD.encode(bytes));
        self.add_base64_spellings(&STANDARD_NO_PAD.encode(bytes));
        for offset in 0..3 {
            let mut shifted = vec![0; offset];
            shifted.extend_from_slice(bytes);
            let encoded = STANDARD_NO_PAD.encode(&shifted);
            // Six bits a character: those that the bytes before or after reach into are left out.
            let first = (offset * 8).div_ceil(6);
            let stable = encoded.get(first..shifted.len() * 8 / 6);
            // At the end of the text around, the last character is fixed too, and padding follows.
            let padded = STANDARD.encode(&shifted);
            for fragment in [stable, encoded.get(first..), padded.get(first..)] {
                if let Some(fragment) = fragment.filter(|text| text.len() >= SHORTEST_FRAGMENT) {
                    self.add_base64_spellings(fragment);
                }
            }
        }
    }

    fn add_base64_spellings(&mut self, encoded: &str) {
        self.add_text(encoded);
        self.add_text(&encoded.replace('+', "-").replace('/', "_"));
        self.add_text(&encoded.replace('/', "\\/"));
        self.add_hex_cases(&utf8_percent_encode(encoded, UNRESERVED).to_string());
    }

    fn add_hex(&mut self, bytes: &[u8]) {
        let mut lower = String::with_capacity(2 * bytes.len());
        for byte in bytes {
            write!(lower, "{byte:02x}").expect("a string takes any text");
        }
        self.add_text(&lower.to_ascii_uppercase());
        self.add_text(&lower);
    }

    fn add_json(&mut self, text: &str) {
        let escaped = json_escape(text);
        let mut written = vec![escaped.replace('/', "\\/")];
        for upper in [false, true] {
            let ascii = escape(&escaped, upper, |character| !character.is_ascii());
            written.push(ascii.replace('/', "\\/"));
            written.push(ascii);
            // PHP's and Go's safe settings escape what HTML reads.
            let html = |character| matches!(character, '<' | '>' | '&' | '\'');
            written.push(escape(&escaped, upper, html));
            written.push(escape(text, upper, |_| true));
        }
        written.push(escaped);
        for once in &written {
            self.add_text(once);
            // An error that quotes a request of JSON, itself written as JSON.
            let twice = json_escape(once);
            self.add_text(&twice.replace('/', "\\/"));
            self.add_text(&twice);
        }
    }

    fn add_markup(&mut self, text: &str) {
        let ampersand = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        self.add_text(&ampersand);
        let quotes = ampersand.replace('"', "&quot;");
        self.add_text(&quotes);
        for apostrophe in ["&#39;", "&#x27;", "&apos;"] {
            self.add_text(&quotes.replace('\'', apostrophe));
        }
        let debug = format!("{text:?}");
        self.add_text(&debug[1..debug.len() - 1]);
    }
}

/// The text as it stands between the quotation marks of a JSON string.
fn json_escape(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Writes the chosen characters as `\u` and four hexadecimal digits of each of their UTF-16 units.
fn escape(text: &str, upper: bool, chosen: impl Fn(char) -> bool) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if !chosen(character) {
            escaped.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            if upper {
                write!(escaped, "\\u{unit:04X}").expect("a string takes any text");
            } else {
                write!(escaped, "\\u{unit:04x}").expect("a string takes any text");
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    fn forms(value: &str) -> BTreeSet<String> {
        let secret = Secret::new(value.to_owned());
        secret.forms().iter().map(|form| form.to_string()).collect()
    }

    fn check(value: &str, expected: &[&str]) {
        let found = forms(value);
        for form in expected {
            assert!(found.contains(*form), "{form} is not a form of {value:?}: {found:?}");
        }
    }

    #[test]
    fn debug_and_fingerprint_show_nothing_of_a_secret() {
        let secret = Secret::new("canary-token".to_owned());
        assert_eq!(format!("{secret:?}"), "Secret");
        assert_eq!(format!("{:#?}", [&secret]), "[\n    Secret,\n]");
        assert_eq!(secret.expose(), "canary-token");
    }

    #[test]
    fn a_fingerprint_is_eight_digits_and_no_plain_digest() {
        let fingerprint = Secret::new("canary-token".to_owned()).fingerprint();
        assert_eq!(fingerprint.to_string(), "f56c0eaa");
        assert_eq!(fingerprint, Secret::new("canary-token".to_owned()).fingerprint());
        assert_ne!(fingerprint, Secret::new("canary-tokem".to_owned()).fingerprint());
        let plain = format!("{:x}", Sha256::digest("canary-token"));
        assert!(!plain.starts_with(&fingerprint.to_string()));
    }

    #[test]
    fn a_secret_is_known_in_url_form_base64_hex_and_json() {
        check("a/b", &["a/b", "a%2Fb", "a%2fb", "%61%2F%62", "%61%2f%62"]);
        check("a b", &["a%20b", "a+b"]);
        check(
            "a/b",
            &[
                "YS9i",
                "612f62",
                "612F62",
                "a\\/b",
                "\\u0061\\u002f\\u0062",
                "\\u0061\\u002F\\u0062",
            ],
        );
        check("a\"b\\", &["a\\\"b\\\\", "a&quot;b\\"]);
        check(
            "é😀",
            &["é😀", "%C3%A9%F0%9F%98%80", "\\u00e9\\ud83d\\ude00", "\\u00E9\\uD83D\\uDE00"],
        );
        check("a<&'>", &["a&lt;&amp;&#39;&gt;", "a\\u003c\\u0026\\u0027\\u003e"]);
        check("??>", &["Pz8+", "Pz8-", "Pz8%2B"]);
        check("???", &["Pz8/", "Pz8_", "Pz8\\/", "Pz8%2F"]);
        check("ab", &["YWI", "YWI=", "YWI%3D"]);
    }

    #[test]
    fn an_empty_secret_has_no_form_and_no_form_is_empty() {
        assert!(forms("").is_empty());
        for value in ["a", "ab", "é", "\"", "/", "+"] {
            assert!(!forms(value).contains(""), "{value}");
        }
    }

    #[test]
    fn a_form_of_a_secret_that_is_replaced_in_answers_is_as_long_as_the_secret() {
        for form in forms("abcdefgh") {
            assert!(form.len() >= 8, "{form}");
        }
    }

    proptest! {
        #[test]
        fn a_secret_of_four_bytes_inside_of_any_base64_is_known(
            before in prop::collection::vec(any::<u8>(), 0..9),
            secret in ".{4,12}",
            after in prop::collection::vec(any::<u8>(), 0..9),
        ) {
            let whole = [before.as_slice(), secret.as_bytes(), after.as_slice()].concat();
            let forms = forms(&secret);
            for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
                let encoded = engine.encode(&whole);
                prop_assert!(forms.iter().any(|form| encoded.contains(form)), "{}", encoded);
            }
        }

        #[test]
        fn the_usual_encoders_write_a_known_form(secret in ".{1,12}") {
            let forms = forms(&secret);
            let json = serde_json::to_string(&secret).expect("a string");
            prop_assert!(forms.contains(&json[1..json.len() - 1]));
            let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            prop_assert!(forms.contains(&form), "{}", form);
            let debug = format!("{secret:?}");
            prop_assert!(forms.contains(&debug[1..debug.len() - 1]));
            prop_assert!(forms.contains(crate::encode::encode_query(&secret).as_str()));
        }
    }
}
