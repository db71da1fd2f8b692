//! Schemas, embedded without the white space that they are written with.

/// The length of a JSON text without white space between its tokens.
pub(crate) const fn length(text: &str) -> usize {
    let mut length = 0;
    let mut cursor = (0, false);
    while let Some((_, next)) = next(text.as_bytes(), cursor) {
        length += 1;
        cursor = next;
    }
    length
}

/// The bytes of a JSON text without white space between its tokens.
pub(crate) const fn bytes<const LENGTH: usize>(text: &str) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    let mut at = 0;
    let mut cursor = (0, false);
    while let Some((byte, next)) = next(text.as_bytes(), cursor) {
        bytes[at] = byte;
        at += 1;
        cursor = next;
    }
    bytes
}

/// The next byte that is kept; a place is an index, and whether it is inside a string.
const fn next(text: &[u8], (mut at, inside): (usize, bool)) -> Option<(u8, (usize, bool))> {
    while at < text.len() {
        let byte = text[at];
        at += 1;
        if inside || !byte.is_ascii_whitespace() {
            let ends = byte == b'"' && !(inside && is_escaped(text, at - 1));
            return Some((byte, (at, inside != ends)));
        }
    }
    None
}

const fn is_escaped(text: &[u8], mut at: usize) -> bool {
    let mut is_escaped = false;
    while at > 0 && text[at - 1] == b'\\' {
        is_escaped = !is_escaped;
        at -= 1;
    }
    is_escaped
}

/// The text of a JSON file without white space between its tokens.
macro_rules! include_json {
    ($path:literal) => {{
        const TEXT: &str = include_str!($path);
        const BYTES: [u8; $crate::json::compact::length(TEXT)] = $crate::json::compact::bytes(TEXT);
        const COMPACT: &str = match str::from_utf8(&BYTES) {
            Ok(text) => text,
            Err(_) => panic!("the file is not UTF-8"),
        };
        COMPACT
    }};
}

pub(crate) use include_json;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let mut found = Vec::new();
        let mut cursor = (0, false);
        while let Some((byte, after)) = next(text.as_bytes(), cursor) {
            found.push(byte);
            cursor = after;
        }
        assert_eq!(
            (length(text), String::from_utf8(found).as_deref()),
            (expected.len(), Ok(expected))
        );
    }

    #[test]
    fn white_space_goes_unless_it_is_inside_a_string() {
        check("{ \"a b\" :\n\t[ 1 , \"é  ü\" ] }\r\n", "{\"a b\":[1,\"é  ü\"]}");
        check(r#"[ "\" x" , "\\" , " \\\" " ]"#, r#"["\" x","\\"," \\\" "]"#);
        assert_eq!(bytes::<3>(" [ 1 ]\n"), *b"[1]");
    }
}
