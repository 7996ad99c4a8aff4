//! A Coordinator that goes on over [`SerialStates`] while the first one is out of reach: slower, still right (issue 6,
//! item 5; ADR 0019).
//!
//! While the primary Coordinator answers, everything goes to it, and a swap costs nothing more than a look at what this
//! node knows. Once it has not answered for [`Settings::outage`], participants that are asked for are taken over into
//! serial writes, each in a new incarnation; once it answers again everywhere, they are taken over back.
//!
//! Histories never mix, by four rules that `view` and `coordinator` carry out:
//!
//! 1. An incarnation lives on one side. Its first state is sent once to one side and never again to the other, whatever
//!    the answer; the core raises a new incarnation instead.
//! 2. The higher incarnation counts. What the primary holds is old when the serial row, over or not, has a higher one.
//! 3. Who is about to begin a serial history claims need before its incarnation is raised; who is about to begin a
//!    primary one asks for claims after its own was raised. So a primary history that was begun without knowing of a
//!    serial one has the lower incarnation.
//! 4. Going back replaces the last serial state, by compare-and-swap, with the first of the new incarnation - a seal
//!    that nobody continues - before the primary is told. So no serial change is acknowledged after the one that the
//!    new history starts from.
//!
//! No rules of streams here, and nothing of Redis or Cassandra.

mod admit;
mod coordinator;
mod health;
mod known;
pub mod metrics;
mod open;
mod shared;
mod view;
mod watch;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pix_stream_ports::coordinator::{Coordinator, Listener};
use pix_stream_ports::serial_states::SerialStates;

use crate::admit::Windows;
use crate::health::Health;
use crate::known::Known;
use crate::shared::Shared;

/// How often other nodes are asked about while all is well.
const SURVEY_CALM: Duration = Duration::from_secs(1);
/// How often while anything is kept serially, needed, or was lately.
const SURVEY_ALERT: Duration = Duration::from_millis(250);
/// How long "lately" is.
const ALERT: Duration = Duration::from_secs(10);
/// Without a survey for longer, what is known of the serial rows must be read again before it is relied on.
const SURVEY_GAP_MAX: Duration = Duration::from_secs(2);
/// How often need is claimed while it lasts; the port holds a claim for a few seconds.
const CLAIM_EVERY: Duration = Duration::from_secs(1);
/// A claim counts for a history that is begun within this time; well below the life of a claim.
const CLAIM_FRESH: Duration = Duration::from_secs(3);
/// A look at a serial row that only confirms that nobody needs it may take this long while the primary answers; so may
/// a mark on one.
const VERIFY_MAX: Duration = Duration::from_millis(300);

const _: () = assert!(SURVEY_ALERT.as_millis() < SURVEY_CALM.as_millis());
const _: () = assert!(SURVEY_CALM.as_millis() < SURVEY_GAP_MAX.as_millis());
const _: () = assert!(CLAIM_EVERY.as_millis() < CLAIM_FRESH.as_millis());

/// Settings of the fallback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// This node's name among the nodes of the cluster.
    pub node: String,
    /// The primary Coordinator is out of reach once nothing was answered for this long.
    pub outage: Duration,
    /// It must have answered for this long before participants go back to it.
    pub settled: Duration,
}

impl Settings {
    /// 300 ms without an answer, a second of answers.
    #[must_use]
    pub fn new(node: impl Into<String>) -> Self {
        Self { node: node.into(), outage: Duration::from_millis(300), settled: Duration::from_secs(1) }
    }
}

/// How this node coordinates right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Whether the primary Coordinator is out of reach here: reads are served, slower.
    pub is_degraded: bool,
    /// Participants that are kept by serial writes, as far as this node knows.
    pub participants: usize,
    /// Whether other nodes need serial writes.
    pub is_needed: bool,
}

/// One node's way to the Coordinator, and around it. A cheap handle.
#[derive(Debug)]
pub struct Fallback<C, S>(Arc<Core<C, S>>);

impl<C, S> Clone for Fallback<C, S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Core<C, S> {
    primary: C,
    serial: S,
    settings: Settings,
    health: Health,
    known: Known,
    windows: Windows,
    surveys: Shared,
    listeners: Mutex<Vec<Arc<dyn Listener>>>,
}

impl<C, S> std::fmt::Debug for Core<C, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fallback")
            .field("settings", &self.settings)
            .field("health", &self.health)
            .finish_non_exhaustive()
    }
}

impl<C: Coordinator, S: SerialStates> Fallback<C, S> {
    /// Goes around `primary` by `serial` when it must. Starts two tasks that end when the last handle is dropped, so a
    /// tokio runtime must be there.
    #[must_use]
    pub fn new(primary: C, serial: S, settings: Settings) -> Self {
        let core = Arc::new(Core {
            health: Health::new(settings.outage, settings.settled),
            known: Known::default(),
            windows: Windows::default(),
            surveys: Shared::default(),
            listeners: Mutex::default(),
            primary,
            serial,
            settings,
        });
        tokio::spawn(watch::probe(Arc::downgrade(&core)));
        tokio::spawn(watch::survey(Arc::downgrade(&core)));
        Self(core)
    }

    /// How this node coordinates right now, for readiness and the status page.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            is_degraded: self.0.health.is_down(),
            participants: self.0.known.open_count(),
            is_needed: self.0.known.is_needed(),
        }
    }

    /// The Coordinator that is asked first.
    #[must_use]
    pub fn primary(&self) -> &C {
        &self.0.primary
    }
}

/// The data behind our locks is whole after every statement that could panic, so a poisoned lock is still good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
