//! The lanes of a node: one for each participant that publishes here, made on first use, ended when idle or when
//! their memory is wanted elsewhere. Ending one costs the next one a read of its fingerprints, and nothing else.
//! Who gives way to whom stands in [`budget`].

mod budget;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use pix_stream_domain::ispb::Ispb;
use pix_stream_ports::entropy::Entropy;
use pix_stream_ports::error::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;

use self::budget::{Budget, Pressure};
use super::journal::{Epochs, Options};
use super::lane::{Lane, Work};
use super::layout::Token;
use super::remembered::Remembered;
use super::streams::Streams;
use crate::metrics as names;

/// Requests that may wait for one lane; the next one waits for its turn to wait.
const QUEUE_REQUESTS: usize = 256;
/// Fingerprints that a lane takes from the budget at once.
const BUDGET_STEP: usize = 512;
/// How long a participant that does not fit alone makes nobody give way: it would be in vain.
const TOO_LARGE_PAUSE: Duration = Duration::from_secs(60);

/// What all lanes of a node use.
pub(crate) struct Shop {
    pub(crate) streams: Arc<Streams>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) epochs: Epochs,
    /// Fingerprints that all lanes together may hold.
    budget: Budget,
    /// Batches that may be on their way at a time.
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) idle: Duration,
    /// What a batch may need until its outcome is known, should its answer not come: half of what a request may take.
    /// Who waited so long that this no longer fits is refused: under a load that is too high, work for those who are
    /// gone would take the place of others'.
    pub(crate) reserve: Duration,
}

impl Shop {
    pub(crate) fn token(&self) -> Token {
        let mut token = Token::default();
        self.entropy.fill(&mut token);
        token
    }
}

/// What a lane's task and those who ask of its participant see.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    memory: Mutex<Memory>,
    /// The furthest head that anybody on this node saw.
    seen: AtomicU64,
}

/// The fingerprints of a lane.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// `None` until they were read.
    pub(crate) table: Option<Remembered>,
    /// How far back they go.
    pub(crate) window: Duration,
}

impl Shared {
    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn seen(&self) -> u64 {
        self.seen.load(Ordering::Acquire)
    }

    pub(crate) fn see(&self, next: u64) {
        self.seen.fetch_max(next, Ordering::AcqRel);
    }

    /// The places of messages that may have these fingerprints; `None` when the lane must read first.
    pub(crate) fn find(&self, prints: &[u64], window: Duration) -> Option<Vec<u64>> {
        let memory = self.memory();
        let table = memory.table.as_ref()?;
        if memory.window < window || table.next() < self.seen() {
            return None;
        }
        Some(places(table, prints))
    }

    /// As [`Shared::find`], whatever was seen elsewhere: the condition of a batch tells.
    pub(crate) fn find_here(&self, prints: &[u64]) -> Vec<u64> {
        self.memory().table.as_ref().map(|table| places(table, prints)).unwrap_or_default()
    }

    /// Takes back what was seen: the store lost it.
    pub(crate) fn unsee(&self, next: u64) {
        self.seen.store(next, Ordering::Release);
    }
}

fn places(table: &Remembered, prints: &[u64]) -> Vec<u64> {
    let mut places: Vec<u64> = prints.iter().flat_map(|print| table.find(*print)).collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// A lane as its callers hold it.
#[derive(Clone)]
pub(crate) struct Handle {
    pub(crate) queue: mpsc::Sender<Work>,
    pub(crate) shared: Arc<Shared>,
    number: u64,
    used: Arc<AtomicU64>,
}

/// All lanes. Dropping it lets each finish what waits, and end.
pub(crate) struct Lanes {
    shop: Arc<Shop>,
    handles: Mutex<HashMap<Ispb, Handle>>,
    lanes_max: usize,
    made: AtomicU64,
    started: Instant,
    /// For lanes, which must not keep their own queue open.
    own: Weak<Self>,
}

impl Lanes {
    pub(crate) fn new(
        streams: Arc<Streams>,
        (entropy, epochs): (Arc<dyn Entropy>, Epochs),
        limits: &Options,
    ) -> Arc<Self> {
        let shop = Shop {
            streams,
            entropy,
            epochs,
            budget: Budget::new(limits.fingerprints_max),
            slots: Arc::new(Semaphore::new(limits.batches_max.clamp(1, Semaphore::MAX_PERMITS))),
            idle: limits.idle,
            reserve: limits.deadline / 2,
        };
        Arc::new_cyclic(|own| Self {
            shop: Arc::new(shop),
            handles: Mutex::default(),
            lanes_max: limits.lanes_max.max(1),
            made: AtomicU64::new(0),
            started: Instant::now(),
            own: own.clone(),
        })
    }

    /// Milliseconds since the first lane could be made.
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn handles(&self) -> MutexGuard<'_, HashMap<Ispb, Handle>> {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lane of a participant, made if there is none.
    pub(crate) fn lane(&self, ispb: Ispb) -> Handle {
        let now = self.now();
        let mut handles = self.handles();
        if let Some(handle) = handles.get(&ispb) {
            handle.used.store(now, Ordering::Relaxed);
            return handle.clone();
        }
        if handles.len() >= self.lanes_max {
            evict(&mut handles, ispb, u64::MAX);
        }
        let (queue, works) = mpsc::channel(QUEUE_REQUESTS);
        let handle = Handle {
            queue,
            shared: Arc::default(),
            number: self.made.fetch_add(1, Ordering::Relaxed),
            used: Arc::new(AtomicU64::new(now)),
        };
        let desk =
            Desk { lanes: self.own.clone(), ispb, number: handle.number, permit: None, too_large: None };
        let lane = Lane::new(Arc::clone(&self.shop), desk, Arc::clone(&handle.shared), works);
        tokio::spawn(lane.run());
        handles.insert(ispb, handle.clone());
        metrics::gauge!(names::LANES).set(handles.len() as f64);
        handle
    }

    /// The lane of a participant, if there is one.
    pub(crate) fn find(&self, ispb: Ispb) -> Option<Handle> {
        self.handles().get(&ispb).cloned()
    }

    /// Lets go of a lane: it ends when its queue is empty.
    pub(crate) fn release(&self, ispb: Ispb, handle: &Handle) {
        self.retire(ispb, handle.number);
    }

    fn retire(&self, ispb: Ispb, number: u64) {
        let mut handles = self.handles();
        if handles.get(&ispb).is_some_and(|handle| handle.number == number) {
            handles.remove(&ispb);
        }
        metrics::gauge!(names::LANES).set(handles.len() as f64);
    }
}

/// Lets go of the lane that was used longest ago, but for this participant's and those used later than a time.
fn evict(handles: &mut HashMap<Ispb, Handle>, except: Ispb, used_max: u64) -> bool {
    let others = handles.iter().filter(|(ispb, _)| **ispb != except);
    let uses = others.map(|(ispb, handle)| (handle.used.load(Ordering::Relaxed), *ispb));
    let idlest = uses.filter(|(used, _)| *used <= used_max).min_by_key(|(used, _)| *used);
    let is_evicted = idlest.and_then(|(_, ispb)| handles.remove(&ispb)).is_some();
    metrics::gauge!(names::LANES).set(handles.len() as f64);
    is_evicted
}

/// A lane's place among the others, and its share of the memory. Dropping it gives the share back.
pub(crate) struct Desk {
    lanes: Weak<Lanes>,
    pub(crate) ispb: Ispb,
    number: u64,
    permit: Option<OwnedSemaphorePermit>,
    /// Until when it makes nobody give way, because it did not fit alone.
    too_large: Option<Instant>,
}

impl Desk {
    /// Nobody asked for a while: whoever does from now on gets a new lane.
    pub(crate) fn retire(&self) {
        if let Some(lanes) = self.lanes.upgrade() {
            lanes.retire(self.ispb, self.number);
        }
    }

    /// Whether this many fingerprints may be held without anybody giving way. From then on they are.
    pub(crate) fn hold_free(&mut self, shop: &Shop, count: usize) -> bool {
        if count <= self.held() {
            return true;
        }
        let taken = self.wanted(shop, count).and_then(|wanted| shop.budget.take_free(wanted));
        taken.map(|permit| self.add(shop, permit)).is_some()
    }

    /// Makes sure that this many fingerprints may be held, if need be at the cost of other lanes, by the rule of
    /// [`budget`]. Waits no longer than [`budget::HOLD_WAIT`].
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the limit is reached all the same; when it is too low for these alone, at once.
    pub(crate) async fn hold(&mut self, shop: &Shop, count: usize) -> Result<(), Error> {
        if self.hold_free(shop, count) {
            return Ok(());
        }
        let limit = shop.budget.max();
        let Some(wanted) = self.wanted(shop, count) else {
            self.too_large = Some(Instant::now() + TOO_LARGE_PAUSE);
            return Err(self.refusal(limit, "do not fit even alone"));
        };
        if self.too_large.is_some_and(|until| Instant::now() < until) {
            return Err(self.refusal(limit, "did not fit alone a moment ago"));
        }
        let (lanes, ispb) = (self.lanes.clone(), self.ispb);
        let give_way = |pressure: Pressure| {
            let Some(lanes) = lanes.upgrade() else { return false };
            let Some(used_max) = pressure.used_max(lanes.now()) else { return false };
            evict(&mut lanes.handles(), ispb, used_max)
        };
        let Some(taken) = shop.budget.take(ispb, wanted, give_way).await else {
            return Err(self.refusal(limit, "do not fit beside those of participants that publish here now"));
        };
        self.add(shop, taken);
        Ok(())
    }

    /// How many more to take; `None` when so many never fit.
    fn wanted(&self, shop: &Shop, count: usize) -> Option<u32> {
        budget::wanted(self.held(), count, shop.budget.max())
    }

    fn held(&self) -> usize {
        self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }

    fn add(&mut self, shop: &Shop, taken: OwnedSemaphorePermit) {
        match &mut self.permit {
            Some(permit) => permit.merge(taken),
            None => self.permit = Some(taken),
        }
        shop.budget.report();
    }

    fn refusal(&self, limit: usize, how: &str) -> Error {
        metrics::counter!(names::FINGERPRINTS_REFUSED_TOTAL).increment(1);
        let (ispb, metric) = (self.ispb, names::FINGERPRINTS_REFUSED_TOTAL);
        tracing::warn!(%ispb, limit, metric, "publishing is refused: business ids of the window {how}: raise cassandra.fingerprints");
        Error::Unavailable(format!(
            "the business ids of its window {how}: they do not fit into the {limit} of this node \
             (cassandra.fingerprints; {metric} counts this)"
        ))
    }

    /// Gives back what is held beyond this many fingerprints.
    pub(crate) fn keep(&mut self, shop: &Shop, count: usize) {
        let Some(permit) = &mut self.permit else { return };
        let spare = permit.num_permits().saturating_sub(count.next_multiple_of(BUDGET_STEP));
        drop(permit.split(spare));
        shop.budget.report();
    }
}
