//! What the audit log says: one record for each token issued or redeemed, publish and admin command.
//!
//! A record holds no message content, no personal data and of a token only its hash (protocol, section 6).
//! How records are chained and kept is the audit log's business.

use std::fmt;
use std::str::FromStr;

use crate::digest::Digest;
use crate::ispb::Ispb;
use crate::resource_id::ResourceId;
use crate::sequence::{Range, Sequence};
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

/// A message, as a record of its publishing names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// Its place.
    pub sequence: Sequence,
    /// Its id for clients.
    pub resource_id: ResourceId,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Whether it was stored before and nothing was stored now.
    pub is_repeat: bool,
}

/// Where a chain of records stands: its last record, and the hash that covers all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// Number of the last record, from 1; zero before the first.
    pub entry: u64,
    /// Its hash; zeros before the first.
    pub hash: Digest,
}

/// The name of one chain: drawn once, kept beside it, and never used for another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainId(pub [u8; 8]);

/// A text that is no name of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a chain's name is 16 hexadecimal digits in lower case")]
pub struct ChainIdError;

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainId({self})")
    }
}

impl FromStr for ChainId {
    type Err = ChainIdError;

    fn from_str(text: &str) -> Result<Self, ChainIdError> {
        let number = u64::from_str_radix(text, 16).map_err(|_| ChainIdError)?;
        let id = Self(number.to_be_bytes());
        // One spelling: no sign, no capitals, no fewer digits.
        if id.to_string() == text { Ok(id) } else { Err(ChainIdError) }
    }
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
        /// The messages of the request, in order, repeats among them: with these an auditor needs no Journal. Empty
        /// in entries of builds that did not write them.
        messages: Box<[Message]>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chains_name_has_one_spelling() {
        let id = ChainId([0, 1, 2, 0xab, 4, 5, 6, 0xff]);
        assert_eq!(id.to_string(), "000102ab040506ff");
        assert_eq!("000102ab040506ff".parse(), Ok(id));
        for other in ["", "000102AB040506ff", "+00102ab040506ff", "102ab040506ff", "000102ab040506ff0"] {
            assert_eq!(other.parse::<ChainId>(), Err(ChainIdError), "{other}");
        }
    }
}
