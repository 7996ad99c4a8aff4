//! The Journal: what must never be lost. Order, messages, checkpoints, participants (design, section 3).

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::StreamState;
use pix_stream_domain::switches::Switches;
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::version::Incarnation;

use crate::error::Error;

/// Keeps messages in a gap-free order per participant, and what is needed to take a stream state over.
///
/// Every method that returns `Ok` from a change returns after the change is durable. Methods are safe to call
/// from many tasks; changes are grouped into few commits by the implementation. A future that is dropped
/// leaves its change done or not done, never half.
pub trait Journal: Send + Sync + 'static {
    /// Appends the messages of one request, all or none, in order. Sequence numbers are given here and nowhere
    /// else. A message whose business id was stored within `terms.window` before it stores nothing: with the same
    /// digest it answers with the first one's place and id, with another it is a conflict. The rule also holds
    /// between the messages of one request.
    ///
    /// # Errors
    /// [`AppendError::Conflict`] with the index of the first message that conflicts; nothing was stored.
    /// [`AppendError::Store`]: nothing was stored, or - when the outcome is unknown - repeating the same
    /// request settles it by the rule above.
    fn append(
        &self,
        ispb: Ispb,
        messages: Vec<NewMessage>,
        terms: Terms,
    ) -> impl Future<Output = Result<Vec<Appended>, AppendError>> + Send;

    /// Which of these messages are stored within `window` already, by business id, without storing anything:
    /// `Some` for each that an [`Journal::append`] would answer as a repeat or refuse as a conflict.
    fn find_known(
        &self,
        ispb: Ispb,
        keys: Vec<MessageKey>,
        window: Duration,
    ) -> impl Future<Output = Result<Vec<Option<Known>>, Error>> + Send;

    /// Reads messages of a range, ascending, until `bytes_max` of XML are exceeded; at least one, if there is
    /// one. Messages that are past retention are missing from the answer.
    fn read(
        &self,
        ispb: Ispb,
        range: Range,
        bytes_max: u64,
    ) -> impl Future<Output = Result<Vec<Stored>, Error>> + Send;

    /// The oldest message and the next sequence number. A participant without messages has both at 1.
    fn extent(&self, ispb: Ispb) -> impl Future<Output = Result<Extent, Error>> + Send;

    /// The first message that was published at or after a time; the next sequence number when there is none.
    fn find_since(&self, ispb: Ispb, at: Timestamp) -> impl Future<Output = Result<Sequence, Error>> + Send;

    /// Takes the expiry off what is stored of a range and would expire before its time: a legal hold began (`retention`
    /// is `None`: it is not to expire at all), or it is kept for longer. Changes nothing else. One call looks at some
    /// messages from the start of the range on, about a thousand, and answers where it got to: above the start, and the
    /// end once it is through. Messages that are appended meanwhile are their appender's business. Safe to repeat, and
    /// for many at once.
    fn keep(
        &self,
        ispb: Ispb,
        range: Range,
        retention: Option<Duration>,
    ) -> impl Future<Output = Result<Sequence, Error>> + Send;

    /// Removes messages below a sequence number, at most `limit` of them in one call. Returns how many.
    fn remove_below(
        &self,
        ispb: Ispb,
        below: Sequence,
        limit: u32,
    ) -> impl Future<Output = Result<u32, Error>> + Send;

    /// Removes messages of a range, at most `limit` of them in one call, the oldest first, and leaves older and newer
    /// ones where they are. Returns how many. A store that needs a message to tell a repeat may leave it until its
    /// window is over; the same call then removes it.
    fn remove_between(
        &self,
        ispb: Ispb,
        range: Range,
        limit: u32,
    ) -> impl Future<Output = Result<u32, Error>> + Send;

    /// The newest checkpoint of a participant's stream state.
    fn load_checkpoint(&self, ispb: Ispb) -> impl Future<Output = Result<Option<Checkpoint>, Error>> + Send;

    /// Saves checkpoints. One with a version that is not newer than the stored one changes nothing; the same
    /// version again may set `is_last`. Room for it is kept as for [`Journal::raise_incarnation`].
    fn save_checkpoints(
        &self,
        checkpoints: Vec<(Ispb, Checkpoint)>,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Raises a participant's incarnation by one, durably, and returns the new one. Two callers never get the
    /// same. While an append answers [`Error::Full`], there is still room for a while for this and other small
    /// changes, so that whoever starts then can serve reads.
    fn raise_incarnation(&self, ispb: Ispb) -> impl Future<Output = Result<Incarnation, Error>> + Send;

    /// All onboarded participants, by ISPB.
    fn participants(&self) -> impl Future<Output = Result<Vec<Participant>, Error>> + Send;

    /// Stores a participant whose stored revision is `participant.revision - 1` (zero: not onboarded yet).
    /// Returns `false`, and changes nothing, when the stored revision is another.
    fn save_participant(&self, participant: Participant) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Which message types are switched on and off; [`Switches::default`] before the first change.
    fn load_switches(&self) -> impl Future<Output = Result<Switches, Error>> + Send;

    /// Stores switches whose stored revision is `switches.revision - 1`. Returns `false`, and changes nothing,
    /// when the stored revision is another.
    fn save_switches(&self, switches: Switches) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Whether the Journal can do its work right now.
    fn check(&self) -> impl Future<Output = Result<(), Error>> + Send;
}

/// On what terms messages are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How long a business id is remembered.
    pub window: Duration,
    /// How long the messages will be wanted; `None`: until they are removed, since they are under legal hold. A store
    /// may drop them by itself a day after that, should nobody remove them.
    pub retention: Option<Duration>,
}

/// The key of idempotency of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageKey {
    /// `BizMsgIdr`.
    pub business_id: Box<str>,
    /// SHA-256 of the message's bytes.
    pub digest: Digest,
    /// When it is published.
    pub published_at: Timestamp,
}

/// A message to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// Its key.
    pub key: MessageKey,
    /// Its id for clients.
    pub resource_id: ResourceId,
    /// Its type: `pacs.008.spi.1.16`.
    pub message_type: Box<str>,
    /// Its bytes, as published.
    pub xml: Bytes,
}

/// Where a message stands that [`Journal::append`] was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Its place.
    pub sequence: Sequence,
    /// The id under which it is stored: an earlier one's for a repeat.
    pub resource_id: ResourceId,
    /// Whether it was stored before and nothing was stored now.
    pub is_repeat: bool,
}

/// What the Journal knows of a business id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The stored message's place.
    pub sequence: Sequence,
    /// Its id for clients.
    pub resource_id: ResourceId,
    /// Whether the bytes are the same.
    pub is_same: bool,
}

/// A stored message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its place.
    pub sequence: Sequence,
    /// Its id for clients; tells when it was published, too.
    pub resource_id: ResourceId,
    /// Its type.
    pub message_type: Box<str>,
    /// Its bytes, as published.
    pub xml: Bytes,
}

/// The ends of a participant's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The oldest message that is left; equal to `next` when there is none.
    pub first: Sequence,
    /// The sequence number that the next message will get.
    pub next: Sequence,
}

/// A stream state to recover from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The state.
    pub state: StreamState,
    /// Whether its history ended with it: written on drain, after the last request.
    pub is_last: bool,
}

/// Why an append stored nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The business id is known with other bytes.
    #[error("message {index} conflicts with a stored one")]
    Conflict {
        /// Index of the message in the request, from 0.
        index: usize,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}
