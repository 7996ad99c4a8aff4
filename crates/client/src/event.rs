//! What a consumer tells about its work while it works, and the sums at the end. Nobody has to listen.

use std::time::Duration;

use crate::error::Failure;
use crate::message::Message;
use crate::sink::Outcome;

/// Something that happened on one stream; streams are counted from 1.
#[derive(Debug)]
pub enum Event<'a> {
    /// The first read of a stream was answered.
    Opened {
        /// The stream.
        stream: u8,
        /// Whether it went on where an earlier run stopped.
        resumed: bool,
    },
    /// A batch arrived and is stored durably.
    BatchStored {
        /// The stream.
        stream: u8,
        /// The messages, in the order of delivery.
        messages: &'a [Message],
        /// What storing found, one for each message.
        outcomes: &'a [Outcome],
        /// From the request to the end of the answer, the server's waiting included.
        read: Duration,
        /// From the answer to the end of storing.
        stored: Duration,
    },
    /// A read found nothing.
    Empty {
        /// The stream.
        stream: u8,
    },
    /// The server knows that a batch is stored.
    Confirmed {
        /// The stream.
        stream: u8,
        /// Messages of the batch.
        count: u64,
    },
    /// A request failed and will be sent again.
    Retrying {
        /// The stream.
        stream: u8,
        /// What failed.
        why: &'a Failure,
        /// The wait before.
        after: Duration,
    },
    /// The server no longer knows the stream; a new one is opened.
    Restarted {
        /// The stream.
        stream: u8,
        /// What the server said.
        why: &'a Failure,
    },
    /// The stream is closed, its last batch confirmed.
    Closed {
        /// The stream.
        stream: u8,
    },
    /// The stream could not be closed in time: its last batch, stored as it is, may be delivered again.
    Abandoned {
        /// The stream.
        stream: u8,
    },
}

/// Listens to a consumer. Called on the consumer's tasks: do little, block never.
pub trait Observer: Send + Sync {
    /// Takes note of one event.
    fn on_event(&self, event: &Event<'_>);
}

impl<F: Fn(&Event<'_>) + Send + Sync> Observer for F {
    fn on_event(&self, event: &Event<'_>) {
        self(event);
    }
}

/// An observer that does not listen.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn on_event(&self, _: &Event<'_>) {}
}

/// What a run did, over all its streams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Messages received and stored: `new + duplicates`.
    pub delivered: u64,
    /// Messages stored for the first time.
    pub new: u64,
    /// Messages that were already stored.
    pub duplicates: u64,
    /// Messages received in this run that the server acknowledged as confirmed.
    pub confirmed: u64,
    /// Reads that brought messages.
    pub batches: u64,
    /// Reads that brought none.
    pub empties: u64,
    /// Requests that failed and were sent again.
    pub retries: u64,
    /// Streams opened anew after the server had forgotten the old one.
    pub restarts: u64,
    /// Streams that could not be closed in time.
    pub abandoned: u64,
}

impl Summary {
    pub(crate) fn add(&mut self, other: &Self) {
        self.delivered += other.delivered;
        self.new += other.new;
        self.duplicates += other.duplicates;
        self.confirmed += other.confirmed;
        self.batches += other.batches;
        self.empties += other.empties;
        self.retries += other.retries;
        self.restarts += other.restarts;
        self.abandoned += other.abandoned;
    }
}
