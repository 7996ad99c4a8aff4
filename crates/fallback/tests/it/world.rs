//! Some nodes, each with a fallback and a core in miniature, over one primary and one store of serial states; and
//! everything that was acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::limits::Rules;
use pix_stream_domain::rate::{Decision, Rule, Window};
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::stream::{Command, Context, StreamState, Supply};
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::version::{Incarnation, Version};
use pix_stream_fallback::{Fallback, Settings};
use pix_stream_ports::coordinator::{Coordinator, Expected, Held, Listener, News, Swap, Swapped};
use pix_stream_ports::error::Error;
use pix_stream_ports::serial_states::{SerialState, SerialStates, Survey};
use pix_stream_testkit::FakeCoordinator;
use pix_stream_testkit::fake::serial_states::FakeSerialStates;
use tokio::sync::watch;
use tokio::time::timeout;

/// The core's deadline for one call of a store.
const DEADLINE: Duration = Duration::from_millis(900);

pub(crate) fn ispb(n: u32) -> Ispb {
    format!("{:08}", 99_999_000 + n).parse().unwrap()
}

/// One node's line to the primary: it can be cut, and the primary behind it can be stopped and continued.
#[derive(Clone)]
pub(crate) struct Link {
    inner: FakeCoordinator,
    is_cut: watch::Sender<bool>,
    /// Shared by all nodes.
    is_stopped: watch::Sender<bool>,
    /// It answers and refuses to be written, as a Redis without room or without replicas. Shared by all nodes.
    is_full: watch::Sender<bool>,
    /// Of requests that this node counts alone.
    windows: Arc<Mutex<BTreeMap<Ispb, Window>>>,
    log: Arc<Mutex<Log>>,
}

impl Link {
    /// The same for what needs it to be written: all that reads or changes a state.
    async fn write<T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        if *self.is_full.borrow() {
            return self.call(async { Err(Error::Full("OOM command not allowed".to_owned())) }).await;
        }
        self.call(call).await
    }

    /// Carries a call out when the primary runs; a stopped one carries it out later, whether or not anybody waits.
    async fn call<T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        if *self.is_cut.borrow() {
            return Err(Error::Unavailable("cut off".to_owned()));
        }
        let mut stopped = self.is_stopped.subscribe();
        let late = tokio::spawn(async move {
            drop(stopped.wait_for(|is_stopped| !is_stopped).await);
            call.await
        });
        let mut cut = self.is_cut.subscribe();
        tokio::select! {
            result = late => result.unwrap(),
            _cut = cut.wait_for(|is_cut| *is_cut) => Err(Error::Unavailable("cut off meanwhile".to_owned())),
        }
    }
}

impl Coordinator for Link {
    async fn load(&self, ispb: Ispb) -> Result<Held, Error> {
        let inner = self.inner.clone();
        self.write(async move { inner.load(ispb).await }).await
    }

    async fn swap(&self, ispb: Ispb, expected: Expected, next: &StreamState) -> Result<Swapped, Error> {
        let (inner, next, log) = (self.inner.clone(), next.clone(), Arc::clone(&self.log));
        self.write(async move {
            let swapped = inner.swap(ispb, expected, &next).await?;
            if swapped.swap == Swap::Done {
                log.lock().unwrap().note_stored(ispb, next.version(), "primary");
            }
            Ok(swapped)
        })
        .await
    }

    async fn announce(&self, news: News) -> Result<(), Error> {
        let inner = self.inner.clone();
        self.call(async move { inner.announce(news).await }).await
    }

    async fn fetch(&self, ispb: Ispb, first: Sequence) -> Result<Option<Bytes>, Error> {
        let inner = self.inner.clone();
        self.call(async move { inner.fetch(ispb, first).await }).await
    }

    fn subscribe(&self, listener: Arc<dyn Listener>) {
        self.inner.subscribe(listener);
    }

    fn is_shared(&self) -> bool {
        true
    }

    /// Never fails, as the real one: a node that is cut off counts alone.
    async fn admit(&self, ispb: Ispb, rule: Rule, now: Timestamp) -> Result<Decision, Error> {
        if !*self.is_cut.borrow()
            && !*self.is_stopped.borrow()
            && let Ok(decision) = self.inner.admit(ispb, rule, now).await
        {
            return Ok(decision);
        }
        Ok(self.windows.lock().unwrap().entry(ispb).or_default().admit(rule, now))
    }

    async fn check(&self) -> Result<(), Error> {
        let inner = self.inner.clone();
        self.write(async move { inner.check().await }).await
    }
}

/// One node's way to the serial states, which notes what is stored there.
#[derive(Clone)]
pub(crate) struct Rows {
    pub(crate) inner: FakeSerialStates,
    /// Surveys that were asked for.
    pub(crate) surveys: Arc<AtomicU64>,
    /// Marking a state as over is never answered.
    pub(crate) is_mark_stuck: Arc<AtomicBool>,
    log: Arc<Mutex<Log>>,
}

impl SerialStates for Rows {
    async fn load(&self, ispb: Ispb) -> Result<Option<SerialState>, Error> {
        self.inner.load(ispb).await
    }

    async fn swap(
        &self,
        ispb: Ispb,
        expected: Option<Version>,
        next: &StreamState,
    ) -> Result<Result<(), Option<SerialState>>, Error> {
        let swapped = self.inner.swap(ispb, expected, next).await;
        if swapped == Ok(Ok(())) {
            self.log.lock().unwrap().note_stored(ispb, next.version(), "serial");
        }
        swapped
    }

    async fn hand_over(&self, ispb: Ispb, expected: Version) -> Result<bool, Error> {
        if self.is_mark_stuck.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        self.inner.hand_over(ispb, expected).await
    }

    async fn survey(&self) -> Result<Survey, Error> {
        self.surveys.fetch_add(1, Ordering::Relaxed);
        self.inner.survey().await
    }

    async fn claim_need(&self, node: &str) -> Result<(), Error> {
        self.inner.claim_need(node).await
    }
}

/// What was stored and acknowledged, and what that breaks.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Where the changes of each history were stored, its first state apart: that may be a seal as well.
    homes: BTreeMap<(Ispb, Incarnation), &'static str>,
    /// What callers were told was done, with the value that the state then had.
    acknowledged: BTreeMap<(Ispb, Version), u64>,
    serial: BTreeSet<(Ispb, Version)>,
    /// The highest value and version that were acknowledged in each history, by where it is at home.
    last: BTreeMap<(Ispb, Incarnation), u64>,
    pub(crate) begun: Vec<(Ispb, Incarnation)>,
    pub(crate) lost: u64,
    pub(crate) violations: Vec<String>,
}

impl Log {
    fn note_stored(&mut self, ispb: Ispb, version: Version, side: &'static str) {
        if version.counter == 0 {
            return;
        }
        if side == "serial" {
            self.serial.insert((ispb, version));
        }
        let home = *self.homes.entry((ispb, version.incarnation)).or_insert(side);
        if home != side {
            self.violations.push(format!("{ispb} {version:?} is stored in {side}, its history is at {home}"));
        }
    }

    /// A change was acknowledged.
    fn note_step(&mut self, ispb: Ispb, version: Version, value: u64) {
        if self.acknowledged.insert((ispb, version), value).is_some() {
            self.violations.push(format!("{ispb} {version:?} was reached twice"));
        }
        let last = self.last.entry((ispb, version.incarnation)).or_default();
        *last = (*last).max(value);
        let newest =
            self.begun.iter().filter(|(of, _)| *of == ispb).map(|(_, incarnation)| *incarnation).max();
        if self.serial.contains(&(ispb, version)) && newest > Some(version.incarnation) {
            self.violations
                .push(format!("{ispb} {version:?} was acknowledged serially, {newest:?} had begun"));
        }
    }

    /// A history was begun.
    fn note_begin(&mut self, ispb: Ispb, version: Version, value: u64) {
        let earlier = self.last.range((ispb, Incarnation::default())..(ispb, version.incarnation));
        for (key, acknowledged) in earlier.filter(|(_, acknowledged)| **acknowledged > value) {
            self.lost += 1;
            if self.homes.get(key) == Some(&"serial") {
                let message = format!(
                    "{ispb} {version:?} begins with {value}, {:?} serially had {acknowledged}",
                    key.1
                );
                self.violations.push(message);
            }
        }
        self.begun.push((ispb, version.incarnation));
    }

    pub(crate) fn steps(&self) -> usize {
        self.acknowledged.len()
    }

    pub(crate) fn serial_steps(&self) -> usize {
        self.acknowledged.keys().filter(|key| self.serial.contains(key)).count()
    }
}

/// Incarnations and checkpoints, which are never lost.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<BTreeMap<Ispb, (Incarnation, Option<StreamState>)>>);

impl Journal {
    fn raise(&self, ispb: Ispb) -> Incarnation {
        let mut all = self.0.lock().unwrap();
        let (incarnation, _) = all.entry(ispb).or_default();
        *incarnation = incarnation.next();
        *incarnation
    }

    fn find(&self, ispb: Ispb) -> Option<StreamState> {
        self.0.lock().unwrap().get(&ispb).and_then(|(_, checkpoint)| checkpoint.clone())
    }

    fn save(&self, ispb: Ispb, state: &StreamState) {
        let mut all = self.0.lock().unwrap();
        let (_, checkpoint) = all.entry(ispb).or_default();
        if checkpoint.as_ref().is_none_or(|known| known.version() < state.version()) {
            *checkpoint = Some(state.clone());
        }
    }
}

struct All;

impl Supply for All {
    fn head(&self) -> Sequence {
        Sequence::new(1_000_000_000)
    }

    fn size(&self, _: Sequence) -> Option<u32> {
        None
    }
}

pub(crate) struct World {
    pub(crate) primary: FakeCoordinator,
    pub(crate) serial: FakeSerialStates,
    pub(crate) journal: Arc<Journal>,
    pub(crate) log: Arc<Mutex<Log>>,
    is_stopped: watch::Sender<bool>,
    is_full: watch::Sender<bool>,
    names: u32,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            primary: FakeCoordinator::new(seed),
            serial: FakeSerialStates::new(seed + 1),
            journal: Arc::default(),
            log: Arc::default(),
            is_stopped: watch::Sender::new(false),
            is_full: watch::Sender::new(false),
            names: 0,
        }
    }

    /// Another region: its primary is its own, the Journal and what is written serially were replicated to it.
    pub(crate) fn another_region(&self, seed: u64) -> Self {
        Self {
            serial: self.serial.another_region(1, seed + 1),
            journal: Arc::clone(&self.journal),
            log: Arc::clone(&self.log),
            names: 100,
            ..Self::new(seed)
        }
    }

    /// A node that knows nothing yet, under a name of its own.
    pub(crate) fn node(&mut self) -> Node {
        self.names += 1;
        let link = Link {
            inner: self.primary.another_node(),
            is_cut: watch::Sender::new(false),
            is_stopped: self.is_stopped.clone(),
            is_full: self.is_full.clone(),
            windows: Arc::default(),
            log: Arc::clone(&self.log),
        };
        let rows = Rows {
            inner: self.serial.another_node(u64::from(self.names)),
            surveys: Arc::default(),
            is_mark_stuck: Arc::default(),
            log: Arc::clone(&self.log),
        };
        let settings = Settings::new(format!("node-{}", self.names));
        Node {
            fallback: Fallback::new(link.clone(), rows.clone(), settings),
            link,
            rows,
            journal: Arc::clone(&self.journal),
            log: Arc::clone(&self.log),
            snapshots: BTreeMap::new(),
        }
    }

    /// Stops the primary as SIGSTOP does, or continues it.
    pub(crate) fn stop_primary(&self, is_stopped: bool) {
        self.is_stopped.send_replace(is_stopped);
    }

    /// Has the primary refuse to be written, or takes that back.
    pub(crate) fn fill_primary(&self, is_full: bool) {
        self.is_full.send_replace(is_full);
    }

    pub(crate) fn assert_whole(&self, seed: u64) {
        let log = self.log.lock().unwrap();
        assert!(log.violations.is_empty(), "seed {seed}: {:#?}", log.violations);
    }
}

/// A node: its fallback, and as much of the core as decides what becomes of a state.
pub(crate) struct Node {
    pub(crate) fallback: Fallback<Link, Rows>,
    pub(crate) link: Link,
    pub(crate) rows: Rows,
    journal: Arc<Journal>,
    log: Arc<Mutex<Log>>,
    snapshots: BTreeMap<Ispb, StreamState>,
}

impl Node {
    /// The same node, asked by somebody else at the same time.
    pub(crate) fn again(&self) -> Self {
        Self {
            fallback: self.fallback.clone(),
            link: self.link.clone(),
            rows: self.rows.clone(),
            journal: Arc::clone(&self.journal),
            log: Arc::clone(&self.log),
            snapshots: BTreeMap::new(),
        }
    }

    /// Cuts this node off the primary, or mends it.
    pub(crate) fn cut_primary(&self, is_cut: bool) {
        self.link.is_cut.send_replace(is_cut);
    }

    pub(crate) fn cut_serial(&self, is_cut: bool) {
        self.rows.inner.faults().set_down(is_cut);
    }

    /// One read of a participant, which raises its value by one; the value when it was acknowledged.
    pub(crate) async fn read(&mut self, ispb: Ispb) -> Result<u64, Error> {
        let mut loads = false;
        for _ in 0..8 {
            let before = match self.snapshots.get(&ispb).filter(|_| !loads) {
                Some(state) => state.clone(),
                None => self.load(ispb).await?,
            };
            loads = false;
            let mut next = before.clone();
            let rules = Rules::default();
            let context = Context { now: Timestamp::default(), rules: &rules, supply: &All };
            next.apply(&Command::RetainFrom { first: before.floor().plus(1) }, &context);
            let swap = self.fallback.swap(ispb, Expected::Current(before.version()), &next);
            match within(swap).await?.swap {
                Swap::Done => {
                    let value = next.floor().value();
                    self.log.lock().unwrap().note_step(ispb, next.version(), value);
                    self.snapshots.insert(ispb, next);
                    return Ok(value);
                }
                Swap::Lost(Held::Current(newer)) if newer.version() > before.version() => {
                    self.snapshots.insert(ispb, *newer);
                }
                Swap::Lost(_) => loads = true,
            }
        }
        Err(Error::Unavailable("races".to_owned()))
    }

    pub(crate) fn checkpoint(&self, ispb: Ispb) {
        if let Some(state) = self.snapshots.get(&ispb) {
            self.journal.save(ispb, state);
        }
    }

    /// The core's way to a state that this node does not have, or knows to be lost.
    async fn load(&mut self, ispb: Ispb) -> Result<StreamState, Error> {
        let held = within(self.fallback.load(ispb)).await?;
        let known = match (self.snapshots.get(&ispb).cloned(), &held) {
            (None, Held::Current(_)) => self.journal.find(ispb),
            (known, _) => known,
        };
        if let Held::Current(state) = &held
            && known.as_ref().is_none_or(|known| known.version() <= state.version())
        {
            self.snapshots.insert(ispb, (**state).clone());
            return Ok((**state).clone());
        }
        let all = [known, held.state().cloned(), self.journal.find(ispb)];
        let newest = all.into_iter().flatten().max_by_key(StreamState::version);
        tokio::time::sleep(Duration::from_millis(2)).await;
        let incarnation = self.journal.raise(ispb);
        tokio::time::sleep(Duration::from_millis(2)).await;
        let state = match newest {
            None => StreamState::new(incarnation, Sequence::FIRST),
            Some(state) => {
                state.recover(incarnation, &Rules::default(), Timestamp::default(), Duration::ZERO)
            }
        };
        match within(self.fallback.swap(ispb, held.expected(), &state)).await?.swap {
            Swap::Done => {
                self.log.lock().unwrap().note_begin(ispb, state.version(), state.floor().value());
                self.journal.save(ispb, &state);
                self.snapshots.insert(ispb, state.clone());
                Ok(state)
            }
            Swap::Lost(Held::Current(other)) => {
                self.snapshots.insert(ispb, (*other).clone());
                Ok(*other)
            }
            Swap::Lost(_) => Err(Error::Unavailable("it went away meanwhile".to_owned())),
        }
    }
}

async fn within<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(DEADLINE, call).await.unwrap_or_else(|_| Err(Error::Unavailable("too late".to_owned())))
}
