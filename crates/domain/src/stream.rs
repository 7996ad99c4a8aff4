//! The stream state of one participant: who holds which messages, and what each request does to that.
//!
//! [`StreamState::apply`] is the whole of protocol section 4 as one synchronous function: no clock, no
//! randomness, no I/O. It knows sequence numbers only; bodies, tokens' signatures and storage are elsewhere.
//!
//! Everything between the watermark and the frontier is leased to a live stream, waiting for redelivery, or
//! confirmed; so what is confirmed needs no list of its own: it is whatever is neither of the other two.
//!
//! Where a rule stands: `command` what is asked and answered; `place` what a token may still do; `read` open, pull and
//! close; `lease` what a batch holds and how leases end; `admin` the operator, the sweeper and retention; `slot` what
//! is known of a stream; `ranges` what waits for redelivery; `encoding` the state as bytes. Here: the state as a
//! whole, taking a lost one over, the numbers of pulls, and what must hold of every state.

mod admin;
pub mod command;
mod encoding;
mod lease;
mod place;
mod ranges;
mod read;
pub mod slot;

use std::time::Duration;

use crate::limits::{Rules, STREAMS_MAX};
use crate::sequence::{Range, Sequence};
use crate::time::Timestamp;
use crate::version::{Incarnation, Version};

pub use command::{Adjustment, Command, Cursor, Grant, Outcome, Refusal};
pub use encoding::DecodeError;
pub use ranges::Ranges;
pub use slot::{Form, Generation, Presented, Slot, Stream};

/// The number of slots, as an array length.
pub const SLOTS: usize = STREAMS_MAX as usize;

/// Room for the changes of one history in the number of a pull: 10,000 a second for three years.
const PULLS_PER_HISTORY_BITS: u32 = 40;

/// What the caller knows beyond the state: which messages exist, and which of them are at hand.
pub trait Supply {
    /// The next sequence number that the Journal will give: every message below it exists or has expired.
    fn head(&self) -> Sequence;

    /// Size in bytes of a message's XML when its body is at hand, so that it may be leased now.
    fn size(&self, sequence: Sequence) -> Option<u32>;
}

/// The moment in which a command is decided.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a, S> {
    /// The time.
    pub now: Timestamp,
    /// The operator's rules.
    pub rules: &'a Rules,
    /// The messages.
    pub supply: &'a S,
}

/// All that must be agreed on right now about one participant's streams. Under 2 KB encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamState {
    version: Version,
    /// The next sequence number that was never handed out.
    frontier: Sequence,
    /// Nothing below is delivered any more: skipped by the operator or past retention.
    floor: Sequence,
    /// Handed out once, not confirmed, waiting for another stream.
    returned: Ranges,
    slots: [Slot; SLOTS],
    /// The least number that the next stream may get; zero before the first.
    next_generation: u32,
    /// Numbers of pulls up to this one were granted before the operator last rewound: once their streams ended,
    /// their tokens do not confirm what is to be delivered again.
    rewound: u64,
    cap: u8,
    paused: bool,
    /// Until then nothing is handed out: after a crash, tokens that come back first say what they hold.
    settling_until: Timestamp,
    /// How long that time is; zero once it is over. It begins with the first read.
    settle: Duration,
}

impl StreamState {
    /// The state of a participant that never read anything and whose oldest message is `first`.
    #[must_use]
    pub fn new(incarnation: Incarnation, first: Sequence) -> Self {
        Self {
            version: Version::first(incarnation),
            frontier: first.max(Sequence::FIRST),
            floor: first.max(Sequence::FIRST),
            returned: Ranges::default(),
            slots: Default::default(),
            next_generation: 0,
            rewound: 0,
            cap: STREAMS_MAX,
            paused: false,
            settling_until: Timestamp::default(),
            settle: Duration::ZERO,
        }
    }

    /// Takes over from a checkpoint in a new incarnation. Live streams get a full idle time to come back.
    /// `settle` is how long, from the first read on, returning tokens go before new batches; zero when the
    /// checkpoint is known to be the last word of its history.
    #[must_use]
    pub fn recover(
        mut self,
        incarnation: Incarnation,
        rules: &Rules,
        now: Timestamp,
        settle: Duration,
    ) -> Self {
        self.version = Version::first(incarnation);
        self.settling_until = Timestamp::default();
        self.settle = settle;
        let deadline = now.after(rules.idle);
        for stream in self.slots.iter_mut().filter_map(|slot| slot.live.as_mut()) {
            stream.deadline = stream.deadline.max(deadline);
        }
        self
    }

    /// Decides one command. The version rises when the state changed; a refused command leaves the cursors as
    /// they were.
    pub fn apply<S: Supply>(&mut self, command: &Command, context: &Context<'_, S>) -> Outcome {
        let before = self.clone();
        let outcome = match command {
            Command::Open { form, wait } => self.open(*form, *wait, context),
            Command::Pull { token, form, wait } => self.pull(token, *form, *wait, context),
            Command::Close { token } => self.close(token, context),
            Command::Expire => self.sweep(context),
            Command::Pause => self.set_paused(true),
            Command::Resume => self.set_paused(false),
            Command::SetCap { cap } => self.set_cap(*cap),
            Command::Release { slot } => self.release(*slot, context),
            Command::Rewind { to } => self.rewind(*to, context),
            Command::Advance { to } => self.advance_to(*to, context),
            Command::RetainFrom { first } => self.retain_from(*first),
        };
        if outcome == Outcome::Unchanged || matches!(outcome, Outcome::Load { .. }) {
            *self = before;
        } else if *self != before {
            self.version = before.version.next();
        }
        debug_assert_eq!(self.check(), Ok(()));
        outcome
    }

    /// The version of the state.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The next sequence number that was never handed out.
    #[must_use]
    pub const fn frontier(&self) -> Sequence {
        self.frontier
    }

    /// The lowest sequence number that may still be delivered.
    #[must_use]
    pub const fn floor(&self) -> Sequence {
        self.floor
    }

    /// Everything up to here is confirmed, skipped or expired.
    #[must_use]
    pub fn watermark(&self) -> Sequence {
        let leased = self.live().filter(|(_, s)| s.held).map(|(_, s)| s.batch.start());
        let open = leased.chain(self.returned.first().map(Range::start)).min();
        open.unwrap_or(self.frontier).min(self.frontier).previous()
    }

    /// How many messages below `head` are not confirmed yet.
    #[must_use]
    pub fn unconfirmed(&self, head: Sequence) -> u64 {
        let leased: u64 = self.live().filter(|(_, s)| s.held).map(|(_, s)| s.batch.len()).sum();
        leased + self.returned.len() + head.distance_from(self.frontier)
    }

    /// What waits for redelivery.
    #[must_use]
    pub fn returned(&self) -> &Ranges {
        &self.returned
    }

    /// The live streams with the index of their slot, from 0.
    pub fn live(&self) -> impl Iterator<Item = (usize, &Stream)> {
        self.slots.iter().enumerate().filter_map(|(i, slot)| slot.live.as_ref().map(|s| (i, s)))
    }

    /// The number of live streams.
    #[must_use]
    pub fn live_count(&self) -> u8 {
        u8::try_from(self.live().count()).unwrap_or(STREAMS_MAX)
    }

    /// How many streams the participant may hold open.
    #[must_use]
    pub const fn cap(&self) -> u8 {
        self.cap
    }

    /// Whether the operator paused the participant's reads.
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        self.paused
    }

    /// When the state hands out messages again, if it is still settling at `now`. Further off than the whole time
    /// means that the clock stepped back: then it is over.
    #[must_use]
    pub fn settling_until(&self, now: Timestamp) -> Option<Timestamp> {
        let until = self.settling_until;
        (now < until && until.since(now) <= self.settle).then_some(until)
    }

    /// The number of the batch that this command grants: the version that the state will have with it, so that no
    /// two batches of a participant share one. Small while nothing was ever lost.
    fn next_pull(&self) -> u64 {
        let Version { incarnation, counter } = self.version;
        let history = u64::from(incarnation.value().saturating_sub(1)) << PULLS_PER_HISTORY_BITS;
        history.wrapping_add(counter).wrapping_add(1)
    }

    /// When the first of the live streams will count as abandoned.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.live().map(|(_, stream)| stream.deadline).min()
    }

    /// Where the next batch would start.
    #[must_use]
    pub fn next_start(&self) -> Sequence {
        self.returned.first().map_or(self.frontier, Range::start)
    }

    /// Checks what must hold of every state: leases and redelivery are disjoint, below the frontier and within
    /// their limits.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn check(&self) -> Result<(), &'static str> {
        let leases: Vec<Range> = self.live().filter(|(_, s)| s.held).map(|(_, s)| s.batch).collect();
        for (i, lease) in leases.iter().enumerate() {
            if leases[i + 1..].iter().any(|other| lease.overlaps(*other)) {
                return Err("a message is leased to two live streams");
            }
            if self.returned.overlaps(*lease) {
                return Err("a leased message also waits for redelivery");
            }
            if lease.end() > self.frontier {
                return Err("a message beyond the frontier is leased");
            }
        }
        if self.returned.last().is_some_and(|range| range.end() > self.frontier) {
            return Err("a message beyond the frontier waits for redelivery");
        }
        if self.returned.first().is_some_and(|range| range.start() < self.floor) {
            return Err("a message below the floor waits for redelivery");
        }
        if self.returned.count() > crate::limits::RETURNED_RANGES_MAX {
            return Err("too many ranges wait for redelivery");
        }
        if self.cap > STREAMS_MAX {
            return Err("the cap is over six");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
