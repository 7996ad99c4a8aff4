//! Where messages go: the promise a store makes to the consumer, and a store in memory.
//!
//! The consumer confirms a batch only after `store_batch` returned. A sink that returns early loses messages.

use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use pix_stream_domain::resource_id::ResourceId;

use crate::batch::PullNext;
use crate::message::Message;

/// What storing one message found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Stored now, for the first time.
    New,
    /// Its `PI-ResourceId` was stored before; nothing changed.
    Duplicate,
}

/// Why messages could not be stored. The consumer then stops without confirming them.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// A file operation failed.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process stores into the same folder.
    #[error("the folder {} is in use by another consumer", .0.display())]
    InUse(PathBuf),
    /// Anything else that a sink may meet.
    #[error("{0}")]
    Other(String),
}

/// A durable store for messages.
pub trait Sink: Send + Sync {
    /// Stores a batch, de-duplicated by `PI-ResourceId`, and returns one outcome for each message, in order.
    ///
    /// Durable when it returns: a power cut afterwards loses nothing of it. All or nothing is not required, since
    /// the batch comes again after an error; storing twice must be harmless. Called by several streams at once.
    fn store_batch(&self, batch: &[Message]) -> impl Future<Output = Result<Vec<Outcome>, SinkError>> + Send;

    /// Remembers where a stream goes on, for the next run; nothing when it was closed.
    ///
    /// Called only with the token of a batch that is stored, so an older one is harmless, and losing it costs
    /// a redelivery. A sink that does not implement it starts afresh each time.
    fn save_next(
        &self,
        stream: u8,
        next: Option<&PullNext>,
    ) -> impl Future<Output = Result<(), SinkError>> + Send {
        let _ = (stream, next);
        async { Ok(()) }
    }

    /// Where an earlier run stopped on this stream.
    fn find_next(&self, stream: u8) -> impl Future<Output = Result<Option<PullNext>, SinkError>> + Send {
        let _ = stream;
        async { Ok(None) }
    }
}

/// Keeps nothing but counts, and as many ids as it is told to: for demonstrations and load, not for money.
#[derive(Debug)]
pub struct MemorySink {
    ids_max: usize,
    state: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    ids: HashSet<ResourceId>,
    oldest_first: VecDeque<ResourceId>,
    totals: Totals,
}

/// What a [`MemorySink`] counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Messages seen for the first time.
    pub new: u64,
    /// Messages seen before.
    pub duplicates: u64,
    /// Bytes of the new ones.
    pub bytes: u64,
}

impl MemorySink {
    /// A sink that recognises the last `ids_max` messages.
    #[must_use]
    pub fn new(ids_max: usize) -> Self {
        Self { ids_max, state: Mutex::default() }
    }

    /// The counts so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).totals
    }
}

impl Sink for MemorySink {
    fn store_batch(&self, batch: &[Message]) -> impl Future<Output = Result<Vec<Outcome>, SinkError>> + Send {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let outcomes = batch.iter().map(|message| state.see(message, self.ids_max)).collect();
        std::future::ready(Ok(outcomes))
    }
}

impl Seen {
    fn see(&mut self, message: &Message, ids_max: usize) -> Outcome {
        if !self.ids.insert(message.resource_id) {
            self.totals.duplicates += 1;
            return Outcome::Duplicate;
        }
        self.oldest_first.push_back(message.resource_id);
        if self.oldest_first.len() > ids_max
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.ids.remove(&oldest);
        }
        self.totals.new += 1;
        self.totals.bytes += message.bytes.len() as u64;
        Outcome::New
    }
}

#[cfg(test)]
mod tests {
    use pix_stream_domain::time::Timestamp;

    use super::*;

    fn message(number: u8) -> Message {
        let id = ResourceId::new(Timestamp::from_unix_millis(1), [number; 16]);
        Message::new(id, "application/xml".to_owned(), vec![number; 3].into())
    }

    #[tokio::test]
    async fn memory_recognises_as_many_ids_as_it_was_told_to() {
        let sink = MemorySink::new(2);
        let outcomes = sink.store_batch(&[message(1), message(2), message(1), message(3), message(1)]).await;
        let (new, dup) = (Outcome::New, Outcome::Duplicate);
        assert_eq!(outcomes.unwrap(), [new, new, dup, new, new]);
        assert_eq!(sink.totals(), Totals { new: 4, duplicates: 1, bytes: 12 });
    }
}
