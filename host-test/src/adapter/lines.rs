//! Messages of a platform, a line each, of a length that has an end.

use std::io::{BufRead, Read as _};

use crate::error::{CliError, Exit};

/// Longest line that is taken, in bytes: far above what a platform sends.
const LINE_BYTES: u64 = 64 << 20;

/// Reads a line into `line`; false at the end.
pub fn read_line(input: &mut impl BufRead, line: &mut String) -> Result<bool, CliError> {
    let cannot = |reason: String| {
        CliError::new(Exit::Other, "input", format!("cannot read the messages: {reason}"))
    };
    line.clear();
    let read = input.take(LINE_BYTES).read_line(line).map_err(|error| cannot(error.to_string()))?;
    if read as u64 == LINE_BYTES {
        return Err(cannot(format!("a line has more than {LINE_BYTES} bytes")));
    }
    Ok(read > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_an_end_is_still_a_line() {
        let mut input = &b"a\nb"[..];
        let mut line = String::new();
        assert!(read_line(&mut input, &mut line).expect("in memory") && line == "a\n");
        assert!(read_line(&mut input, &mut line).expect("in memory") && line == "b");
        assert!(!read_line(&mut input, &mut line).expect("in memory"));
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let mut line = String::new();
        assert!(read_line(&mut &b"\xff\n"[..], &mut line).is_err());
    }
}
