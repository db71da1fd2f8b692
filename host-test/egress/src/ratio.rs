//! The guard of decompression: an answer is counted before and after, while it streams.
//!
//! | | |
//! | --- | --- |
//! | decompressed bytes beyond the cap | refused: the answer is too large |
//! | decompressed bytes beyond [`RATIO_FREE_BYTES`] and beyond the ratio | refused: a bomb |
//!
//! The first [`RATIO_FREE_BYTES`] are free: a small answer may be a run of blanks and do no harm,
//! and a decoder reads ahead in blocks. An answer that is not compressed has the ratio 1, and only
//! the cap ends it. The guard holds no more memory for a bomb than for a page.

use crate::limits::Limits;
use crate::rule::Rule;

/// Decompressed bytes that no ratio is asked of.
pub const RATIO_FREE_BYTES: u64 = 64 * 1024;

/// Counts one answer.
#[derive(Clone, Debug)]
pub struct RatioGuard {
    cap: u64,
    ratio: u64,
    compressed: u64,
    decompressed: u64,
}

/// The answer is not read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Overflow {
    /// It decompresses to more than a page can honestly hold.
    #[error("the answer decompresses to more than {0} times its size; it is not read on")]
    Ratio(u64),
    /// It is too large.
    #[error("the answer is larger than {0} bytes; it is not read on")]
    Size(u64),
}

impl Overflow {
    /// The rule that it breaks.
    pub fn rule(self) -> Rule {
        match self {
            Self::Ratio(_) => Rule::CompressionRatio,
            Self::Size(_) => Rule::ResponseTooLarge,
        }
    }
}

impl RatioGuard {
    /// A guard of an answer of which nothing is read.
    pub fn new(limits: &Limits) -> Self {
        Self {
            cap: limits.response_body_bytes,
            ratio: limits.compression_ratio,
            compressed: 0,
            decompressed: 0,
        }
    }

    /// Counts bytes as they came from the network.
    pub fn take_compressed(&mut self, bytes: u64) {
        self.compressed = self.compressed.saturating_add(bytes);
    }

    /// Counts bytes as they came out of the decoder, before they are kept.
    pub fn take_decompressed(&mut self, bytes: u64) -> Result<(), Overflow> {
        self.decompressed = self.decompressed.saturating_add(bytes);
        if self.decompressed > self.cap {
            return Err(Overflow::Size(self.cap));
        }
        let judged = self.decompressed.saturating_sub(RATIO_FREE_BYTES);
        if judged > self.compressed.saturating_mul(self.ratio) {
            return Err(Overflow::Ratio(self.ratio));
        }
        Ok(())
    }

    /// The bytes that came from the network so far.
    pub fn compressed(&self) -> u64 {
        self.compressed
    }

    /// The bytes that came out of the decoder so far.
    pub fn decompressed(&self) -> u64 {
        self.decompressed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(cap: u64, chunks: &[(u64, u64)], expected: Result<(), Overflow>) {
        let limits = Limits { response_body_bytes: cap, ..Limits::default() };
        let mut guard = RatioGuard::new(&limits);
        let found = chunks.iter().try_for_each(|(compressed, decompressed)| {
            guard.take_compressed(*compressed);
            guard.take_decompressed(*decompressed)
        });
        assert_eq!(found, expected, "{chunks:?}");
    }

    #[test]
    fn a_page_of_records_passes() {
        check(8 << 20, &[(16_000, 140_000)], Ok(()));
        check(8 << 20, &[(8 << 20, 8 << 20)], Ok(()));
        check(8 << 20, &[(100, RATIO_FREE_BYTES), (0, 10_000)], Ok(()));
    }

    #[test]
    fn a_bomb_ends_at_the_ratio_before_the_cap() {
        check(8 << 20, &[(100, RATIO_FREE_BYTES + 10_000), (0, 1)], Err(Overflow::Ratio(100)));
        check(
            8 << 20,
            &[(1000, 64 * 1024), (0, 64 * 1024), (0, 64 * 1024)],
            Err(Overflow::Ratio(100)),
        );
    }

    #[test]
    fn an_endless_answer_ends_at_the_cap() {
        check(1000, &[(500, 500), (500, 500)], Ok(()));
        check(1000, &[(500, 500), (501, 501)], Err(Overflow::Size(1000)));
        check(1000, &[(0, u64::MAX), (0, u64::MAX)], Err(Overflow::Size(1000)));
    }

    proptest! {
        #[test]
        fn no_more_than_the_cap_is_ever_let_through(
            cap in 0_u64..1_000_000,
            chunks in prop::collection::vec((0_u64..10_000, 0_u64..500_000), 0..20),
        ) {
            let limits = Limits { response_body_bytes: cap, ..Limits::default() };
            let mut guard = RatioGuard::new(&limits);
            let mut kept = 0;
            for (compressed, decompressed) in chunks {
                guard.take_compressed(compressed);
                if guard.take_decompressed(decompressed).is_err() {
                    break;
                }
                kept += decompressed;
            }
            prop_assert!(kept <= cap);
            prop_assert!(kept <= RATIO_FREE_BYTES + 100 * guard.compressed());
        }
    }
}
