//! What callers of the use cases bring and get.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::replay::ReplaySession;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::stream::Form;
use pix_stream_domain::token::Signed;
use pix_stream_ports::codec::Rule;
use pix_stream_ports::quarantine::EntryId;

use pix_stream_hot::Message;
use pix_stream_registry::Keeping;

/// A read: `stream/start` or a pull; or the DELETE that ends it.
#[derive(Debug, Clone, Copy)]
pub struct Read<'a> {
    /// Whose stream.
    pub ispb: Ispb,
    /// One message or many.
    pub form: Form,
    /// Whether the client takes gzip: segments are made for those who do.
    pub gzip: bool,
    /// The request's id, for logs and audit.
    pub request_id: &'a str,
    /// How long the request has waited for stores already: it must be answered within a second of that, too.
    pub spent: Duration,
}

/// The answer to a read: 200 with messages, 204 without.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The token for `PI-Pull-Next`, and the boundary that belongs to it.
    pub token: Signed,
    /// The stream's slot, from 1.
    pub slot: u8,
    /// The participant's cap.
    pub cap: u8,
    /// The form: a replay keeps that of the first answer.
    pub form: Form,
    /// The messages, ascending without gaps; none for 204, exactly one in the single form.
    pub messages: Vec<Arc<Message>>,
}

/// A publish request.
#[derive(Debug, Clone)]
pub struct Publish<'a> {
    /// For whom.
    pub ispb: Ispb,
    /// Who: the certificate's name, for the audit log.
    pub actor: &'a str,
    /// The request's id.
    pub request_id: &'a str,
    /// One to ten messages.
    pub messages: Vec<Bytes>,
}

/// What became of a published message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its id: the first one's for a repeat.
    pub resource_id: ResourceId,
    /// Its place.
    pub sequence: Sequence,
    /// Its `BizMsgIdr`.
    pub business_id: String,
    /// Whether it was stored before.
    pub is_repeat: bool,
}

/// What became of a message of unattended intake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It will be delivered.
    Published(Published),
    /// It was refused and waits for an operator.
    Quarantined(Quarantined),
}

/// A message that was put into quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The entry's id: the first one's, when the same bytes are there already.
    pub id: EntryId,
    /// The rule that the first finding breaks.
    pub rule: Rule,
    /// All findings, each `line:column path reason`, without message content.
    pub findings: Vec<String>,
    /// Whether it was stored now; otherwise one attempt more was counted.
    pub is_new: bool,
}

/// What the release of a quarantined message came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// Whether it was only tried: then it would be published now.
    pub dry_run: bool,
    /// Where it stands; `None` for a dry run.
    pub published: Option<Published>,
}

/// A message type in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeStatus {
    /// The type: `pacs.008.spi.1.16`.
    pub message_type: String,
    /// Whether a schema is loaded for it.
    pub is_loaded: bool,
    /// Whether it is switched on for those without a switch of their own.
    pub on: bool,
    /// Participants with a switch of their own, by ISPB, and its state.
    pub own: Vec<(Ispb, bool)>,
}

/// A participant with the state of its streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The participant.
    pub participant: Participant,
    /// How far this node got with keeping what is stored and must not expire; `None` when nothing asks for it.
    pub keeping: Option<Keeping>,
    /// Whether its reads are paused.
    pub paused: bool,
    /// How many streams it may hold open.
    pub cap: u8,
    /// Its live streams.
    pub streams: Vec<StreamStatus>,
    /// The oldest message that is kept.
    pub first: Sequence,
    /// The next sequence number.
    pub head: Sequence,
    /// The next sequence number that was never handed out.
    pub frontier: Sequence,
    /// Everything up to here is confirmed.
    pub watermark: Sequence,
    /// Messages that are not confirmed.
    pub unconfirmed: u64,
    /// Messages that wait for redelivery.
    pub redelivery: u64,
}

/// One live stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamStatus {
    /// Its slot, from 1.
    pub slot: u8,
    /// The number of its current batch, as in its token: rising, with gaps; zero before the first.
    pub pull: u64,
    /// Messages it holds unconfirmed.
    pub held: u64,
    /// Unix milliseconds at which it counts as abandoned.
    pub deadline_unix_ms: u64,
}

/// A change of a participant by an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Stop its reads.
    Pause,
    /// Go on with its reads.
    Resume,
    /// Set how many streams it may hold open, 1 to 6.
    Cap(u8),
    /// Deliver everything from here on again.
    Rewind(Sequence),
    /// Skip everything below.
    Advance(Sequence),
    /// End the stream in this slot, from 1.
    Release(u8),
}

/// What a change came to, or would come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Whether it was only tried.
    pub dry_run: bool,
    /// The watermark before.
    pub watermark_before: Sequence,
    /// The watermark after.
    pub watermark: Sequence,
    /// Whether anything is, or would be, other than before.
    pub changed: bool,
    /// Whether a live stream was ended by it.
    pub released: bool,
    /// Messages that will be delivered again.
    pub redeliver: u64,
    /// Messages that will not be delivered.
    pub skipped: u64,
    /// The participant after it (before it, for a dry run).
    pub status: Status,
}

/// A replay session, as an operator opens it.
#[derive(Debug, Clone)]
pub struct ReplayOpened {
    /// The session; for a dry run, as it would be.
    pub session: ReplaySession,
    /// The token to begin with; `None` for a dry run.
    pub token: Option<Signed>,
    /// Whether it is new: the same range again answers with the session that is open.
    pub changed: bool,
}

/// The health of one dependency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// `journal`, `coordinator`, `audit`; `region`, while something is wrong with that.
    pub name: &'static str,
    /// What is wrong; `None` when it works.
    pub fault: Option<String>,
    /// Whether reads go on all the same: a journal without room, or for a while one out of reach, refuses messages only.
    pub serves_reads: bool,
}
