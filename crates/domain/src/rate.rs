//! The sliding window of requests (protocol, section 6, Pace): at most `limit` requests in any span of `window`.
//!
//! Exact to the millisecond: requests are counted per millisecond and forgotten one by one, so there is no
//! boundary at which twice the limit passes.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Timestamp;

/// How many requests may pass in any span of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Requests a window, at least 1.
    pub limit: u32,
    /// The window's length, at least a millisecond.
    pub window: Duration,
}

impl Rule {
    /// `per_second` requests a second, over `window`.
    #[must_use]
    pub fn per_second(per_second: u32, window: Duration) -> Self {
        let millis = u64::try_from(window.as_millis()).unwrap_or(u64::MAX).max(1);
        let limit = u64::from(per_second).saturating_mul(millis) / 1000;
        Self { limit: u32::try_from(limit).unwrap_or(u32::MAX).max(1), window: Duration::from_millis(millis) }
    }
}

/// What the window said of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whether the request passes.
    pub admitted: bool,
    /// The rule's limit: `X-RateLimit-Limit`.
    pub limit: u32,
    /// Requests that are left after this one: `X-RateLimit-Remaining`.
    pub remaining: u32,
    /// Time until one more is free, at most the window: `X-RateLimit-Reset`, rounded up to seconds there.
    pub reset: Duration,
}

/// The requests of the last window of one participant.
#[derive(Debug, Clone, Default)]
pub struct Window {
    /// Milliseconds with requests, ascending, and how many; never more than the window has milliseconds.
    passed: VecDeque<(Timestamp, u32)>,
    total: u32,
}

impl Window {
    /// Decides one request and counts it when it passes.
    pub fn admit(&mut self, rule: Rule, now: Timestamp) -> Decision {
        // A clock that stepped back must not open the window again, nor keep it shut until it catches up.
        let last = self.passed.back().map_or(now, |&(last, _)| last);
        if last.since(now) > rule.window {
            self.passed.clear();
            self.passed.extend((self.total > 0).then_some((now, self.total)));
        }
        let now = self.passed.back().map_or(now, |&(last, _)| now.max(last));
        while let Some(&(at, count)) = self.passed.front() {
            if now.since(at) < rule.window {
                break;
            }
            self.passed.pop_front();
            self.total -= count;
        }
        let admitted = self.total < rule.limit;
        if admitted {
            self.total += 1;
            match self.passed.back_mut() {
                Some((at, count)) if *at == now => *count += 1,
                Some(_) | None => self.passed.push_back((now, 1)),
            }
        }
        let reset = self.passed.front().map_or(Duration::ZERO, |&(at, _)| at.after(rule.window).since(now));
        Decision { admitted, limit: rule.limit, remaining: rule.limit.saturating_sub(self.total), reset }
    }

    /// Whether nothing passed within `rule`'s window, so that the window may be dropped.
    #[must_use]
    pub fn is_idle(&self, rule: Rule, now: Timestamp) -> bool {
        self.passed.back().is_none_or(|&(last, _)| now.since(last) >= rule.window)
    }
}

#[cfg(test)]
mod tests {
    //! The last test is a simulation against an exact log, with limits that change in flight (D.2).

    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_unix_millis(1_000_000 + millis)
    }

    #[test]
    fn exactly_the_limit_passes_in_any_span_of_the_window() {
        let rule = Rule { limit: 3, window: Duration::from_millis(100) };
        let mut window = Window::default();
        let mut passed = Vec::new();
        for millis in (0..1000).step_by(7) {
            if window.admit(rule, at(millis)).admitted {
                passed.push(millis);
            }
            let in_span = passed.iter().filter(|&&p| p + 100 > millis).count();
            assert!(in_span <= 3, "{in_span} in the window that ends at {millis}");
        }
        assert!(passed.len() >= 28, "only {} of 30 possible passed", passed.len());
    }

    #[test]
    fn the_headers_count_down_and_name_the_wait() {
        let rule = Rule { limit: 2, window: Duration::from_millis(1000) };
        let mut window = Window::default();
        assert_eq!(window.admit(rule, at(0)).remaining, 1);
        assert_eq!(window.admit(rule, at(400)).remaining, 0);
        let refused = window.admit(rule, at(500));
        assert!(!refused.admitted);
        assert_eq!(refused.reset, Duration::from_millis(500));
        assert!(window.admit(rule, at(1000)).admitted);
        assert!(!window.admit(rule, at(1399)).admitted);
        assert!(window.admit(rule, at(1400)).admitted);
    }

    #[test]
    fn a_clock_that_steps_back_does_not_open_the_window() {
        let rule = Rule { limit: 1, window: Duration::from_millis(100) };
        let mut window = Window::default();
        assert!(window.admit(rule, at(500)).admitted);
        assert!(!window.admit(rule, at(0)).admitted);
    }

    #[test]
    fn a_clock_that_steps_far_back_shuts_the_window_for_one_window_at_most() {
        let rule = Rule { limit: 2, window: Duration::from_millis(100) };
        let mut window = Window::default();
        assert!(window.admit(rule, at(500_000)).admitted);
        assert!(window.admit(rule, at(500_001)).admitted);
        assert!(!window.admit(rule, at(0)).admitted);
        assert!(!window.admit(rule, at(99)).admitted);
        assert!(window.admit(rule, at(100)).admitted);
    }

    /// What the window is to be: the moments of all that passed, none ever forgotten.
    #[derive(Default)]
    struct Log(Vec<u64>);

    impl Log {
        fn admit(&mut self, rule: Rule, now: u64) -> Decision {
            let span = u64::try_from(rule.window.as_millis()).unwrap();
            let within = |passed: &&u64| **passed + span > now;
            let used = u32::try_from(self.0.iter().filter(within).count()).unwrap();
            let admitted = used < rule.limit;
            if admitted {
                self.0.push(now);
            }
            let oldest = self.0.iter().find(within).map_or(0, |oldest| oldest + span - now);
            Decision {
                admitted,
                limit: rule.limit,
                remaining: rule.limit.saturating_sub(used + u32::from(admitted)),
                reset: Duration::from_millis(oldest),
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

        /// Request by request the same decision, headers included, also when the limit is another for each.
        #[test]
        fn every_decision_is_that_of_an_exact_log(
            span in 1..300u64,
            steps in proptest::collection::vec((0..60u64, 1..12u32, proptest::option::weighted(0.1, 1..40u32)), 1..300),
        ) {
            let (mut window, mut log, mut now) = (Window::default(), Log::default(), 0);
            let mut rule = Rule { limit: 10, window: Duration::from_millis(span) };
            for (pause, requests, limit) in steps {
                now += pause;
                rule.limit = limit.unwrap_or(rule.limit);
                for _ in 0..requests {
                    prop_assert_eq!(window.admit(rule, at(now)), log.admit(rule, now), "at {}", now);
                }
            }
        }
    }

    #[test]
    fn a_rate_over_a_window_becomes_a_limit() {
        assert_eq!(Rule::per_second(1000, Duration::from_secs(1)).limit, 1000);
        assert_eq!(Rule::per_second(5, Duration::from_millis(100)).limit, 1);
        assert_eq!(Rule::per_second(10, Duration::from_secs(60)).limit, 600);
    }
}
