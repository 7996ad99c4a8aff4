//! The world of a run: stores, nodes that come and go, and the way of a request to one of them.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use pix_stream_app::{App, EntryId, Error};
use pix_stream_domain::participant::Participant;
use pix_stream_domain::token::Keyring;
use pix_stream_ports::clock::Clock as _;
use pix_stream_testkit::fake::SplitMix64;
use pix_stream_testkit::sim_clock::START;
use pix_stream_testkit::{FakePorts, SimClock};

use crate::node::{Life, Node, NodePorts};
use crate::oracle::Oracle;
use crate::plan::Plan;

/// A request that takes longer than this never ends.
const REQUEST_MAX: Duration = Duration::from_secs(30);

/// Everything that actors share.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) stores: FakePorts,
    pub(crate) oracle: Arc<Oracle>,
    /// Held by whoever ends and starts nodes.
    pub(crate) lifecycle: tokio::sync::Mutex<()>,
    nodes: Mutex<Vec<Option<Node>>>,
    /// What was answered as put into quarantine.
    kept: Mutex<Vec<(EntryId, Bytes)>>,
    over: Life,
}

impl World {
    pub(crate) fn new(plan: Plan) -> Self {
        let stores = FakePorts::new(plan.seed, SimClock::following_tokio(START));
        stores.coordinator.set_alone(!plan.is_shared());
        for &ispb in &plan.participants {
            stores.journal.onboard(Participant::new(ispb, stores.clock.now()));
        }
        let oracle = Arc::new(Oracle::new(stores.clone(), plan.settings.rules.idle));
        let nodes = Mutex::new((0..plan.nodes).map(|_| None).collect());
        let lifecycle = tokio::sync::Mutex::new(());
        Self { plan, stores, oracle, lifecycle, nodes, kept: Mutex::default(), over: Life::default() }
    }

    /// Starts the node in a place. Fails when the Journal does.
    pub(crate) async fn start(&self, place: usize) -> Result<(), Error> {
        let life = Arc::new(Life::default());
        let ports = self.stores.another_node();
        let keyring = Keyring::new((1, [7; 32]), None);
        let mortal = NodePorts::new(&life, &ports, &self.oracle);
        let app = App::start(mortal, keyring, self.plan.settings.clone()).await?;
        let node = Node { app, life, ports, requests: Arc::new(AtomicUsize::new(0)) };
        self.nodes()[place] = Some(node);
        self.oracle.note(&format!("node {place} is up"));
        Ok(())
    }

    /// Takes a node out of service: it gets no new requests.
    pub(crate) fn take(&self, place: usize) -> Option<Node> {
        self.nodes()[place].take()
    }

    /// A node by place, if it is up.
    pub(crate) fn find_node(&self, place: usize) -> Option<Node> {
        self.nodes()[place].clone()
    }

    /// Any node that is up.
    pub(crate) fn any_node(&self, random: &mut SplitMix64) -> Option<Node> {
        let nodes = self.nodes();
        let up: Vec<&Node> = nodes.iter().flatten().collect();
        let at = usize::try_from(random.below(up.len() as u64)).unwrap_or(0);
        up.get(at).map(|node| Node::clone(node))
    }

    /// What was answered as put into quarantine.
    pub(crate) fn kept(&self) -> MutexGuard<'_, Vec<(EntryId, Bytes)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn end(&self) {
        self.over.end();
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.is_over() || self.oracle.is_broken()
    }

    /// Sleeps, but not beyond the end.
    pub(crate) async fn pause(&self, span: Duration) {
        let _ended = tokio::time::timeout(span, self.over.ended()).await;
    }

    /// Has a node work on a request. `None`: the node died, or the client went away after `patience`.
    pub(crate) async fn ask<T>(
        &self,
        node: &Node,
        patience: Option<Duration>,
        request: impl Future<Output = T>,
    ) -> Option<T> {
        let _working = Working::begin(&node.requests);
        tokio::select! {
            biased;
            () = node.life.ended() => None,
            () = tokio::time::sleep(patience.unwrap_or(REQUEST_MAX)) => {
                if patience.is_none() {
                    self.oracle.accuse("a request never ended".to_owned());
                }
                None
            }
            answer = request => Some(answer),
        }
    }

    fn nodes(&self) -> MutexGuard<'_, Vec<Option<Node>>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that a node works on.
struct Working(Arc<AtomicUsize>);

impl Working {
    fn begin(requests: &Arc<AtomicUsize>) -> Self {
        requests.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(requests))
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
