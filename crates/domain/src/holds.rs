//! Legal holds by time: which messages must not be removed, however old. Whoever removes asks here; holding all of a
//! participant's messages is a flag of its own.

use std::time::Duration;

use crate::time::{TimeRange, Timestamp};

/// The most ranges that a participant may hold at a time.
pub const HOLDS_MAX: usize = 16;
/// Clocks of nodes differ: what was published this long before or after a held range is kept, too.
pub const HOLD_SLACK: Duration = Duration::from_secs(5);

/// Ranges of time in which a participant's messages were published that are under legal hold: ascending, and apart from
/// each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holds(Vec<TimeRange>);

/// A change that would leave more than [`HOLDS_MAX`] ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "at most {HOLDS_MAX} ranges of time may be held at once: lift one first, or hold the participant as a whole"
)]
pub struct TooMany;

impl Holds {
    /// The ranges, ascending.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = TimeRange> {
        self.0.iter().copied()
    }

    /// Whether nothing is held.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether what was published at a moment is held, clocks that differ included.
    #[must_use]
    pub fn cover(&self, at: Timestamp) -> bool {
        self.0.iter().any(|range| range.widened(HOLD_SLACK).contains(at))
    }

    /// Holds a range, too; with those that it touches it becomes one. Returns whether that changed anything.
    ///
    /// # Errors
    /// [`TooMany`]; nothing changed.
    pub fn add(&mut self, range: TimeRange) -> Result<bool, TooMany> {
        let touches = |one: &&TimeRange| one.from() <= range.to() && range.from() <= one.to();
        let from = self.0.iter().filter(touches).map(|one| one.from()).fold(range.from(), Timestamp::min);
        let to = self.0.iter().filter(touches).map(|one| one.to()).fold(range.to(), Timestamp::max);
        let apart = self.0.iter().filter(|one| !touches(one)).copied();
        self.replace(apart.chain(TimeRange::new(from, to)).collect())
    }

    /// Holds a range no longer; what is left of those that it cuts stays held. Returns whether that changed anything.
    ///
    /// # Errors
    /// [`TooMany`], when it would cut one in two; nothing changed.
    pub fn remove(&mut self, range: TimeRange) -> Result<bool, TooMany> {
        let left = |one: &TimeRange| {
            let before = TimeRange::new(one.from(), one.to().min(range.from()));
            let behind = TimeRange::new(one.from().max(range.to()), one.to());
            [before, behind].into_iter().flatten()
        };
        self.replace(self.0.iter().flat_map(left).collect())
    }

    fn replace(&mut self, mut ranges: Vec<TimeRange>) -> Result<bool, TooMany> {
        ranges.sort_unstable();
        if ranges.len() > HOLDS_MAX {
            return Err(TooMany);
        }
        let changes = ranges != self.0;
        self.0 = ranges;
        Ok(changes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(from: u64, to: u64) -> TimeRange {
        TimeRange::new(Timestamp::from_unix_millis(from), Timestamp::from_unix_millis(to)).unwrap()
    }

    #[test]
    fn ranges_that_touch_become_one_and_the_same_again_changes_nothing() {
        let mut holds = Holds::default();
        assert_eq!(holds.add(range(10, 20)), Ok(true));
        assert_eq!(holds.add(range(30, 40)), Ok(true));
        assert_eq!(holds.add(range(12, 18)), Ok(false));
        assert_eq!(holds.add(range(20, 30)), Ok(true));
        assert_eq!(holds.iter().collect::<Vec<_>>(), [range(10, 40)]);
        assert_eq!(holds.remove(range(15, 20)), Ok(true));
        assert_eq!(holds.remove(range(15, 20)), Ok(false));
        assert_eq!(holds.iter().collect::<Vec<_>>(), [range(10, 15), range(20, 40)]);
    }

    #[test]
    fn a_seventeenth_range_is_refused_and_changes_nothing() {
        let mut holds = Holds::default();
        for n in 0..16 {
            assert_eq!(holds.add(range(10 * n, 10 * n + 5)), Ok(true));
        }
        let before = holds.clone();
        assert_eq!(holds.add(range(500, 501)), Err(TooMany));
        assert_eq!(holds.remove(range(1, 2)), Err(TooMany), "it would cut one in two");
        assert_eq!(holds, before);
    }

    proptest! {
        /// The same as a set of moments would say.
        #[test]
        fn ranges_agree_with_a_set_of_moments(steps in prop::collection::vec((any::<bool>(), 0_u64..40, 1_u64..8), 1..20)) {
            let mut holds = Holds::default();
            let mut moments = [false; 64];
            for (adds, from, len) in steps {
                let range = range(from, from + len);
                let changed = if adds { holds.add(range) } else { holds.remove(range) };
                let mut after = moments;
                after[from as usize..(from + len) as usize].fill(adds);
                if let Ok(changed) = changed {
                    prop_assert_eq!(changed, after != moments);
                    moments = after;
                }
                for (n, is_held) in moments.iter().enumerate() {
                    let at = Timestamp::from_unix_millis(n as u64);
                    prop_assert_eq!(holds.iter().any(|range| range.contains(at)), *is_held);
                }
                let all: Vec<_> = holds.iter().collect();
                prop_assert!(all.windows(2).all(|pair| pair[0].to() < pair[1].from()));
            }
        }
    }
}
