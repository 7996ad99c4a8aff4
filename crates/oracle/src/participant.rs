//! What the oracle knows of one participant.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use pix_stream_domain::digest::Digest;
use pix_stream_domain::limits::STREAMS_MAX;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::{Cursor, Generation, StreamState};
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::token;

use super::message::{Fact, Lease, Message};
use super::{Answer, Item, Report, Violation};

#[derive(Debug, Clone, Default)]
pub(super) struct Participant {
    messages: BTreeMap<Sequence, Message>,
    ids: HashMap<ResourceId, Sequence>,
    offered: HashSet<Digest>,
    tokens: HashMap<Box<str>, Token>,
    /// Streams that were asked to close: their empty tokens may come back once their slot forgot that.
    closed: HashSet<Generation>,
    watermark: Sequence,
    /// Histories that were lost so far: what was agreed on in one does not bind the next.
    losses: u32,
}

/// What is known of a token.
#[derive(Debug, Clone, Default)]
struct Token {
    is_received: bool,
    body: Option<Digest>,
    /// The answer with messages that it got.
    answer: Option<Answered>,
}

#[derive(Debug, Clone)]
struct Answered {
    token: Box<str>,
    asked_at: Timestamp,
    answered_at: Timestamp,
    losses: u32,
}

impl Participant {
    pub(super) fn offer(&mut self, digest: Digest) {
        self.offered.insert(digest);
    }

    pub(super) fn has_id(&self, id: ResourceId) -> bool {
        self.ids.contains_key(&id)
    }

    pub(super) fn history_of(&self, id: ResourceId) -> Vec<String> {
        let message = self.ids.get(&id).and_then(|sequence| self.messages.get(sequence));
        message.map(Message::history).unwrap_or_default()
    }

    pub(super) fn publish(&mut self, sequence: Sequence, item: Item) -> Result<(), Violation> {
        self.offer(item.digest);
        let message = self.learn(sequence, item)?;
        message.is_acknowledged = true;
        message.note(Fact::Published);
        Ok(())
    }

    /// The message at a place; another id or other bytes than before are a violation.
    fn learn(&mut self, sequence: Sequence, item: Item) -> Result<&mut Message, Violation> {
        if self.ids.get(&item.resource_id).is_some_and(|known| *known != sequence) {
            let what = format!("{} stands at {sequence}, too", item.resource_id);
            return Err(Violation::new(5, what, self.history_of(item.resource_id)));
        }
        let message = self.messages.entry(sequence).or_insert_with(|| Message::new(sequence, item));
        if message.item.resource_id != item.resource_id {
            let what = format!("{sequence} is {}, too", item.resource_id);
            return Err(Violation::new(5, what, message.history()));
        }
        if message.item.digest != item.digest {
            let what = format!("{sequence} has other bytes than were published");
            return Err(Violation::new(9, what, message.history()));
        }
        self.ids.insert(item.resource_id, sequence);
        Ok(message)
    }

    pub(super) fn present(&mut self, text: &str, closes: bool) {
        let Ok(token) = token::inspect(text).map(|claims| claims.cursor) else { return };
        let Cursor { generation, pull, .. } = token;
        for message in self.batch(token.batch) {
            message.note(Fact::Presented { generation, pull, closes });
        }
        if closes {
            self.closed.insert(generation);
            // What the stream holds may go back at once, also what its client never saw.
            let leases = self.messages.values_mut().map(|message| &mut message.lease);
            leases
                .filter(|lease| lease.is_some_and(|l| l.generation == generation))
                .for_each(|lease| *lease = None);
        }
    }

    pub(super) fn deliver(&mut self, answer: &Answer<'_>, idle: Duration) -> Result<(), Violation> {
        let Ok(claims) = token::inspect(answer.token) else {
            return Err(Violation::new(5, format!("{} is no token", answer.token), Vec::new()));
        };
        let Cursor { generation, pull, batch, .. } = claims.cursor;
        if batch.len() != answer.items.len() as u64 {
            let what = format!("{} messages came with a token for {batch:?}", answer.items.len());
            return Err(Violation::new(5, what, Vec::new()));
        }
        if let Some(presented) = answer.presented {
            self.check_advance(presented, answer, idle)?;
            self.confirm(presented, answer.answered_at)?;
        }
        let known = self.tokens.entry(answer.token.into()).or_default();
        let is_replay = known.body.is_some();
        known.is_received |= answer.is_received;
        if *known.body.get_or_insert(answer.body) != answer.body {
            let what = format!("a replay of {batch:?} has another body");
            return Err(Violation::new(
                4,
                what,
                self.messages.get(&batch.start()).map_or_else(Vec::new, Message::history),
            ));
        }
        for (sequence, item) in batch.iter().zip(answer.items) {
            if !self.offered.contains(&item.digest) {
                let what = format!("{sequence} has bytes that nobody published");
                return Err(Violation::new(9, what, self.history_of(item.resource_id)));
            }
            let message = self.learn(sequence, *item)?;
            let at = answer.answered_at;
            message.note(Fact::Delivered { generation, pull, at, received: answer.is_received });
            message.is_received |= answer.is_received;
            if !is_replay {
                hand_out(message, Lease { generation, until: answer.asked_at.after(idle) }, answer)?;
            }
        }
        Ok(())
    }

    /// A token is answered with one batch only, and with none once the batch behind it was moved past.
    fn check_advance(
        &mut self,
        presented: &str,
        answer: &Answer<'_>,
        idle: Duration,
    ) -> Result<(), Violation> {
        let losses = self.losses;
        let next = Answered {
            token: answer.token.into(),
            asked_at: answer.asked_at,
            answered_at: answer.answered_at,
            losses,
        };
        let before = self.tokens.entry(presented.into()).or_default().answer.replace(next);
        let Some(before) = before.filter(|before| before.losses == losses) else { return Ok(()) };
        let Ok(cursor) = token::inspect(presented).map(|claims| claims.cursor) else { return Ok(()) };
        let batch = cursor.batch;
        if &*before.token == answer.token {
            let moved_on = self.tokens.get(&before.token).and_then(|token| token.answer.as_ref());
            return match moved_on
                .filter(|moved| moved.losses == losses && moved.answered_at < answer.asked_at)
            {
                Some(_) => {
                    let what = format!("the token of {batch:?} is answered after its stream moved on");
                    Err(Violation::new(4, what, Vec::new()))
                }
                None => Ok(()),
            };
        }
        // An empty token of an abandoned stream may come back, as often as it is abandoned.
        let may_return =
            answer.answered_at.since(before.asked_at) >= idle || self.closed.contains(&cursor.generation);
        if batch.is_empty() && may_return {
            return Ok(());
        }
        Err(Violation::new(2, format!("the token of {batch:?} advanced its stream twice"), Vec::new()))
    }

    pub(super) fn confirm(&mut self, text: &str, at: Timestamp) -> Result<(), Violation> {
        let batch = token::inspect(text).map_or(Range::EMPTY, |claims| claims.cursor.batch);
        for message in self.batch(batch) {
            if !message.is_received {
                let what = format!("{} is confirmed, and nobody received it", message.sequence);
                return Err(Violation::new(1, what, message.history()));
            }
            message.note(Fact::Confirmed { at });
            message.confirmed_at.get_or_insert(at);
            message.lease = None;
        }
        Ok(())
    }

    pub(super) fn lose_coordinator(&mut self, checkpoint: Option<&StreamState>) {
        self.losses += 1;
        self.watermark = checkpoint.map_or(Sequence::default(), StreamState::watermark);
        for message in self.messages.values_mut() {
            let known = checkpoint.is_some_and(|state| is_confirmed(state, message.sequence));
            message.lease = None;
            if !known && message.confirmed_at.take().is_some() {
                message.note(Fact::CoordinatorLost { known });
            }
        }
    }

    pub(super) fn rewind(&mut self, to: Sequence) {
        self.watermark = self.watermark.min(to.previous());
        for (_, message) in self.messages.range_mut(to..) {
            (message.confirmed_at, message.is_skipped) = (None, false);
            message.note(Fact::Rewound);
        }
    }

    pub(super) fn skip(&mut self, to: Sequence) {
        for (_, message) in self.messages.range_mut(..to) {
            message.is_skipped = true;
            message.note(Fact::Skipped);
        }
    }

    pub(super) fn see(&mut self, state: &StreamState, head: Sequence) -> Result<(), Violation> {
        state.check().map_err(|what| Violation::new(3, what.to_owned(), Vec::new()))?;
        if state.live_count() > STREAMS_MAX {
            return Err(Violation::new(2, format!("{} streams are live", state.live_count()), Vec::new()));
        }
        if state.frontier() > head {
            let what = format!("{} is the frontier, but the head is {head}", state.frontier());
            return Err(Violation::new(5, what, Vec::new()));
        }
        if state.watermark() < self.watermark {
            let what = format!("the watermark went from {} back to {}", self.watermark, state.watermark());
            return Err(Violation::new(7, what, Vec::new()));
        }
        self.check_received_in(self.watermark.plus(1), state.watermark())?;
        self.watermark = state.watermark();
        Ok(())
    }

    pub(super) fn check_received(&self, watermark: Sequence) -> Result<(), Violation> {
        self.check_received_in(Sequence::FIRST, watermark)
    }

    fn check_received_in(&self, first: Sequence, last: Sequence) -> Result<(), Violation> {
        let mut passed = self.messages.range(first..last.plus(1).max(first)).map(|(_, message)| message);
        match passed.find(|message| is_undelivered(message)) {
            Some(lost) => {
                let what = format!("{} is behind the watermark, and nobody received it", lost.sequence);
                Err(Violation::new(1, what, lost.history()))
            }
            None => Ok(()),
        }
    }

    pub(super) fn find_undelivered(&self) -> Option<&Message> {
        self.messages.values().find(|message| is_undelivered(message))
    }

    pub(super) fn received_tokens(&self) -> impl Iterator<Item = &str> {
        self.tokens.iter().filter(|(_, token)| token.is_received).map(|(text, _)| &**text)
    }

    pub(super) fn count_into(&self, report: &mut Report) {
        for message in self.messages.values().filter(|message| message.is_acknowledged) {
            report.published += 1;
            report.received += u64::from(message.is_received);
            report.confirmed += u64::from(message.confirmed_at.is_some());
            report.skipped += u64::from(message.is_skipped);
            report.redelivered += message.handed_out.saturating_sub(1);
        }
    }

    fn batch(&mut self, batch: Range) -> impl Iterator<Item = &mut Message> {
        self.messages.range_mut(batch.start()..batch.end()).map(|(_, message)| message)
    }
}

/// A message goes out under a new token: not when it is confirmed, and not while it is out on another stream.
fn hand_out(message: &mut Message, lease: Lease, answer: &Answer<'_>) -> Result<(), Violation> {
    message.handed_out += 1;
    if message.confirmed_at.is_some_and(|at| at <= answer.asked_at) {
        let what = format!("{} is confirmed and delivered again", message.sequence);
        return Err(Violation::new(6, what, message.history()));
    }
    let other = message.lease.filter(|held| held.generation != lease.generation);
    if other.is_some_and(|held| answer.answered_at < held.until) {
        let what = format!("{} is out on two live streams", message.sequence);
        return Err(Violation::new(3, what, message.history()));
    }
    message.lease = Some(lease);
    Ok(())
}

fn is_undelivered(message: &Message) -> bool {
    message.is_acknowledged && !message.is_received && !message.is_skipped
}

/// Whether a state knows a message as confirmed: handed out, and neither leased nor waiting.
fn is_confirmed(state: &StreamState, sequence: Sequence) -> bool {
    let one = Range::new(sequence, sequence.plus(1));
    let is_leased = state.live().any(|(_, stream)| stream.held && stream.batch.contains(one));
    sequence < state.frontier() && !is_leased && !state.returned().overlaps(one)
}
