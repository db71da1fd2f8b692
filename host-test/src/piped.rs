//! Standard input that a signal can interrupt: it is read on a thread of its own, a few pieces ahead.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use connector_engine::Cancel;

const PIECE: usize = 64 << 10;
const PIECES_AHEAD: usize = 4;
/// How soon a signal is noticed.
const TICK: Duration = Duration::from_millis(50);

/// Standard input; once the switch is turned, it is at its end.
pub(crate) struct Piped {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    at: usize,
    ended: bool,
    cancel: Cancel,
}

impl Piped {
    /// Begins to read.
    pub(crate) fn new(mut input: impl Read + Send + 'static, cancel: Cancel) -> Self {
        let (sender, pieces) = sync_channel(PIECES_AHEAD);
        std::thread::spawn(move || {
            let mut buffer = vec![0; PIECE];
            loop {
                let piece = match input.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(length) => Ok(buffer[..length].to_vec()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let failed = piece.is_err();
                if sender.send(piece).is_err() || failed {
                    return;
                }
            }
        });
        Piped { pieces, piece: Vec::new(), at: 0, ended: false, cancel }
    }
}

impl Read for Piped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut available = self.fill_buf()?;
        let length = available.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Piped {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at == self.piece.len() && !self.ended {
            match self.pieces.recv_timeout(TICK) {
                Ok(piece) => {
                    self.piece = piece?;
                    self.at = 0;
                }
                Err(RecvTimeoutError::Timeout) => self.ended = self.cancel.is_cancelled(),
                Err(RecvTimeoutError::Disconnected) => self.ended = true,
            }
        }
        Ok(&self.piece[self.at..])
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_in_goes_out() {
        let text = vec![b'a'; 3 * PIECE + 7];
        let mut piped = Piped::new(io::Cursor::new(text.clone()), Cancel::new());
        let mut read = Vec::new();
        piped.read_to_end(&mut read).expect("it is in memory");
        assert_eq!(read, text);
    }

    #[test]
    fn a_signal_ends_an_input_that_does_not_end_itself() {
        let (reader, _writer) = io::pipe().expect("a pipe");
        let cancel = Cancel::new();
        let mut piped = Piped::new(reader, cancel.clone());
        cancel.cancel();
        assert!(piped.fill_buf().expect("no error").is_empty());
    }
}
