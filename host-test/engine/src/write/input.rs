//! The records to write: one JSON object a line, read in windows, in memory that does not grow with the input.
//!
//! A line that is no record is one all the same: it has a number and gets an outcome. Blank lines are none.

use std::io::{BufRead, ErrorKind};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::outcome::{Fault, RecordOutcome};
use super::rejects::{self, Taken};

/// Longest line that can be a record, in bytes: as much as a request may carry.
pub const LINE_BYTES: usize = 1 << 20;
/// Bytes of records at which a window ends, however few they are.
const WINDOW_BYTES: usize = 1 << 19;
/// Of a line that is no record so much is kept.
const EXCERPT_BYTES: usize = 4096;

/// A place in the input, between two lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Bytes before it.
    pub byte: u64,
    /// Lines before it.
    pub line: u64,
    /// SHA-256 of the bytes before it, in hexadecimal.
    pub sha256: String,
}

/// A line of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// From 1; blank lines count.
    pub number: u64,
    /// What it holds.
    pub content: Content,
}

/// What a line holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A record.
    Record {
        /// The text of a JSON object, as it came.
        text: String,
        /// An earlier run sent it, and does not know what became of it.
        doubtful: bool,
    },
    /// Something else.
    Bad {
        /// Its text, or the beginning of it.
        text: String,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// Consecutive lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The lines that are not blank.
    pub lines: Vec<Line>,
    /// Where it ends.
    pub end: Position,
}

/// Reads windows of records.
pub struct RecordReader<R> {
    input: R,
    /// What is written: `target/operation`, for records that an earlier run set aside.
    action: String,
    byte: u64,
    line: u64,
    digest: Sha256,
}

impl<R: BufRead> RecordReader<R> {
    /// Reads from here on, for an operation of a target.
    pub fn new(input: R, target: &str, operation: &str) -> Self {
        let action = rejects::action(target, operation);
        RecordReader { input, action, byte: 0, line: 0, digest: Sha256::new() }
    }

    /// Where it stands.
    pub fn position(&self) -> Position {
        let sha256 = format!("{:x}", self.digest.clone().finalize());
        Position { byte: self.byte, line: self.line, sha256 }
    }

    /// Passes over what was read before. Whether it is what was read before.
    pub fn skip_to(&mut self, position: &Position) -> std::io::Result<bool> {
        while self.byte < position.byte {
            let taken = {
                let available = fill(&mut self.input)?;
                let left = usize::try_from(position.byte - self.byte).unwrap_or(usize::MAX);
                let taken = available.len().min(left);
                self.digest.update(&available[..taken]);
                taken
            };
            if taken == 0 {
                return Ok(false);
            }
            self.input.consume(taken);
            self.byte += taken as u64;
        }
        self.line = position.line;
        Ok(self.position() == *position)
    }

    /// The next lines: `records` of them, or fewer where they are long; none at the end.
    pub fn window(&mut self, records: usize) -> std::io::Result<Option<Window>> {
        self.lines_while(|lines, bytes, _| lines < records.max(1) && bytes < WINDOW_BYTES)
    }

    /// The lines up to where an earlier run ended its window.
    pub fn window_to(&mut self, end: &Position) -> std::io::Result<Option<Window>> {
        self.lines_while(|_, _, byte| byte < end.byte)
    }

    fn lines_while(
        &mut self,
        go_on: impl Fn(usize, usize, u64) -> bool,
    ) -> std::io::Result<Option<Window>> {
        let mut lines = Vec::new();
        let mut bytes = 0;
        while go_on(lines.len(), bytes, self.byte) {
            let Some((raw, length)) = self.next_line()? else { break };
            self.line += 1;
            if let Some(content) = content(raw, length, &self.action) {
                bytes += match &content {
                    Content::Record { text, .. } | Content::Bad { text, .. } => text.len(),
                };
                lines.push(Line { number: self.line, content });
            }
        }
        Ok((!lines.is_empty()).then(|| Window { lines, end: self.position() }))
    }

    /// A line without its end, cut at [`LINE_BYTES`], and how long it is; none at the end of the input.
    fn next_line(&mut self) -> std::io::Result<Option<(Vec<u8>, u64)>> {
        let mut line = Vec::new();
        let mut length = 0;
        loop {
            let (taken, ended) = {
                let available = fill(&mut self.input)?;
                if available.is_empty() {
                    return Ok((length > 0).then_some((line, length)));
                }
                let newline = available.iter().position(|byte| *byte == b'\n');
                let content = &available[..newline.unwrap_or(available.len())];
                let room = (LINE_BYTES + 1).saturating_sub(line.len());
                line.extend_from_slice(&content[..content.len().min(room)]);
                length += content.len() as u64;
                let taken = content.len() + usize::from(newline.is_some());
                self.digest.update(&available[..taken]);
                (taken, newline.is_some())
            };
            self.input.consume(taken);
            self.byte += taken as u64;
            if ended {
                return Ok(Some((line, length)));
            }
        }
    }
}

fn fill<R: BufRead>(input: &mut R) -> std::io::Result<&[u8]> {
    // The first borrow ends here, so that an interrupted read can be tried again.
    loop {
        match input.fill_buf() {
            Ok([]) => return Ok(&[]),
            Ok(_) => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    input.fill_buf()
}

/// What a line holds; none if it is blank.
fn content(line: Vec<u8>, length: u64, action: &str) -> Option<Content> {
    if line.len() > LINE_BYTES {
        let message = format!("This line has {length} bytes; a record has at most {LINE_BYTES}.");
        return Some(bad(&line, Fault::new("line-too-long", message)));
    }
    let text = match String::from_utf8(line) {
        Ok(text) => text,
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let message = format!("This line is not UTF-8 at byte {}.", at + 1);
            return Some(bad(error.as_bytes(), Fault::new("not-utf-8", message)));
        }
    };
    let trimmed = text.trim_start_matches('\u{feff}').trim();
    if trimmed.is_empty() {
        return None;
    }
    if let Err(fault) = check_object(trimmed) {
        return Some(bad(trimmed.as_bytes(), fault));
    }
    Some(match rejects::take(trimmed, action) {
        None => Content::Record { text: trimmed.to_owned(), doubtful: false },
        Some(Taken::Record { text, doubtful }) => Content::Record { text, doubtful },
        Some(Taken::Text(text)) => match check_object(text.trim()) {
            Ok(()) => Content::Record { text: text.trim().to_owned(), doubtful: false },
            Err(fault) => bad(text.as_bytes(), fault),
        },
        Some(Taken::Broken(message)) => {
            bad(trimmed.as_bytes(), Fault::new("not-taken-back", message))
        }
    })
}

fn check_object(text: &str) -> Result<(), Fault> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(_) if text.starts_with('{') => Ok(()),
        Ok(_) => Err(Fault::new("not-an-object", "This line is JSON, but no object.")),
        Err(error) => Err(Fault::new(
            "not-json",
            format!("This line is not JSON: {}.", without_place(&error)),
        )),
    }
}

/// The parser's line is always 1 here; only the column says anything.
fn without_place(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column", " at column")
}

fn bad(text: &[u8], fault: Fault) -> Content {
    let text = String::from_utf8_lossy(&text[..text.len().min(EXCERPT_BYTES)]).into_owned();
    Content::Bad { text, fault }
}

impl Content {
    /// The outcome of a line that is no record.
    pub(crate) fn outcome(&self) -> Option<RecordOutcome> {
        match self {
            Content::Record { .. } => None,
            Content::Bad { fault, .. } => Some(RecordOutcome::Invalid(fault.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reader(input: &[u8]) -> RecordReader<std::io::BufReader<&[u8]>> {
        RecordReader::new(std::io::BufReader::with_capacity(7, input), "users", "upsert")
    }

    /// Each line of the first window: its number, and `ok` or the fault's code.
    fn check(input: &[u8], expected: &[(u64, &str)]) {
        let window = reader(input).window(100).expect("it is in memory");
        let lines = window.map(|window| window.lines).unwrap_or_default();
        let found: Vec<_> = lines
            .iter()
            .map(|line| match &line.content {
                Content::Record { .. } => (line.number, "ok"),
                Content::Bad { fault, .. } => (line.number, fault.code.as_str()),
            })
            .collect();
        assert_eq!(found, expected, "{:?}", String::from_utf8_lossy(input));
    }

    #[test]
    fn each_line_is_a_record_or_says_why_not() {
        check(b"", &[]);
        check(b"\n \r\n", &[]);
        check(b"{\"a\":1}\r\n\n{\"a\":2}", &[(1, "ok"), (3, "ok")]);
        check(b"\xef\xbb\xbf{}\n", &[(1, "ok")]);
        check(
            b"[]\n7\nnull\n{\"a\":",
            &[(1, "not-an-object"), (2, "not-an-object"), (3, "not-an-object"), (4, "not-json")],
        );
        check(b"{\"a\":\"\xff\"}\n{}\n", &[(1, "not-utf-8"), (2, "ok")]);
        check(b"{} {}\n{}", &[(1, "not-json"), (2, "ok")]);
    }

    #[test]
    fn a_line_without_an_end_is_passed_over_and_only_its_beginning_kept() {
        let mut input = vec![b'x'; 3 * LINE_BYTES];
        input.extend_from_slice(b"\n{}\n");
        check(&input, &[(1, "line-too-long"), (2, "ok")]);
        let window = reader(&input).window(1).expect("it is in memory").expect("a line");
        let Content::Bad { text, .. } = &window.lines[0].content else { panic!("{window:?}") };
        assert_eq!(text.len(), EXCERPT_BYTES);
    }

    #[test]
    fn a_record_that_was_set_aside_is_taken_out_again() {
        let line = br#"{"record":{"email":"x"},"$outcome":{"outcome":"rejected"}}"#;
        let window = reader(line).window(1).expect("it is in memory").expect("a line");
        let content = &window.lines[0].content;
        let expected = Content::Record { text: r#"{"email":"x"}"#.into(), doubtful: false };
        assert_eq!(content, &expected);
    }

    #[test]
    fn another_input_is_known_by_what_was_read_before() {
        let mut first = reader(b"{\"a\":1}\n{\"a\":2}\n");
        let end = first.window(1).expect("it is in memory").expect("a line").end;
        for (input, same) in [
            (&b"{\"a\":1}\n{\"a\":2}\n"[..], true),
            (b"{\"a\":1}\n{\"b\":2}\n{\"a\":3}\n", true),
            (b"{\"a\":9}\n{\"a\":2}\n", false),
            (b"{\"a\"", false),
        ] {
            assert_eq!(reader(input).skip_to(&end).expect("it is in memory"), same, "{input:?}");
        }
    }

    proptest! {
        #[test]
        fn windows_hold_every_line_once_whatever_their_size(
            lines in prop::collection::vec(r#"\{"a":[0-9]{1,5}\}|| |x"#, 0..40),
            size in 1_usize..9,
        ) {
            let input = lines.join("\n");
            let mut reader = reader(input.as_bytes());
            let mut numbers = Vec::new();
            while let Some(window) = reader.window(size).expect("it is in memory") {
                prop_assert!(window.lines.len() <= size);
                numbers.extend(window.lines.iter().map(|line| line.number));
            }
            let expected: Vec<u64> = (1..)
                .zip(&lines)
                .filter(|(_, line)| !line.trim().is_empty())
                .map(|(number, _)| number)
                .collect();
            prop_assert_eq!(numbers, expected);
        }
    }
}
