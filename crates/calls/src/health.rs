//! The health of the stores in a cluster: asked for in the background, told in the log once when it changes, and shown
//! in metrics. What a request meets itself is its own answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use pix_stream_ports::Ports;
use pix_stream_ports::coordinator::Coordinator as _;
use pix_stream_ports::error::Error as StoreError;
use pix_stream_ports::journal::Journal as _;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::metrics::{STORE_DEGRADED, STORE_UP};
use crate::store::{COORDINATOR_CHECK, COORDINATOR_DEADLINE, JOURNAL_CHECK, READ_DEADLINE};

/// How often the stores are asked.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// A store whose health is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// The Journal.
    Journal,
    /// The Coordinator.
    Coordinator,
}

impl Store {
    const fn name(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::Coordinator => "coordinator",
        }
    }

    /// What does not work without it.
    const fn loss(self) -> &'static str {
        match self {
            Self::Journal => {
                "publishing answers 503; messages in memory are read and confirmed up to the checkpoint debt"
            }
            Self::Coordinator => "reads answer 503; publishing goes on",
        }
    }
}

/// What was found last.
#[derive(Debug)]
pub struct Health {
    journal: AtomicBool,
    coordinator: AtomicBool,
}

impl Default for Health {
    fn default() -> Self {
        Self { journal: AtomicBool::new(true), coordinator: AtomicBool::new(true) }
    }
}

impl Health {
    fn flag(&self, store: Store) -> &AtomicBool {
        match store {
            Store::Journal => &self.journal,
            Store::Coordinator => &self.coordinator,
        }
    }

    /// Whether a store answered when it was last asked.
    #[must_use]
    pub fn is_up(&self, store: Store) -> bool {
        self.flag(store).load(Ordering::Relaxed)
    }

    fn set(&self, store: Store, is_up: bool) -> bool {
        self.flag(store).swap(is_up, Ordering::Relaxed) != is_up
    }
}

/// Since when a store is down, and how much of that was counted.
#[derive(Debug)]
struct Outage {
    store: Store,
    began: Option<Instant>,
    counted: u64,
}

impl Outage {
    const fn of(store: Store) -> Self {
        Self { store, began: None, counted: 0 }
    }

    /// Takes what a check came to; a change is told, once.
    fn note(&mut self, health: &Health, checked: Result<(), StoreError>) {
        let store = self.store;
        // A journal without room is another matter: it answers.
        let fault = checked.err().filter(|error| !matches!(error, StoreError::Full(_)));
        let has_changed = health.set(store, fault.is_none());
        metrics::gauge!(STORE_UP, "store" => store.name()).set(if fault.is_none() { 1.0 } else { 0.0 });
        if let Some(fault) = fault.as_ref().filter(|_| has_changed || self.began.is_none()) {
            (self.began, self.counted) = (Some(Instant::now()), 0);
            tracing::warn!(store = store.name(), %fault, degraded = store.loss(), "a store is out of reach");
        }
        let Some(began) = self.began else { return };
        let seconds = began.elapsed().as_secs();
        metrics::counter!(STORE_DEGRADED, "store" => store.name()).increment(seconds - self.counted);
        self.counted = seconds;
        if fault.is_none() {
            self.began = None;
            let span = began.elapsed();
            tracing::info!(
                store = store.name(),
                ?span,
                "a store is back: everything works again as it should"
            );
        }
    }
}

/// Watches until the ports are gone.
pub async fn watch<P: Ports>(ports: Weak<P>, health: Arc<Health>) {
    let mut ticks = interval(ASK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut journal, mut coordinator) = (Outage::of(Store::Journal), Outage::of(Store::Coordinator));
    loop {
        ticks.tick().await;
        let Some(ports) = ports.upgrade() else { return };
        let (of_journal, of_coordinator) = check(&*ports).await;
        journal.note(&health, of_journal);
        coordinator.note(&health, of_coordinator);
    }
}

/// Asks both stores. Answers within a second: first the Journal, then the Coordinator.
pub async fn check<P: Ports>(ports: &P) -> (Result<(), StoreError>, Result<(), StoreError>) {
    tokio::join!(
        JOURNAL_CHECK.run(READ_DEADLINE, ports.journal().check()),
        COORDINATOR_CHECK.run(COORDINATOR_DEADLINE, ports.coordinator().check()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn down() -> Result<(), StoreError> {
        Err(StoreError::Unavailable("nobody there".to_owned()))
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_lasts_from_the_first_fault_to_the_first_answer() {
        let (health, mut outage) = (Health::default(), Outage::of(Store::Coordinator));
        outage.note(&health, Ok(()));
        assert!(health.is_up(Store::Coordinator) && outage.began.is_none());
        outage.note(&health, down());
        let began = outage.began;
        tokio::time::advance(Duration::from_millis(2_500)).await;
        outage.note(&health, down());
        assert_eq!((outage.began, outage.counted), (began, 2), "one outage, its whole seconds counted once");
        assert!(!health.is_up(Store::Coordinator) && health.is_up(Store::Journal));
        outage.note(&health, Ok(()));
        assert!(health.is_up(Store::Coordinator) && outage.began.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_store_answers() {
        let (health, mut outage) = (Health::default(), Outage::of(Store::Journal));
        outage.note(&health, Err(StoreError::Full("no room".to_owned())));
        assert!(health.is_up(Store::Journal));
    }
}
