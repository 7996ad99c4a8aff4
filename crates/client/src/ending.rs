//! How far a consumer is on its way to its end, known to all its streams. It only ever goes forward.

use std::sync::Arc;

use tokio::sync::watch;

/// The steps towards the end; a later one includes the earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Read on.
    Running,
    /// Finish the read that is under way, with whatever it brings, then close: a read that found nothing on one
    /// stream says that what is left is on its way to another.
    LastRead,
    /// Give up reads under way: their messages go back at the server. Close.
    Cut,
    /// The same, in a hurry.
    Shutdown,
}

/// The shared phase. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Ending(Arc<watch::Sender<Phase>>);

impl Ending {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Phase::Running)))
    }

    /// Goes forward to a phase, or stays at a later one.
    pub(crate) fn advance(&self, to: Phase) {
        self.0.send_if_modified(|phase| {
            let forward = to > *phase;
            *phase = to.max(*phase);
            forward
        });
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Waits until a phase is reached.
    pub(crate) async fn reached(&self, wanted: Phase) {
        // The sender lives as long as self, so the wait cannot fail.
        let mut phases = self.0.subscribe();
        drop(phases.wait_for(|phase| *phase >= wanted).await);
    }
}
