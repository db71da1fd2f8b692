//! The one pass over a text: what is JSON, and where its values stand.
//!
//! As strict as RFC 8259 and not more: numbers are of any length, names may occur twice, values are nested to any
//! depth, and an escape may be half of a surrogate pair.

use std::fmt;

use super::text::is_named;

/// A place in a JSON text. Each step is none if the text does not go on as it should, and the place is then where.
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// The kinds of what is open around the place, as far as [`Cursor::skip`] opened it.
    open: Vec<u8>,
    /// Whether a line break was passed.
    pub(crate) has_breaks: bool,
    /// Whether the last string has an escape.
    pub(crate) has_escape: bool,
}

impl<'a> Cursor<'a> {
    /// At the beginning of a text.
    pub(crate) fn new(text: &'a str) -> Self {
        Cursor { text, at: 0, open: Vec::new(), has_breaks: false, has_escape: false }
    }

    /// The next byte that is no white space.
    #[expect(clippy::inline_always, reason = "the loop over the bytes of every record")]
    #[inline(always)]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            let byte = *bytes.get(self.at)?;
            match byte {
                b' ' | b'\t' => {}
                b'\n' | b'\r' => self.has_breaks = true,
                _ => return Some(byte),
            }
            self.at += 1;
        }
    }

    /// Passes a byte, and white space before it.
    pub(crate) fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Nothing but white space is left.
    pub(crate) fn end(&mut self) -> Option<()> {
        self.peek().is_none().then_some(())
    }

    /// Passes a value: its text.
    pub(crate) fn skip(&mut self) -> Option<&'a str> {
        let mut next = self.peek()?;
        let start = self.at;
        let around = self.open.len();
        loop {
            match next {
                b'"' => self.nested_string()?,
                b'{' | b'[' => {
                    self.at += 1;
                    let first = self.peek()?;
                    // Both closing brackets stand two behind the one that opens.
                    if first == next + 2 {
                        self.at += 1;
                    } else {
                        self.open.push(next);
                        if next == b'{' {
                            self.name()?;
                        }
                        next = self.peek()?;
                        continue;
                    }
                }
                _ => self.scalar()?,
            }
            loop {
                if self.open.len() == around {
                    return self.text.get(start..self.at);
                }
                let open = *self.open.last()?;
                let after = self.peek()?;
                if after == b',' {
                    self.at += 1;
                    if open == b'{' {
                        self.name()?;
                    }
                    next = self.peek()?;
                    break;
                }
                if after != open + 2 {
                    return None;
                }
                self.at += 1;
                self.open.pop();
            }
        }
    }

    /// Passes an object: `field` is called at each value, with the text of its name. What it returns none of ends it.
    pub(crate) fn object(
        &mut self,
        field: &mut dyn FnMut(&mut Self, &'a str) -> Option<()>,
    ) -> Option<&'a str> {
        self.expect(b'{')?;
        let start = self.at - 1;
        if self.peek()? != b'}' {
            loop {
                let name = self.name()?;
                field(self, name)?;
                if self.peek()? != b',' {
                    break;
                }
                self.at += 1;
            }
        }
        self.expect(b'}')?;
        self.text.get(start..self.at)
    }

    /// Passes an object: its text. Those of some fields are left in `found`, in the order of `names`; of a field that
    /// occurs twice the last counts.
    pub(crate) fn pick(
        &mut self,
        names: &[&str],
        found: &mut [Option<&'a str>],
    ) -> Option<&'a str> {
        self.expect(b'{')?;
        let start = self.at - 1;
        // A bit for each length that one of the names has: most fields are told apart by it.
        let lengths = names.iter().fold(0_u64, |lengths, name| lengths | 1 << (name.len() % 64));
        if self.peek()? != b'}' {
            loop {
                self.peek()?;
                let name_start = self.at;
                self.string()?;
                let name_end = self.at;
                let has_escape = self.has_escape;
                self.expect(b':')?;
                self.peek()?;
                let value_start = self.at;
                self.value()?;
                let length = name_end.wrapping_sub(name_start + 2) % 64;
                if has_escape || lengths >> length & 1 == 1 {
                    let name = self.text.get(name_start..name_end)?;
                    let index = names.iter().position(|known| is_named(name, has_escape, known));
                    if let Some(slot) = index.and_then(|index| found.get_mut(index)) {
                        *slot = self.text.get(value_start..self.at);
                    }
                }
                if self.peek()? != b',' {
                    break;
                }
                self.at += 1;
            }
        }
        self.expect(b'}')?;
        self.text.get(start..self.at)
    }

    /// Passes a value, after [`Cursor::peek`].
    #[expect(clippy::inline_always, reason = "the loop over the bytes of every record")]
    #[inline(always)]
    fn value(&mut self) -> Option<()> {
        match self.text.as_bytes().get(self.at)? {
            b'"' => self.string(),
            b'{' | b'[' => self.skip().map(drop),
            _ => self.scalar(),
        }
    }

    /// Passes a number, `true`, `false` or `null`.
    fn scalar(&mut self) -> Option<()> {
        match self.text.as_bytes().get(self.at)? {
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => None,
        }
    }

    /// Passes a list: `item` is called at each element.
    pub(crate) fn list(&mut self, item: &mut dyn FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.expect(b'[')?;
        if self.peek()? != b']' {
            loop {
                item(self)?;
                if self.peek()? != b',' {
                    break;
                }
                self.at += 1;
            }
        }
        self.expect(b']')
    }

    /// Passes a name and the colon behind it: the text of the name.
    fn name(&mut self) -> Option<&'a str> {
        if self.peek()? != b'"' {
            return None;
        }
        let start = self.at;
        self.nested_string()?;
        let name = self.text.get(start..self.at);
        self.expect(b':')?;
        name
    }

    /// [`Cursor::string`] where speed matters less than size.
    #[inline(never)]
    fn nested_string(&mut self) -> Option<()> {
        self.string()
    }

    /// Passes a string, eight bytes at a time.
    #[inline(always)]
    fn string(&mut self) -> Option<()> {
        const ONES: u64 = u64::MAX / 255;
        let bytes = self.text.as_bytes();
        self.has_escape = false;
        let mut at = self.at + 1;
        loop {
            while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
                let word = u64::from_le_bytes(*word);
                let control = word.wrapping_sub(ONES * 0x20);
                let quote = (word ^ (ONES * 0x22)).wrapping_sub(ONES);
                let escape = (word ^ (ONES * 0x5c)).wrapping_sub(ONES);
                // The lowest bit that is set is true; those above it may be borrowed from it.
                let found = (control | quote | escape) & !word & (ONES * 0x80);
                if found != 0 {
                    at += (found.trailing_zeros() / 8) as usize;
                    break;
                }
                at += 8;
            }
            self.at = at;
            match bytes.get(at)? {
                b'"' => {
                    self.at = at + 1;
                    return Some(());
                }
                b'\\' => {
                    self.escape()?;
                    at = self.at;
                }
                0..0x20 => return None,
                _ => at += 1,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        self.has_escape = true;
        self.at += 1;
        let bytes = self.text.as_bytes();
        match bytes.get(self.at)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
            b'u' => {
                for _ in 0..4 {
                    self.at += 1;
                    if !bytes.get(self.at)?.is_ascii_hexdigit() {
                        return None;
                    }
                }
                self.at += 1;
            }
            _ => return None,
        }
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        if bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = bytes.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        const ONES: u64 = u64::MAX / 255;
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut at = start;
        while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
            let digits = u64::from_le_bytes(*word) ^ (ONES * 0x30);
            // What is above 9 reaches the highest bit, the lowest such byte by itself.
            let others = (digits.wrapping_add(ONES * 0x76) | digits) & (ONES * 0x80);
            at += (others.trailing_zeros() / 8) as usize;
            if others != 0 {
                break;
            }
        }
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        self.at = at;
        (at > start).then_some(())
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        let rest = self.text.as_bytes().get(self.at..)?;
        if rest.starts_with(word) {
            self.at += word.len();
            return Some(());
        }
        self.at += rest.iter().zip(word).take_while(|(byte, known)| byte == known).count();
        None
    }

    /// Why the last step was none.
    pub(crate) fn fault(&self) -> Fault {
        let before = self.text.get(..self.at).unwrap_or(self.text);
        let line = before.rfind('\n').map_or(0, |at| at + 1);
        Fault {
            is_end: self.text.len() <= self.at,
            line: before.bytes().filter(|&byte| byte == b'\n').count() + 1,
            column: before.get(line..).unwrap_or_default().chars().count() + 1,
        }
    }
}

/// Where a text is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Whether it ends too early.
    pub(crate) is_end: bool,
    line: usize,
    column: usize,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.is_end { "it ends too early" } else { "something else is expected" };
        write!(formatter, "{what} at line {} column {}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    fn is_json(text: &str) -> bool {
        let mut cursor = Cursor::new(text);
        cursor.skip().is_some() && cursor.end().is_some()
    }

    /// Whether a text is JSON, and that another parser says the same.
    fn check(text: &str, expected: bool) {
        assert_eq!(is_json(text), expected, "{text}");
        assert_eq!(serde_json::from_str::<IgnoredAny>(text).is_ok(), expected, "{text}");
    }

    #[test]
    fn what_is_json_passes() {
        for text in [
            "{}",
            " [ ] ",
            "[[],{}]",
            "null",
            "true",
            "false",
            "0",
            "-0.10e+05",
            "1E9",
            "\"\"",
            r#"{"a":[1,{"b":null}],"a":"\ud800\\\"\/\b\f\n\r\t"}"#,
            "\t{ \"a\" :\r\n[ 1 , 2 ] }\n",
            "\"seven b\"",
            "\"eight by\"",
            "\"nine byte\"",
            "\"é ü 漢字 \u{10348} and more\"",
            "123456789012345678901234567890.5",
        ] {
            check(text, true);
        }
        check(&"[{\"a\":".repeat(5_000), false);
        check(&format!("{}{}", "[".repeat(5_000), "]".repeat(5_000)), true);
    }

    #[test]
    fn what_is_not_json_stops() {
        for text in [
            "",
            " ",
            "{",
            "[",
            "]",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "{\"a\":1,}",
            "[1}",
            "{\"a\":1]",
            "[1 2]",
            "1 2",
            "tru",
            "truee",
            "nul",
            "+1",
            "01",
            "1.",
            ".5",
            "1e",
            "1e+",
            "-",
            "\"",
            "\"a",
            "\"\\",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\\u12",
            "\"\u{1}\"",
            "\"long enough\u{1f} text\"",
            "\"tab\there\"",
            "'a'",
            "\u{a0}1",
            "{\"a\":1}}",
        ] {
            check(text, false);
        }
    }

    #[test]
    fn a_fault_says_where() {
        for (text, expected) in [
            ("", "it ends too early at line 1 column 1"),
            ("[1,\n 2", "it ends too early at line 2 column 3"),
            ("[é x", "something else is expected at line 1 column 2"),
            ("{\"a\":\n1 x}", "something else is expected at line 2 column 3"),
        ] {
            let mut cursor = Cursor::new(text);
            assert_eq!(cursor.skip(), None);
            assert_eq!(cursor.fault().to_string(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn another_parser_takes_the_same_texts(
            text in r#"[\[\]{}:,"a10.eE+tnrué\\ \n-]{0,24}|(\{"a[\\ué"]{0,9}":[\["u\\0-9.e\]]{0,20}\}?)"#,
        ) {
            prop_assert_eq!(is_json(&text), serde_json::from_str::<IgnoredAny>(&text).is_ok());
        }
    }
}
