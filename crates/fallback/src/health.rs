//! Whether the primary Coordinator answers, from what becomes of each call to it.

use std::future::Future;
use std::sync::Mutex;
use std::time::Duration;

use pix_stream_ports::error::Error;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::lock;
use crate::metrics::ACTIVE;

/// How often it is looked whether a failure became an outage.
const LOOK: Duration = Duration::from_millis(10);

/// What is known of the primary's health. Starts as "answers, but not for long".
#[derive(Debug)]
pub(crate) struct Health {
    times: Mutex<Times>,
    down: watch::Sender<bool>,
    outage: Duration,
    settled: Duration,
}

#[derive(Debug, Default)]
struct Times {
    /// When the first of the calls began that failed since one was answered.
    failing_since: Option<Instant>,
    /// Since when every call was answered.
    answering_since: Option<Instant>,
    /// When a call was answered last.
    answered: Option<Instant>,
}

impl Health {
    pub(crate) fn new(outage: Duration, settled: Duration) -> Self {
        metrics::gauge!(ACTIVE).set(0.0);
        Self { times: Mutex::default(), down: watch::Sender::new(false), outage, settled }
    }

    /// Carries out a call to the primary, and learns from it. A call is given up as soon as the primary counts as out
    /// of reach: it may have been carried out, then or later.
    pub(crate) async fn call<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let mut down = self.down.subscribe();
        if *down.borrow_and_update() {
            return Err(out_of_reach());
        }
        let started = Instant::now();
        tokio::pin!(call);
        let result = tokio::select! {
            biased;
            result = &mut call => result,
            _changed = down.wait_for(|is_down| *is_down) => return Err(out_of_reach()),
            () = self.hangs(started) => return Err(out_of_reach()),
        };
        self.note(started, &result);
        result
    }

    /// Carries out a call whose outcome says nothing: a store that refuses to be written still answers what only reads
    /// or tells. Given up as the others are.
    pub(crate) async fn pass<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let mut down = self.down.subscribe();
        if *down.borrow_and_update() {
            return Err(out_of_reach());
        }
        tokio::select! {
            biased;
            result = call => result,
            _changed = down.wait_for(|is_down| *is_down) => Err(out_of_reach()),
        }
    }

    /// Returns once a call that began at `started` proves an outage: nothing was answered since.
    async fn hangs(&self, started: Instant) {
        sleep_until(started + self.outage).await;
        self.note(started, &Err::<(), _>(out_of_reach()));
        if !self.is_down() {
            // This one is slow, others are answered.
            std::future::pending::<()>().await;
        }
    }

    /// Learns from a call that began at `started`. A primary that is full refuses what it is for, like one that is
    /// away: it agrees on nothing.
    pub(crate) fn note<T>(&self, started: Instant, result: &Result<T, Error>) {
        let now = Instant::now();
        let mut times = lock(&self.times);
        match result {
            Ok(_) | Err(Error::Damaged(_)) => {
                times.failing_since = None;
                times.answered = Some(now);
                times.answering_since = times.answering_since.or(Some(now));
                drop(times);
                self.set_down(false, now);
            }
            // Something was answered after this call began: it says nothing of now.
            Err(Error::Unavailable(_) | Error::Full(_)) if times.answered.is_some_and(|at| at > started) => {}
            Err(Error::Unavailable(_) | Error::Full(_)) => {
                let since = times.failing_since.map_or(started, |since| since.min(started));
                times.failing_since = Some(since);
                times.answering_since = None;
                drop(times);
                if now.duration_since(since) >= self.outage {
                    self.set_down(true, now);
                }
            }
        }
    }

    /// Waits until a failure turns out to be an outage, or not: true when it is one. At most twice as long as an outage
    /// takes to be one; so a caller is served by the other side, rather than refused.
    pub(crate) async fn turns_out_down(&self) -> bool {
        let until = Instant::now() + 2 * self.outage;
        while !self.is_down() {
            if !self.is_failing() || Instant::now() >= until {
                return false;
            }
            sleep(LOOK).await;
        }
        true
    }

    pub(crate) fn is_down(&self) -> bool {
        *self.down.borrow()
    }

    /// Whether a call failed and none was answered since.
    pub(crate) fn is_failing(&self) -> bool {
        lock(&self.times).failing_since.is_some()
    }

    /// Whether it has answered for long enough to go back to.
    pub(crate) fn is_settled(&self) -> bool {
        lock(&self.times).answering_since.is_some_and(|since| since.elapsed() >= self.settled)
    }

    fn set_down(&self, is_down: bool, now: Instant) {
        let changed = self.down.send_if_modified(|was| std::mem::replace(was, is_down) != is_down);
        if !changed {
            return;
        }
        metrics::gauge!(ACTIVE).set(if is_down { 1.0 } else { 0.0 });
        if is_down {
            tracing::warn!(
                outage = ?self.outage,
                "the coordinator is out of reach: reads are served by serial writes of the journal's store, slower"
            );
        } else {
            lock(&self.times).answering_since = Some(now);
            tracing::info!(
                "the coordinator answers again; participants go back to it once no node needs otherwise"
            );
        }
    }
}

pub(crate) fn out_of_reach() -> Error {
    Error::Unavailable("the coordinator is out of reach".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn health() -> Health {
        Health::new(300 * MS, 1_000 * MS)
    }

    async fn fail(health: &Health) {
        let result: Result<(), Error> = health.call(async { Err(out_of_reach()) }).await;
        assert!(result.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn one_failure_is_no_outage_and_an_answer_forgives_all() {
        let health = health();
        fail(&health).await;
        assert!(health.is_failing() && !health.is_down());
        tokio::time::advance(290 * MS).await;
        health.call(async { Ok(()) }).await.unwrap();
        tokio::time::advance(20 * MS).await;
        fail(&health).await;
        assert!(!health.is_down());
        tokio::time::advance(300 * MS).await;
        fail(&health).await;
        assert!(health.is_down());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_hangs_is_given_up_when_the_outage_is_known() {
        let health = health();
        let began = Instant::now();
        let hung = health.call(std::future::pending::<Result<(), Error>>()).await;
        assert_eq!((hung, began.elapsed()), (Err(out_of_reach()), 300 * MS));
        assert_eq!(health.call(async { Ok(()) }).await, Err(out_of_reach()), "nothing is sent meanwhile");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_call_among_quick_ones_is_waited_for() {
        let health = health();
        let slow = health.call(async {
            sleep(700 * MS).await;
            Ok(())
        });
        let quick = async {
            for _ in 0..10 {
                sleep(100 * MS).await;
                health.call(async { Ok(()) }).await.unwrap();
            }
        };
        let (slow, ()) = tokio::join!(slow, quick);
        assert_eq!(slow, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_primary_that_is_full_is_out_of_reach_whatever_else_it_answers() {
        let health = health();
        for _ in 0..4 {
            let full: Result<(), _> = health.call(async { Err(Error::Full("no room".to_owned())) }).await;
            assert!(full.is_err());
            assert!(health.pass(async { Ok(()) }).await.is_ok() || health.is_down());
            tokio::time::advance(100 * MS).await;
        }
        assert!(health.is_down());
        assert_eq!(health.pass(async { Ok(()) }).await, Err(out_of_reach()), "nothing is sent meanwhile");
    }

    #[tokio::test(start_paused = true)]
    async fn it_settles_after_a_second_of_answers() {
        let health = health();
        let began = Instant::now();
        tokio::time::advance(400 * MS).await;
        health.note(began, &Err::<(), _>(out_of_reach()));
        assert!(health.is_down(), "one call that took longer than an outage is one");
        health.note(Instant::now(), &Ok(()));
        assert!(!health.is_down() && !health.is_settled());
        tokio::time::advance(1_000 * MS).await;
        assert!(health.is_settled());
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_failure_of_an_early_call_says_nothing() {
        let health = health();
        let began = Instant::now();
        tokio::time::advance(400 * MS).await;
        health.note(Instant::now(), &Ok(()));
        health.note(began, &Err::<(), _>(out_of_reach()));
        assert!(!health.is_failing());
    }
}
