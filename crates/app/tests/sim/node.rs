//! A node that can be killed: ports that go dead with it, and the state lineage they report.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use pix_stream_app::App;
use pix_stream_domain::audit::{ChainId, Head, Record};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::rate::{Decision, Rule};
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::StreamState;
use pix_stream_domain::switches::Switches;
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::version::Incarnation;
use pix_stream_ports::Ports;
use pix_stream_ports::audit_log::AuditLog;
use pix_stream_ports::coordinator::{Coordinator, Expected, Held, Listener, News, Swapped};
use pix_stream_ports::error::Error;
use pix_stream_ports::journal::{
    AppendError, Appended, Checkpoint, Extent, Journal, Known, MessageKey, NewMessage, Stored, Terms,
};
use pix_stream_ports::quarantine::{Entry, EntryId, Limits, Put, Quarantine, Summary, Usage};
use pix_stream_ports::regions::OneRegion;
use pix_stream_testkit::fake::FakeAnchors;
use pix_stream_testkit::{FakeCodec, FakeEntropy, FakePorts, SimClock};
use tokio::sync::Notify;

use crate::oracle::Oracle;

/// A node: the core and the end of its life.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) app: App<NodePorts>,
    pub(crate) life: Arc<Life>,
    pub(crate) ports: FakePorts,
    /// Requests that it works on.
    pub(crate) requests: Arc<AtomicUsize>,
}

/// Whether a node lives. What a dead node still had to do is not done.
#[derive(Debug, Default)]
pub(crate) struct Life {
    is_over: AtomicBool,
    ended: Notify,
    cuts: [AtomicBool; 2],
}

/// A store that a node alone may be cut off from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Store {
    Journal,
    Coordinator,
}

impl Life {
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.ended.notify_waiters();
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    /// Waits for the end. Wakes in the order of waiting, unlike a watch channel: runs must repeat.
    pub(crate) async fn ended(&self) {
        let ended = self.ended.notified();
        if !self.is_over() {
            ended.await;
        }
    }

    /// From now on the node reaches a store, or it does not.
    pub(crate) fn set_cut(&self, store: Store, is_cut: bool) {
        self.cuts[store as usize].store(is_cut, Ordering::SeqCst);
    }

    /// Runs a call of a store that the node may be cut off from: then nothing happens, and time does not pass.
    async fn reach<T, E: From<Error>>(
        &self,
        store: Store,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        if self.cuts[store as usize].load(Ordering::SeqCst) {
            return Err(E::from(Error::Unavailable("this node is cut off".to_owned())));
        }
        self.lead(call).await
    }

    /// Runs a store call for as long as the node lives.
    async fn lead<T, E: From<Error>>(&self, call: impl Future<Output = Result<T, E>> + Send) -> Result<T, E> {
        let mut call = pin!(call);
        poll_fn(|context| {
            if self.is_over() {
                return Poll::Ready(Err(E::from(Error::Unavailable("this node is dead".to_owned()))));
            }
            call.as_mut().poll(context)
        })
        .await
    }
}

/// The ports of a node, each with the node's life.
pub(crate) struct NodePorts {
    journal: Mortal,
    coordinator: Mortal,
    quarantine: Mortal,
    audit_log: Mortal,
    fakes: FakePorts,
}

/// The fakes of a node, as long as it lives.
#[derive(Clone)]
pub(crate) struct Mortal {
    life: Arc<Life>,
    fakes: FakePorts,
    oracle: Arc<Oracle>,
}

impl NodePorts {
    pub(crate) fn new(life: &Arc<Life>, fakes: &FakePorts, oracle: &Arc<Oracle>) -> Self {
        let mortal = Mortal { life: Arc::clone(life), fakes: fakes.clone(), oracle: Arc::clone(oracle) };
        let (journal, coordinator, quarantine) = (mortal.clone(), mortal.clone(), mortal.clone());
        Self { journal, coordinator, quarantine, audit_log: mortal, fakes: fakes.clone() }
    }
}

impl Ports for NodePorts {
    type Journal = Mortal;
    type Coordinator = Mortal;
    type Quarantine = Mortal;
    type Regions = OneRegion;
    type Codec = FakeCodec;
    type AuditLog = Mortal;
    type Anchors = FakeAnchors;
    type Clock = SimClock;
    type Entropy = FakeEntropy;

    fn journal(&self) -> &Mortal {
        &self.journal
    }

    fn coordinator(&self) -> &Mortal {
        &self.coordinator
    }

    fn quarantine(&self) -> &Mortal {
        &self.quarantine
    }

    fn regions(&self) -> &OneRegion {
        &OneRegion
    }

    fn codec(&self) -> &FakeCodec {
        &self.fakes.codec
    }

    fn audit_log(&self) -> &Mortal {
        &self.audit_log
    }

    fn anchors(&self) -> &FakeAnchors {
        &self.fakes.anchors
    }

    fn clock(&self) -> &SimClock {
        &self.fakes.clock
    }

    fn entropy(&self) -> &FakeEntropy {
        &self.fakes.entropy
    }
}

impl Journal for Mortal {
    async fn append(
        &self,
        ispb: Ispb,
        messages: Vec<NewMessage>,
        terms: Terms,
    ) -> Result<Vec<Appended>, AppendError> {
        self.life.reach(Store::Journal, self.fakes.journal.append(ispb, messages, terms)).await
    }

    async fn find_known(
        &self,
        ispb: Ispb,
        keys: Vec<MessageKey>,
        window: Duration,
    ) -> Result<Vec<Option<Known>>, Error> {
        self.life.reach(Store::Journal, self.fakes.journal.find_known(ispb, keys, window)).await
    }

    async fn read(&self, ispb: Ispb, range: Range, bytes_max: u64) -> Result<Vec<Stored>, Error> {
        self.life.reach(Store::Journal, self.fakes.journal.read(ispb, range, bytes_max)).await
    }

    async fn extent(&self, ispb: Ispb) -> Result<Extent, Error> {
        self.life.reach(Store::Journal, self.fakes.journal.extent(ispb)).await
    }

    async fn find_since(&self, ispb: Ispb, at: Timestamp) -> Result<Sequence, Error> {
        self.life.reach(Store::Journal, self.fakes.journal.find_since(ispb, at)).await
    }

    async fn keep(&self, ispb: Ispb, range: Range, retention: Option<Duration>) -> Result<Sequence, Error> {
        self.life.reach(Store::Journal, self.fakes.journal.keep(ispb, range, retention)).await
    }

    async fn remove_between(&self, ispb: Ispb, range: Range, limit: u32) -> Result<u32, Error> {
        self.life.reach(Store::Journal, self.fakes.journal.remove_between(ispb, range, limit)).await
    }

    async fn remove_below(&self, ispb: Ispb, below: Sequence, limit: u32) -> Result<u32, Error> {
        self.life.reach(Store::Journal, self.fakes.journal.remove_below(ispb, below, limit)).await
    }

    async fn load_checkpoint(&self, ispb: Ispb) -> Result<Option<Checkpoint>, Error> {
        self.life.reach(Store::Journal, self.fakes.journal.load_checkpoint(ispb)).await
    }

    async fn save_checkpoints(&self, checkpoints: Vec<(Ispb, Checkpoint)>) -> Result<(), Error> {
        self.life.reach(Store::Journal, self.fakes.journal.save_checkpoints(checkpoints)).await
    }

    async fn raise_incarnation(&self, ispb: Ispb) -> Result<Incarnation, Error> {
        self.life.reach(Store::Journal, self.fakes.journal.raise_incarnation(ispb)).await
    }

    async fn participants(&self) -> Result<Vec<Participant>, Error> {
        self.life.reach(Store::Journal, self.fakes.journal.participants()).await
    }

    async fn save_participant(&self, participant: Participant) -> Result<bool, Error> {
        self.life.reach(Store::Journal, self.fakes.journal.save_participant(participant)).await
    }

    async fn load_switches(&self) -> Result<Switches, Error> {
        self.life.reach(Store::Journal, self.fakes.journal.load_switches()).await
    }

    async fn save_switches(&self, switches: Switches) -> Result<bool, Error> {
        self.life.reach(Store::Journal, self.fakes.journal.save_switches(switches)).await
    }

    async fn check(&self) -> Result<(), Error> {
        self.life.reach(Store::Journal, self.fakes.journal.check()).await
    }
}

impl Quarantine for Mortal {
    async fn put(&self, entry: Entry, limits: Limits) -> Result<Put, Error> {
        self.life.lead(self.fakes.quarantine.put(entry, limits)).await
    }

    async fn list(
        &self,
        ispb: Option<Ispb>,
        after: Option<EntryId>,
        limit: u32,
    ) -> Result<Vec<Summary>, Error> {
        self.life.lead(self.fakes.quarantine.list(ispb, after, limit)).await
    }

    async fn find(&self, id: EntryId) -> Result<Option<Entry>, Error> {
        self.life.lead(self.fakes.quarantine.find(id)).await
    }

    async fn remove(&self, id: EntryId) -> Result<bool, Error> {
        self.life.lead(self.fakes.quarantine.remove(id)).await
    }

    async fn remove_before(&self, at: Timestamp, limit: u32) -> Result<u32, Error> {
        self.life.lead(self.fakes.quarantine.remove_before(at, limit)).await
    }

    async fn usage(&self) -> Result<Usage, Error> {
        self.life.lead(self.fakes.quarantine.usage()).await
    }
}

impl Coordinator for Mortal {
    async fn load(&self, ispb: Ispb) -> Result<Held, Error> {
        self.life.reach(Store::Coordinator, self.fakes.coordinator.load(ispb)).await
    }

    async fn swap(&self, ispb: Ispb, expected: Expected, next: &StreamState) -> Result<Swapped, Error> {
        let swap =
            self.life.reach(Store::Coordinator, self.fakes.coordinator.swap(ispb, expected, next)).await;
        self.oracle.look_at_state(ispb);
        swap
    }

    async fn announce(&self, news: News) -> Result<(), Error> {
        self.life.reach(Store::Coordinator, self.fakes.coordinator.announce(news)).await
    }

    async fn fetch(&self, ispb: Ispb, first: Sequence) -> Result<Option<Bytes>, Error> {
        self.life.reach(Store::Coordinator, self.fakes.coordinator.fetch(ispb, first)).await
    }

    fn is_shared(&self) -> bool {
        self.fakes.coordinator.is_shared()
    }

    fn subscribe(&self, listener: Arc<dyn Listener>) {
        self.fakes.coordinator.subscribe(listener);
    }

    async fn admit(&self, ispb: Ispb, rule: Rule, now: Timestamp) -> Result<Decision, Error> {
        self.life.reach(Store::Coordinator, self.fakes.coordinator.admit(ispb, rule, now)).await
    }

    async fn check(&self) -> Result<(), Error> {
        self.life.reach(Store::Coordinator, self.fakes.coordinator.check()).await
    }
}

impl AuditLog for Mortal {
    async fn append(&self, records: Vec<Record>) -> Result<(), Error> {
        self.life.lead(self.fakes.audit_log.append(records)).await
    }

    async fn sync(&self) -> Result<Head, Error> {
        self.life.lead(self.fakes.audit_log.sync()).await
    }

    fn chain(&self) -> ChainId {
        self.fakes.audit_log.chain()
    }

    fn finding(&self) -> Option<String> {
        self.fakes.audit_log.finding()
    }
}
