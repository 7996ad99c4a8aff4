//! The latest slow requests of this node, as many as are remembered. Only a slow request takes its lock.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::context::TraceId;
use crate::trace::Store;

/// Slow requests that a node remembers.
pub const SLOW_KEPT: usize = 256;

/// A request that was slow. Nothing of a message is in it, and nothing of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlowRequest {
    /// When it was answered.
    pub at: SystemTime,
    /// Its id.
    pub request_id: String,
    /// The trace that it belongs to.
    pub trace: TraceId,
    /// Its route, as in the metrics.
    pub route: &'static str,
    /// The participant, where it names one.
    pub ispb: Option<String>,
    /// The status of its answer.
    pub status: u16,
    /// Time of work, all waits left out.
    pub work: Duration,
    /// Time in each store, in the order of [`Store::ALL`].
    pub waited: [Duration; Store::ALL.len()],
}

/// The ring.
#[derive(Debug)]
pub struct SlowRing {
    kept: usize,
    requests: Mutex<VecDeque<SlowRequest>>,
}

impl SlowRing {
    /// A ring that keeps so many.
    #[must_use]
    pub fn new(kept: usize) -> Self {
        Self { kept, requests: Mutex::default() }
    }

    /// The latest first.
    #[must_use]
    pub fn recent(&self) -> Vec<SlowRequest> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.iter().rev().cloned().collect()
    }

    pub(crate) fn push(&self, request: SlowRequest) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if requests.len() >= self.kept {
            requests.pop_front();
        }
        if self.kept > 0 {
            requests.push_back(request);
        }
    }
}
