//! A participant's clients, a server that crashes, and the truth about who received what.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pix_stream_domain::limits::{RETURNED_RANGES_SPLIT_MAX, Rules};
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::{
    Adjustment, Command, Context, Cursor, Form, Generation, Grant, Outcome, StreamState, Supply,
};
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::version::Incarnation;

use crate::commands::Step;
use crate::model::{Expected, Model};

const LONG_POLL: Duration = Duration::from_secs(5);

/// The messages: their sizes follow from their numbers.
#[derive(Debug, Clone)]
pub(crate) struct Messages {
    head: u64,
    missing_from: u64,
}

impl Supply for Messages {
    fn head(&self) -> Sequence {
        Sequence::new(self.head)
    }

    fn size(&self, sequence: Sequence) -> Option<u32> {
        let n = sequence.value();
        let size = if n.is_multiple_of(7) { 30_000 } else { 3000 };
        (n < self.head.min(self.missing_from)).then_some(size)
    }
}

pub(crate) struct World {
    state: StreamState,
    model: Model,
    /// Whether the model still knows what is: it does not after a loss that nobody noticed.
    is_modelled: bool,
    messages: Messages,
    rules: Rules,
    now: Timestamp,
    checkpoint: (StreamState, Model),
    incarnation: Incarnation,
    /// Every token that reached a client, oldest first.
    tokens: Vec<Cursor>,
    /// Reads that wait on the server, with their form.
    waiting: Vec<(Cursor, Form)>,
    received: BTreeSet<u64>,
    skipped: BTreeSet<u64>,
    /// The answer that each token got in this history: batch's token and form.
    answers: BTreeMap<(Generation, u64, u32), (Cursor, Form, Timestamp)>,
}

impl World {
    pub(crate) fn new() -> Self {
        let state = StreamState::new(Incarnation::new(1), Sequence::FIRST);
        Self {
            checkpoint: (state.clone(), Model::new()),
            state,
            model: Model::new(),
            is_modelled: true,
            messages: Messages { head: 1, missing_from: u64::MAX },
            rules: Rules { batch_bytes: 60_000, ..Rules::default() },
            now: Timestamp::from_unix_millis(1_000_000),
            incarnation: Incarnation::new(1),
            tokens: Vec::new(),
            waiting: Vec::new(),
            received: BTreeSet::new(),
            skipped: BTreeSet::new(),
            answers: BTreeMap::new(),
        }
    }

    pub(crate) fn take(&mut self, step: Step) {
        // Two answers are never issued in the same moment, so that times tell them apart.
        self.now = self.now.after(Duration::from_millis(1));
        match step {
            Step::Publish(count) => self.messages.head += u64::from(count),
            Step::Open { form, waits, lost } => {
                self.read(&Command::Open { form, wait: wait(waits) }, form, lost)
            }
            Step::Pull { newest, form, waits, lost } => {
                if let Some(token) = self.find_token(newest) {
                    self.read(&Command::Pull { token, form, wait: wait(waits) }, form, lost);
                }
            }
            Step::Close { newest } => {
                if let Some(token) = self.find_token(newest) {
                    self.apply(&Command::Close { token });
                }
            }
            Step::Wake { nth, waits, lost } => {
                if !self.waiting.is_empty() {
                    let (token, form) = self.waiting.remove(usize::from(nth) % self.waiting.len());
                    self.read(&Command::Pull { token, form, wait: wait(waits) }, form, lost);
                }
            }
            Step::Pass { millis } => self.now = self.now.after(Duration::from_millis(millis.into())),
            Step::Unload(from) => {
                self.messages.missing_from =
                    from.map_or(u64::MAX, |n| self.state.next_start().value() + u64::from(n));
            }
            Step::Expire => self.command(&Command::Expire),
            Step::Pause => self.command(&Command::Pause),
            Step::Resume => self.command(&Command::Resume),
            Step::SetCap(cap) => self.command(&Command::SetCap { cap }),
            Step::Release(slot) => self.command(&Command::Release { slot }),
            Step::Rewind(share) => self.rewind(share),
            Step::Advance(share) => self.advance(share),
            Step::Retain(share) => {
                let first = share_of(1, self.state.watermark().value() + 1, share);
                self.apply(&Command::RetainFrom { first: Sequence::new(first) });
            }
            Step::Checkpoint => self.checkpoint = (self.state.clone(), self.model.clone()),
            Step::Crash { settles } => self.crash(settles),
        }
    }

    /// The saved state is there again, and nobody noticed: no new incarnation, no settling.
    pub(crate) fn roll_back(&mut self) {
        self.state = self.checkpoint.0.clone();
        self.is_modelled = false;
        self.answers.clear();
    }

    /// Reads everything that is left, like a client that does it right, and says that nothing was lost.
    pub(crate) fn drain(&mut self) {
        for step in [Step::Resume, Step::SetCap(6), Step::Unload(None), Step::Pass { millis: 60_000 }] {
            self.take(step);
        }
        self.waiting.clear();
        let open = Command::Open { form: Form::Multipart, wait: Duration::ZERO };
        let mut command = open;
        for _ in 0..10_000 {
            self.now = self.now.after(Duration::from_millis(1));
            self.read(&command, Form::Multipart, false);
            let Some(token) = self.tokens.last().copied() else { panic!("{command:?} was not answered") };
            let is_settled = self.state.settling_until(self.now).is_none();
            if token.batch.is_empty() && is_settled && self.state.next_start() == self.messages.head() {
                break;
            }
            if token.batch.is_empty() {
                self.now = self.now.after(Duration::from_millis(500));
            }
            command = Command::Pull { token, form: Form::Multipart, wait: Duration::ZERO };
        }
        assert_eq!(self.state.watermark().value(), self.messages.head - 1);
        for n in 1..self.messages.head {
            assert!(self.received.contains(&n) || self.skipped.contains(&n), "message {n} was lost");
        }
    }

    fn find_token(&self, newest: u8) -> Option<Cursor> {
        let back = usize::from(newest).min(self.tokens.len().saturating_sub(1));
        self.tokens.iter().rev().nth(back).copied()
    }

    fn command(&mut self, command: &Command) {
        self.apply(command);
    }

    fn read(&mut self, command: &Command, form: Form, lost: bool) {
        match self.apply(command) {
            Outcome::Batch(grant) => {
                self.check_advance(command, &grant);
                if !lost {
                    self.received.extend(grant.token.batch.iter().map(Sequence::value));
                    self.tokens.push(grant.token);
                }
            }
            Outcome::Empty(grant) if !lost => self.tokens.push(grant.token),
            Outcome::Wait(grant) => self.waiting.push((grant.token, form)),
            Outcome::Load { .. } => self.messages.missing_from = u64::MAX,
            Outcome::Empty(_)
            | Outcome::Closed { .. }
            | Outcome::Refused(_)
            | Outcome::Adjusted(_)
            | Outcome::Unchanged => {}
        }
    }

    /// Invariants 2 and 4: within one history a token with a batch is answered with one other, in one form.
    fn check_advance(&mut self, command: &Command, grant: &Grant) {
        let Command::Pull { token, .. } = command else { return };
        if !self.is_modelled {
            // Two histories of one incarnation may give one name twice; what counts then is that nothing is lost.
            return;
        }
        let answer = (grant.token, grant.form, self.now);
        let name = (token.generation, token.pull, token.empties);
        if let Some((before, form, at)) = self.answers.insert(name, answer) {
            // An empty token may come back each time its stream was abandoned or closed and forgotten.
            let may_return = token.batch.is_empty() && !grant.replay;
            assert!(
                may_return || (before, form) == (grant.token, grant.form),
                "{token:?} was answered with {before:?} at {at:?} and with {:?}",
                grant.token
            );
        }
    }

    /// One command, decided by the machine and by the model, and every invariant after it.
    fn apply(&mut self, command: &Command) -> Outcome {
        let before = self.state.clone();
        let context = Context { now: self.now, rules: &self.rules, supply: &self.messages };
        let outcome = self.state.apply(command, &context);
        assert_eq!(self.state.check(), Ok(()), "after {command:?}");
        if self.is_modelled {
            let expected = self.model.decide(command, self.now, &self.rules, &self.messages);
            self.model.note(&outcome);
            assert_eq!(project(&outcome), expected, "{command:?}");
            assert_eq!(
                self.state.watermark().value(),
                self.model.watermark(self.messages.head),
                "{command:?}"
            );
            assert_eq!(self.state.returned().len(), self.model.count_waiting(), "{command:?}");
        }
        self.check_watermark(command, &before);
        self.check_messages(&before, &outcome);
        if let Outcome::Adjusted(adjustment) = outcome {
            self.check_adjustment(command, &before, &adjustment);
            // What an operator did is durable before it is answered.
            self.checkpoint = (self.state.clone(), self.model.clone());
        }
        if outcome == Outcome::Unchanged || matches!(outcome, Outcome::Load { .. }) {
            assert_eq!(self.state, before);
        } else if self.state != before {
            assert_eq!(self.state.version(), before.version().next());
        }
        let decoded = StreamState::decode(&self.state.encode());
        assert_eq!(decoded.as_ref(), Ok(&self.state));
        outcome
    }

    /// Invariant 7.
    fn check_watermark(&self, command: &Command, before: &StreamState) {
        let watermark = self.state.watermark();
        let is_rewind = matches!(command, Command::Rewind { .. });
        assert!(is_rewind || watermark >= before.watermark(), "{command:?} took the watermark back");
        assert!(self.state.returned().count() < RETURNED_RANGES_SPLIT_MAX);
    }

    /// Invariants 1, 2, 5 and 6 for every message.
    fn check_messages(&self, before: &StreamState, outcome: &Outcome) {
        assert!(self.state.live_count() <= 6);
        for n in 1..self.messages.head {
            let is_done = is_done(&self.state, n);
            assert!(!self.is_modelled || is_done == self.model.is_done(n), "message {n}");
            let was_got =
                self.received.contains(&n) || self.skipped.contains(&n) || n < self.state.floor().value();
            assert!(!is_done || was_got, "message {n} is confirmed, and nobody received it");
        }
        if let Outcome::Batch(grant) = outcome
            && !grant.replay
        {
            let again = grant.token.batch.iter().find(|n| is_done(before, n.value()));
            assert_eq!(again, None, "a confirmed message is delivered again");
        }
    }

    fn check_adjustment(&self, command: &Command, before: &StreamState, adjustment: &Adjustment) {
        assert_eq!(adjustment.watermark, self.state.watermark());
        if let Command::Rewind { .. } = command {
            let done =
                |state: &StreamState| (1..self.messages.head).filter(|n| is_done(state, *n)).count() as u64;
            let mut expired = before.clone();
            let context = Context { now: self.now, rules: &self.rules, supply: &self.messages };
            expired.apply(&Command::Expire, &context);
            assert_eq!(adjustment.redeliver, done(&expired) - done(&self.state));
        }
    }

    fn rewind(&mut self, share: u8) {
        let to = share_of(1, self.state.frontier().value(), share);
        self.apply(&Command::Rewind { to: Sequence::new(to) });
        self.skipped.retain(|n| *n < to);
    }

    fn advance(&mut self, share: u8) {
        let first = self.state.watermark().value() + 1;
        let to = share_of(first, self.messages.head, share / 8);
        self.skipped.extend(1..to);
        self.apply(&Command::Advance { to: Sequence::new(to) });
    }

    fn crash(&mut self, settles: bool) {
        let settle = if settles { Duration::from_secs(1) } else { Duration::ZERO };
        self.incarnation = self.incarnation.next();
        let (state, mut model) = self.checkpoint.clone();
        model.recover(&self.model, self.now, &self.rules, settle);
        self.state = state.recover(self.incarnation, &self.rules, self.now, settle);
        self.model = model;
        self.waiting.clear();
        self.answers.clear();
    }
}

fn project(outcome: &Outcome) -> Expected {
    let slot = |grant: &Grant| usize::from(grant.token.slot);
    match *outcome {
        Outcome::Batch(grant) => Expected::Batch {
            batch: grant.token.batch,
            slot: slot(&grant),
            form: grant.form,
            replay: grant.replay,
            confirmed: grant.confirmed,
            redelivered: grant.redelivered,
        },
        Outcome::Empty(grant) => Expected::Empty { slot: slot(&grant), confirmed: grant.confirmed },
        Outcome::Wait(grant) => Expected::Wait { slot: slot(&grant), confirmed: grant.confirmed },
        Outcome::Load { from } => Expected::Load(from.value()),
        Outcome::Closed { confirmed, returned } => Expected::Closed { confirmed, returned },
        Outcome::Refused(refusal) => Expected::Refused(refusal),
        Outcome::Adjusted(_) | Outcome::Unchanged => Expected::Done,
    }
}

/// Handed out or skipped, and neither leased nor waiting.
fn is_done(state: &StreamState, n: u64) -> bool {
    let one = Range::new(Sequence::new(n), Sequence::new(n + 1));
    let is_leased = state.live().any(|(_, stream)| stream.held && stream.batch.contains(one));
    n < state.frontier().value() && !is_leased && !state.returned().overlaps(one)
}

fn share_of(first: u64, last: u64, share: u8) -> u64 {
    first + last.saturating_sub(first) * u64::from(share) / 255
}

fn wait(waits: bool) -> Duration {
    if waits { LONG_POLL } else { Duration::ZERO }
}
