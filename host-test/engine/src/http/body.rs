//! A body, read and decompressed under caps: what is larger than the limit is not held.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use connector_egress::limits::Limits;
use connector_egress::ratio::{Overflow, RatioGuard};

/// Content encodings that the host asks for.
pub(crate) const ACCEPT_ENCODING: &str = "gzip, br";

/// Why a body could not be read.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// It breaks a cap.
    Overflow(Overflow),
    /// Its content encoding is unknown or broken.
    Encoding(String),
    /// The connection failed.
    Io(io::Error),
}

/// A body as it came, decompressed.
pub(crate) struct ReadBody {
    pub(crate) bytes: Vec<u8>,
    /// Bytes on the wire.
    pub(crate) wire_bytes: u64,
}

/// Reads a body to its end. `encoding` is the answer's `content-encoding`, `expected` its length if it names one.
pub(crate) fn read(
    reader: impl Read,
    encoding: Option<&str>,
    expected: Option<u64>,
    limits: &Limits,
) -> Result<ReadBody, BodyError> {
    let counted = Counted { reader, count: Rc::default(), failed: Rc::default() };
    let (count, failed) = (counted.count.clone(), counted.failed.clone());
    let mut guard = RatioGuard::new(limits);
    let encoding = encoding.map(str::trim).filter(|encoding| !encoding.is_empty());
    let plain = encoding.is_none_or(|encoding| encoding.eq_ignore_ascii_case("identity"));
    let mut reader: Box<dyn Read + '_> = match encoding {
        _ if plain => Box::new(counted),
        Some(encoding) if encoding.eq_ignore_ascii_case("gzip") => {
            Box::new(flate2::read::MultiGzDecoder::new(counted))
        }
        Some(encoding) if encoding.eq_ignore_ascii_case("br") => {
            Box::new(brotli::Decompressor::new(counted, 4096))
        }
        _ => {
            let encoding = encoding.unwrap_or_default();
            return Err(BodyError::Encoding(format!(
                "the content encoding {encoding:?} was not asked for"
            )));
        }
    };
    let hint = expected.unwrap_or(0).min(limits.response_body_bytes);
    let mut bytes = Vec::with_capacity(usize::try_from(hint).unwrap_or(0));
    let mut chunk = vec![0; 64 << 10];
    let mut seen = 0;
    loop {
        let length = match reader.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // The decoder hands the connection's own faults through: those are told apart by what the wire saw.
            Err(error) if plain || failed.get() => return Err(BodyError::Io(error)),
            Err(error) => {
                return Err(BodyError::Encoding(format!(
                    "the content encoding is broken: {error}"
                )));
            }
        };
        guard.take_compressed(count.get() - seen);
        seen = count.get();
        guard.take_decompressed(length as u64).map_err(BodyError::Overflow)?;
        bytes.extend_from_slice(&chunk[..length]);
    }
    Ok(ReadBody { bytes, wire_bytes: count.get() })
}

/// Counts the bytes on the wire, and notes whether it was the wire that failed.
struct Counted<R> {
    reader: R,
    count: Rc<Cell<u64>>,
    failed: Rc<Cell<bool>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.reader.read(buffer) {
            Ok(length) => {
                self.count.set(self.count.get() + length as u64);
                Ok(length)
            }
            Err(error) => {
                self.failed.set(error.kind() != io::ErrorKind::Interrupted);
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    fn brotli(bytes: &[u8]) -> Vec<u8> {
        let mut encoded = Vec::new();
        brotli::CompressorReader::new(bytes, 4096, 9, 22)
            .read_to_end(&mut encoded)
            .expect("memory");
        encoded
    }

    fn check(encoded: &[u8], encoding: Option<&str>, expected: Result<&[u8], &str>) {
        let limits = Limits { response_body_bytes: 4 << 20, ..Limits::default() };
        let found = match read(encoded, encoding, None, &limits) {
            Ok(body) => Ok(body.bytes),
            Err(BodyError::Overflow(Overflow::Ratio(_))) => Err("ratio"),
            Err(BodyError::Overflow(Overflow::Size(_))) => Err("size"),
            Err(BodyError::Encoding(_)) => Err("encoding"),
            Err(BodyError::Io(_)) => Err("io"),
        };
        assert_eq!(found.as_deref().map_err(|error| *error), expected, "{encoding:?}");
    }

    #[test]
    fn a_body_is_decompressed() {
        let text = "a page of records ".repeat(100);
        let text = text.as_bytes();
        check(text, None, Ok(text));
        check(text, Some("identity"), Ok(text));
        check(&gzip(text), Some("gzip"), Ok(text));
        check(&brotli(text), Some(" BR"), Ok(text));
    }

    #[test]
    fn a_bomb_is_stopped_by_its_ratio_and_an_endless_body_by_its_size() {
        let zeros = vec![0; 16 << 20];
        check(&gzip(&zeros), Some("gzip"), Err("ratio"));
        check(&brotli(&zeros), Some("br"), Err("ratio"));
        check(&zeros, None, Err("size"));
    }

    #[test]
    fn a_broken_or_unasked_encoding_is_no_body() {
        let whole = gzip(&[7; 5000]);
        check(&whole[..whole.len() - 10], Some("gzip"), Err("encoding"));
        check(b"plain", Some("gzip"), Err("encoding"));
        check(b"plain", Some("zstd"), Err("encoding"));
        check(b"plain", Some("gzip, gzip"), Err("encoding"));
    }
}
