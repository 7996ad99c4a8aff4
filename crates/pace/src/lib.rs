//! Adaptive back-pressure (protocol, section 3 and 6; requirement D.2): from how long requests wait and stores take to
//! whom the node asks to slow down, and what it sheds when that is not enough.
//!
//! Pure: no I/O, no clock, no randomness but a counter. The caller measures, calls [`Pace::tick`] ten times a second or
//! so, and asks [`Pace::ask`] for each request; asking takes one map lookup and two atomic additions. The mathematics
//! stand in `docs/rate-limiting.md`. The rate limit of a participant is not here: that is `domain::rate`.

mod account;
mod level;
mod pace;
mod share;

use std::time::Duration;

pub use level::Level;
pub use pace::{Pace, Snapshot};

/// What a request is for. Both have levels, shares and budgets of their own: readers do not pay for producers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Messages are published for a participant.
    Publish,
    /// A participant reads.
    Pull,
}

impl Kind {
    /// All there are, in the order of their numbers.
    pub const ALL: [Self; 2] = [Self::Publish, Self::Pull];

    /// As a label of a metric.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Pull => "pull",
        }
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Pass,
    /// It goes on, and its participant is asked to slow down.
    Slow,
    /// It is answered 503 `overloaded`.
    Shed,
}

/// From which delays on something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The mean time that requests wait for their turn from which on participants above their fair share are asked to
    /// slow down.
    pub queue_delay: Duration,
    /// The mean time that a store takes, from which on the same is done.
    pub store_latency: Duration,
    /// At so many times either of these, what is above the fair share is shed.
    pub shed_factor: u32,
    /// How long an answer 429 waits when its participant goes on asking without regard to those before it.
    pub refused_hold: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            queue_delay: Duration::from_millis(50),
            store_latency: Duration::from_millis(300),
            shed_factor: 8,
            refused_hold: Duration::from_millis(500),
        }
    }
}
