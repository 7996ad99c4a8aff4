//! Keeping what is stored: messages that were written to expire by themselves, and must not any more because of a legal
//! hold or a longer retention. Not the hold itself (`holds`), and not removing (`retention`).
//!
//! Every node goes through a participant's messages in laps, a few at a time ([`Registry::keep_round`]). The first lap
//! takes in everything that is stored. The next one, when every node has learnt of the change, takes in what was
//! appended since: a node that had not learnt may have appended it on the old terms. So do later ones, for whoever
//! learnt later still. Several nodes do the same, which is harmless: the second to come finds nothing left to do.
//! Nothing of it is stored; a node that starts begins with the first lap.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use pix_stream_calls::store::{JOURNAL_EXTENT, JOURNAL_KEEP, READ_DEADLINE};
use pix_stream_domain::holds::Holds;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_ports::Ports;
use pix_stream_ports::error::Error as StoreError;
use pix_stream_ports::journal::Journal as _;
use tokio::time::Instant;

use crate::Registry;

/// Messages that one round looks at, and those of the step that reaches it.
const ROUND_MESSAGES: u64 = 5_000;
/// After this long a round begins no further step.
const ROUND_TIME: Duration = Duration::from_secs(4);
/// A step counts for so many messages at least: it asks the Journal, whatever it finds.
const STEP_MESSAGES_MIN: u64 = 100;
/// A step writes up to a thousand messages again. What is written when the time is over is written.
const KEEP_DEADLINE: Duration = Duration::from_secs(30);
/// How long a participant rests after a step that failed.
const REST: Duration = Duration::from_secs(10);
/// After the first lap began, when every node knows, and what it began to append before is appended.
const SECOND_LAP_AFTER: Duration = Duration::from_secs(60);
/// From the end of one of the further laps to the next.
const LAP_EVERY: Duration = Duration::from_secs(6 * 3_600);

/// How far one node got with keeping what a participant has stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keeping {
    /// Nothing of it expires before its time any more, also not what nodes appended that learnt late.
    pub is_through: bool,
    /// Messages that this lap has still to look at; `None` before the first one began on this node.
    pub left: Option<u64>,
}

/// What must not expire.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    held: bool,
    holds: Holds,
    retention: Option<Duration>,
}

impl Wanted {
    fn is_nothing(&self) -> bool {
        !self.held && self.holds.is_empty() && self.retention.is_none()
    }
}

/// A part of a lap: messages, and how long they are kept; `None` for ever.
#[derive(Debug, Clone, Copy)]
struct Part {
    range: Range,
    retention: Option<Duration>,
}

/// Where a participant's laps are.
#[derive(Debug, Clone)]
struct Lap {
    wanted: Wanted,
    /// Laps that are done.
    done: u32,
    /// When the next step is due.
    due: Instant,
    /// When this lap began; `None` before it does.
    begun: Option<Instant>,
    /// What is left of it; the last part goes on.
    left: Vec<Part>,
    /// Messages below were looked at in the laps before.
    floor: Sequence,
    /// Where this lap ends.
    head: Sequence,
}

/// The laps of all participants.
#[derive(Debug, Default)]
pub(crate) struct Laps {
    of: BTreeMap<Ispb, Lap>,
    /// Whose step was the last.
    turn: Option<Ispb>,
}

impl Laps {
    /// Whose step is due: in turns.
    fn next(&mut self, now: Instant) -> Option<(Ispb, Lap)> {
        let is_due = |(_, lap): &(&Ispb, &Lap)| lap.due <= now;
        let turn = self.turn;
        let mut behind = self.of.iter().filter(|(ispb, _)| turn.is_none_or(|turn| **ispb > turn));
        let (ispb, lap) = behind.find(is_due).or_else(|| self.of.iter().find(is_due))?;
        self.turn = Some(*ispb);
        Some((*ispb, lap.clone()))
    }
}

impl Lap {
    fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            done: 0,
            due: Instant::now(),
            begun: None,
            left: Vec::new(),
            floor: Sequence::FIRST,
            head: Sequence::FIRST,
        }
    }

    fn keeping(&self, is_shared: bool) -> Keeping {
        let left = self.left.iter().map(|part| part.range.len()).sum();
        let is_begun = self.begun.is_some() || self.done > 0;
        // Alone, no other node learns late.
        Keeping { is_through: self.done > u32::from(is_shared), left: is_begun.then_some(left) }
    }

    /// Nothing of this lap is left.
    fn finish(&mut self, ispb: Ispb) {
        let now = Instant::now();
        let begun = self.begun.take().unwrap_or(now);
        self.done = self.done.saturating_add(1);
        self.due = if self.done == 1 { now.max(begun + SECOND_LAP_AFTER) } else { now + LAP_EVERY };
        if self.done <= 2 {
            let (lap, below) = (self.done, self.head);
            tracing::info!(%ispb, lap, %below, "what is stored does not expire before its time any more");
        }
        self.floor = self.head;
    }
}

impl<P: Ports> Registry<P> {
    /// Looks at some messages of those participants that a legal hold or a retention of their own keeps, and that are
    /// served here, and takes the expiry off those that have one they must not have. One round at a time. Returns for
    /// how many participants this node is not through yet.
    pub async fn keep_round(&self, is_here: impl Fn(Ispb) -> bool) -> usize {
        self.plan_laps(is_here);
        let (end, mut messages) = (Instant::now() + ROUND_TIME, 0);
        while messages < ROUND_MESSAGES && Instant::now() < end {
            let Some((ispb, mut lap)) = self.with_laps(|laps| laps.next(Instant::now())) else { break };
            let stepped = self.step(ispb, &mut lap).await;
            match &stepped {
                Ok(looked) => messages += STEP_MESSAGES_MIN.max(*looked),
                Err(error) => {
                    tracing::warn!(%error, %ispb, "what is stored and must not expire is not kept yet");
                    lap.due = Instant::now() + REST;
                }
            }
            self.with_laps(|laps| laps.of.insert(ispb, lap));
            if let Err(StoreError::Unavailable(_)) = stepped {
                break;
            }
        }
        self.with_laps(|laps| laps.of.values().filter(|lap| !lap.keeping(self.is_shared).is_through).count())
    }

    /// How far this node got with keeping what a participant has stored; `None` when nothing asks for that.
    #[must_use]
    pub fn keeping(&self, participant: &Participant) -> Option<Keeping> {
        self.with_laps(|laps| {
            let lap = laps.of.get(&participant.ispb);
            let wanted = self.wanted(participant, lap);
            let keeping = lap.filter(|lap| lap.wanted == wanted).map(|lap| lap.keeping(self.is_shared));
            let not_begun = Keeping { is_through: false, left: None };
            (!wanted.is_nothing()).then_some(keeping.unwrap_or(not_begun))
        })
    }

    fn with_laps<T>(&self, ask: impl FnOnce(&mut Laps) -> T) -> T {
        ask(&mut self.laps.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn wanted(&self, participant: &Participant, lap: Option<&Lap>) -> Wanted {
        // A participant that had a retention of its own may have messages that were written for a shorter one.
        let had_own = lap.is_some_and(|lap| lap.wanted.retention.is_some());
        let has_own = participant.retention.is_some() || had_own;
        Wanted {
            held: participant.held,
            holds: participant.holds.clone(),
            retention: has_own.then(|| self.retention_of(participant)),
        }
    }

    /// Begins anew where something else is wanted than before, and ends what is not wanted here any more.
    fn plan_laps(&self, is_here: impl Fn(Ispb) -> bool) {
        let participants = self.participants();
        self.with_laps(|laps| {
            let mut before = std::mem::take(&mut laps.of);
            for participant in participants.iter().filter(|participant| is_here(participant.ispb)) {
                let lap = before.remove(&participant.ispb);
                let wanted = self.wanted(participant, lap.as_ref());
                if wanted.is_nothing() {
                    continue;
                }
                let lap = lap.filter(|lap| lap.wanted == wanted).unwrap_or_else(|| Lap::new(wanted));
                laps.of.insert(participant.ispb, lap);
            }
        });
    }

    /// Begins a lap, or goes on with it. Returns how many messages it looked at.
    async fn step(&self, ispb: Ispb, lap: &mut Lap) -> Result<u64, StoreError> {
        let looked = match lap.left.pop() {
            Some(part) => {
                let keep = self.ports.journal().keep(ispb, part.range, part.retention);
                let got = JOURNAL_KEEP.run(KEEP_DEADLINE, keep).await;
                let start = part.range.start();
                let range = part.range.from_floor(*got.as_ref().unwrap_or(&start));
                if !range.is_empty() {
                    lap.left.push(Part { range, ..part });
                }
                got?.distance_from(start)
            }
            None => {
                self.begin_lap(ispb, lap).await?;
                0
            }
        };
        if lap.left.is_empty() {
            lap.finish(ispb);
        }
        Ok(looked)
    }

    /// Finds out what there is to look at.
    async fn begin_lap(&self, ispb: Ispb, lap: &mut Lap) -> Result<(), StoreError> {
        // Whatever is appended on the old terms is behind this head, or in this lap.
        let begun = Instant::now();
        let extent = JOURNAL_EXTENT.run(READ_DEADLINE, self.ports.journal().extent(ispb)).await?;
        let all = Range::new(lap.floor.max(extent.first), extent.next);
        let mut parts = Vec::new();
        if lap.wanted.held {
            parts.push(Part { range: all, retention: None });
        } else {
            parts.extend(lap.wanted.retention.map(|own| Part { range: all, retention: Some(own) }));
            for held in lap.wanted.holds.iter() {
                let held = self.find_held(ispb, held).await?;
                let range = Range::new(held.start().max(all.start()), held.end().min(all.end()));
                parts.push(Part { range, retention: None });
            }
        }
        parts.retain(|part| !part.range.is_empty());
        (lap.begun, lap.head, lap.left) = (Some(begun), extent.next.max(lap.floor), parts);
        Ok(())
    }
}
