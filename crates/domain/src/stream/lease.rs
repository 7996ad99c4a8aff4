//! What goes into a batch: redelivery first, ascending, without gaps, bounded in number and bytes; and how
//! leases end.

use crate::limits::{BATCH_MAX, LONG_POLL_MAX};
use crate::sequence::{Range, Sequence};
use crate::stream::command::Cursor;
use crate::stream::slot::{Form, Stream};
use crate::stream::{Context, StreamState, Supply};

/// What the next batch could be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// These messages.
    Ready(Range),
    /// Messages that exist, from here on, but are not at hand.
    Missing(Sequence),
    /// Nothing to deliver.
    Nothing,
}

impl StreamState {
    /// The next batch, without taking it.
    pub(super) fn next_batch<S: Supply>(&self, form: Form, context: &Context<'_, S>) -> Next {
        let head = context.supply.head();
        let end = match self.returned.first() {
            Some(range) if range.end() < self.frontier => range.end(),
            Some(_) | None => head.max(self.frontier),
        };
        let start = self.next_start();
        if start >= end || self.settling_until(context.now).is_some() {
            return Next::Nothing;
        }
        let count_max = match form {
            Form::Single => 1,
            Form::Multipart => u64::from(context.rules.batch_max.clamp(1, BATCH_MAX)),
        };
        let (mut at, mut bytes) = (start, 0);
        while at < end && at.distance_from(start) < count_max {
            let Some(size) = context.supply.size(at) else { break };
            bytes += u64::from(size);
            if at > start && bytes > context.rules.batch_bytes {
                break;
            }
            at = at.plus(1);
        }
        if at == start { Next::Missing(start) } else { Next::Ready(Range::new(start, at)) }
    }

    /// Takes a batch that [`Self::next_batch`] found. Returns how many of its messages were handed out before.
    pub(super) fn take(&mut self, batch: Range) -> u64 {
        self.returned.remove(batch);
        let redelivered = Range::new(batch.start(), batch.end().min(self.frontier)).len();
        self.frontier = self.frontier.max(batch.end());
        redelivered
    }

    /// Puts what a stream holds back, ahead of everything newer. Returns what went back.
    pub(super) fn give_back(&mut self, stream: &Stream) -> Range {
        if !stream.held {
            return Range::EMPTY;
        }
        let batch = stream.batch.from_floor(self.floor);
        self.returned.insert(batch);
        batch
    }

    /// Ends what the stream in a slot held at the checkpoint, for a token that the lost history issued later.
    pub(super) fn leave_behind<S: Supply>(&mut self, index: usize, token: &Cursor, context: &Context<'_, S>) {
        let Some(stream) = self.slots[index].live.take() else { return };
        // A stream that read on within the idle time was not abandoned in between, so it got further by
        // confirming. Otherwise another stream may have got the batch and lost it again: it goes back.
        let span = token.issued_at.since(stream.issued_at);
        if token.issued_at < stream.issued_at || span >= context.rules.idle {
            self.give_back(&stream);
        }
    }

    /// Frees the slots of streams that did not read in time. Returns how many there were.
    pub(super) fn free_abandoned<S: Supply>(&mut self, context: &Context<'_, S>) -> u8 {
        let mut abandoned = 0;
        // A deadline further off was set before the clock stepped back; it must not hold a slot for that long.
        let latest = context.now.after(LONG_POLL_MAX).after(context.rules.idle);
        for stream in self.slots.iter_mut().filter_map(|slot| slot.live.as_mut()) {
            stream.deadline = stream.deadline.min(latest);
        }
        for index in 0..self.slots.len() {
            let over = self.slots[index].live.as_ref().is_some_and(|s| s.deadline <= context.now);
            if let Some(stream) = over.then(|| self.slots[index].live.take()).flatten() {
                self.give_back(&stream);
                abandoned += 1;
            }
        }
        abandoned
    }
}
