//! A point in time until which somebody waits. The only clock of this crate: stores start in real time.

use std::thread;
use std::time::{Duration, Instant};

/// How long to wait between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Until when to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    end: Instant,
    limit: Duration,
}

impl Deadline {
    /// From now on.
    pub(crate) fn after(limit: Duration) -> Self {
        #[expect(clippy::disallowed_methods, reason = "real processes start in real time")]
        let now = Instant::now();
        Self { end: now + limit, limit }
    }

    /// How long it was given in all.
    pub(crate) fn limit(self) -> Duration {
        self.limit
    }

    /// What is left; zero when it is over.
    pub(crate) fn left(self) -> Duration {
        #[expect(clippy::disallowed_methods, reason = "real processes start in real time")]
        let now = Instant::now();
        self.end.saturating_duration_since(now)
    }

    /// Sleeps a little; false when there is no time left to look again.
    pub(crate) fn pause(self) -> bool {
        let left = self.left();
        thread::sleep(PAUSE.min(left));
        !left.is_zero()
    }
}
