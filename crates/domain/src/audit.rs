//! What the audit log says: one record for each token issued or redeemed, publish and admin command.
//!
//! A record holds no message content, no personal data and of a token only its hash (protocol, section 6).
//! How records are chained and kept is the audit log's business.

use crate::digest::Digest;
use crate::ispb::Ispb;
use crate::resource_id::ResourceId;
use crate::sequence::Range;
use crate::time::Timestamp;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When.
    pub at: Timestamp,
    /// The request in which it happened, empty for what the server did by itself.
    pub request_id: Box<str>,
    /// Whose streams or messages; `None` when no participant is concerned.
    pub ispb: Option<Ispb>,
    /// What.
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A read was answered: the token it redeemed (none for a start), the token it issued, the batch it carries.
    Read {
        /// Hash of the token that was presented.
        redeemed: Option<Digest>,
        /// Hash of the token that was issued.
        issued: Digest,
        /// What the presented token confirmed.
        confirmed: Range,
        /// What was handed out; empty for 204.
        batch: Range,
        /// Whether the answer repeats an earlier one.
        replay: bool,
    },
    /// A read confirmed what its token carries and waits for a message; how it is answered is a `Read` of its own.
    Redeem {
        /// Hash of the token that was presented.
        redeemed: Digest,
        /// What it confirmed.
        confirmed: Range,
    },
    /// A pull of a replay session was answered. It confirms nothing: the live cursor does not move.
    ReplayRead {
        /// The session.
        session: u64,
        /// Hash of the token that was presented.
        redeemed: Digest,
        /// Hash of the token that was issued.
        issued: Digest,
        /// What was handed out; empty for 204.
        batch: Range,
    },
    /// A stream was closed with this token.
    Close {
        /// Hash of the token.
        redeemed: Digest,
        /// What it confirmed.
        confirmed: Range,
        /// What went back to be delivered again.
        returned: Range,
    },
    /// Messages became durable.
    Publish {
        /// Who published: the certificate's name.
        actor: Box<str>,
        /// Where they stand.
        batch: Range,
        /// How many of the request were repeats and stored nothing.
        repeats: u32,
    },
    /// A message of unattended intake was refused and put into quarantine.
    Quarantine {
        /// Who published it: the certificate's name.
        actor: Box<str>,
        /// The entry's id.
        entry: ResourceId,
        /// The code of the rule that it breaks first: `schema`.
        rule: Box<str>,
        /// Its length in bytes.
        bytes: u32,
        /// Whether the same bytes were there already, so that nothing was stored but one attempt more.
        repeat: bool,
    },
    /// An administrator or operator changed something, or was refused.
    Admin {
        /// Who: the certificate's name.
        actor: Box<str>,
        /// The command: `participant.pause`.
        command: Box<str>,
        /// What was asked and what it came to, for people.
        detail: Box<str>,
        /// Whether it was done.
        done: bool,
    },
    /// The server did something on its own that an auditor must see: retention, recovery of a state.
    System {
        /// What: `retention.expire`.
        command: Box<str>,
        /// With which effect.
        detail: Box<str>,
    },
}
