//! Which chunks other nodes announced of one participant, so that a reader asks for them before the Journal.

use std::collections::BTreeMap;

use pix_stream_domain::sequence::{Range, Sequence};

/// Chunks that are known of one participant; of more, the lowest are forgotten: they are gone first.
const KNOWN_MAX: usize = 256;
/// Chunks that may wait to be fetched ahead of readers; more are read when their turn comes.
const WANTED_MAX: usize = 64;

/// Announced chunks of one participant.
#[derive(Debug, Default)]
pub struct Index {
    known: BTreeMap<Sequence, Sequence>,
    /// Those that are to be fetched ahead of readers, in order.
    wanted: BTreeMap<Sequence, Sequence>,
    fetching: bool,
}

impl Index {
    /// Learns of a chunk.
    pub fn add(&mut self, range: Range) {
        self.known.insert(range.start(), range.end());
        if self.known.len() > KNOWN_MAX {
            self.known.pop_first();
        }
    }

    /// Has a chunk fetched ahead of readers. `None`: there is no room; else whether nobody fetches yet, so that the
    /// caller must begin to.
    pub fn want(&mut self, range: Range) -> Option<bool> {
        if self.wanted.len() >= WANTED_MAX {
            return None;
        }
        self.wanted.insert(range.start(), range.end());
        Some(!std::mem::replace(&mut self.fetching, true))
    }

    /// The next chunk to fetch; `None` ends the fetching.
    pub fn next_wanted(&mut self) -> Option<Range> {
        let next = self.wanted.pop_first().map(|(start, end)| Range::new(start, end));
        self.fetching = next.is_some();
        next
    }

    /// Gives up what was to be fetched. Returns up to where messages were announced by it.
    pub fn forgo(&mut self) -> Option<Sequence> {
        std::mem::take(&mut self.wanted).into_values().max()
    }

    /// The chunk that has a message.
    #[must_use]
    pub fn find(&self, sequence: Sequence) -> Option<Range> {
        let (&start, &end) = self.known.range(..=sequence).next_back()?;
        (sequence < end).then(|| Range::new(start, end))
    }

    /// A chunk is gone.
    pub fn remove(&mut self, start: Sequence) {
        self.known.remove(&start);
    }

    /// Everything below is confirmed.
    pub fn remove_below(&mut self, floor: Sequence) {
        while let Some((&start, &end)) = self.known.first_key_value() {
            if end > floor {
                break;
            }
            self.known.remove(&start);
        }
    }

    /// Forgets everything; whoever fetches ends by itself.
    pub fn clear(&mut self) {
        self.known.clear();
        self.wanted.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: u64, end: u64) -> Range {
        Range::new(Sequence::new(start), Sequence::new(end))
    }

    #[test]
    fn a_message_is_found_in_its_chunk_until_it_is_confirmed() {
        let mut index = Index::default();
        index.add(range(5, 8));
        index.add(range(10, 12));
        let find = |index: &Index, n| index.find(Sequence::new(n));
        assert_eq!(find(&index, 4), None);
        assert_eq!(find(&index, 7), Some(range(5, 8)));
        assert_eq!((find(&index, 8), find(&index, 9)), (None, None));
        index.remove_below(Sequence::new(7));
        assert_eq!(find(&index, 7), Some(range(5, 8)));
        index.remove_below(Sequence::new(8));
        assert_eq!(find(&index, 7), None);
        index.remove(Sequence::new(10));
        assert_eq!(find(&index, 10), None);
    }

    #[test]
    fn only_so_many_chunks_are_remembered_or_wanted() {
        let mut index = Index::default();
        for n in 1..=KNOWN_MAX as u64 + 1 {
            index.add(range(n, n + 1));
        }
        assert_eq!(index.find(Sequence::new(1)), None);
        assert!(index.find(Sequence::new(2)).is_some());
        let taken = (0..1_000).filter(|n| index.want(range(*n, n + 1)).is_some()).count();
        assert_eq!(taken, WANTED_MAX);
    }

    #[test]
    fn one_caller_fetches_until_nothing_is_wanted() {
        let mut index = Index::default();
        assert_eq!(index.want(range(5, 8)), Some(true));
        assert_eq!(index.want(range(8, 9)), Some(false));
        assert_eq!(index.next_wanted(), Some(range(5, 8)));
        assert_eq!(index.want(range(9, 10)), Some(false));
        assert_eq!(index.forgo(), Some(Sequence::new(10)));
        assert_eq!(index.next_wanted(), None);
        assert_eq!(index.want(range(10, 11)), Some(true));
    }
}
