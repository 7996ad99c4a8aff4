//! The way of one message, from its PI-ResourceId: who published it, which tokens carried it, what confirmed it.
//!
//! Two passes over all chains: an [`Inquiry`] finds where the message was published, its [`Journey`] then gathers what
//! happened there. Two, because its nodes write chains of their own, and a reader may be faster than the record of its
//! publishing. Lines are taken as they come; whether they are genuine is checked where they are read.

use pix_stream_domain::audit::{Event, Message};
use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::{Range, Sequence};
use serde::Serialize;

use crate::entry::{self, Entry, Unread};
use crate::rfc3339::Rfc3339;

/// Operators' commands that move a position: they explain why a message came again, or never.
const MOVES: [&str; 2] = ["participant.rewind", "participant.advance"];

/// The first pass: where a message was published.
#[derive(Debug, Clone)]
pub struct Inquiry {
    resource_id: ResourceId,
    needle: String,
    published: Vec<(Ispb, Message, Publishing)>,
    unread: u64,
}

/// Where an entry stands and when it happened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// When, RFC 3339.
    pub at: String,
    /// The chain.
    pub chain: String,
    /// The entry in it.
    pub entry: u64,
    /// The request in which it happened.
    pub request_id: String,
}

/// A request that published the message, or repeated it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Publishing {
    /// Where it is recorded.
    #[serde(flatten)]
    pub place: Place,
    /// Who: the certificate's name.
    pub publisher: String,
    /// Whether the message was stored before.
    pub repeat: bool,
}

/// An answer that carried the message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Carried {
    /// Where it is recorded.
    #[serde(flatten)]
    pub place: Place,
    /// SHA-256 of the token that came with it.
    pub token_sha256: String,
    /// SHA-256 of the token that was presented for it; `None`: the stream was opened.
    pub presented_sha256: Option<String>,
    /// The first message of the batch.
    pub first: u64,
    /// The last message of the batch.
    pub last: u64,
    /// Whether it repeated an earlier answer to the same token.
    pub replay: bool,
    /// The replay session in which it was read; `None`: the live stream.
    pub session: Option<u64>,
}

/// What confirmed the message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Confirmed {
    /// Where it is recorded.
    #[serde(flatten)]
    pub place: Place,
    /// SHA-256 of the token that confirmed it: the one that came with it.
    pub token_sha256: String,
    /// `read`: by reading on; `close`: by closing the stream.
    pub by: &'static str,
}

/// A close that gave the message back unread.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Returned {
    /// Where it is recorded.
    #[serde(flatten)]
    pub place: Place,
    /// SHA-256 of the token that closed the stream.
    pub token_sha256: String,
}

/// An operator's command that moved the participant's position.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Moved {
    /// Where it is recorded.
    #[serde(flatten)]
    pub place: Place,
    /// Who.
    pub actor: String,
    /// What: `participant.rewind`.
    pub command: String,
    /// With which effect.
    pub detail: String,
}

/// The second pass, and what it comes to: each list in the order of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Journey {
    /// The message.
    pub resource_id: String,
    /// Whose it is.
    pub ispb: String,
    /// Its place in the participant's order.
    pub sequence: u64,
    /// SHA-256 of its bytes as they were published; `None` when only the Journal told where it stands.
    pub sha256: Option<String>,
    /// The request that stored it, and repeats of it.
    pub published: Vec<Publishing>,
    /// Every answer that carried it.
    pub carried: Vec<Carried>,
    /// When it was confirmed; more than once only after it was handed out again.
    pub confirmed: Vec<Confirmed>,
    /// Closes that gave it back.
    pub returned: Vec<Returned>,
    /// Commands that moved the participant's position.
    pub moved: Vec<Moved>,
    /// Entries of newer builds that were left out.
    pub unread_entries: u64,
    #[serde(skip)]
    needle: String,
    #[serde(skip)]
    at: Range,
}

impl Inquiry {
    /// Looks for a message.
    #[must_use]
    pub fn new(resource_id: ResourceId) -> Self {
        let needle = format!("\"{resource_id}\"");
        Self { resource_id, needle, published: Vec::new(), unread: 0 }
    }

    /// The message.
    #[must_use]
    pub fn resource_id(&self) -> ResourceId {
        self.resource_id
    }

    /// An entry of a chain, without its line end.
    pub fn see(&mut self, chain: &str, line: &[u8]) {
        if !holds(line, &self.needle) {
            return;
        }
        match entry::parse(line) {
            Ok(Entry { n, record, .. }) => {
                let Event::Publish { actor, messages, .. } = &record.event else { return };
                let message = messages.iter().find(|message| message.resource_id == self.resource_id);
                if let Some((ispb, message)) = record.ispb.zip(message) {
                    let place = place(chain, n, &record);
                    let repeat = message.is_repeat;
                    self.published.push((
                        ispb,
                        *message,
                        Publishing { place, publisher: actor.to_string(), repeat },
                    ));
                }
            }
            Err(Unread::Newer(_)) => self.unread += 1,
            Err(Unread::Form) => {}
        }
    }

    /// What the second pass looks for; `None` when no entry names the message.
    #[must_use]
    pub fn found(self) -> Option<Journey> {
        let (ispb, message, _) = self.published.iter().min_by_key(|(_, message, _)| message.is_repeat)?;
        let (ispb, message) = (*ispb, *message);
        Some(self.placed(ispb, message.sequence, Some(message.digest)))
    }

    /// As [`Inquiry::found`], with what somebody else knows of the message: for entries of builds that named none.
    #[must_use]
    pub fn placed(self, ispb: Ispb, sequence: Sequence, digest: Option<Digest>) -> Journey {
        let mut published: Vec<_> = self.published.into_iter().map(|(_, _, publishing)| publishing).collect();
        published.sort();
        Journey {
            resource_id: self.resource_id.to_string(),
            ispb: ispb.to_string(),
            sequence: sequence.value(),
            sha256: digest.map(|digest| digest.to_string()),
            published,
            carried: Vec::new(),
            confirmed: Vec::new(),
            returned: Vec::new(),
            moved: Vec::new(),
            unread_entries: self.unread,
            needle: entry::ispb_member(ispb),
            at: Range::new(sequence, sequence.plus(1)),
        }
    }
}

impl Journey {
    /// An entry of a chain, without its line end.
    pub fn see(&mut self, chain: &str, line: &[u8]) {
        if !holds(line, &self.needle) {
            return;
        }
        match entry::parse(line) {
            Ok(entry) => self.take(chain, &entry),
            Err(Unread::Newer(_)) => self.unread_entries += 1,
            Err(Unread::Form) => {}
        }
    }

    fn take(&mut self, chain: &str, Entry { n, record, .. }: &Entry) {
        let is_ours = |range: &Range| range.overlaps(self.at);
        let here = || place(chain, *n, record);
        match &record.event {
            Event::Read { redeemed, issued, confirmed, batch, replay } => {
                if let Some(token) = redeemed.filter(|_| is_ours(confirmed)) {
                    self.confirmed.push(Confirmed {
                        place: here(),
                        token_sha256: token.to_string(),
                        by: "read",
                    });
                }
                if is_ours(batch) {
                    self.carried.push(carried(here(), (*redeemed, *issued), *batch, (*replay, None)));
                }
            }
            Event::ReplayRead { session, redeemed, issued, batch } if is_ours(batch) => {
                self.carried.push(carried(
                    here(),
                    (Some(*redeemed), *issued),
                    *batch,
                    (false, Some(*session)),
                ));
            }
            Event::Redeem { redeemed, confirmed } if is_ours(confirmed) => {
                self.confirmed.push(Confirmed {
                    place: here(),
                    token_sha256: redeemed.to_string(),
                    by: "read",
                });
            }
            Event::Close { redeemed, confirmed, returned } => {
                let token_sha256 = redeemed.to_string();
                if is_ours(confirmed) {
                    let token_sha256 = token_sha256.clone();
                    self.confirmed.push(Confirmed { place: here(), token_sha256, by: "close" });
                }
                if is_ours(returned) {
                    self.returned.push(Returned { place: here(), token_sha256 });
                }
            }
            Event::Admin { actor, command, detail, done: true } if MOVES.contains(&&**command) => {
                let (actor, command, detail) = (actor.to_string(), command.to_string(), detail.to_string());
                self.moved.push(Moved { place: here(), actor, command, detail });
            }
            Event::ReplayRead { .. }
            | Event::Redeem { .. }
            | Event::Publish { .. }
            | Event::Quarantine { .. }
            | Event::Admin { .. }
            | Event::System { .. } => {}
        }
    }

    /// Brings what several chains told into the order of time.
    pub fn sort(&mut self) {
        self.carried.sort();
        self.confirmed.sort();
        self.returned.sort();
        self.moved.sort();
    }
}

fn carried(
    place: Place,
    (presented, issued): (Option<Digest>, Digest),
    batch: Range,
    (replay, session): (bool, Option<u64>),
) -> Carried {
    Carried {
        place,
        token_sha256: issued.to_string(),
        presented_sha256: presented.map(|token| token.to_string()),
        first: batch.start().value(),
        last: batch.end().previous().value(),
        replay,
        session,
    }
}

fn place(chain: &str, entry: u64, record: &pix_stream_domain::audit::Record) -> Place {
    let (at, request_id) = (Rfc3339(record.at).to_string(), record.request_id.to_string());
    Place { at, chain: chain.to_owned(), entry, request_id }
}

fn holds(line: &[u8], needle: &str) -> bool {
    std::str::from_utf8(line).is_ok_and(|line| line.contains(needle))
}

#[cfg(test)]
mod tests;
