//! Which request the running code works for: set while a request's future is polled, so that stores deep below need not
//! be handed anything.
//!
//! A thread-local that is exchanged around every poll, not a task-local: no reference count is touched on the way.

use std::cell::RefCell;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::context::{SpanId, TraceId};
use crate::request::{Entered, Request};
use crate::trace::Store;

thread_local! {
    static CURRENT: RefCell<Option<Whom>> = const { RefCell::new(None) };
}

/// For whom something is done.
#[derive(Debug)]
enum Whom {
    One(Arc<Request>),
    /// Several that wait for the same, at least one.
    All(Vec<Arc<Request>>),
}

/// Runs something with `whom` as the current request; afterwards it is the one from before again.
fn with<T>(whom: &mut Option<Whom>, run: impl FnOnce() -> T) -> T {
    struct Back<'a>(&'a mut Option<Whom>);
    impl Drop for Back<'_> {
        fn drop(&mut self) {
            CURRENT.with_borrow_mut(|current| std::mem::swap(current, self.0));
        }
    }
    CURRENT.with_borrow_mut(|current| std::mem::swap(current, whom));
    let _back = Back(whom);
    run()
}

/// Runs a request's future, with the request as the current one, and adds up the time spent in it, waits left out.
pub async fn timed<F: Future>(request: &Arc<Request>, future: F) -> (F::Output, Duration) {
    let mut future = pin!(future);
    let mut whom = Some(Whom::One(Arc::clone(request)));
    let mut work = Duration::ZERO;
    let output = std::future::poll_fn(|context| {
        let began = Instant::now();
        let polled = with(&mut whom, || future.as_mut().poll(context));
        work += began.elapsed();
        polled
    })
    .await;
    (output, work)
}

/// Runs something with a request as the current one: what is logged meanwhile carries its ids.
pub fn within<T>(request: &Arc<Request>, run: impl FnOnce() -> T) -> T {
    with(&mut Some(Whom::One(Arc::clone(request))), run)
}

/// Runs a future that works for all of these requests, in a task of its own or in that of one of them.
pub async fn on_behalf_of<F: Future>(requests: Vec<Arc<Request>>, future: F) -> F::Output {
    let mut future = pin!(future);
    let mut whom = (!requests.is_empty()).then_some(Whom::All(requests));
    std::future::poll_fn(|context| with(&mut whom, || future.as_mut().poll(context))).await
}

/// The request that the running code works for, to be worked for elsewhere later.
#[must_use]
pub fn current() -> Option<Arc<Request>> {
    CURRENT.with_borrow(|current| first(current).map(Arc::clone))
}

/// The ids of the current request, for the log.
#[must_use]
pub fn ids_of_current() -> Option<(TraceId, SpanId)> {
    CURRENT.with_borrow(|current| first(current).map(|request| (request.trace, request.span)))
}

/// Begins a step of the current request. `name` is a few fixed words.
pub fn enter(name: &'static str) -> Entered {
    CURRENT.with_borrow(|current| {
        let sampled = first(current).filter(|request| request.steps.is_some());
        sampled.map_or(Entered(None), |request| request.enter(name))
    })
}

/// A call of a store, `operation` being one of its methods, came to an end: it counts for all who waited for it.
pub fn note_store(
    store: Store,
    operation: &'static str,
    (began, ended): (Instant, Instant),
    has_failed: bool,
) {
    CURRENT.with_borrow(|current| {
        let note = |request: &Request, shared| {
            request.note_store((store, operation), (began, ended), shared, has_failed);
        };
        match current {
            None => {}
            Some(Whom::One(request)) => note(request, 1),
            Some(Whom::All(requests)) => requests.iter().for_each(|request| note(request, requests.len())),
        }
    });
}

fn first(current: &Option<Whom>) -> Option<&Arc<Request>> {
    match current.as_ref()? {
        Whom::One(request) => Some(request),
        Whom::All(requests) => requests.first(),
    }
}
