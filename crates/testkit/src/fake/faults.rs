//! What goes wrong with a fake store, and when. One handle per store, shared by its clones.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use pix_stream_ports::error::Error;

use crate::fake::entropy::SplitMix64;
use crate::fake::lock;

/// The faults of one fake. Without any, every operation succeeds at once, on its first poll.
#[derive(Debug, Clone)]
pub struct Faults(Arc<Mutex<Plan>>);

#[derive(Debug)]
struct Plan {
    random: SplitMix64,
    is_down: bool,
    fail_next: u32,
    lose_next: u32,
    fail_per_mille: u16,
    lose_per_mille: u16,
    pend_per_mille: u16,
    latency: (Duration, Duration),
    operations: u64,
}

/// What becomes of one operation.
#[derive(Debug)]
pub(crate) struct Fate {
    after: Duration,
    answer_is_lost: bool,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Plan {
            random: SplitMix64::new(seed),
            is_down: false,
            fail_next: 0,
            lose_next: 0,
            fail_per_mille: 0,
            lose_per_mille: 0,
            pend_per_mille: 0,
            latency: (Duration::ZERO, Duration::ZERO),
            operations: 0,
        })))
    }

    /// While down, every operation fails and nothing is applied.
    pub fn set_down(&self, is_down: bool) {
        lock(&self.0).is_down = is_down;
    }

    /// The next `n` operations fail and are not applied.
    pub fn fail_next(&self, n: u32) {
        lock(&self.0).fail_next = n;
    }

    /// The next `n` operations are applied, but their caller gets an error: the outcome is unknown to it.
    pub fn lose_next_answers(&self, n: u32) {
        lock(&self.0).lose_next = n;
    }

    /// Of 1000 operations, `fail` fail without effect and `lose` are applied but answered with an error.
    pub fn set_random(&self, fail: u16, lose: u16) {
        let mut plan = lock(&self.0);
        (plan.fail_per_mille, plan.lose_per_mille) = (fail, lose);
    }

    /// Operations take from `least` to `most` of tokio's time, half of it before they are applied. A future
    /// that is dropped meanwhile leaves its change done or not done.
    pub fn set_latency(&self, least: Duration, most: Duration) {
        lock(&self.0).latency = (least, most.max(least));
    }

    /// Of 1000 operations, this many are pending on their first poll, without any time passing.
    pub fn set_pending(&self, per_mille: u16) {
        lock(&self.0).pend_per_mille = per_mille;
    }

    /// Takes all faults back.
    pub fn clear(&self) {
        let mut plan = lock(&self.0);
        let fresh = Plan {
            random: plan.random.clone(),
            is_down: false,
            fail_next: 0,
            lose_next: 0,
            fail_per_mille: 0,
            lose_per_mille: 0,
            pend_per_mille: 0,
            latency: (Duration::ZERO, Duration::ZERO),
            operations: plan.operations,
        };
        *plan = fresh;
    }

    /// How many operations were begun so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        lock(&self.0).operations
    }

    /// Waits as long as an operation takes before it is applied, and says whether it is applied at all.
    pub(crate) async fn begin(&self) -> Result<Fate, Error> {
        let (failed, pends, latency, answer_is_lost) = {
            let mut plan = lock(&self.0);
            plan.operations += 1;
            let (least, most) = plan.latency;
            let spread = u64::try_from((most - least).as_micros()).unwrap_or(u64::MAX);
            let latency = least + Duration::from_micros(plan.random.below(spread.saturating_add(1)));
            let per_mille = (plan.pend_per_mille, plan.fail_per_mille, plan.lose_per_mille);
            let pends = per_mille.0 > 0 && plan.random.chance(per_mille.0);
            let failed =
                (per_mille.1 > 0 && plan.random.chance(per_mille.1)) || count_down(&mut plan.fail_next);
            let lost = !failed
                && ((per_mille.2 > 0 && plan.random.chance(per_mille.2)) || count_down(&mut plan.lose_next));
            (failed || plan.is_down, pends, latency, lost)
        };
        if pends {
            pend_once().await;
        }
        pass(latency / 2).await;
        // A store that went down meanwhile has not applied it either.
        if failed || lock(&self.0).is_down {
            return Err(Error::Unavailable("a fault was injected".to_owned()));
        }
        Ok(Fate { after: latency - latency / 2, answer_is_lost })
    }
}

impl Fate {
    /// Waits as long as the answer takes, and delivers it or loses it.
    pub(crate) async fn answer<T>(self, answer: T) -> Result<T, Error> {
        pass(self.after).await;
        if self.answer_is_lost {
            return Err(Error::Unavailable("a fault was injected: the answer is lost".to_owned()));
        }
        Ok(answer)
    }
}

fn count_down(left: &mut u32) -> bool {
    let is_due = *left > 0;
    *left = left.saturating_sub(1);
    is_due
}

async fn pass(span: Duration) {
    if !span.is_zero() {
        tokio::time::sleep(span).await;
    }
}

async fn pend_once() {
    let mut polled = false;
    poll_fn(|context| {
        if polled {
            return Poll::Ready(());
        }
        polled = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn latency_passes_as_paused_time() {
        let faults = Faults::new(1);
        faults.set_latency(Duration::from_millis(10), Duration::from_millis(10));
        let before = tokio::time::Instant::now();
        faults.begin().await.unwrap().answer(()).await.unwrap();
        assert_eq!(before.elapsed(), Duration::from_millis(10));
    }

    #[tokio::test]
    async fn exactly_the_next_operations_fail() {
        let faults = Faults::new(1);
        faults.fail_next(2);
        assert!(faults.begin().await.is_err());
        assert!(faults.begin().await.is_err());
        assert!(faults.begin().await.is_ok());
        faults.lose_next_answers(1);
        let fate = faults.begin().await.unwrap();
        assert!(fate.answer(()).await.is_err());
        assert_eq!(faults.operations(), 4);
    }
}
