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

use crate::api::Dependency;
use crate::core::Core;
use crate::metrics::{STORE_DEGRADED, STORE_UP};
use crate::store::{COORDINATOR_CHECK, COORDINATOR_DEADLINE, JOURNAL_CHECK, READ_DEADLINE};

/// How often the stores are asked.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// A store whose health is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    Journal,
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
pub(crate) struct Health {
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
    pub(crate) fn is_up(&self, store: Store) -> bool {
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
        if let Some(fault) = &fault {
            if has_changed || self.began.is_none() {
                (self.began, self.counted) = (Some(Instant::now()), 0);
                tracing::warn!(store = store.name(), %fault, degraded = store.loss(), "a store is out of reach");
            }
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

/// Watches until the core is gone.
pub(crate) async fn run<P: Ports>(core: Weak<Core<P>>) {
    let mut ticks = interval(ASK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut journal, mut coordinator) = (Outage::of(Store::Journal), Outage::of(Store::Coordinator));
    loop {
        ticks.tick().await;
        let Some(core) = core.upgrade() else { return };
        let (of_journal, of_coordinator) = core.check_stores().await;
        journal.note(&core.health, of_journal);
        coordinator.note(&core.health, of_coordinator);
    }
}

impl<P: Ports> Core<P> {
    async fn check_stores(&self) -> (Result<(), StoreError>, Result<(), StoreError>) {
        let (journal, coordinator) = (self.ports.journal(), self.ports.coordinator());
        tokio::join!(
            JOURNAL_CHECK.run(READ_DEADLINE, journal.check()),
            COORDINATOR_CHECK.run(COORDINATOR_DEADLINE, coordinator.check()),
        )
    }

    /// Each dependency, and what is wrong with it. Answers within a second.
    pub(crate) async fn dependencies(self: &Arc<Self>) -> Vec<Dependency> {
        let (journal, coordinator) = self.check_stores().await;
        let dependency = |name, error: Option<StoreError>, serves_reads| Dependency {
            name,
            serves_reads: error.is_none() || serves_reads,
            fault: error.map(|error| error.to_string()),
        };
        let journal = journal.err();
        // What is in memory is read on without the Journal for a while; with one that is full, for as long as it lasts.
        let serves_reads = matches!(journal, Some(StoreError::Full(_))) || self.serves_without_journal();
        let fault = self.audit.fault();
        let mut all = vec![
            dependency("journal", journal, serves_reads),
            dependency("coordinator", coordinator.err(), false),
            Dependency { name: "audit", serves_reads: fault.is_none(), fault },
        ];
        all.extend(self.region());
        all
    }

    /// Whether reads go on although the Journal is out of reach: other nodes' memory is no better, and whoever is over
    /// the debt is told so.
    fn serves_without_journal(&self) -> bool {
        self.is_shared && self.seats().iter().all(|seat| self.refuse_over_debt(seat).is_ok())
    }

    /// What is wrong with this region's claims, if anything is.
    fn region(&self) -> Option<Dependency> {
        let participants = self.participants();
        let why = participants.iter().filter_map(|participant| self.unclaimed(participant.ispb));
        let mut why = why.collect::<Vec<_>>();
        let serves_reads = why.len() < participants.len();
        let (count, first) = (why.len(), why.drain(..).next()?);
        let fault = Some(format!("{count} participants are served in no region now: {first}"));
        Some(Dependency { name: "region", fault, serves_reads })
    }
}
