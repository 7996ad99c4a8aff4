//! The fingerprints of the business ids that a participant published within the window of idempotency, each with its
//! sequence number. Sixteen to twenty bytes a message, no I/O. A match is a hint: the row itself decides.

use std::collections::VecDeque;

use hashbrown::HashTable;
use pix_stream_domain::time::Timestamp;

use super::layout::{PRINT_BYTES, block_end, block_of, block_start};

/// What stands for a message of which nothing is known any longer.
pub(crate) const NO_PRINT: u64 = 0;

/// Fingerprints of a gap-free run of sequence numbers that starts with a block.
#[derive(Debug)]
pub(crate) struct Remembered {
    /// The first sequence number of the run, the start of a block.
    start: u64,
    /// By sequence number from `start` on.
    prints: VecDeque<u64>,
    /// The lower half of the sequence numbers, found by fingerprint: the upper half follows from `start`.
    places: HashTable<u32>,
    /// When the newest message of each block was published, from the block of `start` on.
    newest: VecDeque<Timestamp>,
}

/// One block, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// Its number.
    pub(crate) number: u64,
    /// When its newest message was published.
    pub(crate) newest: Timestamp,
    /// The fingerprints by sequence number.
    pub(crate) prints: Vec<u64>,
}

impl Block {
    /// Its bytes in the table.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.prints.iter().flat_map(|print| print.to_be_bytes()).collect()
    }

    /// A block of the table; `None` when the bytes are not as many as the block has messages.
    pub(crate) fn from_bytes(number: u64, newest: Timestamp, bytes: &[u8]) -> Option<Self> {
        let (prints, rest) = bytes.as_chunks::<PRINT_BYTES>();
        let count = block_end(number) - block_start(number);
        let prints: Vec<u64> = prints.iter().map(|print| u64::from_be_bytes(*print)).collect();
        (rest.is_empty() && prints.len() as u64 == count).then_some(Self { number, newest, prints })
    }
}

impl Remembered {
    /// Nothing, from the start of this block on.
    pub(crate) fn from_block(block: u64) -> Self {
        Self {
            start: block_start(block),
            prints: VecDeque::new(),
            places: HashTable::new(),
            newest: VecDeque::new(),
        }
    }

    /// The sequence number that the next message gets.
    pub(crate) fn next(&self) -> u64 {
        self.start + self.prints.len() as u64
    }

    /// How many fingerprints are held.
    pub(crate) fn len(&self) -> usize {
        self.prints.len()
    }

    /// Adds the next message in order.
    pub(crate) fn push(&mut self, print: u64, published_at: Timestamp) {
        let sequence = self.next();
        let index = usize::try_from(block_of(sequence) - block_of(self.start)).unwrap_or(usize::MAX);
        match self.newest.get_mut(index) {
            Some(newest) => *newest = (*newest).max(published_at),
            None => self.newest.push_back(published_at),
        }
        self.prints.push_back(print);
        if print == NO_PRINT {
            return;
        }
        let Self { start, prints, places, .. } = self;
        places.insert_unique(print, low(sequence), |place| print_at(prints, *start, *place));
    }

    /// Adds a whole block, which must be the next.
    pub(crate) fn push_block(&mut self, block: &Block) {
        for print in &block.prints {
            self.push(*print, block.newest);
        }
    }

    /// The sequence numbers with this fingerprint, the newest first.
    pub(crate) fn find(&self, print: u64) -> Vec<u64> {
        let matches = self.places.iter_hash(print);
        let mut found: Vec<u64> = matches
            .map(|place| self.start + u64::from(place.wrapping_sub(low(self.start))))
            .filter(|sequence| self.print_of(*sequence) == Some(print))
            .collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        found
    }

    /// Forgets leading blocks that are full and whose messages were all published before a time.
    pub(crate) fn forget_before(&mut self, time: Timestamp) {
        while self.next() >= block_end(block_of(self.start))
            && self.newest.front().is_some_and(|newest| *newest < time)
        {
            self.newest.pop_front();
            let end = block_end(block_of(self.start));
            for sequence in self.start..end {
                let Some(print) = self.print_of(sequence) else { break };
                if let Ok(entry) = self.places.find_entry(print, |place| *place == low(sequence)) {
                    entry.remove();
                }
            }
            self.prints.drain(..usize::try_from(end - self.start).unwrap_or(usize::MAX));
            self.start = end;
        }
    }

    /// A block that is full and held.
    pub(crate) fn block(&self, number: u64) -> Option<Block> {
        let (start, end) = (block_start(number), block_end(number));
        if start < self.start || end > self.next() {
            return None;
        }
        let newest = *self.newest.get(usize::try_from(number - block_of(self.start)).ok()?)?;
        let prints = (start..end).filter_map(|sequence| self.print_of(sequence)).collect();
        Some(Block { number, newest, prints })
    }

    fn print_of(&self, sequence: u64) -> Option<u64> {
        let index = sequence.checked_sub(self.start)?;
        self.prints.get(usize::try_from(index).ok()?).copied()
    }
}

/// The lower half of a sequence number. No run is so long that it would not do.
const fn low(sequence: u64) -> u32 {
    (sequence & 0xffff_ffff) as u32
}

fn print_at(prints: &VecDeque<u64>, start: u64, place: u32) -> u64 {
    prints.get(place.wrapping_sub(low(start)) as usize).copied().unwrap_or(NO_PRINT)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::layout::FIRST;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_unix_millis(millis)
    }

    #[test]
    fn what_was_pushed_is_found_and_the_newest_comes_first() {
        let mut remembered = Remembered::from_block(0);
        for print in [7, 8, 7, 9, 7] {
            remembered.push(print, at(1));
        }
        assert_eq!(remembered.find(7), vec![5, 3, 1]);
        assert_eq!(remembered.find(8), vec![2]);
        assert_eq!(remembered.find(10), Vec::<u64>::new());
        assert_eq!(remembered.next(), 6);
    }

    #[test]
    fn a_message_without_a_fingerprint_is_not_found() {
        let mut remembered = Remembered::from_block(3);
        remembered.push(NO_PRINT, at(1));
        remembered.push(5, at(1));
        assert_eq!(remembered.find(NO_PRINT), Vec::<u64>::new());
        assert_eq!(remembered.find(5), vec![1501]);
    }

    #[test]
    fn a_block_is_there_when_it_is_full_and_survives_its_bytes() {
        let mut remembered = Remembered::from_block(0);
        for n in FIRST..1_200 {
            assert_eq!(remembered.block(0).is_some(), n >= 500, "before message {n}");
            remembered.push(n, at(n));
        }
        let block = remembered.block(1).unwrap();
        assert_eq!((block.newest, block.prints[0], block.prints.len()), (at(999), 500, 500));
        assert_eq!(Block::from_bytes(1, at(999), &block.bytes()), Some(block));
        let first = remembered.block(0).unwrap();
        assert_eq!(Block::from_bytes(0, first.newest, &first.bytes()), Some(first));
        assert_eq!(Block::from_bytes(1, at(1), &[0; 8 * 499]), None);
        assert_eq!(remembered.block(2), None);
    }

    #[test]
    fn sequence_numbers_beyond_32_bits_are_told_apart() {
        let block = (u64::from(u32::MAX) - 600) / 500;
        let mut remembered = Remembered::from_block(block);
        let start = remembered.next();
        for n in 0..2_000 {
            remembered.push(1_000 + n, at(n));
        }
        remembered.forget_before(at(700));
        assert_eq!(remembered.find(1_000 + 1_999), vec![start + 1_999]);
        assert_eq!(remembered.find(1_000 + 600), vec![start + 600]);
    }

    proptest! {
        /// Against a plain list: pushes and forgetting in any order.
        #[test]
        fn it_finds_what_a_list_would_find(
            steps in proptest::collection::vec((1..40_u64, 0..3_u64, 0..40_u32), 1..3_000),
        ) {
            let mut remembered = Remembered::from_block(0);
            let (mut list, mut now) = (Vec::new(), 0);
            for (print, pause, forget) in steps {
                now += pause;
                remembered.push(print, at(now));
                list.push((print, now));
                if forget == 0 {
                    remembered.forget_before(at(now.saturating_sub(300)));
                }
            }
            let forgotten = list.len() - remembered.len();
            prop_assert!(list[..forgotten].iter().all(|(_, at)| at + 300 < now), "what is young is kept");
            prop_assert!(forgotten == 0 || (forgotten + 1).is_multiple_of(500), "whole blocks are forgotten");
            for print in 1..40 {
                let expected: Vec<u64> = list.iter().enumerate().skip(forgotten).rev()
                    .filter(|(_, (p, _))| *p == print).map(|(i, _)| i as u64 + FIRST).collect();
                prop_assert_eq!(remembered.find(print), expected);
            }
        }
    }
}
