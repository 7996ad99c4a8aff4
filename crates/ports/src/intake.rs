//! The Intake: where producers leave messages that nobody waits for (requirement B.5).

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;

use crate::error::Error;

/// A queue of messages, shared by all nodes. An entry is handed out again, perhaps to another node, until it is
/// acknowledged or refused.
pub trait Intake: Send + Sync + 'static {
    /// Entries that no living worker holds, at most `limit`; waits up to `wait` when there are none. Those that were
    /// handed out before and neither acknowledged nor refused in time take turns with new ones, beginning with them: at
    /// the latest every second take hands out new entries if there are any.
    fn take(&self, limit: u32, wait: Duration) -> impl Future<Output = Result<Vec<Entry>, Error>> + Send;

    /// These entries are durable elsewhere: they are not handed out again.
    fn acknowledge(&self, ids: Vec<Box<str>>) -> impl Future<Output = Result<(), Error>> + Send;

    /// Puts an entry aside, with the reason, where operators find it: nothing can be done with it, not even
    /// quarantined, because it does not say for whom it is.
    fn refuse(&self, entry: Entry, reason: &str) -> impl Future<Output = Result<(), Error>> + Send;

    /// Entries that wait and entries that are handed out.
    fn depth(&self) -> impl Future<Output = Result<Depth, Error>> + Send;
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id in the queue.
    pub id: Box<str>,
    /// For whom it says it is; not checked.
    pub ispb: String,
    /// Who left it, as it says; not checked.
    pub producer: String,
    /// The message, as it came.
    pub xml: Bytes,
}

/// How much the queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Entries that nobody was handed yet.
    pub waiting: u64,
    /// Entries that were handed out and are neither acknowledged nor refused.
    pub pending: u64,
}
