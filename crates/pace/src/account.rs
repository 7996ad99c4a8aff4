//! What is kept of one participant: what it asked for lately, and what it may have. A hundred bytes, all atomic: a
//! request changes two of them and waits for nobody.

use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::{Kind, Verdict};

/// Budgets are kept in thousandths of a request, so that small shares add up over rounds.
const MILLI: f64 = 1000.0;
/// What a budget may save up, in seconds of the share; one request in any case.
const SAVED_SECONDS: f64 = 0.5;
/// After the rate fell below this, and nothing was asked for, an account may be dropped.
const IDLE_RATE: f64 = 0.001;

const FREE: u8 = 0;
const SLOWED: u8 = 1;
const LIMITED: u8 = 2;

/// One participant.
#[derive(Debug, Default)]
pub(crate) struct Account {
    usages: [Usage; Kind::ALL.len()],
    /// Requests that the rate limit refused, of the last second or so.
    refused: AtomicU32,
}

/// What it asks for of one kind.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    /// Since the last round.
    asked: AtomicU64,
    /// A second, smoothed: the bits of an `f64`.
    rate: AtomicU64,
    state: AtomicU8,
    /// What may still pass while limited, in thousandths.
    budget: AtomicI64,
}

impl Account {
    pub(crate) fn usage(&self, kind: Kind) -> &Usage {
        &self.usages[kind as usize]
    }

    /// Counts a request that the rate limit refused; how many there were lately.
    pub(crate) fn count_refused(&self) -> u32 {
        self.refused.fetch_add(1, Relaxed).saturating_add(1)
    }

    /// Ends a round: refusals fade by `faded` of 1.
    pub(crate) fn fade_refused(&self, faded: f64) {
        let refused = self.refused.load(Relaxed);
        if refused > 0 {
            let gone = (f64::from(refused) * faded).ceil() as u32;
            self.refused.fetch_sub(gone.min(refused), Relaxed);
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.refused.load(Relaxed) == 0
            && self.usages.iter().all(|usage| usage.asked.load(Relaxed) == 0 && usage.rate() < IDLE_RATE)
    }
}

impl Usage {
    /// Counts a request of some cost and says what becomes of it.
    pub(crate) fn ask(&self, cost: u32) -> Verdict {
        self.asked.fetch_add(cost.into(), Relaxed);
        match self.state.load(Relaxed) {
            FREE => Verdict::Pass,
            SLOWED => Verdict::Slow,
            _ => self.spend(cost),
        }
    }

    /// A large request may leave a debt: else it would never pass.
    fn spend(&self, cost: u32) -> Verdict {
        let price = i64::from(cost) * 1000;
        let spent = self.budget.fetch_update(Relaxed, Relaxed, |left| (left > 0).then(|| left - price));
        if spent.is_ok() { Verdict::Slow } else { Verdict::Shed }
    }

    pub(crate) fn is_slowed(&self) -> bool {
        self.state.load(Relaxed) != FREE
    }

    pub(crate) fn rate(&self) -> f64 {
        f64::from_bits(self.rate.load(Relaxed))
    }

    /// Ends a round of so many seconds: the new rate, of which `fresh` of 1 is new.
    pub(crate) fn end_round(&self, seconds: f64, fresh: f64) -> f64 {
        let asked = self.asked.swap(0, Relaxed) as f64 / seconds;
        let rate = self.rate();
        let rate = rate + fresh * (asked - rate);
        self.rate.store(rate.to_bits(), Relaxed);
        rate
    }

    /// Lets everything pass.
    pub(crate) fn free(&self) {
        self.state.store(FREE, Relaxed);
    }

    /// Lets everything pass, and asks to slow down when the rate is above the share.
    pub(crate) fn slow_above(&self, share: f64) {
        self.state.store(if self.rate() > share { SLOWED } else { FREE }, Relaxed);
    }

    /// Lets the share pass, a second, when the rate is above it: this round adds its part of the share.
    pub(crate) fn limit_to(&self, share: f64, seconds: f64) {
        if self.rate() <= share {
            return self.free();
        }
        let most = (MILLI * (share * SAVED_SECONDS).max(1.0)) as i64;
        let more = (MILLI * share * seconds) as i64;
        if self.state.load(Relaxed) == LIMITED {
            let saved = |left: i64| Some(left.saturating_add(more).min(most));
            let _always = self.budget.fetch_update(Relaxed, Relaxed, saved);
        } else {
            self.budget.store(most, Relaxed);
            self.state.store(LIMITED, Relaxed);
        }
    }
}
