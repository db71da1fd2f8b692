//! Strings: what the text of one says, and how one is written.

use std::borrow::Cow;

/// What the text of a JSON string says; none for another value, or where it is not Unicode.
pub(crate) fn string(text: &str) -> Option<Cow<'_, str>> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if inner.as_bytes().contains(&b'\\') {
        unescape(inner).map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut said = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        said.push_str(before);
        let mut after = after.chars();
        said.push(match after.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => unit(&mut after)?,
            other => other,
        });
        rest = after.as_str();
    }
    said.push_str(rest);
    Some(said)
}

/// The character of one escape, or of two that belong together.
fn unit(after: &mut std::str::Chars<'_>) -> Option<char> {
    let first = hex(after)?;
    if !(0xd800..0xe000).contains(&first) {
        return char::from_u32(first);
    }
    let second = (after.next()? == '\\' && after.next()? == 'u').then(|| hex(after))??;
    if first >= 0xdc00 || !(0xdc00..0xe000).contains(&second) {
        return None;
    }
    char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))
}

fn hex(after: &mut std::str::Chars<'_>) -> Option<u32> {
    let mut number = 0;
    for _ in 0..4 {
        number = number * 16 + after.next()?.to_digit(16)?;
    }
    Some(number)
}

/// Whether the text of a string says this.
pub(crate) fn is_named(text: &str, has_escape: bool, name: &str) -> bool {
    if has_escape {
        return string(text).is_some_and(|said| said == name);
    }
    text.len() == name.len() + 2 && text.get(1..=name.len()) == Some(name)
}

/// Writes a text as a JSON string.
pub(crate) fn quote(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
        let (before, after) = rest.split_at_checked(at).unwrap_or_default();
        out.push_str(before);
        let byte = rest.as_bytes()[at];
        out.push('\\');
        match byte {
            b'"' | b'\\' => out.push(char::from(byte)),
            0x08 => out.push('b'),
            0x0c => out.push('f'),
            b'\n' => out.push('n'),
            b'\r' => out.push('r'),
            b'\t' => out.push('t'),
            _ => {
                out.push_str(if byte < 0x10 { "u000" } else { "u001" });
                out.push(char::from(b"0123456789abcdef"[usize::from(byte % 16)]));
            }
        }
        rest = after.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a string says, and that another parser says the same.
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(string(text).as_deref(), expected, "{text}");
        assert_eq!(serde_json::from_str::<String>(text).ok().as_deref(), expected, "{text}");
    }

    #[test]
    fn escapes_are_read() {
        check(r#""a\"\\\/\b\f\n\r\tz""#, Some("a\"\\/\u{8}\u{c}\n\r\tz"));
        check(r#""\u00e9\u6F22\ud800\udf48""#, Some("é漢\u{10348}"));
        check(r#""""#, Some(""));
    }

    #[test]
    fn half_of_a_pair_says_nothing() {
        for text in [
            r#""\ud800""#,
            r#""\udc00""#,
            r#""\ud800x""#,
            r#""\ud800\n""#,
            r#""\ud800\u0041""#,
            "7",
            "\"",
        ] {
            check(text, None);
        }
    }

    proptest! {
        #[test]
        fn a_text_is_written_as_others_write_it_and_read_back(text in any::<String>()) {
            let mut written = String::new();
            quote(&text, &mut written);
            prop_assert_eq!(&written, &serde_json::to_string(&text).expect("a text"));
            prop_assert_eq!(string(&written), Some(Cow::from(&text)));
        }

        #[test]
        fn every_escape_is_read_as_others_read_it(units in prop::collection::vec(any::<u16>(), 0..4), pair in any::<char>()) {
            let mut buffer = [0; 2];
            let pair = pair.encode_utf16(&mut buffer).iter();
            let escapes: Vec<_> = units.iter().chain(pair).map(|unit| format!("\\u{unit:04x}")).collect();
            let text = format!("\"{}\"", escapes.concat());
            prop_assert_eq!(string(&text).map(Cow::into_owned), serde_json::from_str::<String>(&text).ok());
        }
    }
}
