//! Where a token stands: which stream it speaks for, and whether it is the current, a repeated, a late or a
//! dead one (protocol, section 4).

use crate::limits::RETURNED_RANGES_SPLIT_MAX;
use crate::sequence::{Range, Sequence};
use crate::stream::StreamState;
use crate::stream::command::Cursor;
use crate::stream::slot::Stream;

/// Where a token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It may ask for the next batch of the stream in this slot.
    Current(usize),
    /// It asked for the batch that the stream in this slot holds: repeat the answer.
    Replay(usize),
    /// Its stream is in this slot, but the token is of a history that this state lost: it knows more.
    Ahead(usize),
    /// Its stream was abandoned, and all it holds is still waiting for redelivery.
    Late,
    /// It speaks for nothing any more.
    Gone,
}

impl StreamState {
    /// Finds the place of a token whose expiry was checked before.
    pub(super) fn find_place(&self, token: &Cursor, head: Sequence) -> Place {
        if let Some((index, stream)) = self.live().find(|(_, s)| s.generation == token.generation) {
            return self.place_in(index, stream, token, head);
        }
        let closed = self.slots.iter().any(|slot| slot.closed == Some(token.generation));
        if closed || !self.is_obtainable(token, head) { Place::Gone } else { Place::Late }
    }

    fn place_in(&self, index: usize, stream: &Stream, token: &Cursor, head: Sequence) -> Place {
        // Numbers of pulls are unique, but for a Coordinator that rolled back unnoticed: then the batch tells two
        // histories apart, and an empty answer that is older than the batch cannot have confirmed it.
        let same_batch = match token.empties {
            0 => token.batch == stream.batch,
            _ => !stream.held || token.issued_at >= stream.issued_at,
        };
        if token.pull == stream.pull && same_batch {
            return Place::Current(index);
        }
        if stream.presented == Some(token.name()) {
            return Place::Replay(index);
        }
        // Later than the stream's last answer: of a lost history, or from before the stream was abandoned and came
        // back with an older token. Either way its batch, not the number, says what may be confirmed.
        if token.pull > stream.pull && self.is_obtainable(token, head) {
            return Place::Ahead(index);
        }
        Place::Gone
    }

    /// Whether every message of a token's batch waits for redelivery, or was never handed out as far as is known,
    /// and no operator asked for it to be delivered again since.
    fn is_obtainable(&self, token: &Cursor, head: Sequence) -> bool {
        let batch = token.batch;
        let known = self.known_part(batch);
        let leaves_gap = self.frontier < batch.start();
        let adds = leaves_gap || self.returned.would_split(known);
        let has_room = !adds || self.returned.count() < RETURNED_RANGES_SPLIT_MAX;
        let is_waiting = self.returned.contains(known) && batch.end() <= head;
        batch.is_empty() || (is_waiting && has_room && token.pull > self.rewound)
    }

    /// Takes an obtainable batch out of what is still to be delivered: its client has it.
    pub(super) fn settle_batch(&mut self, batch: Range) {
        let known = self.known_part(batch);
        self.returned.remove(known);
        if batch.end() > self.frontier {
            // What lies between was handed out by the lost history too, or never: deliver it.
            let between = Range::new(self.frontier, batch.start()).from_floor(self.floor);
            self.returned.insert(between);
            self.frontier = batch.end();
        }
    }

    fn known_part(&self, batch: Range) -> Range {
        Range::new(batch.start(), batch.end().min(self.frontier))
    }
}
