//! The three requests of a participant: open, pull, close.

use std::time::Duration;

use crate::limits::{Rules, STREAMS_MAX};
use crate::sequence::Range;
use crate::stream::command::{Cursor, Grant, Outcome, Refusal};
use crate::stream::lease::Next;
use crate::stream::place::Place;
use crate::stream::slot::{Form, Generation, Stream};
use crate::stream::{Context, StreamState, Supply};
use crate::time::Timestamp;

/// How far a clock may step back so that the names of streams still count on from the last one: a token's life.
const CLOCK_BEHIND_MAX_MS: u32 = 24 * 3600 * 1000;

/// What a read asks for.
struct Ask<'a> {
    /// The token it presents; a start has none.
    token: Option<&'a Cursor>,
    form: Form,
    wait: Duration,
}

impl StreamState {
    pub(super) fn open<S: Supply>(
        &mut self,
        form: Form,
        wait: Duration,
        context: &Context<'_, S>,
    ) -> Outcome {
        self.free_abandoned(context);
        if self.paused {
            return Outcome::Refused(Refusal::Paused);
        }
        let Some(index) = self.find_free_slot(0, context.rules) else {
            let free_at = self.next_deadline().unwrap_or(context.now);
            let used = self.live_count();
            return Outcome::Refused(Refusal::ThreadLimit {
                used,
                cap: self.cap_under(context.rules),
                free_at,
            });
        };
        let generation = self.next_generation(context.now);
        self.slots[index].live = Some(Stream {
            generation,
            pull: 0,
            empties: 0,
            presented: None,
            batch: Range::EMPTY,
            held: false,
            form,
            issued_at: context.now,
            deadline: context.now,
        });
        self.read(index, &Ask { token: None, form, wait }, context)
    }

    pub(super) fn pull<S: Supply>(
        &mut self,
        token: &Cursor,
        form: Form,
        wait: Duration,
        context: &Context<'_, S>,
    ) -> Outcome {
        self.free_abandoned(context);
        let place = self.find_place_at(token, context);
        let free = self.find_free_slot(usize::from(token.slot), context.rules);
        let index = match (place, free) {
            (Place::Gone, _) | (Place::Late, None) => return Outcome::Refused(Refusal::Gone),
            (Place::Current(_) | Place::Replay(_) | Place::Ahead(_) | Place::Late, _) if self.paused => {
                return Outcome::Refused(Refusal::Paused);
            }
            (Place::Replay(index), _) => return self.replay(index, context),
            (Place::Current(index), _) => index,
            (Place::Ahead(index), _) => {
                self.leave_behind(index, token, context);
                self.settle_batch(token.batch);
                self.slots[index].live = Some(returned_stream(token, form, context.now));
                index
            }
            (Place::Late, Some(index)) => {
                self.settle_batch(token.batch);
                self.slots[index].live = Some(returned_stream(token, form, context.now));
                index
            }
        };
        self.read(index, &Ask { token: Some(token), form, wait }, context)
    }

    pub(super) fn close<S: Supply>(&mut self, token: &Cursor, context: &Context<'_, S>) -> Outcome {
        self.free_abandoned(context);
        let (confirmed, returned) = match self.find_place_at(token, context) {
            Place::Gone => return Outcome::Refused(Refusal::Gone),
            Place::Current(index) => {
                let stream = self.slots[index].live.take();
                (stream.filter(|s| s.held).map_or(Range::EMPTY, |s| s.batch), Range::EMPTY)
            }
            Place::Replay(index) => {
                // The client never saw the answer to this token: what it holds is not its to confirm.
                let stream = self.slots[index].live.take();
                (Range::EMPTY, stream.map_or(Range::EMPTY, |s| self.give_back(&s)))
            }
            Place::Ahead(index) => {
                self.leave_behind(index, token, context);
                self.settle_batch(token.batch);
                (token.batch, Range::EMPTY)
            }
            Place::Late => {
                self.settle_batch(token.batch);
                (token.batch, Range::EMPTY)
            }
        };
        let slot = usize::from(token.slot).min(self.slots.len() - 1);
        self.slots[slot].closed = Some(token.generation);
        Outcome::Closed { confirmed, returned }
    }

    /// A name that no stream of the participant has, nor had in a history that was lost and not noticed: the
    /// milliseconds of the clock are in it, because such a history took its numbers at other times.
    fn next_generation(&mut self, now: Timestamp) -> Generation {
        // The low 32 bits come round after 49 days, long after the last token of a stream has expired.
        let of_clock = u32::try_from(now.unix_millis() & u64::from(u32::MAX)).unwrap_or_default();
        let is_behind = self.next_generation.wrapping_sub(of_clock) <= CLOCK_BEHIND_MAX_MS;
        let number = if is_behind && self.next_generation != 0 { self.next_generation } else { of_clock };
        self.next_generation = number.wrapping_add(1);
        Generation { incarnation: self.version.incarnation, number }
    }

    /// Confirms what the stream in a slot holds and leases it the next batch, if there is one.
    fn read<S: Supply>(&mut self, index: usize, ask: &Ask<'_>, context: &Context<'_, S>) -> Outcome {
        let Ask { token, form, wait } = *ask;
        self.go_on_settling(context.now);
        let next = self.next_batch(form, context);
        if let Next::Missing(from) = next {
            return Outcome::Load { from };
        }
        let pull = self.next_pull();
        let redelivered = if let Next::Ready(batch) = next { self.take(batch) } else { 0 };
        let Some(stream) = self.slots[index].live.as_mut() else {
            return Outcome::Refused(Refusal::Gone);
        };
        let confirmed = if stream.held { stream.batch } else { Range::EMPTY };
        stream.held = false;
        stream.deadline = context.now.after(wait).after(context.rules.idle);
        if let Some(token) = token {
            stream.empties = stream.empties.max(token.empties);
        }
        let Next::Ready(batch) = next else {
            return self.answer_empty(index, ask, confirmed, context);
        };
        stream.presented = token.map(Cursor::name);
        stream.pull = pull;
        stream.empties = 0;
        stream.batch = batch;
        stream.held = true;
        stream.form = form;
        stream.issued_at = context.now;
        stream.deadline = context.now.after(context.rules.idle);
        self.grant(index, context).map_or(Outcome::Refused(Refusal::Gone), |grant| {
            Outcome::Batch(Grant { confirmed, redelivered, ..grant })
        })
    }

    /// The first read begins the time of settling, the first one after it ends it for good: a clock that steps
    /// back must not begin it again.
    fn go_on_settling(&mut self, now: Timestamp) {
        if self.settling_until == Timestamp::default() && !self.settle.is_zero() {
            self.settling_until = now.after(self.settle);
        } else if self.settling_until(now).is_none() {
            (self.settle, self.settling_until) = (Duration::ZERO, Timestamp::default());
        }
    }

    /// The answer to a read that found nothing: wait on, or a fresh token without a batch.
    fn answer_empty<S: Supply>(
        &mut self,
        index: usize,
        ask: &Ask<'_>,
        confirmed: Range,
        context: &Context<'_, S>,
    ) -> Outcome {
        let cap = self.cap_under(context.rules);
        let Some(stream) = self.slots[index].live.as_mut() else {
            return Outcome::Refused(Refusal::Gone);
        };
        if ask.wait.is_zero() {
            stream.empties = stream.empties.saturating_add(1);
        }
        let fresh = Cursor {
            slot: slot_number(index),
            generation: stream.generation,
            pull: stream.pull,
            empties: stream.empties,
            batch: Range::EMPTY,
            issued_at: context.now,
            expires_at: context.now.after(context.rules.token_life),
        };
        let grant = |token| Grant { token, form: stream.form, cap, replay: false, confirmed, redelivered: 0 };
        if ask.wait.is_zero() {
            return Outcome::Empty(grant(fresh));
        }
        // Whoever waits asks again with the token it came with; a start has none and gets one for that. A token
        // that came in time does not expire while it waits.
        let own = *ask.token.unwrap_or(&fresh);
        let expires_at = own.expires_at.max(stream.deadline);
        Outcome::Wait(grant(Cursor { slot: slot_number(index), expires_at, ..own }))
    }

    fn replay<S: Supply>(&mut self, index: usize, context: &Context<'_, S>) -> Outcome {
        if let Some(stream) = self.slots[index].live.as_mut() {
            stream.deadline = stream.deadline.max(context.now.after(context.rules.idle));
        }
        self.grant(index, context)
            .map_or(Outcome::Refused(Refusal::Gone), |grant| Outcome::Batch(Grant { replay: true, ..grant }))
    }

    /// The answer that the stream in a slot holds.
    fn grant<S: Supply>(&self, index: usize, context: &Context<'_, S>) -> Option<Grant> {
        let stream = self.slots[index].live.as_ref()?;
        let token = Cursor {
            slot: slot_number(index),
            generation: stream.generation,
            pull: stream.pull,
            empties: 0,
            batch: stream.batch,
            issued_at: stream.issued_at,
            expires_at: stream.issued_at.after(context.rules.token_life),
        };
        let cap = self.cap_under(context.rules);
        Some(Grant { token, form: stream.form, cap, replay: false, confirmed: Range::EMPTY, redelivered: 0 })
    }

    fn find_place_at<S: Supply>(&self, token: &Cursor, context: &Context<'_, S>) -> Place {
        if token.expires_at <= context.now {
            Place::Gone
        } else {
            self.find_place(token, context.supply.head())
        }
    }

    /// The participant's cap under the operator's rules.
    fn cap_under(&self, rules: &Rules) -> u8 {
        self.cap.min(rules.streams_max.max(1))
    }

    /// A free slot, if the cap leaves one: `preferred` when it is free, else the lowest.
    fn find_free_slot(&self, preferred: usize, rules: &Rules) -> Option<usize> {
        if self.live_count() >= self.cap_under(rules) {
            return None;
        }
        let is_free = |index: &usize| self.slots.get(*index).is_some_and(|slot| slot.live.is_none());
        Some(preferred).filter(is_free).or_else(|| (0..self.slots.len()).find(is_free))
    }
}

/// The stream that a token of an abandoned or lost stream proves: its batch is confirmed by being presented.
fn returned_stream(token: &Cursor, form: Form, now: Timestamp) -> Stream {
    Stream {
        generation: token.generation,
        pull: token.pull,
        empties: token.empties,
        presented: None,
        batch: token.batch,
        // Held until the read that brings it confirms it, an instant later.
        held: !token.batch.is_empty(),
        form,
        issued_at: token.issued_at,
        deadline: now,
    }
}

fn slot_number(index: usize) -> u8 {
    u8::try_from(index).unwrap_or(STREAMS_MAX - 1)
}
