//! Replay sessions: a second, read-only cursor over a range of messages, with a token of its own.
//!
//! A session keeps no position: its tokens do. A token says which session it belongs to and where the next batch
//! starts, so that the same token always gives the same batch, and no state of the live streams is read or changed.
//! Tokens have the form of any other; the slot in their claims, which no stream can have, marks them.

use crate::sequence::{Range, Sequence};
use crate::stream::command::Cursor;
use crate::stream::slot::Generation;
use crate::time::Timestamp;
use crate::version::Incarnation;

/// The slot in the claims of a session's tokens.
pub const SLOT: u8 = u8::MAX;

const _: () = assert!(crate::limits::STREAMS_MAX < SLOT);

/// An open session of a participant; it has at most one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplaySession {
    /// Its name among all sessions of the participant: the revision of the participant that opened it.
    pub id: u64,
    /// What it may read.
    pub range: Range,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When its tokens stop being good.
    pub expires_at: Timestamp,
}

impl ReplaySession {
    /// Whether it may still be read.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    /// The claims of the token that a session begins with.
    #[must_use]
    pub fn begin(&self) -> Cursor {
        self.cursor(self.range.start(), Range::EMPTY)
    }

    /// The claims of the token that comes with a batch of it; of the token at its end, when the batch is empty. The
    /// same each time, so that a repeat is the same to the last byte.
    #[must_use]
    pub fn after(&self, batch: Range) -> Cursor {
        let position = if batch.is_empty() { self.range.end() } else { batch.end() };
        self.cursor(position, batch)
    }

    /// What is left of the session for a token's claims; `None` when they are of no token of this session.
    #[must_use]
    pub fn rest(&self, cursor: &Cursor) -> Option<Range> {
        if session_of(cursor) != Some(self.id) {
            return None;
        }
        let position = Sequence::new(cursor.pull);
        let is_within = self.range.start() <= position && position <= self.range.end();
        is_within.then(|| self.range.from_floor(position))
    }

    fn cursor(&self, position: Sequence, batch: Range) -> Cursor {
        let [a, b, c, d, e, f, g, h] = self.id.to_be_bytes();
        let incarnation = Incarnation::new(u32::from_be_bytes([a, b, c, d]));
        Cursor {
            slot: SLOT,
            generation: Generation { incarnation, number: u32::from_be_bytes([e, f, g, h]) },
            pull: position.value(),
            empties: u32::from(batch.is_empty()),
            batch,
            issued_at: self.opened_at,
            expires_at: self.expires_at,
        }
    }
}

/// The session that a token's claims belong to; `None` for the token of a stream.
#[must_use]
pub fn session_of(cursor: &Cursor) -> Option<u64> {
    let Generation { incarnation, number } = cursor.generation;
    (cursor.slot == SLOT).then(|| u64::from(incarnation.value()) << 32 | u64::from(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Keyring;

    fn range(start: u64, end: u64) -> Range {
        Range::new(Sequence::new(start), Sequence::new(end))
    }

    fn session() -> ReplaySession {
        ReplaySession {
            id: (7 << 32) + 9,
            range: range(10, 35),
            opened_at: Timestamp::from_unix_millis(1_000_000),
            expires_at: Timestamp::from_unix_millis(4_600_000),
        }
    }

    #[test]
    fn a_token_leads_from_batch_to_batch_and_stays_at_the_end() {
        let session = session();
        let mut cursor = session.begin();
        let mut got = Vec::new();
        while let Some(rest) = session.rest(&cursor).filter(|rest| !rest.is_empty()) {
            let batch = Range::new(rest.start(), rest.start().plus(10).min(rest.end()));
            got.extend(batch.iter().map(Sequence::value));
            cursor = session.after(batch);
        }
        assert_eq!(got, (10..35).collect::<Vec<_>>());
        let end = session.after(Range::EMPTY);
        assert_eq!(session.rest(&end), Some(Range::EMPTY));
        assert_eq!(session.after(Range::EMPTY), end, "an answer without messages carries the same token");
    }

    #[test]
    fn claims_outlive_the_signature_and_name_their_session_alone() {
        let keyring = Keyring::new((1, [7; 32]), None);
        let (session, ispb) = (session(), "99999A04".parse().unwrap());
        let signed = keyring.sign(ispb, 0, &session.after(range(10, 20)));
        let claims = keyring.verify(signed.as_str()).unwrap();
        assert_eq!(session_of(&claims.cursor), Some(session.id));
        assert_eq!(session.rest(&claims.cursor), Some(range(20, 35)));
        let other = ReplaySession { id: session.id + 1, ..session };
        assert_eq!(other.rest(&claims.cursor), None);
        let stream = Cursor { slot: 0, ..claims.cursor };
        assert_eq!((session_of(&stream), session.rest(&stream)), (None, None));
        let outside = Cursor { pull: 36, ..claims.cursor };
        assert_eq!(session.rest(&outside), None);
    }
}
