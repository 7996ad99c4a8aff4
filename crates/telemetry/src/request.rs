//! One request while it is answered: its ids, its time in each store, and its steps if it is sampled.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::context::{SpanId, TraceId};
use crate::trace::{Kind, SPANS_MAX, Store, Value};

/// A request under way.
#[derive(Debug)]
pub struct Request {
    pub(crate) trace: TraceId,
    pub(crate) span: SpanId,
    pub(crate) parent: Option<SpanId>,
    pub(crate) began: Instant,
    /// Nanoseconds in each store.
    waited: [AtomicU64; Store::ALL.len()],
    /// Only of one that is sampled.
    pub(crate) steps: Option<Steps>,
}

/// What a sampled request did so far.
#[derive(Debug)]
pub(crate) struct Steps {
    /// The step that is under way.
    current: AtomicU64,
    count: AtomicU64,
    ended: Mutex<Vec<Step>>,
}

/// A step that ended.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) id: SpanId,
    pub(crate) parent: SpanId,
    pub(crate) kind: Kind,
    /// A store and what it was asked for, or the step's name alone.
    pub(crate) name: (&'static str, &'static str),
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    pub(crate) attribute: Option<(&'static str, Value)>,
    pub(crate) has_failed: bool,
}

impl Request {
    pub(crate) fn new(
        (trace, span): (TraceId, SpanId),
        parent: Option<SpanId>,
        began: Instant,
        is_sampled: bool,
    ) -> Self {
        let steps = is_sampled.then(|| Steps {
            current: AtomicU64::new(span.number()),
            count: AtomicU64::new(0),
            ended: Mutex::default(),
        });
        Self { trace, span, parent, began, waited: Default::default(), steps }
    }

    /// The trace that it belongs to: the client's, or one of its own.
    #[must_use]
    pub const fn trace(&self) -> TraceId {
        self.trace
    }

    /// Its own step in that trace.
    #[must_use]
    pub const fn span(&self) -> SpanId {
        self.span
    }

    /// How long it waited for each store so far, in the order of [`Store::ALL`]. Calls made at the same time are
    /// added up, and so is all of a call that was made for several requests.
    #[must_use]
    pub fn waited(&self) -> [Duration; Store::ALL.len()] {
        std::array::from_fn(|store| Duration::from_nanos(self.waited[store].load(Ordering::Relaxed)))
    }

    /// A call of a store came to an end, that `shared` requests waited for.
    pub(crate) fn note_store(
        &self,
        call: (Store, &'static str),
        times: (Instant, Instant),
        shared: usize,
        has_failed: bool,
    ) {
        let (store, operation) = call;
        let (began, ended) = times;
        let nanos = u64::try_from((ended - began).as_nanos()).unwrap_or(u64::MAX);
        self.waited[store as usize].fetch_add(nanos, Ordering::Relaxed);
        let Some(steps) = &self.steps else { return };
        let attribute = (shared > 1)
            .then(|| ("pix_stream.requests", Value::Number(i64::try_from(shared).unwrap_or(i64::MAX))));
        steps.end(Step {
            id: steps.next(self.span),
            parent: steps.current(),
            kind: Kind::Client,
            name: (store.text(), operation),
            began,
            ended,
            attribute,
            has_failed,
        });
    }

    /// Begins a step of this process, which is the current one until it is closed.
    pub(crate) fn enter(self: &Arc<Self>, name: &'static str) -> Entered {
        Entered(self.steps.as_ref().map(|steps| {
            let id = steps.next(self.span);
            let before = SpanId::of_number(steps.current.swap(id.number(), Ordering::Relaxed));
            Open { request: Arc::clone(self), id, before, name, began: Instant::now() }
        }))
    }

    /// Takes the steps that ended, and says how many there were.
    pub(crate) fn take_steps(&self) -> (Vec<Step>, u64) {
        let Some(steps) = &self.steps else { return (Vec::new(), 0) };
        let mut ended = steps.ended.lock().unwrap_or_else(PoisonError::into_inner);
        (std::mem::take(&mut ended), steps.count.load(Ordering::Relaxed))
    }
}

impl Steps {
    fn current(&self) -> SpanId {
        SpanId::of_number(self.current.load(Ordering::Relaxed))
    }

    fn next(&self, of: SpanId) -> SpanId {
        of.child(self.count.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn end(&self, step: Step) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        // The request itself is one more.
        if ended.len() + 1 < SPANS_MAX {
            ended.push(step);
        }
    }
}

/// A step that is under way; of a request that is not sampled, nothing. Dropped without an outcome it counts as failed:
/// its request was given up.
#[derive(Debug)]
#[must_use = "a step ends when this is closed"]
pub struct Entered(pub(crate) Option<Open>);

#[derive(Debug)]
pub(crate) struct Open {
    request: Arc<Request>,
    id: SpanId,
    before: SpanId,
    name: &'static str,
    began: Instant,
}

impl Entered {
    /// Ends the step with its outcome, which is handed back.
    ///
    /// # Errors
    /// The outcome's own.
    pub fn close<T, E>(mut self, outcome: Result<T, E>) -> Result<T, E> {
        self.end(outcome.is_err());
        outcome
    }

    fn end(&mut self, has_failed: bool) {
        let Some(Open { request, id, before, name, began }) = self.0.take() else { return };
        let Some(steps) = &request.steps else { return };
        steps.current.store(before.number(), Ordering::Relaxed);
        steps.end(Step {
            id,
            parent: before,
            kind: Kind::Internal,
            name: (name, ""),
            began,
            ended: Instant::now(),
            attribute: None,
            has_failed,
        });
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.end(true);
    }
}
