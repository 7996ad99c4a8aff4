//! A participant as the operator knows it: onboarded, with limits of its own.

use crate::ispb::Ispb;
use crate::time::Timestamp;

/// Length of a display name, in characters.
pub const NAME_MAX: usize = 140;

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
    /// Whether its messages are under legal hold: none of them is removed, however old.
    pub held: bool,
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
    pub const fn new(ispb: Ispb, created_at: Timestamp) -> Self {
        let limits = Limits { requests_per_second: None, backlog_high_water: None };
        Self { ispb, name: String::new(), created_at, limits, held: false, revision: 1 }
    }
}
