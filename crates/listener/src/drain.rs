//! The end of serving: no new connections, requests under way finish, idle connections close, the rest is cut.
//!
//! Answering waiting reads early is the core's part (`App::begin_drain`); this is about connections.

use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::metrics::DRAIN_CUT;

/// The longest time from [`Drain::begin`] to the end that the protocol of a stop allows.
pub const DRAIN_TIMEOUT_MAX: Duration = Duration::from_secs(10);
/// How long cut connections have to notice; they only have to be polled once.
const CUT_TIMEOUT: Duration = Duration::from_secs(1);

/// Tells listeners and connections to end, and knows how many are left. Clones are one.
#[derive(Debug, Clone)]
pub struct Drain(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    stage: watch::Sender<Stage>,
    open: watch::Sender<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Serving,
    Draining,
    Cut,
}

/// How a drain went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were open when it began to wait and ended by themselves.
    pub finished: usize,
    /// Connections that were cut at the deadline.
    pub cut: usize,
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}

impl Drain {
    /// A drain that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Shared { stage: watch::Sender::new(Stage::Serving), open: watch::Sender::new(0) }))
    }

    /// Stops accepting and closes idle connections. Returns at once; again does nothing.
    pub fn begin(&self) {
        self.advance(Stage::Draining);
    }

    /// Whether it has begun.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        *self.0.stage.borrow() >= Stage::Draining
    }

    /// Open connections.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        *self.0.open.borrow()
    }

    /// Begins if need be, waits until all connections have ended, and cuts what is left after `limit`
    /// (at most [`DRAIN_TIMEOUT_MAX`]).
    pub async fn finish(&self, limit: Duration) -> Drained {
        self.begin();
        let open = self.open_connections();
        let deadline = Instant::now() + limit.min(DRAIN_TIMEOUT_MAX);
        let cut = match timeout_at(deadline, self.emptied()).await {
            Ok(()) => 0,
            Err(_) => self.open_connections(),
        };
        self.advance(Stage::Cut);
        if cut > 0 {
            counter!(DRAIN_CUT).increment(cut as u64);
            // A connection that doesn't even notice is stuck in a handler; the process ends without it.
            let _noticed = timeout_at(Instant::now() + CUT_TIMEOUT, self.emptied()).await;
        }
        Drained { finished: open.saturating_sub(cut), cut }
    }

    /// Resolves when draining begins.
    pub async fn begun(&self) {
        self.reached(Stage::Draining).await;
    }

    /// Resolves when what is left has to go.
    pub(crate) async fn cut(&self) {
        self.reached(Stage::Cut).await;
    }

    /// Counts a connection until the guard is dropped.
    pub(crate) fn track(&self) -> Tracked {
        self.0.open.send_modify(|open| *open += 1);
        Tracked(Arc::clone(&self.0))
    }

    fn advance(&self, stage: Stage) {
        self.0.stage.send_if_modified(|current| {
            let later = stage > *current;
            if later {
                *current = stage;
            }
            later
        });
    }

    async fn reached(&self, stage: Stage) {
        // The sender is in `self`, so the channel can't close.
        let _stage = self.0.stage.subscribe().wait_for(|current| *current >= stage).await.map(|_| ());
    }

    async fn emptied(&self) {
        let _open = self.0.open.subscribe().wait_for(|open| *open == 0).await.map(|_| ());
    }
}

/// One open connection.
#[derive(Debug)]
pub(crate) struct Tracked(Arc<Shared>);

impl Drop for Tracked {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn without_connections_it_ends_at_once() {
        let drain = Drain::new();
        let before = Instant::now();
        assert_eq!(drain.finish(Duration::from_secs(5)).await, Drained { finished: 0, cut: 0 });
        assert_eq!(before.elapsed(), Duration::ZERO);
        assert!(drain.is_begun());
    }

    #[tokio::test(start_paused = true)]
    async fn it_waits_for_one_that_finishes_and_cuts_one_that_does_not() {
        let drain = Drain::new();
        let finishing = drain.track();
        let stuck = drain.track();
        let task = tokio::spawn({
            let drain = drain.clone();
            async move {
                drain.begun().await;
                drop(finishing);
                drain.cut().await;
                drop(stuck);
            }
        });
        let before = Instant::now();
        assert_eq!(drain.finish(Duration::from_secs(5)).await, Drained { finished: 1, cut: 1 });
        assert_eq!(before.elapsed(), Duration::from_secs(5));
        task.await.unwrap();
        assert_eq!(drain.open_connections(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_is_never_over_ten_seconds() {
        let drain = Drain::new();
        let _stuck = drain.track();
        let before = Instant::now();
        assert_eq!(drain.finish(Duration::from_secs(60)).await.cut, 1);
        assert_eq!(before.elapsed(), DRAIN_TIMEOUT_MAX + CUT_TIMEOUT);
    }
}
