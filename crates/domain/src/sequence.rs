//! Sequence numbers: the place of a message in its participant's gap-free order, and ranges of them.

use std::fmt;

/// The place of a message in the order of its ISPB, counted from 1 (design, section 3). Zero is "before the first".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sequence(u64);

impl Sequence {
    /// The first message of every participant.
    pub const FIRST: Self = Self(1);

    /// The sequence number `n`.
    #[must_use]
    pub const fn new(n: u64) -> Self {
        Self(n)
    }

    /// The number itself.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }

    /// The number `n` places further on.
    #[must_use]
    pub const fn plus(self, n: u64) -> Self {
        Self(self.0.saturating_add(n))
    }

    /// The number just before; zero stays zero.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// How many places this is past `earlier`; zero when it is not.
    #[must_use]
    pub const fn distance_from(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// A run of sequence numbers without gaps: `start` up to, not including, `end`. May be empty.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Range {
    start: Sequence,
    end: Sequence,
}

impl Range {
    /// The empty range.
    pub const EMPTY: Self = Self { start: Sequence(0), end: Sequence(0) };

    /// From `start` up to, not including, `end`; an empty one is always [`Range::EMPTY`].
    #[must_use]
    pub fn new(start: Sequence, end: Sequence) -> Self {
        if start < end { Self { start, end } } else { Self::EMPTY }
    }

    /// The first number of the range.
    #[must_use]
    pub const fn start(self) -> Sequence {
        self.start
    }

    /// One past the last number of the range.
    #[must_use]
    pub const fn end(self) -> Sequence {
        self.end
    }

    /// How many numbers the range holds.
    #[must_use]
    pub const fn len(self) -> u64 {
        self.end.0 - self.start.0
    }

    /// Whether the range holds no number.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.start.0 == self.end.0
    }

    /// Whether `other` lies whole within this range; the empty range lies in every one.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        other.is_empty() || (self.start <= other.start && other.end <= self.end)
    }

    /// Whether the two ranges share a number.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// The part of the range at or above `floor`.
    #[must_use]
    pub fn from_floor(self, floor: Sequence) -> Self {
        Self::new(self.start.max(floor), self.end)
    }

    /// The numbers, ascending.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Sequence> {
        (self.start.0..self.end.0).map(Sequence)
    }
}

impl fmt::Debug for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}..{})", self.start.0, self.end.0)
    }
}
