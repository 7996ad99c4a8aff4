//! A participant as the operator knows it: onboarded, with limits of its own.

mod encoding;

use std::time::Duration;

use crate::holds::Holds;
use crate::ispb::Ispb;
use crate::replay::ReplaySession;
use crate::time::Timestamp;

/// Length of a display name, in characters.
pub const NAME_MAX: usize = 140;
/// The shortest time for which a participant's messages may be kept.
pub const RETENTION_MIN: Duration = Duration::from_secs(24 * 3600);
/// The longest.
pub const RETENTION_MAX: Duration = Duration::from_secs(3_650 * 24 * 3600);

/// One onboarded participant. What changes with each read (cursors, pause, cap) is in its stream state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Its ISPB.
    pub ispb: Ispb,
    /// A name for people; may be empty.
    pub name: String,
    /// When it was onboarded.
    pub created_at: Timestamp,
    /// Limits that differ from the configuration's.
    pub limits: Limits,
    /// Whether all of its messages are under legal hold: none of them is removed, however old.
    pub held: bool,
    /// Whether it may neither read nor be published for until it is onboarded again. Its messages stay for as long as
    /// they are kept.
    pub offboarded: bool,
    /// How long its messages are kept; `None` means the configuration's.
    pub retention: Option<Duration>,
    /// Times of publishing of which the messages are under legal hold.
    pub holds: Holds,
    /// The replay session that is open, or was the last one.
    pub replay: Option<ReplaySession>,
    /// Rises with every change, from 1: a change that was decided on an older revision is refused.
    pub revision: u64,
}

/// Limits of one participant; `None` means the configuration's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Requests a second over the rate window (protocol, section 6, Pace).
    pub requests_per_second: Option<u32>,
    /// Unconfirmed messages from which on publishing answers 503 `overloaded`.
    pub backlog_high_water: Option<u64>,
}

impl Participant {
    /// A participant without limits of its own.
    #[must_use]
    pub fn new(ispb: Ispb, created_at: Timestamp) -> Self {
        Self {
            ispb,
            name: String::new(),
            created_at,
            limits: Limits::default(),
            held: false,
            offboarded: false,
            retention: None,
            holds: Holds::default(),
            replay: None,
            revision: 1,
        }
    }

    /// Whether what is published for it at a moment must not be removed.
    #[must_use]
    pub fn is_held_at(&self, at: Timestamp) -> bool {
        self.held || self.holds.cover(at)
    }

    /// How long its messages are kept, by its own word or the configuration's.
    #[must_use]
    pub fn retention_or(&self, configured: Duration) -> Duration {
        self.retention.unwrap_or(configured)
    }
}
