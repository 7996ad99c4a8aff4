//! How long a runner may take for each thing that it does under the lock. Together that is less than its lease, so nobody
//! takes over from a runner that is still at work.

use std::time::Duration;

/// Starting the lease anew, and finding out whether that was done.
const RENEWAL: Duration = Duration::from_secs(5);
/// One attempt of a change of the schema: it makes files on every node.
const CHANGE: Duration = Duration::from_secs(20);
/// Until all nodes have the same schema.
const AGREEMENT: Duration = Duration::from_secs(15);
/// Recording what was done.
const RECORD: Duration = Duration::from_secs(5);
/// For a change that is carried out after nobody waits for it any longer, and for clocks that do not go alike.
const MARGIN: Duration = Duration::from_secs(10);
/// How long a runner may be silent before another one takes over from it.
const LEASE: Duration = Duration::from_secs(60);

const _: () = assert!(
    RENEWAL.as_secs() + CHANGE.as_secs() + AGREEMENT.as_secs() + RECORD.as_secs() + MARGIN.as_secs()
        <= LEASE.as_secs()
);

/// A lease, and the limits of what is done under it: those above, or all of them shorter or longer in proportion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease {
    seconds: u32,
}

impl Default for Lease {
    fn default() -> Self {
        Self::of(LEASE)
    }
}

impl Lease {
    /// In whole seconds, one at least: Cassandra counts no others.
    pub(super) fn of(lease: Duration) -> Self {
        Self { seconds: u32::try_from(lease.as_secs()).unwrap_or(u32::MAX).max(1) }
    }

    pub(super) fn whole(self) -> Duration {
        self.part(LEASE)
    }

    pub(super) fn renewal(self) -> Duration {
        self.part(RENEWAL)
    }

    pub(super) fn change(self) -> Duration {
        self.part(CHANGE)
    }

    pub(super) fn agreement(self) -> Duration {
        self.part(AGREEMENT)
    }

    pub(super) fn record(self) -> Duration {
        self.part(RECORD)
    }

    /// What must be left of the lease for whoever begins an attempt of a change.
    pub(super) fn attempt(self) -> Duration {
        self.part(CHANGE + AGREEMENT + RECORD + MARGIN)
    }

    fn part(self, of: Duration) -> Duration {
        of * self.seconds / u32::try_from(LEASE.as_secs()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shorter_lease_has_shorter_limits() {
        let whole = Lease::default();
        assert_eq!((whole.whole(), whole.renewal(), whole.change()), (LEASE, RENEWAL, CHANGE));
        let short = Lease::of(Duration::from_secs(12));
        assert_eq!((short.whole(), short.change()), (Duration::from_secs(12), Duration::from_secs(4)));
        assert!(short.renewal() + short.attempt() <= short.whole());
        assert_eq!(Lease::of(Duration::ZERO).whole(), Duration::from_secs(1));
    }
}
