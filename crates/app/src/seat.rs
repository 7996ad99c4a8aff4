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
use pix_stream_ports::Ports;
use pix_stream_ports::journal::Checkpoint;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use crate::core::Core;
use crate::error::Error;
use crate::hot::Hot;
use crate::message::Message;
use crate::metrics::SeatMetrics;
use crate::store::{READ_DEADLINE, RETRY_AFTER};

/// Requests of one participant that may wait to be decided.
const QUEUE_MAX: usize = 4_096;
/// After this many reads in a row that took no gzip, nothing is deflated for a participant.
const IDENTITY_READS_MAX: u32 = 256;

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
    /// Reads in a row that took no gzip; from [`IDENTITY_READS_MAX`] on nothing is deflated.
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
            let mut lead = Box::pin(decide::lead(Arc::clone(core), Arc::clone(self)));
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
