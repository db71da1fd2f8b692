//! A sorted set of numbers that is read by rank: a page in the middle of a million entries costs
//! as little as the first one, and so does an insert.

/// Chunks are split above twice this length. A walk over the chunk lengths of a million entries
/// then takes about a microsecond, and an insert moves at most 16 kB.
const CHUNK: usize = 1024;

/// An ascending set, kept in chunks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ranked {
    chunks: Vec<Vec<u64>>,
    len: usize,
}

impl Ranked {
    /// Builds a set from keys in any order.
    pub(crate) fn from_keys(mut keys: Vec<u64>) -> Self {
        keys.sort_unstable();
        keys.dedup();
        Self { len: keys.len(), chunks: keys.chunks(CHUNK).map(<[u64]>::to_vec).collect() }
    }

    /// Adds a key; false where it was there.
    pub(crate) fn insert(&mut self, key: u64) -> bool {
        if self.chunks.is_empty() {
            self.chunks.push(Vec::new());
        }
        let at = self.chunk_of(key).min(self.chunks.len() - 1);
        let chunk = &mut self.chunks[at];
        let Err(place) = chunk.binary_search(&key) else { return false };
        chunk.insert(place, key);
        if chunk.len() > 2 * CHUNK {
            let upper = chunk.split_off(CHUNK);
            self.chunks.insert(at + 1, upper);
        }
        self.len += 1;
        true
    }

    /// Takes a key out; false where it was not there.
    pub(crate) fn remove(&mut self, key: u64) -> bool {
        let at = self.chunk_of(key);
        let Some(chunk) = self.chunks.get_mut(at) else { return false };
        let Ok(place) = chunk.binary_search(&key) else { return false };
        chunk.remove(place);
        if chunk.is_empty() {
            self.chunks.remove(at);
        }
        self.len -= 1;
        true
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// How many keys are smaller than `key`.
    pub(crate) fn rank(&self, key: u64) -> usize {
        let at = self.chunk_of(key);
        let before: usize = self.chunks[..at].iter().map(Vec::len).sum();
        before + self.chunks.get(at).map_or(0, |chunk| chunk.partition_point(|&k| k < key))
    }

    /// The key of the given rank.
    pub(crate) fn at(&self, rank: usize) -> Option<u64> {
        self.range(rank, rank.saturating_add(1)).first().copied()
    }

    /// The keys of the ranks from `start` up to but not including `end`, ascending.
    pub(crate) fn range(&self, start: usize, end: usize) -> Vec<u64> {
        let end = end.min(self.len);
        let mut keys = Vec::with_capacity(end.saturating_sub(start));
        let mut first = 0;
        for chunk in &self.chunks {
            if first >= end {
                break;
            }
            let next = first + chunk.len();
            if next > start {
                let from = start.saturating_sub(first);
                keys.extend_from_slice(&chunk[from..(end - first).min(chunk.len())]);
            }
            first = next;
        }
        keys
    }

    /// All keys, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> {
        self.chunks.iter().flatten().copied()
    }

    /// The first chunk whose last key is not smaller than `key`; the number of chunks if none is.
    fn chunk_of(&self, key: u64) -> usize {
        self.chunks.partition_point(|chunk| chunk.last().is_some_and(|&last| last < key))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_behaves_as_a_sorted_set(
            initial in prop::collection::vec(0_u64..9_000, 0..5_000),
            changes in prop::collection::vec((any::<bool>(), 0_u64..9_000), 0..500),
            start in 0_usize..6_000,
            len in 0_usize..200,
        ) {
            let mut model: BTreeSet<u64> = initial.iter().copied().collect();
            let mut ranked = Ranked::from_keys(initial);
            for (insert, key) in changes {
                if insert {
                    prop_assert_eq!(ranked.insert(key), model.insert(key));
                } else {
                    prop_assert_eq!(ranked.remove(key), model.remove(&key));
                }
                prop_assert_eq!(ranked.rank(key), model.range(..key).count());
            }
            let page: Vec<u64> = model.iter().copied().skip(start).take(len).collect();
            prop_assert_eq!(ranked.range(start, start + len), page);
            prop_assert_eq!(ranked.len(), model.len());
            prop_assert_eq!(ranked.iter().collect::<Vec<_>>(), model.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn it_grows_from_nothing_in_descending_order() {
        let mut ranked = Ranked::default();
        for key in (0..5_000).rev() {
            assert!(ranked.insert(key));
        }
        assert_eq!(ranked.range(2_499, 2_502), [2_499, 2_500, 2_501]);
        assert_eq!(ranked.at(4_999), Some(4_999));
        assert_eq!(ranked.at(5_000), None);
    }
}
