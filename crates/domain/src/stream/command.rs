//! What can be asked of a stream state, and what it answers.

use std::time::Duration;

use crate::limits::STREAMS_MAX;
use crate::sequence::{Range, Sequence};
use crate::stream::slot::{Form, Generation, Presented};
use crate::time::Timestamp;

/// The claims of a token that concern the state; the rest (ISPB, key, signature) was checked before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The slot in which the stream lived when the token was issued, from 0.
    pub slot: u8,
    /// The stream.
    pub generation: Generation,
    /// The number of the batch that the token came with, or after; zero before a stream's first batch.
    pub pull: u64,
    /// Empty answers since that pull; zero for the token that came with its batch.
    pub empties: u32,
    /// The batch that presenting the token confirms; empty for the token of an empty answer.
    pub batch: Range,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it stops being good.
    pub expires_at: Timestamp,
}

impl Cursor {
    /// What distinguishes the token within its stream.
    pub(super) const fn name(&self) -> Presented {
        Presented { pull: self.pull, empties: self.empties }
    }
}

/// One request to a participant's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Open a stream and read its first batch. `wait` is how long the caller is ready to wait for one.
    Open {
        /// One message or many.
        form: Form,
        /// Zero: answer now, with messages or without.
        wait: Duration,
    },
    /// Confirm the token's batch and read the next.
    Pull {
        /// What the token says.
        token: Cursor,
        /// One message or many.
        form: Form,
        /// Zero: answer now, with messages or without.
        wait: Duration,
    },
    /// Confirm the token's batch and close the stream.
    Close {
        /// What the token says.
        token: Cursor,
    },
    /// Free the slots of abandoned streams.
    Expire,
    /// Stop handing out messages (operator).
    Pause,
    /// Hand out messages again (operator).
    Resume,
    /// Set how many streams may be open (operator); streams over it live on until they end.
    SetCap {
        /// 1 to 6.
        cap: u8,
    },
    /// End the stream in a slot (operator): what it holds is delivered again.
    Release {
        /// The slot, from 0.
        slot: u8,
    },
    /// Deliver everything from `to` on again (operator).
    Rewind {
        /// The first sequence number to deliver again.
        to: Sequence,
    },
    /// Skip everything below `to` (operator).
    Advance {
        /// The first sequence number that is not skipped.
        to: Sequence,
    },
    /// Forget what the Journal no longer has.
    RetainFrom {
        /// The oldest message that is left.
        first: Sequence,
    },
}

/// What a command came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Answer with the batch in [`Grant::token`]; it may be a replay.
    Batch(Grant),
    /// Answer without messages.
    Empty(Grant),
    /// No message yet. The stream is live; ask again with this token when one arrives, or with no wait.
    Wait(Grant),
    /// Messages exist from here on, but their bodies are not at hand: load them, then ask again.
    Load {
        /// The first message that is missing.
        from: Sequence,
    },
    /// The stream is closed.
    Closed {
        /// What closing confirmed.
        confirmed: Range,
        /// What went back, to be delivered again.
        returned: Range,
    },
    /// The request is refused; no cursor moved.
    Refused(Refusal),
    /// An operator's or sweeper's command did this.
    Adjusted(Adjustment),
    /// There was nothing to do.
    Unchanged,
}

/// An answer to a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// The token to issue, and with it the batch to answer with.
    pub token: Cursor,
    /// The form of the answer.
    pub form: Form,
    /// The participant's cap, for `PI-Thread-Slot`.
    pub cap: u8,
    /// Whether this repeats an answer given before.
    pub replay: bool,
    /// What this read confirmed first.
    pub confirmed: Range,
    /// How many messages of the batch were handed out before.
    pub redelivered: u64,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The stream is closed, abandoned or past this token.
    #[error("the stream is closed, expired, or past this token")]
    Gone,
    /// As many streams are open as may be.
    #[error("{used} of {cap} streams are open")]
    ThreadLimit {
        /// Streams that are open.
        used: u8,
        /// Streams that may be.
        cap: u8,
        /// When the first of them may count as abandoned.
        free_at: Timestamp,
    },
    /// The operator paused the participant.
    #[error("the participant's streams are paused")]
    Paused,
    /// A cap outside 1 to 6.
    #[error("a cap is 1 to {STREAMS_MAX}")]
    Cap,
    /// A slot that there is not.
    #[error("a slot is 1 to {STREAMS_MAX}")]
    Slot,
    /// A rewind to before the oldest message, or an advance beyond the newest.
    #[error("the position must lie between {first} and {last}")]
    Position {
        /// The lowest position possible.
        first: Sequence,
        /// The highest position possible.
        last: Sequence,
    },
}

/// What an operator's or the sweeper's command changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Adjustment {
    /// The watermark before.
    pub watermark_before: Sequence,
    /// The watermark after.
    pub watermark: Sequence,
    /// Streams that were found abandoned.
    pub abandoned: u8,
    /// Whether the operator's command ended a stream.
    pub released: bool,
    /// Messages that will be delivered again because of this.
    pub redeliver: u64,
    /// Messages that will not be delivered any more because of this.
    pub skipped: u64,
}
