//! Anchors: where the audit chain stood, kept in the Journal's store and so away from the chain's files.
//!
//! A chain shows by itself what was changed or removed within it. That its end was cut off, or that the whole of it was
//! made anew, shows only against what is known of it elsewhere: an anchor.

use std::future::Future;

use pix_stream_domain::audit::{ChainId, Head};
use pix_stream_domain::time::Timestamp;

use crate::error::Error;

/// Keeps the newest anchor of each chain.
pub trait Anchors: Send + Sync + 'static {
    /// Keeps an anchor, durably when it returns. One that does not outrank the chain's kept one changes nothing: anchors
    /// never go back ([`Anchor::outranks`]). Only what is on the disk may be anchored: whatever a power loss takes
    /// from the chain must not look like a cut.
    fn save_anchor(&self, anchor: Anchor) -> impl Future<Output = Result<(), Error>> + Send;

    /// The anchors of all chains, by name of the chain.
    fn load_anchors(&self) -> impl Future<Output = Result<Vec<Anchor>, Error>> + Send;
}

/// Where a chain stood once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// The chain.
    pub chain: ChainId,
    /// Its last entry, and the hash that covers everything up to it.
    pub head: Head,
    /// When it was anchored.
    pub at: Timestamp,
    /// When a node found that its log does not hold this entry, and said so in the log; `None`: nobody did.
    pub broken_at: Option<Timestamp>,
}

impl Anchor {
    /// Whether it says more than another one of the same chain: a later entry, or that the same one is missing.
    #[must_use]
    pub fn outranks(&self, other: &Self) -> bool {
        self.rank() > other.rank()
    }

    /// Rises with every anchor that outranks the one before.
    #[must_use]
    pub fn rank(&self) -> u64 {
        self.head.entry.saturating_mul(2).saturating_add(u64::from(self.broken_at.is_some()))
    }
}
