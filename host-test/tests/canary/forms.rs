//! The forms of a token.

use serde_json::Value;

/// Every form of a token that is looked for, written down here and not taken from the code that is tested.
pub(crate) fn forms(token: &str) -> Vec<String> {
    let mut forms = vec![token.to_owned()];
    for upper in [true, false] {
        forms.push(encoded(token, |_| false, upper).replace('%', ""));
        forms.push(encoded(
            token,
            |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte),
            upper,
        ));
        forms.push(encoded(token, |byte| byte.is_ascii_alphanumeric(), upper));
    }
    for alphabet in [*b"+/", *b"-_"] {
        forms.push(base64(token, alphabet));
    }
    forms.push(escaped(token));
    forms.push(escaped(&escaped(token)));
    forms.push(token.replace('/', "\\/").replace('"', "\\\""));
    forms.push(token.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;"));
    forms.push(format!("{token:?}"));
    forms
}

/// Percent-encoded, apart from the characters that stay as they are.
pub(crate) fn encoded(text: &str, stays: fn(u8) -> bool, upper: bool) -> String {
    let digits = |byte| if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
    let one = |byte| if stays(byte) { char::from(byte).to_string() } else { digits(byte) };
    text.bytes().map(one).collect()
}

/// As it stands in a JSON text.
pub(crate) fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Without the padding, so that it is found with and without.
fn base64(text: &str, last: [u8; 2]) -> String {
    let alphabet: Vec<_> =
        (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(last).collect();
    let character = |chunk: &[u8], index: usize| {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        let six = usize::try_from(bits >> (18 - 6 * index) & 63).expect("six bits");
        char::from(alphabet[six])
    };
    let chunk =
        |chunk: &[u8]| (0..=chunk.len()).map(|index| character(chunk, index)).collect::<String>();
    text.as_bytes().chunks(3).map(chunk).collect()
}
