//! The whole of it: accounts of all participants, delays of the last round, and a controller for each kind.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use pix_stream_domain::ispb::Ispb;

use crate::account::Account;
use crate::level::{Ladder, Level};
use crate::share::fair_share;
use crate::{Kind, Settings, Verdict};

/// Participants are spread over this many locks.
const SHARDS: usize = 16;
/// Accounts of one shard. Whoever finds no room passes, uncounted; the Pix system has about a thousand participants.
const ACCOUNTS_PER_SHARD: usize = 1024;
/// Rates are smoothed over about this many seconds.
const RATE_SECONDS: f64 = 1.0;
/// Asked to slow down is who is above the fair share of this part of what is asked for.
const SLOW_PART: f64 = 0.9;
/// Shedding begins with this part of what was served lately.
const FIRST_CUT: f64 = 0.9;
/// What passes is cut by this factor while the pressure stays; looked at once in so many rounds.
const CUT: f64 = 0.85;
const ROUNDS_PER_CUT: u32 = 5;
/// But never below this part of what is served: while a queue is there, that is all that the node can do, and the rest of
/// it drains the queue.
const DRAIN: f64 = 0.7;
/// Pressure that fell to this part since it was looked at last is on its way down: a queue takes its time to drain, and
/// cutting meanwhile would cut too much.
const FALLING: f64 = 0.98;
/// Of what is served, the part that is new in each round.
const FRESH: f64 = 0.3;
/// And grows by this factor each round without pressure.
const GROWTH: f64 = 1.03;
/// Requests a second that pass for each participant, whatever the pressure: nobody starves.
const FLOOR: f64 = 5.0;
/// How often idle accounts are dropped, in rounds.
const DROP_EVERY: u64 = 100;
/// Refusals of the rate limit in a second that are answered at once: so many times the limit - who is a little too fast is
/// told so without a wait - and in any case so few and so many.
const REFUSED_TIMES: u32 = 2;
const REFUSED_MIN: u32 = 10;
const REFUSED_MAX: u32 = 2_000;

/// Measures, decides, keeps accounts. Shared by all requests of a node.
#[derive(Debug)]
pub struct Pace {
    /// `None`: switched off.
    settings: Option<Settings>,
    shards: [RwLock<HashMap<Ispb, Account>>; SHARDS],
    meters: [Meter; Kind::ALL.len()],
    control: Mutex<Control>,
    /// Whether anybody is slowed, so that answers need not look while nobody is.
    is_slowing: [AtomicBool; Kind::ALL.len()],
    jitter: AtomicU64,
}

/// How one kind of requests fares after a round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Snapshot {
    /// Which kind.
    pub kind: Kind,
    /// What is done about it.
    pub level: Level,
    /// The larger of queue delay and store latency in units of their thresholds, smoothed.
    pub pressure: f64,
    /// Requests a second that nobody is slowed or shed below; infinite while nobody is.
    pub share: f64,
}

/// Delays of the current round.
#[derive(Debug, Default)]
struct Meter {
    queue: Mean,
    store: Mean,
}

/// A mean that many write to.
#[derive(Debug, Default)]
struct Mean {
    micros: AtomicU64,
    count: AtomicU64,
}

impl Mean {
    fn add(&self, span: Duration, times: u64) {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros.saturating_mul(times), Relaxed);
        self.count.fetch_add(times, Relaxed);
    }

    /// Seconds, and of how many; nothing measured counts as no delay.
    fn take(&self) -> (f64, f64) {
        let (micros, count) = (self.micros.swap(0, Relaxed), self.count.swap(0, Relaxed));
        let mean = if count == 0 { 0.0 } else { micros as f64 / count as f64 / 1e6 };
        (mean, count as f64)
    }
}

#[derive(Debug)]
struct Control {
    controllers: [Controller; Kind::ALL.len()],
    rounds: u64,
    /// Kept to be used again.
    rates: Vec<f64>,
}

/// What one kind of requests may do.
#[derive(Debug)]
struct Controller {
    ladder: Ladder,
    /// Requests a second that may pass while shedding.
    capacity: f64,
    /// Requests a second that were served lately.
    served: f64,
    rounds_since_look: u32,
    pressure_at_look: f64,
}

impl Controller {
    const fn new() -> Self {
        Self {
            ladder: Ladder::new(),
            capacity: f64::INFINITY,
            served: 0.0,
            rounds_since_look: 0,
            pressure_at_look: 0.0,
        }
    }

    /// One round: the share, if any, above which something is done.
    fn step(&mut self, pressure: f64, shed_factor: f64, rates: &mut [f64]) -> (Level, f64) {
        let (before, total) = (self.ladder.level(), rates.iter().sum::<f64>());
        let level = self.ladder.step(pressure, shed_factor, total <= self.capacity);
        let share = match level {
            Level::Calm => f64::INFINITY,
            Level::Slow => fair_share(rates, SLOW_PART * total),
            Level::Shed => {
                self.steer(before, total, shed_factor, rates.len());
                fair_share(rates, self.capacity).max(FLOOR)
            }
        };
        if level != Level::Shed {
            self.capacity = f64::INFINITY;
        }
        (level, share)
    }

    /// Additive increase is too slow for a node that recovers, so both ways are by a factor; cuts are larger.
    fn steer(&mut self, before: Level, total: f64, shed_factor: f64, participants: usize) {
        self.rounds_since_look += 1;
        let pressure = self.ladder.pressure();
        let looks = before != Level::Shed || self.rounds_since_look >= ROUNDS_PER_CUT;
        if before != Level::Shed {
            self.capacity = FIRST_CUT * self.served.min(total);
        } else if looks && pressure >= shed_factor && pressure > FALLING * self.pressure_at_look {
            self.capacity = (self.capacity.min(total) * CUT).max(DRAIN * self.served);
        } else if pressure < 1.0 {
            self.capacity *= GROWTH;
        }
        if looks {
            (self.rounds_since_look, self.pressure_at_look) = (0, pressure);
        }
        self.capacity = self.capacity.max(FLOOR * participants as f64);
    }
}

impl Pace {
    /// Without settings nobody is ever slowed or shed, and nothing is measured.
    #[must_use]
    pub fn new(settings: Option<Settings>) -> Self {
        let control = Control {
            controllers: [const { Controller::new() }; Kind::ALL.len()],
            rounds: 0,
            rates: Vec::new(),
        };
        Self {
            settings,
            shards: Default::default(),
            meters: Default::default(),
            control: Mutex::new(control),
            is_slowing: Default::default(),
            jitter: AtomicU64::new(0),
        }
    }

    /// Whether anything is measured and done.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.settings.is_some()
    }

    /// A request waited so long for its turn, which it has now.
    pub fn note_queue(&self, kind: Kind, span: Duration) {
        self.meters[kind as usize].queue.add(span, 1);
    }

    /// A store took so long for a request of this kind, or for one of this cost.
    pub fn note_store(&self, kind: Kind, span: Duration, cost: u32) {
        self.meters[kind as usize].store.add(span, cost.into());
    }

    /// Counts a request of a participant and says what becomes of it. `cost` is in requests, at least 1.
    pub fn ask(&self, kind: Kind, ispb: Ispb, cost: u32) -> Verdict {
        if self.settings.is_none() {
            return Verdict::Pass;
        }
        self.with(ispb, |account| account.usage(kind).ask(cost)).unwrap_or(Verdict::Pass)
    }

    /// Whether a participant is asked to slow down.
    #[must_use]
    pub fn is_slowed(&self, kind: Kind, ispb: Ispb) -> bool {
        self.is_slowing[kind as usize].load(Relaxed)
            && self.read(ispb).get(&ispb).is_some_and(|account| account.usage(kind).is_slowed())
    }

    /// Counts a request that the rate limit, so many requests a second, refused. How long its answer should wait: not
    /// at all, unless its participant goes on asking as if nothing had been said. Then it is drawn from half to one and a
    /// half times what is configured: answers that went out together would be asked for again together, and such a wave is
    /// what others feel.
    pub fn hold_refused(&self, ispb: Ispb, limit: u32) -> Duration {
        let Some(settings) = &self.settings else { return Duration::ZERO };
        let at_once = limit.saturating_mul(REFUSED_TIMES).clamp(REFUSED_MIN, REFUSED_MAX);
        let refused = self.with(ispb, Account::count_refused).unwrap_or(0);
        if refused <= at_once {
            return Duration::ZERO;
        }
        let part = (self.draw() & 0x3ff) as u32;
        settings.refused_hold / 2 + settings.refused_hold * part / 0x400
    }

    /// From once to four times a wait, in whole multiples, evenly: who was refused together shall not come back
    /// together.
    pub fn spread(&self, wait: Duration) -> Duration {
        let times = 1 + (self.draw() & 3) as u32;
        if self.settings.is_some() { wait.saturating_mul(times) } else { wait }
    }

    /// Evenly distributed bits; no secrets.
    fn draw(&self) -> u64 {
        let drawn = self.jitter.fetch_add(0x9e37_79b9_7f4a_7c15, Relaxed);
        (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40
    }

    /// Ends a round of `elapsed`, which the caller wanted to end `late` earlier: so long did it wait for the
    /// processor, as requests do.
    pub fn tick(&self, elapsed: Duration, late: Duration) -> [Snapshot; Kind::ALL.len()] {
        let settings = self.settings.unwrap_or_default();
        let seconds = elapsed.as_secs_f64().max(0.001);
        let fresh = 1.0 - (-seconds / RATE_SECONDS).exp();
        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        let control = &mut *control;
        let snapshots = Kind::ALL.map(|kind| {
            control.rates.clear();
            for shard in &self.shards {
                let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
                let rates = shard.values().map(|account| account.usage(kind).end_round(seconds, fresh));
                control.rates.extend(rates.filter(|rate| *rate > 0.0));
            }
            let meter = &self.meters[kind as usize];
            let ((queue, taken), (store, stored)) = (meter.queue.take(), meter.store.take());
            let pressure = (queue.max(late.as_secs_f64()) / settings.queue_delay.as_secs_f64().max(0.001))
                .max(store / settings.store_latency.as_secs_f64().max(0.001));
            let controller = &mut control.controllers[kind as usize];
            controller.served += FRESH * (taken.max(stored) / seconds - controller.served);
            let before = controller.ladder.level();
            let factor = f64::from(settings.shed_factor.max(2));
            let (level, share) = controller.step(pressure, factor, &mut control.rates);
            if (before, level) != (Level::Calm, Level::Calm) {
                self.apply(kind, level, share, seconds);
            }
            Snapshot { kind, level, pressure: controller.ladder.pressure(), share }
        });
        control.rounds += 1;
        self.end_round(fresh, control.rounds.is_multiple_of(DROP_EVERY));
        snapshots
    }

    fn apply(&self, kind: Kind, level: Level, share: f64, seconds: f64) {
        self.is_slowing[kind as usize].store(level != Level::Calm, Relaxed);
        for shard in &self.shards {
            for account in shard.read().unwrap_or_else(PoisonError::into_inner).values() {
                let usage = account.usage(kind);
                match level {
                    Level::Calm => usage.free(),
                    Level::Slow => usage.slow_above(share),
                    Level::Shed => usage.limit_to(share, seconds),
                }
            }
        }
    }

    fn end_round(&self, faded: f64, drops: bool) {
        for shard in &self.shards {
            let accounts = shard.read().unwrap_or_else(PoisonError::into_inner);
            accounts.values().for_each(|account| account.fade_refused(faded));
            drop(accounts);
            if drops {
                let mut accounts = shard.write().unwrap_or_else(PoisonError::into_inner);
                accounts.retain(|_, account| !account.is_idle());
            }
        }
    }

    /// Looks at an account, which is made when it is not there; `None` when there is no room for it.
    fn with<T>(&self, ispb: Ispb, look: impl Fn(&Account) -> T) -> Option<T> {
        if let Some(account) = self.read(ispb).get(&ispb) {
            return Some(look(account));
        }
        let mut shard = self.write(ispb);
        let has_room = shard.len() < ACCOUNTS_PER_SHARD || shard.contains_key(&ispb);
        has_room.then(|| look(shard.entry(ispb).or_default()))
    }

    fn read(&self, ispb: Ispb) -> RwLockReadGuard<'_, HashMap<Ispb, Account>> {
        self.shards[shard_of(ispb)].read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, ispb: Ispb) -> RwLockWriteGuard<'_, HashMap<Ispb, Account>> {
        self.shards[shard_of(ispb)].write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// ISPBs differ in their last characters; a sum spreads them well enough.
fn shard_of(ispb: Ispb) -> usize {
    ispb.as_bytes().iter().map(|byte| usize::from(*byte)).sum::<usize>() % SHARDS
}

#[cfg(test)]
mod tests;
