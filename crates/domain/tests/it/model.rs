//! The protocol's section 4 once more, as plainly as it can be said: what each message is, and what each stream
//! last got. No ranges, no frontier, no care for size. It decides what the state machine should answer.

use std::collections::BTreeMap;
use std::time::Duration;

use pix_stream_domain::limits::Rules;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::{Command, Cursor, Form, Generation, Outcome, Refusal, Supply};
use pix_stream_domain::time::Timestamp;

use crate::world::Messages;

/// What became of a message that was handed out or skipped; all others are fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    /// Out on the stream of this name.
    Leased(Generation),
    Waiting,
    Done,
}

/// A live stream: what it last got.
#[derive(Debug, Clone)]
struct Live {
    generation: Generation,
    pull: u64,
    presented: Option<(u64, u32)>,
    batch: Range,
    form: Form,
    issued_at: Timestamp,
    deadline: Timestamp,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    messages: BTreeMap<u64, Status>,
    slots: [Option<Live>; 6],
    closed: [Option<Generation>; 6],
    floor: u64,
    /// The highest number of a batch that was handed out before the last rewind.
    rewound: u64,
    highest: u64,
    cap: usize,
    is_paused: bool,
    settle: Duration,
    settling_until: Timestamp,
}

/// What the machine must answer, as far as the model says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Batch {
        batch: Range,
        slot: usize,
        form: Form,
        replay: bool,
        confirmed: Range,
        redelivered: u64,
    },
    Empty {
        slot: usize,
        confirmed: Range,
    },
    Wait {
        slot: usize,
        confirmed: Range,
    },
    Load(u64),
    Closed {
        confirmed: Range,
        returned: Range,
    },
    Refused(Refusal),
    /// An operator's or sweeper's command; its counts are compared with the model elsewhere.
    Done,
}

/// The moment in which a command is decided.
#[derive(Clone, Copy)]
struct At<'a> {
    now: Timestamp,
    rules: &'a Rules,
    all: &'a Messages,
}

/// Where a token stands.
enum Stand {
    Current(usize),
    Replay(usize),
    Newer(usize),
    Late,
    Gone,
}

impl Model {
    pub(crate) fn new() -> Self {
        Self { cap: 6, floor: 1, ..Self::default() }
    }

    pub(crate) fn decide(
        &mut self,
        command: &Command,
        now: Timestamp,
        rules: &Rules,
        all: &Messages,
    ) -> Expected {
        let before = self.clone();
        let at = At { now, rules, all };
        let expected = match command {
            Command::Open { form, wait } => self.open((*form, *wait), at),
            Command::Pull { token, form, wait } => self.pull(token, (*form, *wait), at),
            Command::Close { token } => self.close(token, at),
            Command::Expire => self.administer(now, |_| {}),
            Command::Pause => self.administer(Timestamp::default(), |model| model.is_paused = true),
            Command::Resume => self.administer(Timestamp::default(), |model| model.is_paused = false),
            Command::SetCap { cap } => {
                self.administer(Timestamp::default(), |model| model.cap = usize::from(*cap))
            }
            Command::Release { slot } => self.administer(now, |model| model.release(usize::from(*slot))),
            Command::Rewind { to } => self.administer(now, |model| model.rewind(to.value())),
            Command::Advance { to } => self.administer(now, |model| model.skip(to.value())),
            Command::RetainFrom { first } => {
                self.administer(Timestamp::default(), |model| model.skip(first.value()))
            }
        };
        if matches!(expected, Expected::Load(_)) {
            *self = before;
        }
        expected
    }

    /// What the machine answered, where only it can know: the token it made.
    pub(crate) fn note(&mut self, outcome: &Outcome) {
        let (Outcome::Batch(grant) | Outcome::Empty(grant) | Outcome::Wait(grant)) = outcome else { return };
        let Some(live) = &mut self.slots[usize::from(grant.token.slot)] else { return };
        if live.generation != grant.token.generation {
            // The stream was just opened, and this is how it is called.
            for status in self.messages.values_mut().filter(|s| **s == Status::Leased(live.generation)) {
                *status = Status::Leased(grant.token.generation);
            }
            live.generation = grant.token.generation;
        }
        live.pull = grant.token.pull;
        self.highest = self.highest.max(live.pull);
    }

    /// The state that was saved goes on; of the `lost` one only the numbers that it gave are known.
    pub(crate) fn recover(&mut self, lost: &Self, now: Timestamp, rules: &Rules, settle: Duration) {
        self.highest = self.highest.max(lost.highest);
        (self.settle, self.settling_until) = (settle, Timestamp::default());
        for live in self.slots.iter_mut().flatten() {
            live.deadline = live.deadline.max(now.after(rules.idle));
        }
    }

    /// Everything up to here is done.
    pub(crate) fn watermark(&self, head: u64) -> u64 {
        let is_done = |n: &u64| self.messages.get(n) == Some(&Status::Done);
        (1..head).take_while(is_done).last().unwrap_or(0)
    }

    pub(crate) fn is_done(&self, n: u64) -> bool {
        self.messages.get(&n) == Some(&Status::Done)
    }

    pub(crate) fn count_waiting(&self) -> u64 {
        self.messages.values().filter(|status| **status == Status::Waiting).count() as u64
    }

    fn open(&mut self, ask: (Form, Duration), at: At<'_>) -> Expected {
        let (form, now) = (ask.0, at.now);
        self.expire(now);
        if self.is_paused {
            return Expected::Refused(Refusal::Paused);
        }
        let Some(slot) = self.free_slot(0) else {
            let live = self.slots.iter().flatten();
            let free_at = live.clone().map(|live| live.deadline).min().unwrap_or(now);
            let (used, cap) = (live.count() as u8, self.cap as u8);
            return Expected::Refused(Refusal::ThreadLimit { used, cap, free_at });
        };
        // A name that no stream has; the machine's name comes with its answer.
        let generation = Generation::default();
        self.slots[slot] = Some(Live {
            generation,
            pull: 0,
            presented: None,
            batch: Range::EMPTY,
            form,
            issued_at: now,
            deadline: now,
        });
        self.read(slot, None, ask, at)
    }

    fn pull(&mut self, token: &Cursor, ask: (Form, Duration), at: At<'_>) -> Expected {
        let At { now, rules, all } = at;
        self.expire(now);
        let stand = self.stand(token, now, all);
        let free = self.free_slot(usize::from(token.slot));
        if matches!(stand, Stand::Gone) || (matches!(stand, Stand::Late) && free.is_none()) {
            return Expected::Refused(Refusal::Gone);
        }
        if self.is_paused {
            return Expected::Refused(Refusal::Paused);
        }
        let slot = match stand {
            Stand::Gone => return Expected::Refused(Refusal::Gone),
            Stand::Replay(slot) => return self.replay(slot, now, rules),
            Stand::Current(slot) => slot,
            Stand::Newer(slot) => {
                self.leave_behind(slot, token, rules);
                self.resume(slot, token, ask.0, now);
                slot
            }
            Stand::Late => {
                let slot = free.unwrap_or_default();
                self.resume(slot, token, ask.0, now);
                slot
            }
        };
        self.read(slot, Some(token), ask, at)
    }

    fn close(&mut self, token: &Cursor, at: At<'_>) -> Expected {
        let At { now, rules, all } = at;
        self.expire(now);
        let (confirmed, returned) = match self.stand(token, now, all) {
            Stand::Gone => return Expected::Refused(Refusal::Gone),
            Stand::Current(slot) => {
                let held = self.held(slot);
                self.mark(held, Status::Done);
                self.slots[slot] = None;
                (held, Range::EMPTY)
            }
            Stand::Replay(slot) => (Range::EMPTY, self.give_back(slot)),
            Stand::Newer(slot) => {
                self.leave_behind(slot, token, rules);
                self.settle(token.batch);
                (token.batch, Range::EMPTY)
            }
            Stand::Late => {
                self.settle(token.batch);
                (token.batch, Range::EMPTY)
            }
        };
        self.closed[usize::from(token.slot)] = Some(token.generation);
        Expected::Closed { confirmed, returned }
    }

    fn administer(&mut self, now: Timestamp, change: impl FnOnce(&mut Self)) -> Expected {
        self.expire(now);
        change(self);
        Expected::Done
    }

    /// Its stream ends; one that holds nothing does not come back.
    fn release(&mut self, slot: usize) {
        let holds_nothing = self.held(slot).is_empty();
        let generation = self.slots[slot].as_ref().map(|live| live.generation);
        self.give_back(slot);
        if generation.is_some() && holds_nothing {
            self.closed[slot] = generation;
        }
    }

    fn rewind(&mut self, to: u64) {
        self.floor = self.floor.min(to);
        self.rewound = self.highest;
        for (_, status) in self.messages.range_mut(to..).filter(|(_, status)| **status == Status::Done) {
            *status = Status::Waiting;
        }
    }

    fn skip(&mut self, to: u64) {
        if to <= self.floor {
            return;
        }
        self.floor = to;
        for n in 1..to {
            let status = self.messages.entry(n).or_insert(Status::Done);
            if *status == Status::Waiting {
                *status = Status::Done;
            }
        }
    }

    /// Confirms what the stream holds and hands out the next messages, if there are any.
    fn read(
        &mut self,
        slot: usize,
        token: Option<&Cursor>,
        (form, wait): (Form, Duration),
        At { now, rules, all }: At<'_>,
    ) -> Expected {
        if !self.settle.is_zero() {
            self.settling_until = now.after(std::mem::take(&mut self.settle));
        }
        let mut batch = Vec::new();
        let head = all.head().value();
        let first = (1..head).find(|n| self.is_deliverable(*n)).filter(|_| now >= self.settling_until);
        if let Some(first) = first {
            let limit = if form == Form::Single { 1 } else { u64::from(rules.batch_max) };
            let mut bytes = 0;
            for n in (first..head.min(first + limit)).take_while(|n| self.is_deliverable(*n)) {
                let Some(size) = all.size(Sequence::new(n)) else { break };
                bytes += u64::from(size);
                if bytes > rules.batch_bytes && !batch.is_empty() {
                    break;
                }
                batch.push(n);
            }
            if batch.is_empty() {
                return Expected::Load(first);
            }
        }
        let confirmed = self.held(slot);
        self.mark(confirmed, Status::Done);
        let Some(live) = &mut self.slots[slot] else { return Expected::Done };
        live.deadline = now.after(wait).after(rules.idle);
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else {
            return if wait.is_zero() {
                Expected::Empty { slot, confirmed }
            } else {
                Expected::Wait { slot, confirmed }
            };
        };
        let range = Range::new(Sequence::new(*first), Sequence::new(last + 1));
        live.presented = token.map(|token| (token.pull, token.empties));
        (live.batch, live.form, live.issued_at) = (range, form, now);
        live.deadline = now.after(rules.idle);
        let generation = live.generation;
        let redelivered = batch.iter().filter(|n| self.messages.contains_key(n)).count() as u64;
        self.messages.extend(batch.iter().map(|n| (*n, Status::Leased(generation))));
        Expected::Batch { batch: range, slot, form, replay: false, confirmed, redelivered }
    }

    fn replay(&mut self, slot: usize, now: Timestamp, rules: &Rules) -> Expected {
        let Some(live) = &mut self.slots[slot] else { return Expected::Done };
        live.deadline = live.deadline.max(now.after(rules.idle));
        Expected::Batch {
            batch: live.batch,
            slot,
            form: live.form,
            replay: true,
            confirmed: Range::EMPTY,
            redelivered: 0,
        }
    }

    fn stand(&self, token: &Cursor, now: Timestamp, all: &Messages) -> Stand {
        if token.expires_at <= now {
            return Stand::Gone;
        }
        let head = all.head().value();
        let is_waiting = token.batch.iter().all(|n| n.value() < head && self.is_deliverable(n.value()));
        let is_obtainable = is_waiting && (token.batch.is_empty() || token.pull > self.rewound);
        let at = self.slots.iter().position(|s| s.as_ref().is_some_and(|l| l.generation == token.generation));
        let Some((slot, live)) = at.and_then(|slot| Some((slot, self.slots[slot].as_ref()?))) else {
            let is_closed = self.closed.contains(&Some(token.generation));
            return if is_obtainable && !is_closed { Stand::Late } else { Stand::Gone };
        };
        if token.pull == live.pull && (token.empties > 0 || token.batch == live.batch) {
            return Stand::Current(slot);
        }
        if live.presented == Some((token.pull, token.empties)) {
            return Stand::Replay(slot);
        }
        if token.pull > live.pull && is_obtainable { Stand::Newer(slot) } else { Stand::Gone }
    }

    fn resume(&mut self, slot: usize, token: &Cursor, form: Form, now: Timestamp) {
        self.settle(token.batch);
        // Held again until the read that brings the token confirms it.
        self.mark(token.batch, Status::Leased(token.generation));
        self.slots[slot] = Some(Live {
            generation: token.generation,
            pull: token.pull,
            presented: None,
            batch: token.batch,
            form,
            issued_at: token.issued_at,
            deadline: now,
        });
    }

    /// A lost history confirmed what the stream held, or gave it to another stream after an idle time.
    fn leave_behind(&mut self, slot: usize, token: &Cursor, rules: &Rules) {
        let issued_at = self.slots[slot].as_ref().map_or(token.issued_at, |live| live.issued_at);
        if token.issued_at >= issued_at.after(rules.idle) {
            self.give_back(slot);
        }
        let held = self.held(slot);
        self.mark(held, Status::Done);
        self.slots[slot] = None;
    }

    /// The client has this batch. What an unknown history handed out before it is to be delivered.
    fn settle(&mut self, batch: Range) {
        let is_fresh = batch.iter().any(|n| !self.messages.contains_key(&n.value()));
        for n in (1..batch.end().value()).filter(|_| is_fresh) {
            let status = if n < self.floor { Status::Done } else { Status::Waiting };
            self.messages.entry(n).or_insert(status);
        }
        self.mark(batch, Status::Done);
    }

    fn expire(&mut self, now: Timestamp) {
        for slot in 0..self.slots.len() {
            if self.slots[slot].as_ref().is_some_and(|live| live.deadline <= now) {
                self.give_back(slot);
            }
        }
    }

    /// Ends a stream; what it holds waits, but for what was skipped meanwhile.
    fn give_back(&mut self, slot: usize) -> Range {
        let held = self.held(slot);
        self.slots[slot] = None;
        let returned = held.from_floor(Sequence::new(self.floor));
        self.mark(held, Status::Done);
        self.mark(returned, Status::Waiting);
        returned
    }

    fn held(&self, slot: usize) -> Range {
        let Some(live) = &self.slots[slot] else { return Range::EMPTY };
        let leased = Some(&Status::Leased(live.generation));
        let is_held = live.batch.iter().any(|n| self.messages.get(&n.value()) == leased);
        if is_held { live.batch } else { Range::EMPTY }
    }

    fn mark(&mut self, range: Range, status: Status) {
        self.messages.extend(range.iter().map(|n| (n.value(), status)));
    }

    fn is_deliverable(&self, n: u64) -> bool {
        self.messages.get(&n).is_none_or(|status| *status == Status::Waiting)
    }

    fn free_slot(&self, preferred: usize) -> Option<usize> {
        if self.slots.iter().flatten().count() >= self.cap {
            return None;
        }
        std::iter::once(preferred).chain(0..6).find(|slot| self.slots[*slot].is_none())
    }
}
