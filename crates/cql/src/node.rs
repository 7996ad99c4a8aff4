//! One node of the cluster: a fixed number of connections, each kept by a task that dials, probes and dials again.
//! Requests never wait for a connection that is being made (C5).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use cdrs_tokio::consistency::Consistency;
use cdrs_tokio::frame::message_query::BodyReqQuery;
use cdrs_tokio::frame::{Envelope, Flags};
use cdrs_tokio::query::QueryParams;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use crate::dial::{Endpoint, VERSION, dial};
use crate::error::Error;
use crate::link::{Failure, Handlers, Link, Wire};
use crate::pulse::Pulse;
use crate::settings::Settings;

/// Between attempts to connect. The longest keeps recovery well below a second.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_millis(400);

/// What a probe asks: it takes the way of every statement through the node, and no other node's help.
const PROBE: &str = "SELECT key FROM system.local";

/// Why a connection is replaced that did not answer one.
pub(crate) const UNANSWERED: &str = "a probe was not answered";

/// How ready a node is, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Up,
    /// Connected, and silent.
    Suspect,
    /// Not connected.
    Down,
}

/// A node and its connections. Dropping it closes them.
#[derive(Debug)]
pub(crate) struct Node {
    shared: Arc<Shared>,
    keepers: Vec<AbortHandle>,
}

#[derive(Debug)]
struct Shared {
    endpoint: Endpoint,
    settings: Arc<Settings>,
    links: Vec<ArcSwapOption<Link>>,
    next: AtomicUsize,
    pulse: Arc<Pulse>,
    last_error: Mutex<Option<String>>,
    /// Told whenever a connection comes or goes.
    changed: watch::Sender<()>,
}

impl Node {
    /// Starts connecting; returns at once.
    pub(crate) fn start(endpoint: Endpoint, settings: Arc<Settings>, changed: watch::Sender<()>) -> Self {
        let count = settings.connections_per_node.max(1);
        let shared = Arc::new(Shared {
            endpoint,
            settings,
            links: (0..count).map(|_| ArcSwapOption::empty()).collect(),
            next: AtomicUsize::new(0),
            pulse: Arc::default(),
            last_error: Mutex::default(),
            changed,
        });
        let keepers = (0..shared.links.len()).map(|slot| {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move { shared.keep(slot).await }).abort_handle()
        });
        Self { keepers: keepers.collect(), shared }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.shared.endpoint
    }

    pub(crate) fn rank(&self) -> Rank {
        if self.open_links().next().is_none() {
            Rank::Down
        } else if self.shared.pulse.is_suspect() {
            Rank::Suspect
        } else {
            Rank::Up
        }
    }

    /// Why it is not connected, if it ever tried in vain.
    pub(crate) fn last_error(&self) -> Option<String> {
        self.shared.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends a request over one of its connections; over another when the first took it not at all.
    pub(crate) async fn send(&self, request: &Envelope, deadline: Instant) -> Result<Envelope, Failure> {
        let mut failure = Failure::NotSent("no connection takes requests".to_owned());
        for link in self.open_links() {
            match link.send(request, deadline).await {
                Err(Failure::NotSent(why)) => failure = Failure::NotSent(why),
                settled @ (Ok(_) | Err(Failure::Lost(_) | Failure::TimedOut)) => return settled,
            }
        }
        Err(failure)
    }

    /// Requests in flight and orphans, over all connections.
    pub(crate) fn load(&self) -> (usize, usize) {
        let loads = self.open_links().map(|link| link.load());
        loads.fold((0, 0), |(live, orphans), (l, o)| (live + l, orphans + o))
    }

    /// Its connections that take requests, beginning with another each time.
    fn open_links(&self) -> impl Iterator<Item = Arc<Link>> {
        let links = &self.shared.links;
        let first = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let slots = (0..links.len()).filter_map(move |i| links.get(first.wrapping_add(i) % links.len()));
        slots.filter_map(ArcSwapOption::load_full).filter(|link| !link.is_broken())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        for keeper in &self.keepers {
            keeper.abort();
        }
    }
}

impl Shared {
    /// Keeps one connection for as long as the node is wanted.
    async fn keep(&self, slot: usize) {
        let Some(place) = self.links.get(slot) else { return };
        let mut pause = PAUSE_FIRST;
        loop {
            let dialled = dial(&self.endpoint, &self.settings, Arc::clone(&self.pulse), Handlers::default());
            match dialled.await {
                Ok(link) => {
                    let since = Instant::now();
                    let link = Arc::new(link);
                    *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = None;
                    place.store(Some(Arc::clone(&link)));
                    self.changed.send_replace(());
                    let why = self.watch(&link).await;
                    tracing::warn!(node = %self.endpoint.address, %why, "a connection to Cassandra is replaced");
                    place.store(None);
                    self.changed.send_replace(());
                    if since.elapsed() > PAUSE_MAX {
                        pause = PAUSE_FIRST;
                    }
                }
                Err(error) => self.note(&error),
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Keeps why there is no connection; logs it when it is news.
    fn note(&self, error: &Error) {
        let text = Some(error.to_string());
        let mut last = self.last_error.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != text {
            tracing::warn!(node = %self.endpoint.address, %error, "no connection to Cassandra");
            *last = text;
        }
    }

    /// Probes a connection until it has ended; tells why. One that does not answer a probe is replaced.
    async fn watch(&self, link: &Link) -> Arc<str> {
        loop {
            tokio::select! {
                why = link.ended() => return why,
                () = sleep(self.settings.heartbeat) => {}
                () = self.pulse.alarmed() => {}
            }
            let is_alive = tokio::select! {
                why = link.ended() => return why,
                is_alive = probe(link, &self.settings) => is_alive,
            };
            if !is_alive {
                link.retire(UNANSWERED);
            }
        }
    }
}

/// Whether a node answers a probe over this connection. A refusal is an answer; too many requests in flight are
/// none, but are no sign of death either.
pub(crate) async fn probe(wire: &Wire, settings: &Settings) -> bool {
    match wire.send(&probe_request(), Instant::now() + settings.heartbeat).await {
        Ok(_) => true,
        Err(Failure::NotSent(_)) => !wire.is_broken(),
        Err(Failure::Lost(_) | Failure::TimedOut) => false,
    }
}

/// What a probe asks.
pub(crate) fn probe_request() -> Envelope {
    query_request(PROBE)
}

/// A text that one node answers out of its own tables.
pub(crate) fn query_request(text: &str) -> Envelope {
    let query_params = QueryParams { consistency: Consistency::One, ..QueryParams::default() };
    let query = BodyReqQuery { query: text.to_owned(), query_params };
    Envelope::new_query(query, Flags::empty(), VERSION)
}
