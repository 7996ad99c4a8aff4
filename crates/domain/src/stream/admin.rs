//! The commands of the operator and of the workers: pause, cap, slot release, rewind, advance, retention, sweep.

use crate::limits::STREAMS_MAX;
use crate::sequence::{Range, Sequence};
use crate::stream::command::{Adjustment, Outcome, Refusal};
use crate::stream::{Context, StreamState, Supply};

impl StreamState {
    pub(super) fn sweep<S: Supply>(&mut self, context: &Context<'_, S>) -> Outcome {
        let (before, waiting) = (self.watermark(), self.returned.len());
        let slots = self.slots.clone();
        let abandoned = self.free_abandoned(context);
        if self.slots == slots {
            return Outcome::Unchanged;
        }
        let redeliver = self.returned.len() - waiting;
        self.adjusted(before, Adjustment { abandoned, redeliver, ..Adjustment::default() })
    }

    pub(super) fn set_paused(&mut self, paused: bool) -> Outcome {
        let before = self.watermark();
        self.paused = paused;
        self.adjusted(before, Adjustment::default())
    }

    pub(super) fn set_cap(&mut self, cap: u8) -> Outcome {
        if !(1..=STREAMS_MAX).contains(&cap) {
            return Outcome::Refused(Refusal::Cap);
        }
        let before = self.watermark();
        self.cap = cap;
        self.adjusted(before, Adjustment::default())
    }

    /// Ends the stream in a slot as if it had been abandoned: what it holds is delivered again, unless its client brings
    /// the token of that batch first (late return). A stream that holds nothing is remembered as closed, so that a read
    /// that waits on it, or its token, does not take the slot again.
    pub(super) fn release<S: Supply>(&mut self, slot: u8, context: &Context<'_, S>) -> Outcome {
        if usize::from(slot) >= self.slots.len() {
            return Outcome::Refused(Refusal::Slot);
        }
        let (before, waiting) = (self.watermark(), self.returned.len());
        let abandoned = self.free_abandoned(context);
        let ended = self.slots[usize::from(slot)].live.take();
        match &ended {
            Some(stream) if stream.held => drop(self.give_back(stream)),
            Some(stream) => self.slots[usize::from(slot)].closed = Some(stream.generation),
            None if abandoned == 0 => return Outcome::Unchanged,
            None => {}
        }
        let redeliver = self.returned.len() - waiting;
        let released = ended.is_some();
        self.adjusted(before, Adjustment { abandoned, released, redeliver, ..Adjustment::default() })
    }

    /// Everything from `to` on that was confirmed or skipped is delivered again; what live streams hold stays
    /// with them. Tokens of ended streams do not confirm what comes again. The one way in which the watermark goes
    /// back (design, invariant 7).
    pub(super) fn rewind<S: Supply>(&mut self, to: Sequence, context: &Context<'_, S>) -> Outcome {
        if to < Sequence::FIRST || to > self.frontier {
            return Outcome::Refused(Refusal::Position { first: Sequence::FIRST, last: self.frontier });
        }
        self.free_abandoned(context);
        let (before, waiting) = (self.watermark(), self.returned.len());
        self.rewound = self.next_pull();
        self.floor = self.floor.min(to);
        self.returned.insert(Range::new(to, self.frontier));
        for index in 0..self.slots.len() {
            if let Some(held) = self.slots[index].live.as_ref().filter(|s| s.held).map(|s| s.batch) {
                self.returned.remove(held);
            }
        }
        let redeliver = self.returned.len().saturating_sub(waiting);
        self.adjusted(before, Adjustment { redeliver, ..Adjustment::default() })
    }

    /// Everything below `to` counts as delivered. What live streams hold stays theirs to confirm, but does not
    /// come back when they are abandoned.
    pub(super) fn advance_to<S: Supply>(&mut self, to: Sequence, context: &Context<'_, S>) -> Outcome {
        let (first, last) = (self.watermark().plus(1), context.supply.head());
        if to < first || to > last {
            return Outcome::Refused(Refusal::Position { first, last });
        }
        self.free_abandoned(context);
        self.drop_below(to)
    }

    pub(super) fn retain_from(&mut self, first: Sequence) -> Outcome {
        if first <= self.floor { Outcome::Unchanged } else { self.drop_below(first) }
    }

    fn drop_below(&mut self, floor: Sequence) -> Outcome {
        let (before, waiting) = (self.watermark(), self.returned.len());
        let fresh = floor.distance_from(self.frontier);
        self.floor = self.floor.max(floor);
        self.returned.remove_below(floor);
        self.frontier = self.frontier.max(floor);
        let skipped = waiting - self.returned.len() + fresh;
        self.adjusted(before, Adjustment { skipped, ..Adjustment::default() })
    }

    fn adjusted(&self, watermark_before: Sequence, rest: Adjustment) -> Outcome {
        Outcome::Adjusted(Adjustment { watermark_before, watermark: self.watermark(), ..rest })
    }
}
