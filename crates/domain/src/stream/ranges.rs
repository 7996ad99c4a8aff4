//! A small ordered set of sequence ranges that never touch each other.

use crate::sequence::{Range, Sequence};

/// Ascending ranges, none empty, with at least one number between neighbours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ranges(Vec<Range>);

impl Ranges {
    /// The lowest range.
    #[must_use]
    pub fn first(&self) -> Option<Range> {
        self.0.first().copied()
    }

    /// The highest range.
    #[must_use]
    pub fn last(&self) -> Option<Range> {
        self.0.last().copied()
    }

    /// How many ranges there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// How many numbers all ranges hold.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.iter().map(|range| range.len()).sum()
    }

    /// Whether there is no number at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ranges, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Range> + '_ {
        self.0.iter().copied()
    }

    /// Whether every number of `range` is in the set.
    #[must_use]
    pub fn contains(&self, range: Range) -> bool {
        range.is_empty() || self.0.iter().any(|own| own.contains(range))
    }

    /// Whether any number of `range` is in the set.
    #[must_use]
    pub fn overlaps(&self, range: Range) -> bool {
        self.0.iter().any(|own| own.overlaps(range))
    }

    /// Whether taking `range` out would leave one range more than before.
    #[must_use]
    pub fn would_split(&self, range: Range) -> bool {
        !range.is_empty() && self.0.iter().any(|own| own.start() < range.start() && range.end() < own.end())
    }

    /// Adds the numbers of `range`, joining it with what it touches.
    pub fn insert(&mut self, range: Range) {
        if range.is_empty() {
            return;
        }
        let at = self.0.partition_point(|own| own.end() < range.start());
        let past = self.0.partition_point(|own| own.start() <= range.end());
        let start = self.0.get(at).map_or(range.start(), |own| own.start().min(range.start()));
        let end = if past > at { self.0[past - 1].end().max(range.end()) } else { range.end() };
        self.0.splice(at..past, [Range::new(start.min(range.start()), end)]);
    }

    /// Takes the numbers of `range` out; numbers that are not in the set do not matter.
    pub fn remove(&mut self, range: Range) {
        if range.is_empty() {
            return;
        }
        let left = |own: &Range| Range::new(own.start(), own.end().min(range.start()));
        let right = |own: &Range| Range::new(own.start().max(range.end()), own.end());
        self.0 = self.0.iter().flat_map(|own| [left(own), right(own)]).filter(|r| !r.is_empty()).collect();
    }

    /// Takes out everything below `floor`.
    pub fn remove_below(&mut self, floor: Sequence) {
        self.remove(Range::new(Sequence::new(0), floor));
    }
}

impl FromIterator<Range> for Ranges {
    fn from_iter<I: IntoIterator<Item = Range>>(ranges: I) -> Self {
        let mut set = Self::default();
        ranges.into_iter().for_each(|range| set.insert(range));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: u64, end: u64) -> Range {
        Range::new(Sequence::new(start), Sequence::new(end))
    }

    fn set(ranges: &[(u64, u64)]) -> Ranges {
        ranges.iter().map(|&(a, b)| range(a, b)).collect()
    }

    #[test]
    fn touching_ranges_are_joined() {
        assert_eq!(set(&[(1, 3), (5, 7), (3, 5)]), set(&[(1, 7)]));
        assert_eq!(set(&[(5, 7), (1, 3)]).count(), 2);
    }

    #[test]
    fn a_range_over_several_swallows_them() {
        assert_eq!(set(&[(2, 3), (5, 6), (8, 9), (1, 7)]), set(&[(1, 7), (8, 9)]));
    }

    #[test]
    fn taking_the_middle_out_splits() {
        let mut ranges = set(&[(1, 10)]);
        assert!(ranges.would_split(range(4, 6)));
        assert!(!ranges.would_split(range(1, 6)));
        ranges.remove(range(4, 6));
        assert_eq!(ranges, set(&[(1, 4), (6, 10)]));
        assert_eq!(ranges.len(), 7);
    }

    /// Every pair of operations on eight numbers agrees with a set of numbers.
    #[test]
    fn insert_and_remove_agree_with_a_plain_set() {
        use std::collections::BTreeSet;
        let all: Vec<Range> = (1..9).flat_map(|a| (a..=9).map(move |b| range(a, b))).collect();
        for a in &all {
            for b in &all {
                for c in &all {
                    let mut ranges = Ranges::default();
                    ranges.insert(*a);
                    ranges.insert(*b);
                    ranges.remove(*c);
                    let mut numbers: BTreeSet<_> = a.iter().chain(b.iter()).collect();
                    c.iter().for_each(|n| {
                        numbers.remove(&n);
                    });
                    assert_eq!(ranges.iter().flat_map(Range::iter).collect::<BTreeSet<_>>(), numbers);
                    assert!(ranges.0.windows(2).all(|w| w[0].end() < w[1].start()), "{ranges:?}");
                }
            }
        }
    }
}
