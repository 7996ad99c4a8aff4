//! What a demo has published, and what became of it: counts that publisher, consumer and screen share.
//!
//! Only messages of this run count, each once: a folder that is used again may hold older ones.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pix_stream_client::{Event, Message, Observer, Outcome};
use pix_stream_ports::clock::Clock as _;
use tokio::sync::{mpsc, watch};

use crate::system::SystemClock;

/// Batches that wait to be shown; what does not fit is not shown.
pub(super) const LINES: usize = 16;

/// A batch for the screen.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    /// The stream, from 1.
    pub(super) stream: u8,
    /// Messages in it.
    pub(super) messages: usize,
    /// Bytes of them.
    pub(super) bytes: usize,
    /// The first one's id.
    pub(super) first: String,
    /// From publishing the first one to its being stored here.
    pub(super) age: Duration,
}

/// The counts so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Acknowledged as durable.
    pub(super) published: u64,
    /// Arrived for the first time.
    pub(super) delivered: u64,
    /// Known by the server to have arrived.
    pub(super) confirmed: u64,
    /// The sum of the times from publishing to arrival, of `delivered`.
    pub(super) age: Duration,
}

/// Counts a demo's messages.
#[derive(Debug)]
pub(super) struct Tally {
    wanted: Option<u64>,
    inner: Mutex<Inner>,
    all_delivered: watch::Sender<bool>,
    consumer_gone: watch::Sender<bool>,
    lines: Mutex<Option<mpsc::Sender<Arrived>>>,
}

#[derive(Debug)]
struct Inner {
    counts: Counts,
    /// Ids that were made up and have not arrived.
    expected: HashSet<String>,
    /// Messages of this run in the batch that each stream has not confirmed yet.
    held: Vec<u64>,
}

impl Tally {
    /// Counts to `wanted`, or without end.
    pub(super) fn new(wanted: Option<u64>, streams: u8, lines: mpsc::Sender<Arrived>) -> Self {
        let held = vec![0; usize::from(streams) + 1];
        let inner = Inner { counts: Counts::default(), expected: HashSet::new(), held };
        Self {
            wanted,
            inner: Mutex::new(inner),
            all_delivered: watch::Sender::new(false),
            consumer_gone: watch::Sender::new(false),
            lines: Mutex::new(Some(lines)),
        }
    }

    /// A message is about to be published. It may arrive before its publisher knows that it is durable.
    pub(super) fn expect(&self, message_id: &str) {
        self.inner().expected.insert(message_id.to_owned());
    }

    /// So many more are durable.
    pub(super) fn published(&self, count: u64) {
        self.inner().counts.published += count;
    }

    /// The consumer is gone, so that nothing more arrives.
    pub(super) fn consumer_ended(&self) {
        self.consumer_gone.send_replace(true);
    }

    /// Nothing more is shown.
    pub(super) fn close(&self) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Waits until all that is wanted has arrived; for ever if there is no such number.
    pub(super) async fn all_delivered(&self) {
        wait(&self.all_delivered).await;
    }

    /// Waits until nothing more can arrive.
    pub(super) async fn consumer_gone(&self) {
        wait(&self.consumer_gone).await;
    }

    /// The counts so far.
    pub(super) fn counts(&self) -> Counts {
        self.inner().counts
    }

    /// Whether everything wanted is published, delivered and confirmed.
    pub(super) fn is_complete(&self) -> bool {
        let Counts { published, delivered, confirmed, .. } = self.counts();
        self.wanted.is_none_or(|wanted| [published, delivered, confirmed] == [wanted; 3])
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stored(&self, stream: u8, messages: &[Message], outcomes: &[Outcome]) {
        let now = SystemClock.now();
        let mut inner = self.inner();
        let mut ours = 0;
        for (message, outcome) in messages.iter().zip(outcomes) {
            let is_ours = message.message_id.as_ref().is_some_and(|id| inner.expected.remove(id));
            if is_ours && *outcome == Outcome::New {
                ours += 1;
                inner.counts.age += now.since(message.resource_id.published_at());
            }
        }
        inner.counts.delivered += ours;
        if let Some(held) = inner.held.get_mut(usize::from(stream)) {
            *held += ours;
        }
        let is_done = self.wanted.is_some_and(|wanted| inner.counts.delivered >= wanted);
        drop(inner);
        if is_done {
            self.all_delivered.send_replace(true);
        }
        let Some(first) = messages.first() else { return };
        let arrived = Arrived {
            stream,
            messages: messages.len(),
            bytes: messages.iter().map(|message| message.bytes.len()).sum(),
            first: first.message_id.clone().unwrap_or_default(),
            age: now.since(first.resource_id.published_at()),
        };
        if let Some(lines) = &*self.lines.lock().unwrap_or_else(PoisonError::into_inner) {
            // A full screen shows no more; the counts go on.
            let _ = lines.try_send(arrived);
        }
    }

    fn confirmed(&self, stream: u8) {
        let mut inner = self.inner();
        let held = inner.held.get_mut(usize::from(stream)).map(std::mem::take).unwrap_or_default();
        inner.counts.confirmed += held;
    }
}

async fn wait(told: &watch::Sender<bool>) {
    // The sender is there as long as the wait, so it cannot fail.
    let _ = told.subscribe().wait_for(|told| *told).await;
}

impl Observer for Tally {
    fn on_event(&self, event: &Event<'_>) {
        match event {
            Event::BatchStored { stream, messages, outcomes, .. } => self.stored(*stream, messages, outcomes),
            Event::Confirmed { stream, .. } => self.confirmed(*stream),
            Event::Retrying { stream, why, after } => {
                tracing::debug!(stream, %why, ?after, "the demo's consumer asks again");
            }
            Event::Restarted { stream, why } => {
                tracing::warn!(stream, %why, "the demo's consumer starts anew")
            }
            Event::Abandoned { stream } => {
                tracing::warn!(stream, "the demo's consumer could not close a stream")
            }
            Event::Opened { .. } | Event::Empty { .. } | Event::Closed { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use pix_stream_domain::resource_id::ResourceId;
    use pix_stream_domain::time::Timestamp;

    use super::*;

    fn message(id: &str) -> Message {
        let resource_id = ResourceId::new(Timestamp::from_unix_millis(1), [id.as_bytes()[0]; 16]);
        let xml = format!("<BizMsgIdr>{id}</BizMsgIdr>");
        Message::new(resource_id, "application/xml".to_owned(), xml.into_bytes().into())
    }

    #[tokio::test]
    async fn only_messages_of_this_run_count_and_each_once() {
        let (lines, mut shown) = mpsc::channel(LINES);
        let tally = Tally::new(Some(2), 2, lines);
        ["a", "b"].iter().for_each(|id| tally.expect(id));
        tally.published(2);
        tally.stored(1, &[message("a"), message("old")], &[Outcome::New, Outcome::New]);
        assert_eq!(tally.counts().delivered, 1);
        assert_eq!(shown.recv().await.unwrap().messages, 2);
        tally.confirmed(1);
        tally.stored(2, &[message("a")], &[Outcome::Duplicate]);
        tally.confirmed(2);
        assert!(!tally.is_complete());
        tally.stored(2, &[message("b")], &[Outcome::New]);
        tally.all_delivered().await;
        assert!(!tally.is_complete(), "it is not confirmed");
        tally.confirmed(2);
        assert!(tally.is_complete());
    }
}
