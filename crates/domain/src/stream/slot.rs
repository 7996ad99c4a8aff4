//! A slot and the stream that lives in it.

use std::fmt;

use crate::sequence::Range;
use crate::time::Timestamp;
use crate::version::Incarnation;

/// The name of one stream, unique over all histories of a participant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Generation {
    /// The incarnation in which the stream was opened.
    pub incarnation: Incarnation,
    /// Its number within that.
    pub number: u32,
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "g{}.{}", self.incarnation.value(), self.number)
    }
}

/// How the messages of a response are laid out. A replay keeps the form of the first answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// One message as `application/xml`.
    Single,
    /// Up to ten as `multipart/mixed`.
    Multipart,
}

/// One of the six places for streams.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Slot {
    /// The stream that holds it.
    pub live: Option<Stream>,
    /// The stream that was last closed here; its tokens do not come back.
    pub closed: Option<Generation>,
}

/// The name of a token within its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presented {
    /// The number of the batch that it came with, or after.
    pub pull: u64,
    /// Empty answers since that batch.
    pub empties: u32,
}

/// A live stream: its last answer, and what a repeat of it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// The stream's name.
    pub generation: Generation,
    /// The number of the current batch, zero before the first: no other batch of the participant has it, and
    /// later ones have higher numbers, in this history and in those that follow a loss.
    pub pull: u64,
    /// Empty answers since the current batch.
    pub empties: u32,
    /// Which token was answered with the current batch. `None` for the batch of `stream/start`, which no token
    /// asked for.
    pub presented: Option<Presented>,
    /// The current batch; empty before the first one.
    pub batch: Range,
    /// Whether the current batch is still to be confirmed.
    pub held: bool,
    /// The form in which the current batch was answered.
    pub form: Form,
    /// When the current batch's token was issued.
    pub issued_at: Timestamp,
    /// When the stream counts as abandoned unless it reads before.
    pub deadline: Timestamp,
}
