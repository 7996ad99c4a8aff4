//! A seat: what this node knows of one participant, and the place where its requests are decided together.
//!
//! Requests queue up; whoever finds nobody deciding decides for all that wait, on one snapshot, and commits
//! with one compare-and-swap (flat combining; design, section 2). No lock that a decision takes is held while a store
//! is waited for; loading cold messages and recovering a lost state each have a lock of their own, held for as long.

mod decide;

use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::{Command, Outcome, StreamState};
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::version::Version;
use pix_stream_hot::{Hot, Index, Message, Outbox};
use pix_stream_ports::Ports;
use pix_stream_telemetry as telemetry;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::core::Core;
use crate::metrics::SeatMetrics;
use pix_stream_calls::Error;
use pix_stream_calls::store::{Deadline, RETRY_AFTER};

/// Requests of one participant that may wait to be decided.
const QUEUE_MAX: usize = 4_096;
/// After this many reads in a row that took no gzip, nothing is deflated for a participant.
const IDENTITY_READS_MAX: u32 = 256;
/// After so many seconds without a read here, messages that other nodes announce are not fetched ahead.
const UNREAD_SECONDS_MAX: u32 = 10;

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
    outbox: Mutex<Outbox>,
    index: Mutex<Index>,
    /// Since the last read here.
    unread_seconds: AtomicU32,
    /// Reads in a row that took no gzip; from [`IDENTITY_READS_MAX`] on nothing is deflated.
    identity_reads: AtomicU32,
    /// Reads that wait here now.
    waiting: AtomicUsize,
}

#[derive(Debug)]
struct Inner {
    snapshot: Option<StreamState>,
    /// Another node said that the state has this version, and nothing that was loaded since confirms or refutes it.
    told: Option<Version>,
    head: Sequence,
    queue: Vec<Request>,
    leading: bool,
    closed: bool,
    saved: Option<Version>,
    dirty_since: Option<Timestamp>,
    /// The participant was served elsewhere: what the Coordinator holds must be compared with the Journal.
    was_away: bool,
}

#[derive(Debug)]
struct Request {
    command: Command,
    queued_at: Instant,
    reply: oneshot::Sender<Result<Outcome, Error>>,
    /// The request that waits for it, whose time the stores take.
    waits: Option<Arc<telemetry::Request>>,
}

impl Seat {
    pub(crate) fn new(ispb: Ispb, hot: Hot, outbox: Outbox) -> Self {
        let inner = Inner {
            snapshot: None,
            told: None,
            head: Sequence::default(),
            queue: Vec::new(),
            leading: false,
            closed: false,
            saved: None,
            dirty_since: None,
            was_away: false,
        };
        Self {
            ispb,
            metrics: SeatMetrics::new(ispb),
            wake: Notify::new(),
            loading: tokio::sync::Mutex::new(()),
            recovering: tokio::sync::Mutex::new(()),
            inner: Mutex::new(inner),
            hot: Mutex::new(hot),
            outbox: Mutex::new(outbox),
            index: Mutex::default(),
            unread_seconds: AtomicU32::new(0),
            identity_reads: AtomicU32::new(0),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Has a command decided and its change agreed. Once begun it is carried through, also when the caller is
    /// dropped or its time is over.
    pub(crate) async fn submit<P: Ports>(
        self: &Arc<Self>,
        core: &Arc<Core<P>>,
        command: Command,
        deadline: Deadline,
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
            let (queued_at, waits) = (Instant::now(), telemetry::current());
            inner.queue.push(Request { command, queued_at, reply, waits });
            !std::mem::replace(&mut inner.leading, true)
        };
        if must_lead {
            let mut lead = Box::pin(decide::lead(Arc::clone(core), Arc::clone(self)));
            // The in-process Coordinator is done at once; only a remote one is worth a task of its own, which
            // then outlives this request.
            let begun = poll_fn(|context| Poll::Ready(lead.as_mut().poll(context))).await;
            if begun.is_pending() {
                tokio::spawn(lead);
            }
        }
        // Others' commands may be waited for first.
        let answered = deadline.bound("decision", answer).await?;
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

    /// Learns that messages below `head` exist.
    pub(crate) fn raise_head(&self, head: Sequence) {
        let mut inner = self.inner();
        let is_news = head > inner.head;
        inner.head = inner.head.max(head);
        drop(inner);
        if is_news {
            self.wake.notify_waiters();
        }
    }

    /// Another node says that the state has a version: reads that wait look again.
    pub(crate) fn hear(&self, version: Version) {
        let mut inner = self.inner();
        let known = inner.snapshot.as_ref().map(StreamState::version);
        let is_news = known.is_some_and(|known| known < version);
        if is_news {
            inner.told = inner.told.max(Some(version));
        }
        drop(inner);
        if is_news {
            self.wake.notify_waiters();
        }
    }

    /// The version that another node spoke of and that is not settled yet.
    pub(crate) fn told(&self) -> Option<Version> {
        self.inner().told
    }

    /// What was told before the last load is settled by it.
    pub(crate) fn settle_told(&self, told: Option<Version>) {
        let mut inner = self.inner();
        if inner.told == told {
            inner.told = None;
        }
    }

    /// Whether another node knows a newer state.
    fn is_stale(&self) -> bool {
        let inner = self.inner();
        let known = inner.snapshot.as_ref().map(StreamState::version);
        inner.told.is_some() && known < inner.told
    }

    /// Forgets everything: the participant is served elsewhere, where its messages may get other numbers.
    pub(crate) fn leave(&self) {
        {
            let mut inner = self.inner();
            (inner.snapshot, inner.told, inner.saved, inner.dirty_since) = (None, None, None, None);
            inner.head = Sequence::default();
            inner.was_away = true;
        }
        self.hot().clear();
        self.outbox().clear();
        self.index().clear();
        self.wake.notify_waiters();
    }

    /// Whether the participant was served elsewhere since its state was last compared with the Journal.
    pub(crate) fn was_away(&self) -> bool {
        self.inner().was_away
    }

    /// The state was compared with the Journal.
    pub(crate) fn note_compared(&self) {
        self.inner().was_away = false;
    }

    /// Whether nothing is known here.
    pub(crate) fn is_blank(&self) -> bool {
        let inner = self.inner();
        inner.snapshot.is_none() && inner.head == Sequence::default()
    }

    /// Takes a state that was loaded, recovered or agreed on by another node as the newest, unless a newer one is known.
    pub(crate) fn learn(&self, state: StreamState, saved: Option<Version>) {
        let mut inner = self.inner();
        if inner.snapshot.as_ref().is_some_and(|known| known.version() >= state.version()) {
            return;
        }
        let concerns = |known: &StreamState| decide::concerns_waiting(known, &state);
        let wakes = inner.snapshot.as_ref().is_some_and(concerns);
        let confirmed = state.watermark().plus(1);
        inner.snapshot = Some(state);
        inner.saved = saved.or(inner.saved);
        drop(inner);
        self.drop_below(confirmed);
        if wakes {
            self.wake.notify_waiters();
        }
    }

    /// Drops messages that are confirmed.
    fn drop_below(&self, floor: Sequence) {
        self.hot().remove_below(floor);
        self.index().remove_below(floor);
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
    pub(crate) async fn close(&self) -> Option<StreamState> {
        self.inner().closed = true;
        while self.inner().leading {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.snapshot()
    }

    pub(crate) fn hot(&self) -> MutexGuard<'_, Hot> {
        // The data is whole after every statement that could panic, so a poisoned lock is still good.
        self.hot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// News that wait to be told to other nodes.
    pub(crate) fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Chunks that other nodes announced.
    pub(crate) fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody reads here, so that fresh messages are worth fetching before they are asked for.
    pub(crate) fn is_read_here(&self) -> bool {
        let reads = self.unread_seconds.load(Ordering::Relaxed) < UNREAD_SECONDS_MAX;
        self.waiting() > 0 || (reads && self.with_state(|state, _| state.live_count() > 0).unwrap_or(false))
    }

    /// Whether somebody reads here, waits, or has streams that this node knows of.
    pub(crate) fn is_active(&self) -> bool {
        self.waiting() > 0
            || self.with_state(|state, head| state.live_count() > 0 || state.unconfirmed(head) > 0)
                == Some(true)
    }

    /// A second passed without or with reads.
    pub(crate) fn note_second(&self) {
        if self.unread_seconds.load(Ordering::Relaxed) < UNREAD_SECONDS_MAX {
            self.unread_seconds.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Messages of a range, if all are hot.
    pub(crate) fn find_hot(&self, range: Range) -> Option<Vec<Arc<Message>>> {
        self.hot().find_all(range)
    }

    /// A read came.
    pub(crate) fn note_read(&self, gzip: bool) {
        self.unread_seconds.store(0, Ordering::Relaxed);
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

    /// Reads that would be answered the moment a message comes.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(crate) fn wants_segments(&self) -> bool {
        self.identity_reads.load(Ordering::Relaxed) < IDENTITY_READS_MAX
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
