//! The Intake: where producers leave messages that nobody waits for (requirement B.5).

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;

use crate::error::Error;

/// A queue of messages, which one node at a time holds: so whoever takes entries knows of every one in front of them,
/// and can keep the order in which they were left.
///
/// A hold lasts until it is released, or until its node did not ask for a while. Whoever holds the queue next is handed
/// everything anew that was neither acknowledged nor refused, from the oldest entry on. A node that lost its hold
/// without noticing may still publish what it was handed, and acknowledge it: that is a repeat, or makes one.
pub trait Intake: Send + Sync + 'static {
    /// The next entries, at most `limit`, each once in a hold and in the order in which they were left; waits up to
    /// `wait` when there are none. A `limit` of 0 only keeps the hold.
    ///
    /// Takes hold of the queue if nobody else has it. After an error the hold is another one, since what was handed
    /// out then may not have arrived.
    fn take(&self, limit: u32, wait: Duration) -> impl Future<Output = Result<Taken, Error>> + Send;

    /// Entries that were handed out before, again, in the order of `ids`. Those that were acknowledged or refused since
    /// are missing.
    fn fetch(&self, ids: Vec<Box<str>>) -> impl Future<Output = Result<Vec<Entry>, Error>> + Send;

    /// These entries are durable elsewhere: they are not handed out again.
    fn acknowledge(&self, ids: Vec<Box<str>>) -> impl Future<Output = Result<(), Error>> + Send;

    /// Puts an entry aside, with the reason, where operators find it: nothing can be done with it, not even
    /// quarantined, because it does not say for whom it is.
    fn refuse(&self, entry: Entry, reason: &str) -> impl Future<Output = Result<(), Error>> + Send;

    /// Lets another node hold the queue, if this one does.
    fn release(&self) -> impl Future<Output = Result<(), Error>> + Send;

    /// Entries that wait and entries that are handed out.
    fn depth(&self) -> impl Future<Output = Result<Depth, Error>> + Send;
}

/// What was taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taken {
    /// The hold of this node; another number when it begins anew. `None`: another node holds the queue.
    pub hold: Option<u64>,
    /// The next entries.
    pub entries: Vec<Entry>,
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
