//! Whether a node answers: how many requests in a row ran out of time while nothing at all came from it.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::Notify;

/// From so many silent requests on others are asked first.
const SUSPECT_AFTER: u32 = 2;

/// The pulse of one node, felt by all its connections.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    silent: AtomicU32,
    alarm: Notify,
}

impl Pulse {
    /// Something came.
    pub(crate) fn answered(&self) {
        if self.silent.load(Ordering::Relaxed) != 0 {
            self.silent.store(0, Ordering::Relaxed);
        }
    }

    /// A request that had been sent ran out of time.
    pub(crate) fn timed_out(&self) {
        if self.silent.fetch_add(1, Ordering::Relaxed) == 0 {
            self.alarm.notify_waiters();
        }
    }

    /// Whether others are to be asked first.
    pub(crate) fn is_suspect(&self) -> bool {
        self.silent.load(Ordering::Relaxed) >= SUSPECT_AFTER
    }

    /// Returns at the first request that runs out of time after something came.
    pub(crate) async fn alarmed(&self) {
        self.alarm.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_suspect_after_two_silent_requests_until_something_comes() {
        let pulse = Pulse::default();
        pulse.timed_out();
        assert!(!pulse.is_suspect());
        pulse.timed_out();
        assert!(pulse.is_suspect());
        pulse.answered();
        assert!(!pulse.is_suspect());
    }
}
