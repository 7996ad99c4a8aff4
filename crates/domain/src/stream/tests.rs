//! Protocol, section 4, sentence by sentence (B.4). The names are the facts.
//!
//! Here is the small world in which they are shown: one participant, messages of one size, a clock to turn.

mod admin;
mod batch;
mod confirm;
mod late;
mod recovery;
mod replay;
mod slots;

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::stream::command::{Adjustment, Cursor};

const NO_WAIT: Duration = Duration::ZERO;
const LONG_POLL: Duration = Duration::from_secs(5);

/// What exists: messages below `head`, of `size` bytes unless `sizes` says otherwise or `missing` has them.
struct Messages {
    head: u64,
    size: u32,
    sizes: BTreeMap<u64, u32>,
    missing: Vec<u64>,
}

impl Supply for Messages {
    fn head(&self) -> Sequence {
        Sequence::new(self.head)
    }

    fn size(&self, sequence: Sequence) -> Option<u32> {
        let n = sequence.value();
        let is_here = n < self.head && !self.missing.contains(&n);
        is_here.then(|| self.sizes.get(&n).copied().unwrap_or(self.size))
    }
}

struct World {
    state: StreamState,
    messages: Messages,
    rules: Rules,
    now: Timestamp,
}

impl World {
    /// A participant with messages 1 to `count`.
    fn with_messages(count: u64) -> Self {
        Self {
            state: StreamState::new(Incarnation::new(1), Sequence::FIRST),
            messages: Messages { head: count + 1, size: 3000, sizes: BTreeMap::new(), missing: Vec::new() },
            rules: Rules::default(),
            now: Timestamp::from_unix_millis(1_000_000),
        }
    }

    fn apply(&mut self, command: &Command) -> Outcome {
        let context = Context { now: self.now, rules: &self.rules, supply: &self.messages };
        let outcome = self.state.apply(command, &context);
        assert_eq!(self.state.check(), Ok(()), "after {command:?}");
        outcome
    }

    fn publish(&mut self, count: u64) {
        self.messages.head += count;
    }

    fn pass(&mut self, span: Duration) {
        self.now = self.now.after(span);
    }

    /// Lets every live stream become abandoned.
    fn pass_idle_time(&mut self) {
        self.pass(self.rules.idle);
    }

    fn open(&mut self) -> Outcome {
        self.apply(&Command::Open { form: Form::Multipart, wait: NO_WAIT })
    }

    fn pull(&mut self, token: Cursor) -> Outcome {
        self.apply(&Command::Pull { token, form: Form::Multipart, wait: NO_WAIT })
    }

    fn pull_waiting(&mut self, token: Cursor) -> Outcome {
        self.apply(&Command::Pull { token, form: Form::Multipart, wait: LONG_POLL })
    }

    fn close(&mut self, token: Cursor) -> Outcome {
        self.apply(&Command::Close { token })
    }

    /// Opens a stream that gets this batch.
    fn opened(&mut self, start: u64, end: u64) -> Cursor {
        let outcome = self.open();
        batch_of(outcome, start, end)
    }

    /// Opens a stream that gets an empty answer.
    fn opened_empty(&mut self) -> Cursor {
        let outcome = self.open();
        empty_of(outcome)
    }

    fn pulled(&mut self, token: Cursor, start: u64, end: u64) -> Cursor {
        let outcome = self.pull(token);
        batch_of(outcome, start, end)
    }

    fn pulled_empty(&mut self, token: Cursor) -> Cursor {
        let outcome = self.pull(token);
        empty_of(outcome)
    }

    fn watermark(&self) -> u64 {
        self.state.watermark().value()
    }

    fn waiting(&self) -> Vec<Range> {
        self.state.returned().iter().collect()
    }

    /// A crash: the state of `checkpoint` goes on in the next incarnation.
    fn recover_from(&mut self, checkpoint: StreamState, settle: Duration) {
        let incarnation = self.state.version().incarnation.next();
        self.state = checkpoint.recover(incarnation, &self.rules, self.now, settle);
    }
}

fn range(start: u64, end: u64) -> Range {
    Range::new(Sequence::new(start), Sequence::new(end))
}

#[track_caller]
fn grant_of(outcome: Outcome) -> Grant {
    let (Outcome::Batch(grant) | Outcome::Empty(grant) | Outcome::Wait(grant)) = outcome else {
        panic!("not an answer: {outcome:?}");
    };
    grant
}

#[track_caller]
fn batch_of(outcome: Outcome, start: u64, end: u64) -> Cursor {
    let grant = grant_of(outcome);
    assert!(matches!(outcome, Outcome::Batch(_)), "{outcome:?}");
    assert_eq!(grant.token.batch, range(start, end));
    grant.token
}

#[track_caller]
fn empty_of(outcome: Outcome) -> Cursor {
    assert!(matches!(outcome, Outcome::Empty(_)), "{outcome:?}");
    let token = grant_of(outcome).token;
    assert!(token.batch.is_empty());
    token
}

const GONE: Outcome = Outcome::Refused(Refusal::Gone);
