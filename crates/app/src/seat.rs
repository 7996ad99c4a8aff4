//! A seat: what this node knows of one participant, and the place where its requests are decided together.
//!
//! Requests queue up; whoever finds nobody deciding decides for all that wait, on one snapshot, and commits
//! with one compare-and-swap (flat combining; design, section 2). No lock is held while a store is waited for.

use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::{Command, Context, Outcome, StreamState, Supply};
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::version::Version;
use pix_stream_ports::Ports;
use pix_stream_ports::clock::Clock as _;
use pix_stream_ports::coordinator::{Coordinator as _, Swap};
use pix_stream_ports::journal::Checkpoint;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use crate::core::Core;
use crate::error::Error;
use crate::hot::Hot;
use crate::message::Message;
use crate::metrics::{SWAPS_LOST, SeatMetrics};
use crate::store::{COORDINATOR_SWAP, READ_DEADLINE, RETRY_AFTER};

/// Requests of one participant that may wait to be decided.
const QUEUE_MAX: usize = 1_024;
/// Requests that are decided together.
const COMBINED_MAX: usize = 64;
/// After this many reads in a row that took no gzip, nothing is deflated for a participant.
const IDENTITY_READS_MAX: u32 = 256;
/// Swaps that may be lost in a row before requests are answered 503.
const SWAP_ATTEMPTS: usize = 8;

/// One participant on this node.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) ispb: Ispb,
    pub(crate) metrics: SeatMetrics,
    /// Wakes waiting reads: a message, a return, a close, a pause.
    pub(crate) wake: Notify,
    /// One load of cold messages at a time.
    pub(crate) loading: tokio::sync::Mutex<()>,
    /// One recovery of a lost state at a time.
    pub(crate) recovering: tokio::sync::Mutex<()>,
    inner: Mutex<Inner>,
    hot: Mutex<Hot>,
    /// Reads in a row that took no gzip; from some number on nothing needs to be deflated.
    identity_reads: AtomicU32,
    /// Reads that wait here now.
    waiting: AtomicUsize,
}

#[derive(Debug)]
struct Inner {
    snapshot: Option<StreamState>,
    head: Sequence,
    queue: Vec<Request>,
    leading: bool,
    closed: bool,
    saved: Option<Version>,
    dirty_since: Option<Timestamp>,
}

#[derive(Debug)]
struct Request {
    command: Command,
    reply: oneshot::Sender<Result<Outcome, Error>>,
}

impl Seat {
    pub(crate) fn new(ispb: Ispb, hot: Hot) -> Self {
        let inner = Inner {
            snapshot: None,
            head: Sequence::default(),
            queue: Vec::new(),
            leading: false,
            closed: false,
            saved: None,
            dirty_since: None,
        };
        Self {
            ispb,
            metrics: SeatMetrics::new(ispb),
            wake: Notify::new(),
            loading: tokio::sync::Mutex::new(()),
            recovering: tokio::sync::Mutex::new(()),
            inner: Mutex::new(inner),
            hot: Mutex::new(hot),
            identity_reads: AtomicU32::new(0),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Has a command decided and its change agreed. Once begun it is carried through, also when the caller is
    /// dropped.
    pub(crate) async fn submit<P: Ports>(
        self: &Arc<Self>,
        core: &Arc<Core<P>>,
        command: Command,
    ) -> Result<Outcome, Error> {
        let (reply, answer) = oneshot::channel();
        let must_lead = {
            let mut inner = self.inner();
            if inner.closed {
                return Err(Error::Overloaded { retry_after: RETRY_AFTER, limit: "draining" });
            }
            if inner.queue.len() >= QUEUE_MAX {
                return Err(Error::Overloaded {
                    retry_after: RETRY_AFTER,
                    limit: "requests of a participant",
                });
            }
            inner.queue.push(Request { command, reply });
            !std::mem::replace(&mut inner.leading, true)
        };
        if must_lead {
            let mut lead = Box::pin(lead(Arc::clone(core), Arc::clone(self)));
            // The in-process Coordinator is done at once; only a remote one is worth a task of its own, which
            // then outlives this request.
            let begun = poll_fn(|context| Poll::Ready(lead.as_mut().poll(context))).await;
            if begun.is_pending() {
                tokio::spawn(lead);
            }
        }
        // Others' commands may be waited for first; together that must not take longer than one store call may.
        let Ok(answered) = timeout(READ_DEADLINE, answer).await else {
            let cause = format!("no decision within {READ_DEADLINE:?}");
            return Err(Error::Unavailable { retry_after: RETRY_AFTER, cause });
        };
        answered.unwrap_or_else(|_| Err(Error::Internal("the seat's leader ended early".to_owned())))
    }

    /// What a command would come to, without doing it.
    pub(crate) fn try_out<P: Ports>(
        &self,
        core: &Core<P>,
        command: &Command,
    ) -> Option<(Outcome, StreamState)> {
        let mut state = self.snapshot()?;
        let outcome = self.apply(core, &mut state, command);
        Some((outcome, state))
    }

    /// The newest state that this node knows.
    pub(crate) fn snapshot(&self) -> Option<StreamState> {
        self.inner().snapshot.clone()
    }

    /// Looks at the newest known state without copying it.
    pub(crate) fn with_state<T>(&self, look: impl FnOnce(&StreamState, Sequence) -> T) -> Option<T> {
        let inner = self.inner();
        inner.snapshot.as_ref().map(|state| look(state, inner.head))
    }

    /// Every message below this exists.
    pub(crate) fn head(&self) -> Sequence {
        self.inner().head
    }

    /// Learns that messages below `head` exist. Returns whether that was news.
    pub(crate) fn raise_head(&self, head: Sequence) -> bool {
        let mut inner = self.inner();
        let is_news = head > inner.head;
        inner.head = inner.head.max(head);
        drop(inner);
        if is_news {
            self.wake.notify_waiters();
        }
        is_news
    }

    /// Takes a state that was loaded or recovered as the newest, unless a newer one is known.
    pub(crate) fn learn(&self, state: StreamState, saved: Option<Version>) {
        let mut inner = self.inner();
        if inner.snapshot.as_ref().is_none_or(|known| known.version() < state.version()) {
            inner.snapshot = Some(state);
            inner.saved = saved.or(inner.saved);
        }
    }

    /// The state, when it changed since its last checkpoint.
    pub(crate) fn unsaved(&self) -> Option<StreamState> {
        let inner = self.inner();
        inner.snapshot.as_ref().filter(|state| Some(state.version()) != inner.saved).cloned()
    }

    /// Notes that a checkpoint of `version` is durable.
    pub(crate) fn note_saved(&self, version: Version, now: Timestamp) {
        let mut inner = self.inner();
        inner.saved = inner.saved.max(Some(version));
        let is_current = inner.snapshot.as_ref().is_none_or(|state| state.version() <= version);
        inner.dirty_since = if is_current { None } else { Some(now) };
    }

    /// How many changes no checkpoint holds.
    pub(crate) fn debt(&self) -> u64 {
        let inner = self.inner();
        let changes = |state: &StreamState| match inner.saved {
            Some(saved) if saved.incarnation == state.version().incarnation => {
                state.version().counter.saturating_sub(saved.counter)
            }
            // Nothing was saved by this node yet: its first checkpoint settles it.
            Some(_) | None => 0,
        };
        inner.snapshot.as_ref().map_or(0, changes)
    }

    /// Whether the seat may be given up: no stream lives, nothing waits, everything is saved.
    pub(crate) fn is_idle(&self) -> bool {
        let inner = self.inner();
        let rests = |state: &StreamState| state.live_count() == 0 && Some(state.version()) == inner.saved;
        !inner.leading && inner.queue.is_empty() && inner.snapshot.as_ref().is_none_or(rests)
    }

    /// Since when changes wait for a checkpoint.
    pub(crate) fn dirty_since(&self) -> Option<Timestamp> {
        self.inner().dirty_since
    }

    /// Takes no more commands, and returns the last state once nobody decides any more.
    pub(crate) async fn close(&self) -> Option<Checkpoint> {
        self.inner().closed = true;
        while self.inner().leading {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.snapshot().map(|state| Checkpoint { state, is_last: true })
    }

    pub(crate) fn hot(&self) -> MutexGuard<'_, Hot> {
        // The data is whole after every statement that could panic, so a poisoned lock is still good.
        self.hot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Messages of a range, if all are hot.
    pub(crate) fn find_hot(&self, range: Range) -> Option<Vec<Arc<Message>>> {
        self.hot().find_all(range)
    }

    pub(crate) fn note_coding(&self, gzip: bool) {
        if gzip {
            self.identity_reads.store(0, Ordering::Relaxed);
        } else {
            self.identity_reads.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a read that begins to wait, and one that ends it.
    pub(crate) fn note_waiting(&self, begins: bool) {
        if begins {
            self.waiting.fetch_add(1, Ordering::Relaxed);
        } else {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether a read would be answered the moment a message comes.
    pub(crate) fn is_waited_at(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn wants_segments(&self) -> bool {
        self.identity_reads.load(Ordering::Relaxed) < IDENTITY_READS_MAX
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn apply<P: Ports>(&self, core: &Core<P>, state: &mut StreamState, command: &Command) -> Outcome {
        let supply = SeatSupply { head: self.head(), hot: &self.hot() };
        let context = Context { now: core.ports.clock().now(), rules: &core.settings.rules, supply: &supply };
        state.apply(command, &context)
    }

    /// Decides some commands together and agrees on the result.
    async fn decide<P: Ports>(&self, core: &Core<P>, requests: &[Request]) -> Result<Vec<Outcome>, Error> {
        let mut is_fresh = false;
        let mut loads = false;
        for _attempt in 0..SWAP_ATTEMPTS {
            let before = match self.snapshot() {
                Some(state) if !loads => state,
                known => {
                    (loads, is_fresh) = (false, true);
                    core.load_state(self, known).await?
                }
            };
            let mut next = before.clone();
            // Who stopped waiting may have asked again elsewhere: a late decision must not overtake that one.
            let decided = |request: &Request| match request.reply.is_closed() {
                true => Outcome::Unchanged,
                false => self.apply(core, &mut next, &request.command),
            };
            let outcomes: Vec<_> = requests.iter().map(decided).collect();
            if next.version() == before.version() {
                // Another node may know of the stream that this snapshot misses, have read on where it would
                // repeat, or have paused what is to be resumed.
                let rests_on_it =
                    |o: &Outcome| matches!(o, Outcome::Refused(_) | Outcome::Adjusted(_) | Outcome::Batch(_));
                loads = !is_fresh && outcomes.iter().any(rests_on_it);
                if loads {
                    continue;
                }
                return Ok(outcomes);
            }
            let swap = core.ports.coordinator().swap(self.ispb, Some(before.version()), &next);
            match COORDINATOR_SWAP.run(READ_DEADLINE, swap).await? {
                Swap::Done => {
                    self.install(&before, next, core.ports.clock().now());
                    return Ok(outcomes);
                }
                Swap::Lost(newer) => {
                    metrics::counter!(SWAPS_LOST).increment(1);
                    match newer.filter(|newer| newer.version() > before.version()) {
                        Some(newer) => {
                            self.inner().snapshot = Some(*newer);
                            is_fresh = true;
                        }
                        // Nothing there, or something that this node knows to be over: it forgot or went back.
                        None => loads = true,
                    }
                }
            }
        }
        Err(Error::Overloaded { retry_after: RETRY_AFTER, limit: "races for one participant" })
    }

    /// Takes an agreed state over, wakes whom it concerns, drops what it confirmed.
    fn install(&self, before: &StreamState, next: StreamState, now: Timestamp) {
        let (watermark, live) = (next.watermark(), next.live_count());
        let gone = before.live().any(|(_, old)| next.live().all(|(_, new)| new.generation != old.generation));
        let concerns_others =
            gone || next.is_paused() != before.is_paused() || next.returned().len() > before.returned().len();
        {
            let mut inner = self.inner();
            inner.snapshot = Some(next);
            inner.dirty_since = inner.dirty_since.or(Some(now));
        }
        if watermark > before.watermark() {
            self.hot().remove_below(watermark.plus(1));
            self.metrics.advances.increment(1);
        }
        self.metrics.slots_live.set(f64::from(live));
        if concerns_others {
            self.wake.notify_waiters();
        }
    }

    fn end_leading(&self) {
        let mut inner = self.inner();
        inner.leading = false;
        inner.queue.clear();
    }
}

/// Decides what waits at a seat until nothing does.
async fn lead<P: Ports>(core: Arc<Core<P>>, seat: Arc<Seat>) {
    // A leader that ends early, by a defect, must not leave the seat led by nobody.
    let mut leading = Leading { seat: &seat, done: false };
    loop {
        let requests: Vec<Request> = {
            let mut inner = seat.inner();
            if inner.queue.is_empty() {
                inner.leading = false;
                leading.done = true;
                return;
            }
            let count = inner.queue.len().min(COMBINED_MAX);
            inner.queue.drain(..count).collect()
        };
        let decided = seat.decide(&core, &requests).await;
        for (index, request) in requests.into_iter().enumerate() {
            let outcome = match &decided {
                Ok(outcomes) => Ok(outcomes[index]),
                Err(error) => Err(error.clone()),
            };
            // A caller that went away finds the outcome when it asks again.
            let _gone = request.reply.send(outcome);
        }
    }
}

struct Leading<'a> {
    seat: &'a Seat,
    done: bool,
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.seat.end_leading();
        }
    }
}

/// What the domain may hand out: what exists, and what of it is hot.
struct SeatSupply<'a> {
    head: Sequence,
    hot: &'a Hot,
}

impl Supply for SeatSupply<'_> {
    fn head(&self) -> Sequence {
        self.head
    }

    fn size(&self, sequence: Sequence) -> Option<u32> {
        self.hot.size(sequence)
    }
}
