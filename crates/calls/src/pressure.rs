//! Back-pressure around the core: gives [`Pace`] its clock, its metrics and its errors. What is decided, and why, is in
//! `pix-stream-pace` and `docs/rate-limiting.md`.

use std::sync::{Arc, Weak};
use std::time::Duration;

use metrics::{Counter, Gauge, counter, gauge};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::rate::Decision;
use pix_stream_pace::{Kind, Level, Pace, Settings, Snapshot, Verdict};
use tokio::time::{Instant, sleep};

use crate::error::Error;
use crate::metrics::{
    BACKPRESSURE_HELD, BACKPRESSURE_LEVEL, BACKPRESSURE_PRESSURE, BACKPRESSURE_SHED, BACKPRESSURE_SIGNALS,
};
use crate::store::RETRY_AFTER;

/// The length of a round.
const ROUND: Duration = Duration::from_millis(100);
/// What a request that is shed is told: less than this much for each participant is all that can be had.
const SHED: &str = "fair share of the node";

/// Whom this node slows down, and what it sheds.
#[derive(Debug)]
pub struct Pressure {
    pace: Pace,
    kinds: [Handles; Kind::ALL.len()],
    held: Counter,
}

/// The metrics of one kind of requests.
struct Handles {
    level: Gauge,
    pressure: Gauge,
    signals: Counter,
    shed: Counter,
}

impl std::fmt::Debug for Handles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handles")
    }
}

impl Pressure {
    /// Without settings it is switched off: everything passes.
    #[must_use]
    pub fn new(settings: Option<Settings>) -> Arc<Self> {
        let kinds = Kind::ALL.map(|kind| {
            let kind = kind.name();
            Handles {
                level: gauge!(BACKPRESSURE_LEVEL, "kind" => kind),
                pressure: gauge!(BACKPRESSURE_PRESSURE, "kind" => kind),
                signals: counter!(BACKPRESSURE_SIGNALS, "kind" => kind),
                shed: counter!(BACKPRESSURE_SHED, "kind" => kind),
            }
        });
        Arc::new(Self { pace: Pace::new(settings), kinds, held: counter!(BACKPRESSURE_HELD) })
    }

    /// Counts a request, of `cost` usual ones, against its participant's fair share.
    ///
    /// # Errors
    /// `Overloaded`: the node sheds what is above the share.
    pub fn admit(&self, kind: Kind, ispb: Ispb, cost: usize) -> Result<(), Error> {
        match self.pace.ask(kind, ispb, u32::try_from(cost).unwrap_or(u32::MAX)) {
            Verdict::Pass | Verdict::Slow => Ok(()),
            Verdict::Shed => {
                self.kinds[kind as usize].shed.increment(1);
                Err(Error::Overloaded { retry_after: RETRY_AFTER, limit: SHED })
            }
        }
    }

    /// Whether an answer should ask its participant to slow down; counts those that do.
    #[must_use]
    pub fn signals(&self, kind: Kind, ispb: Ispb) -> bool {
        let is_slowed = self.pace.is_slowed(kind, ispb);
        if is_slowed {
            self.kinds[kind as usize].signals.increment(1);
        }
        is_slowed
    }

    /// How long the answer 429 to a request waits, as its participant goes on asking without regard to it.
    #[must_use]
    pub fn hold_refused(&self, ispb: Ispb, decision: &Decision) -> Duration {
        let hold = self.pace.hold_refused(ispb, decision.limit);
        if !hold.is_zero() {
            self.held.increment(1);
        }
        hold
    }

    /// A wait for `Retry-After`, drawn from once to four times `wait`.
    #[must_use]
    pub fn spread(&self, wait: Duration) -> Duration {
        self.pace.spread(wait)
    }

    /// A request waited so long for its turn.
    pub fn note_queue(&self, kind: Kind, span: Duration) {
        self.pace.note_queue(kind, span);
    }

    /// A store took so long for a request of so many usual ones.
    pub fn note_store(&self, kind: Kind, span: Duration, cost: usize) {
        self.pace.note_store(kind, span, u32::try_from(cost).unwrap_or(u32::MAX));
    }

    fn show(&self, before: [Level; Kind::ALL.len()], snapshots: &[Snapshot]) {
        for (Snapshot { kind, level, pressure, share }, before) in snapshots.iter().zip(before) {
            let handles = &self.kinds[*kind as usize];
            handles.level.set(f64::from(level.number()));
            handles.pressure.set(*pressure);
            let kind = kind.name();
            if *level > before {
                tracing::warn!(kind, ?level, pressure, share, "too much work: the noisiest are slowed down");
            } else if *level < before {
                tracing::info!(kind, ?level, pressure, "back-pressure eases");
            }
        }
    }
}

/// Ends a round ten times a second until the pressure is gone.
pub async fn run(pressure: Weak<Pressure>) {
    let mut before = [Level::Calm; Kind::ALL.len()];
    loop {
        let begun = Instant::now();
        sleep(ROUND).await;
        let Some(pressure) = pressure.upgrade().filter(|pressure| pressure.pace.is_on()) else { return };
        let elapsed = begun.elapsed();
        // The timer itself counts in milliseconds.
        let late = elapsed.saturating_sub(ROUND + Duration::from_millis(1));
        let snapshots = pressure.pace.tick(elapsed, late);
        pressure.show(before, &snapshots);
        before = snapshots.map(|snapshot| snapshot.level);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ispb() -> Ispb {
        "99999A04".parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_too_long_is_signalled_and_then_shed_until_it_is_over() {
        let pressure = Pressure::new(Some(Settings::default()));
        tokio::spawn(run(Arc::downgrade(&pressure)));
        let (mut shed, mut signalled) = (0, 0);
        for _ in 0..3_000 {
            sleep(Duration::from_millis(1)).await;
            pressure.note_store(Kind::Publish, Duration::from_secs(5), 1);
            shed += u32::from(pressure.admit(Kind::Publish, ispb(), 1).is_err());
            signalled += u32::from(pressure.signals(Kind::Publish, ispb()));
        }
        assert!(shed > 100 && signalled > shed, "{shed} {signalled}");
        assert!(pressure.admit(Kind::Pull, ispb(), 1).is_ok() && !pressure.signals(Kind::Pull, ispb()));
        sleep(Duration::from_secs(10)).await;
        assert!(pressure.admit(Kind::Publish, ispb(), 1).is_ok());
        assert!(!pressure.signals(Kind::Publish, ispb()));
    }
}
