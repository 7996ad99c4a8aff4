//! The memory for fingerprints that the lanes of a node share, and who gives way when it is full.
//!
//! The rule: first lanes give way that were not used for [`IDLE`], the one that was idle longest first. When all others
//! are busy, whoever wants more is refused, but for one participant in each [`TURN`]: it may make busy lanes give
//! way too, the one used longest ago first, for as long as its turn lasts. So busy lanes do not evict each other in a
//! circle, and a newcomer is served in the end even when every other lane is used now and then: the first that asks
//! after a turn has the next one. Who does not fit alone is refused before anybody gives way (`Desk::hold`).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pix_stream_domain::ispb::Ispb;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::BUDGET_STEP;
use crate::metrics as names;

/// A lane that was not used for so long gives way to any other.
pub(super) const IDLE: Duration = Duration::from_secs(5);
/// How often a participant may make busy lanes give way, and for how long.
pub(super) const TURN: Duration = Duration::from_secs(10);
/// How long a lane that was told to end may take, before the next one is told.
const EVICTION_WAIT: Duration = Duration::from_millis(100);
/// The most that one who wants memory waits in all.
pub(super) const HOLD_WAIT: Duration = Duration::from_secs(1);

/// Who must give way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pressure {
    /// Lanes that were not used for [`IDLE`].
    Idle,
    /// Whichever was used longest ago.
    Any,
}

impl Pressure {
    /// The latest use, in milliseconds as `now`, of a lane that gives way; `None` when there can be none.
    pub(super) fn used_max(self, now: u64) -> Option<u64> {
        match self {
            Self::Idle => now.checked_sub(u64::try_from(IDLE.as_millis()).unwrap_or(u64::MAX)),
            Self::Any => Some(u64::MAX),
        }
    }
}

/// How many more permits one who holds some takes for a count; `None` when so many never fit.
pub(super) fn wanted(held: usize, count: usize, max: usize) -> Option<u32> {
    if count > max {
        return None;
    }
    let more = count.saturating_sub(held).next_multiple_of(BUDGET_STEP).min(max.saturating_sub(held));
    u32::try_from(more).ok()
}

/// Fingerprints that all lanes together may hold.
pub(crate) struct Budget {
    free: Arc<Semaphore>,
    max: usize,
    /// Who may make busy lanes give way, and since when.
    turn: Mutex<Option<(Ispb, Instant)>>,
}

impl Budget {
    pub(super) fn new(max: usize) -> Self {
        let max = max.min(Semaphore::MAX_PERMITS).min(u32::MAX as usize);
        Self { free: Arc::new(Semaphore::new(max)), max, turn: Mutex::default() }
    }

    pub(super) const fn max(&self) -> usize {
        self.max
    }

    /// Takes what nobody holds.
    pub(super) fn take_free(&self, wanted: u32) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).try_acquire_many_owned(wanted).ok()
    }

    /// Takes what others give up; `give_way` tells one to, and whether there was one. `None` when it is not enough
    /// within [`HOLD_WAIT`].
    pub(super) async fn take(
        &self,
        ispb: Ispb,
        wanted: u32,
        mut give_way: impl FnMut(Pressure) -> bool,
    ) -> Option<OwnedSemaphorePermit> {
        let deadline = Instant::now() + HOLD_WAIT;
        // Kept from one eviction to the next: what each gave up adds up.
        let mut take = std::pin::pin!(Arc::clone(&self.free).acquire_many_owned(wanted));
        loop {
            let gave_way = give_way(Pressure::Idle) || (self.has_turn(ispb) && give_way(Pressure::Any));
            let until = deadline.min(Instant::now() + EVICTION_WAIT);
            if let Ok(taken) = timeout_at(until, &mut take).await {
                return taken.ok();
            }
            if !gave_way || Instant::now() >= deadline {
                return None;
            }
        }
    }

    /// Whether a participant has the turn; it takes it when nobody has.
    fn has_turn(&self, ispb: Ispb) -> bool {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        match *turn {
            Some((whose, since)) if since.elapsed() < TURN => whose == ispb,
            Some(_) | None => {
                *turn = Some((ispb, Instant::now()));
                true
            }
        }
    }

    /// Sets the metric.
    pub(super) fn report(&self) {
        let held = self.max - self.free.available_permits();
        metrics::gauge!(names::FINGERPRINTS).set(held as f64);
    }
}

#[cfg(test)]
mod tests;
