//! A clock for tests: set by hand, or driven by tokio's time, so that paused time moves it along.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use pix_stream_domain::time::Timestamp;
use pix_stream_ports::clock::Clock;
use tokio::time::Instant;

/// A moment that tests may start from: 2026-01-01T00:00:00Z.
pub const START: Timestamp = Timestamp::from_unix_millis(1_767_225_600_000);

/// A clock whose handles all show the same time.
#[derive(Debug, Clone)]
pub struct SimClock {
    start: Timestamp,
    /// What tests added to the start, in milliseconds; may be negative.
    moved: Arc<AtomicI64>,
    /// When it was started, if it follows tokio.
    running_since: Option<Instant>,
}

impl SimClock {
    /// A clock that stands at `start` until it is moved.
    #[must_use]
    pub fn standing(start: Timestamp) -> Self {
        Self { start, moved: Arc::default(), running_since: None }
    }

    /// A clock that shows `start` now and from then on runs with [`tokio::time`]: under paused time it moves
    /// when the runtime does. To be made inside the runtime.
    #[must_use]
    pub fn following_tokio(start: Timestamp) -> Self {
        Self { start, moved: Arc::default(), running_since: Some(Instant::now()) }
    }

    /// Moves the clock forward. Sleeping tasks do not notice: for those, advance tokio's time.
    pub fn advance(&self, span: Duration) {
        self.moved.fetch_add(millis(span), Ordering::SeqCst);
    }

    /// Moves the clock back, as an operator's time service does.
    pub fn step_back(&self, span: Duration) {
        self.moved.fetch_sub(millis(span), Ordering::SeqCst);
    }

    /// Makes the clock show `at` now.
    pub fn set(&self, at: Timestamp) {
        let ahead = at.since(self.now());
        let behind = self.now().since(at);
        self.moved.fetch_add(millis(ahead) - millis(behind), Ordering::SeqCst);
    }
}

impl Default for SimClock {
    fn default() -> Self {
        Self::standing(START)
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let ran = self.running_since.map_or(Duration::ZERO, |since| since.elapsed());
        let moved = self.moved.load(Ordering::SeqCst);
        let shown = self.start.after(ran);
        let span = Duration::from_millis(moved.unsigned_abs());
        if moved < 0 { shown.before(span) } else { shown.after(span) }
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_clock_moves_only_by_hand() {
        let clock = SimClock::standing(START);
        let other = clock.clone();
        clock.advance(Duration::from_secs(3));
        assert_eq!(other.now(), START.after(Duration::from_secs(3)));
        clock.step_back(Duration::from_secs(5));
        assert_eq!(other.now(), START.before(Duration::from_secs(2)));
        clock.set(Timestamp::from_unix_millis(7));
        assert_eq!(other.now().unix_millis(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_following_clock_runs_with_paused_time() {
        let clock = SimClock::following_tokio(START);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(clock.now(), START.after(Duration::from_secs(60)));
    }
}
