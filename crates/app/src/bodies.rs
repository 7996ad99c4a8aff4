//! Bodies that are not here yet: from the chunks that other nodes announced, else from the Journal.

use std::sync::Arc;
use std::time::Duration;

use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::Command;
use pix_stream_hot::{Job, Message};
use pix_stream_ports::Ports;
use pix_stream_ports::codec::{Codec as _, Metadata};
use pix_stream_ports::coordinator::Coordinator as _;
use pix_stream_ports::error::Error as StoreError;
use pix_stream_ports::journal::{Journal as _, Stored};

use crate::core::Core;
use crate::metrics::CHUNKS_MISSED;
use crate::seat::Seat;
use pix_stream_calls::Error;
use pix_stream_calls::store::{COORDINATOR_FETCH, Deadline, JOURNAL_EXTENT, JOURNAL_READ};

/// Messages that are read ahead of a reader that found one missing.
const READ_AHEAD: u64 = 128;
/// Bytes of XML that one read-ahead may bring.
const READ_AHEAD_BYTES: u64 = 1024 * 1024;
/// A chunk that takes longer is not waited for: the Journal has its messages, too.
const FETCH_DEADLINE: Duration = Duration::from_millis(250);

impl<P: Ports> Core<P> {
    /// The messages of a batch that is not hot.
    pub(crate) async fn load_batch(
        self: &Arc<Self>,
        seat: &Seat,
        batch: Range,
        deadline: Deadline,
    ) -> Result<Vec<Arc<Message>>, Error> {
        if self.is_shared
            && let Some(messages) = self.fetch_all(seat, batch).await
        {
            return Ok(messages);
        }
        let read = self.ports.journal().read(seat.ispb, batch, u64::MAX);
        let stored = JOURNAL_READ.run(deadline.left(), read).await?;
        if stored.len() as u64 != batch.len() {
            // Only retention takes messages away, and it spares what is leased for days.
            return Err(Error::Gone);
        }
        seat.metrics.cold.increment(batch.len());
        Ok(stored.into_iter().map(|stored| Arc::new(self.render(stored))).collect())
    }

    /// Makes messages from `from` on hot, so that they can be leased.
    pub(crate) async fn read_ahead(
        self: &Arc<Self>,
        seat: &Arc<Seat>,
        from: Sequence,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let _one_load = deadline.bound("turn to load messages", seat.loading.lock()).await?;
        if seat.hot().find(from).is_some() {
            return Ok(());
        }
        let fetched = if self.is_shared { self.fetch_from(seat, from).await } else { Vec::new() };
        let messages = if fetched.is_empty() {
            // Not bounded by the head that this seat knows: what returned may lie beyond it.
            let range = Range::new(from, from.plus(READ_AHEAD));
            let read = self.ports.journal().read(seat.ispb, range, READ_AHEAD_BYTES);
            let stored = JOURNAL_READ.run(deadline.left(), read).await?;
            if stored.first().is_none_or(|first| first.sequence != from) {
                return self.skip_removed(seat, from, deadline).await;
            }
            seat.metrics.cold.increment(stored.len() as u64);
            stored.into_iter().map(|stored| Arc::new(self.render(stored))).collect()
        } else {
            fetched
        };
        self.prepare_first(seat, &messages);
        let mut hot = seat.hot();
        let Some((needed, behind)) = messages.split_first() else { return Ok(()) };
        hot.insert(needed);
        let _kept = behind.iter().take_while(|message| hot.insert_behind(message)).count();
        Ok(())
    }

    /// Messages that the stream state still wants are gone from the Journal: retention was here.
    async fn skip_removed(
        self: &Arc<Self>,
        seat: &Arc<Seat>,
        from: Sequence,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let extent = self.ports.journal().extent(seat.ispb);
        let extent = JOURNAL_EXTENT.run(deadline.left(), extent).await?;
        let mut first = extent.first;
        if first <= from
            && let Some(participant) = self.find_participant(seat.ispb)
        {
            // Older messages are there because they are held; this one was not.
            first = self.registry.first_retained(&participant).await?;
        }
        if first <= from {
            return Err(Error::Internal(format!("the journal has no message {from}, but says it has")));
        }
        seat.submit(self, Command::RetainFrom { first }, deadline).await.map(|_adjusted| ())
    }

    /// Has what a reader is about to get deflated: the first batch before it is answered, the rest behind it.
    fn prepare_first(&self, seat: &Seat, messages: &[Arc<Message>]) {
        if !seat.wants_segments() {
            return;
        }
        let batch = usize::from(self.settings.rules.batch_max);
        for (index, message) in messages.iter().enumerate() {
            let previous = index.checked_sub(1).map(|before| Arc::clone(&messages[before]));
            let alone = index.is_multiple_of(batch);
            let job = Job { message: Arc::clone(message), previous, alone };
            if index < batch { job.run(self.ports.codec()) } else { self.deflater.offer(job) }
        }
    }

    /// Has a message that was just kept deflated, as far as its readers want that.
    pub(crate) fn deflate_kept(&self, seat: &Seat, message: Arc<Message>) {
        if !seat.wants_segments() {
            return;
        }
        let previous = seat.hot().find(message.sequence.previous()).cloned();
        let job = Job { message, previous, alone: false };
        self.deflater.begin(job, seat.waiting() > 0, self.settings.rules.batch_max, self.ports.codec());
    }

    /// All messages of a range by chunks; `None` when one is missing.
    async fn fetch_all(self: &Arc<Self>, seat: &Seat, range: Range) -> Option<Vec<Arc<Message>>> {
        let mut messages: Vec<Arc<Message>> = Vec::new();
        while (messages.len() as u64) < range.len() {
            let next = range.start().plus(messages.len() as u64);
            messages.extend(self.fetch_chunk_of(seat, next).await?);
        }
        messages.truncate(usize::try_from(range.len()).ok()?);
        Some(messages)
    }

    /// Messages from a place on by chunks, a batch at least if there are so many; none when they are not to be had.
    async fn fetch_from(self: &Arc<Self>, seat: &Seat, from: Sequence) -> Vec<Arc<Message>> {
        let mut messages: Vec<Arc<Message>> = Vec::new();
        while messages.len() < usize::from(self.settings.rules.batch_max) {
            let next = from.plus(messages.len() as u64);
            let Some(more) = self.fetch_chunk_of(seat, next).await else { break };
            messages.extend(more);
        }
        messages
    }

    /// What the chunk of a message has from that message on.
    async fn fetch_chunk_of(self: &Arc<Self>, seat: &Seat, sequence: Sequence) -> Option<Vec<Arc<Message>>> {
        let range = seat.index().find(sequence)?;
        let mut messages = self.fetch_chunk(seat, range).await.ok().flatten()?;
        let below = messages.partition_point(|message| message.sequence < sequence);
        Some(messages.split_off(below))
    }

    /// The messages of an announced chunk; `None` when it is gone.
    pub(crate) async fn fetch_chunk(
        self: &Arc<Self>,
        seat: &Seat,
        range: Range,
    ) -> Result<Option<Vec<Arc<Message>>>, StoreError> {
        let fetch = self.ports.coordinator().fetch(seat.ispb, range.start());
        let fetched = COORDINATOR_FETCH.run(FETCH_DEADLINE, fetch).await;
        let messages = match &fetched {
            Ok(Some(bytes)) => pix_stream_hot::unpack_behind(bytes.clone(), range, &self.ports).await,
            Ok(None) | Err(_) => None,
        };
        match &messages {
            Some(messages) => seat.metrics.fetched.increment(messages.len() as u64),
            None => {
                metrics::counter!(CHUNKS_MISSED).increment(1);
                seat.index().remove(range.start());
            }
        }
        fetched.map(|_| messages)
    }

    pub(crate) fn render(&self, stored: Stored) -> Message {
        let Stored { sequence, resource_id, message_type, xml } = stored;
        let metadata = Metadata { message_type: message_type.into(), sequence };
        let metadata = self.settings.part_metadata.then_some(&metadata);
        Message::new(sequence, resource_id, self.ports.codec().render(resource_id, &xml, metadata))
    }
}
