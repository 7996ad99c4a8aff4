//! Versions of a stream state: which history it belongs to, and its place in that history (design, section 4).

use std::fmt;

/// A history of states. Whoever rebuilds a lost state raises it in the Journal first, so that nothing of the
/// lost history can overtake the new one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Incarnation(u32);

impl Incarnation {
    /// The incarnation with number `n`; zero is "none yet".
    #[must_use]
    pub const fn new(n: u32) -> Self {
        Self(n)
    }

    /// Its number.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }

    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "i{}", self.0)
    }
}

/// The version of one state. Later incarnations are newer whatever the counter says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version {
    /// The history.
    pub incarnation: Incarnation,
    /// Its changes so far.
    pub counter: u64,
}

impl Version {
    /// The first version of a history.
    #[must_use]
    pub const fn first(incarnation: Incarnation) -> Self {
        Self { incarnation, counter: 0 }
    }

    /// The version after this one in the same history.
    #[must_use]
    pub const fn next(self) -> Self {
        Self { incarnation: self.incarnation, counter: self.counter.saturating_add(1) }
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}.{}", self.incarnation, self.counter)
    }
}
