//! How long to wait before asking again, and when to stop asking. Pure: time and seed come from the caller.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::Timing;

/// Doublings after which the wait no longer grows, whatever the first one was.
const DOUBLINGS_MAX: u32 = 20;

/// SplitMix64: a small generator for jitter, so that a seed replays a run. Not for secrets.
#[derive(Debug, Clone)]
pub(crate) struct SplitMix(u64);

impl SplitMix {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `0..=most`, to the microsecond.
    fn up_to(&mut self, most: Duration) -> Duration {
        let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.draw() % micros.saturating_add(1))
    }
}

/// What is known about how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pause {
    /// Nothing is wrong yet: go on at once, unless the last request failed too.
    None,
    /// The server said how long.
    Said(Duration),
    /// Longer after each failure in a row.
    Growing,
}

/// The waits of one requester, growing while it fails and back to the first after a success.
#[derive(Debug)]
pub(crate) struct Backoff {
    timing: Timing,
    patience: Option<Duration>,
    random: SplitMix,
    failures: u32,
    failing_since: Option<Instant>,
}

impl Backoff {
    /// `patience`: how long failures in a row are borne; without it, for ever.
    pub(crate) fn new(timing: Timing, patience: Option<Duration>, seed: u64) -> Self {
        Self { timing, patience, random: SplitMix::new(seed), failures: 0, failing_since: None }
    }

    /// Forgets the failures.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
        self.failing_since = None;
    }

    /// The wait after one more failure; none when patience has run out.
    ///
    /// A server's `Retry-After` counts as said, up to a limit, with a little jitter. A growing wait doubles
    /// from the first to the longest, and half of it is jitter.
    pub(crate) fn failed(&mut self, now: Instant, pause: Pause) -> Option<Duration> {
        let since = *self.failing_since.get_or_insert(now);
        if self.patience.is_some_and(|patience| now.duration_since(since) >= patience) {
            return None;
        }
        let failures = self.failures;
        self.failures = failures.saturating_add(1);
        match pause {
            Pause::None if failures == 0 => Some(Duration::ZERO),
            Pause::Said(said) => {
                let jitter = self.random.up_to(self.timing.retry_after_jitter);
                Some(said.min(self.timing.retry_after_max) + jitter)
            }
            Pause::None | Pause::Growing => {
                let longer = self.timing.backoff_first.saturating_mul(1 << failures.min(DOUBLINGS_MAX));
                let full = longer.min(self.timing.backoff_max);
                Some(full / 2 + self.random.up_to(full / 2))
            }
        }
    }

    /// How long it has been failing.
    pub(crate) fn failing_for(&self, now: Instant) -> Duration {
        self.failing_since.map_or(Duration::ZERO, |since| now.duration_since(since))
    }
}

/// The pause between requests of one requester that was asked to slow down.
#[derive(Debug)]
pub(crate) struct Ease {
    timing: Timing,
    random: SplitMix,
    full: Duration,
}

impl Ease {
    pub(crate) fn new(timing: Timing, seed: u64) -> Self {
        Self { timing, random: SplitMix::new(seed), full: Duration::ZERO }
    }

    /// Takes what an answer said.
    pub(crate) fn heard(&mut self, is_slow: bool) {
        let Timing { slow_first, slow_max, .. } = self.timing;
        self.full = match is_slow {
            true => self.full.saturating_mul(2).clamp(slow_first, slow_max.max(slow_first)),
            false if self.full <= slow_first => Duration::ZERO,
            false => self.full / 2,
        };
    }

    /// The pause before the next request: half of it is jitter, so that streams do not come back together.
    pub(crate) fn pause(&mut self) -> Duration {
        self.full / 2 + self.random.up_to(self.full / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff(patience: Option<Duration>, seed: u64) -> Backoff {
        Backoff::new(Timing::default(), patience, seed)
    }

    #[test]
    fn waits_double_from_50_ms_to_5_s_with_half_of_them_jitter() {
        for seed in 0..100 {
            let mut backoff = backoff(None, seed);
            for failure in 0..40_u32 {
                let full = Duration::from_millis(50 * (1 << failure.min(10))).min(Duration::from_secs(5));
                let wait = backoff.failed(Instant::now(), Pause::Growing).unwrap();
                assert!(wait >= full / 2 && wait <= full, "seed {seed}, failure {failure}: {wait:?}");
            }
            backoff.succeeded();
            assert!(
                backoff.failed(Instant::now(), Pause::Growing).unwrap() <= Duration::from_millis(50),
                "seed {seed}"
            );
        }
    }

    #[test]
    fn retry_after_is_kept_with_little_jitter_and_capped() {
        let mut backoff = backoff(None, 7);
        for (said, least) in [(0, 0), (1, 1), (60, 60), (3600, 60)] {
            let wait = backoff.failed(Instant::now(), Pause::Said(Duration::from_secs(said))).unwrap();
            let least = Duration::from_secs(least);
            assert!(wait >= least && wait <= least + Duration::from_millis(250), "{said}: {wait:?}");
        }
    }

    #[test]
    fn pauses_double_while_slow_is_heard_and_halve_afterwards() {
        let mut ease = Ease::new(Timing::default(), 3);
        assert_eq!(ease.pause(), Duration::ZERO);
        for full in [100, 200, 400, 800, 1600, 2000, 2000] {
            ease.heard(true);
            let (pause, full) = (ease.pause(), Duration::from_millis(full));
            assert!(pause >= full / 2 && pause <= full, "{full:?}: {pause:?}");
        }
        for _ in 0..6 {
            ease.heard(false);
        }
        assert_eq!(ease.pause(), Duration::ZERO, "2 s, 1 s, 500, 250, 125, 62 ms, none");
    }

    #[test]
    fn one_seed_gives_one_run() {
        let run = |seed| {
            let mut backoff = backoff(None, seed);
            (0..20).map(|_| backoff.failed(Instant::now(), Pause::Growing)).collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn patience_is_counted_from_the_first_failure_in_a_row() {
        let mut backoff = backoff(Some(Duration::from_secs(10)), 1);
        let start = Instant::now();
        assert!(backoff.failed(start, Pause::Growing).is_some());
        assert!(backoff.failed(start + Duration::from_secs(9), Pause::Growing).is_some());
        backoff.succeeded();
        assert!(backoff.failed(start + Duration::from_secs(19), Pause::Growing).is_some());
        assert!(backoff.failed(start + Duration::from_secs(29), Pause::Growing).is_none());
    }

    #[test]
    fn a_stale_connection_is_replaced_at_once_but_only_once() {
        let mut backoff = backoff(None, 1);
        assert_eq!(backoff.failed(Instant::now(), Pause::None), Some(Duration::ZERO));
        assert!(backoff.failed(Instant::now(), Pause::None).unwrap() >= Duration::from_millis(50));
    }
}
