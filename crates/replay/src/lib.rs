//! What a replay session reads: the next batch of a range, from the Journal, ready to be answered with.
//!
//! A batch follows from its start, the form and the limits alone, and its deflate segments from its messages, so that the
//! same token is answered with the same bytes each time, at every node. Nothing is kept between two reads, and no stream
//! is known here. Who may read is `pix-stream-registry`'s to say, waiting and audit are `pix-stream-app`'s.

use std::sync::Arc;

use pix_stream_calls::Error;
use pix_stream_calls::store::{Deadline, JOURNAL_READ};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::limits::Rules;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::Form;
use pix_stream_hot::{Job, Message};
use pix_stream_ports::Ports;
use pix_stream_ports::journal::{Journal as _, Stored};

/// How a participant's stored messages are read.
#[derive(Debug)]
pub struct Reader<'a, P: Ports> {
    /// The Journal and the codec.
    pub ports: &'a P,
    /// Whose messages.
    pub ispb: Ispb,
    /// What a batch may hold.
    pub rules: &'a Rules,
    /// Until when the read must be answered.
    pub deadline: Deadline,
}

impl<P: Ports> Reader<'_, P> {
    /// The batch that a range begins with: its messages, ascending without gaps, none when nothing is left of the range.
    /// What was removed meanwhile is passed over. With `gzip`, they have the segments that a body is spliced from.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn next_batch(
        &self,
        rest: Range,
        form: Form,
        gzip: bool,
        render: impl Fn(Stored) -> Message,
    ) -> Result<Vec<Arc<Message>>, Error> {
        let count_max = match form {
            Form::Single => 1,
            Form::Multipart => u64::from(self.rules.batch_max.max(1)),
        };
        let stored = self.first_run(rest, count_max).await?;
        let messages: Vec<_> = stored.into_iter().map(|stored| Arc::new(render(stored))).collect();
        if gzip {
            for (index, message) in messages.iter().enumerate() {
                let previous = index.checked_sub(1).map(|before| Arc::clone(&messages[before]));
                let alone = previous.is_none();
                Job { message: Arc::clone(message), previous, alone }.run(self.ports.codec());
            }
        }
        Ok(messages)
    }

    /// The first messages that are left of a range, as many as follow each other and fit a batch.
    async fn first_run(&self, rest: Range, count_max: u64) -> Result<Vec<Stored>, Error> {
        let at = |start: Sequence| Range::new(start, rest.end().min(start.plus(count_max)));
        if rest.is_empty() {
            return Ok(Vec::new());
        }
        let mut stored = self.read(at(rest.start()), self.rules.batch_bytes).await?;
        if stored.is_empty() {
            // One message at least is read, however far off: there the batch starts.
            let Some(next) = self.read(rest, 0).await?.into_iter().next() else { return Ok(Vec::new()) };
            stored = self.read(at(next.sequence), self.rules.batch_bytes).await?;
        }
        let run =
            stored.windows(2).take_while(|pair| pair[1].sequence == pair[0].sequence.plus(1)).count() + 1;
        stored.truncate(run);
        Ok(stored)
    }

    async fn read(&self, range: Range, bytes_max: u64) -> Result<Vec<Stored>, Error> {
        let read = self.ports.journal().read(self.ispb, range, bytes_max);
        Ok(JOURNAL_READ.run(self.deadline.left(), read).await?)
    }
}

#[cfg(test)]
mod tests;
