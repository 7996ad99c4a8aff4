//! The oracle: what was published, delivered and confirmed, as seen from outside, and which invariant broke.
//!
//! It believes producers and clients only. A harness tells it each fact when it happens, at the latest before the
//! client's next request on the same stream; what nobody saw (a lost answer, a killed node) is simply not told,
//! and the oracle allows what may have happened unseen. Numbers are those of design, section 6; invariant 10 is
//! [`Oracle::check_audit`]. Shared by `cargo xtask sim` and `soak`.

mod message;
mod participant;
mod violation;

use std::collections::BTreeMap;
use std::time::Duration;

use pix_stream_domain::audit::{Event, Record};
use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::stream::StreamState;
use pix_stream_domain::time::Timestamp;

use participant::Participant;
pub use violation::Violation;

/// Sees everything, and says what must not be.
#[derive(Debug, Clone)]
pub struct Oracle {
    idle: Duration,
    participants: BTreeMap<Ispb, Participant>,
}

/// A message as it was published or delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// Its id for clients.
    pub resource_id: ResourceId,
    /// SHA-256 of its bytes.
    pub digest: Digest,
}

/// An answer with messages.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The token that was presented; `None` for a start.
    pub presented: Option<&'a str>,
    /// The token that came with the answer.
    pub token: &'a str,
    /// The messages, in the order of the answer.
    pub items: &'a [Item],
    /// SHA-256 of the body before gzip.
    pub body: Digest,
    /// Whether the client got it. A harness that loses an answer on purpose still tells what was lost.
    pub is_received: bool,
    /// When the request was sent.
    pub asked_at: Timestamp,
    /// When the answer was there.
    pub answered_at: Timestamp,
}

/// What came of it all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// Messages that were acknowledged to their producer.
    pub published: u64,
    /// Of those, how many a client received.
    pub received: u64,
    /// Of those, how many a client knows to be confirmed.
    pub confirmed: u64,
    /// Of those, how many were skipped or expired by a rule that an operator set.
    pub skipped: u64,
    /// How often a message was handed out again under another token.
    pub redelivered: u64,
}

impl Oracle {
    /// An oracle for servers whose streams are abandoned after `idle`.
    #[must_use]
    pub fn new(idle: Duration) -> Self {
        Self { idle, participants: BTreeMap::new() }
    }

    /// A producer is about to publish these bytes: from now on they may be delivered, acknowledged or not.
    pub fn on_offered(&mut self, ispb: Ispb, digest: Digest) {
        self.participant(ispb).offer(digest);
    }

    /// A producer got its 201: from now on the message must not be lost.
    ///
    /// # Errors
    /// The place or the id belongs to another message.
    pub fn on_published(&mut self, ispb: Ispb, sequence: Sequence, item: Item) -> Result<(), Violation> {
        self.participant(ispb).publish(sequence, item)
    }

    /// A client is about to present a token, and so says that it has the token's batch. `closes`: by DELETE.
    pub fn on_presented(&mut self, ispb: Ispb, token: &str, closes: bool) {
        self.participant(ispb).present(token, closes);
    }

    /// A read was answered with messages.
    ///
    /// # Errors
    /// Any of invariants 2 to 6, 8 and 9.
    pub fn on_delivered(&mut self, ispb: Ispb, answer: &Answer<'_>) -> Result<(), Violation> {
        for item in answer.items {
            let owner = self.participants.iter().find(|(_, other)| other.has_id(item.resource_id));
            if let Some((owner, other)) = owner.filter(|(owner, _)| **owner != ispb) {
                let what = format!("a message of {owner} was delivered to {ispb}");
                return Err(Violation::new(8, what, other.history_of(item.resource_id)));
            }
        }
        let idle = self.idle;
        self.participant(ispb).deliver(answer, idle)
    }

    /// A read was answered without messages, or a DELETE with 200: the presented token's batch is confirmed.
    ///
    /// # Errors
    /// The token's batch was not received by anybody.
    pub fn on_confirmed(&mut self, ispb: Ispb, token: &str, at: Timestamp) -> Result<(), Violation> {
        self.participant(ispb).confirm(token, at)
    }

    /// The Coordinator forgot or went back; the server goes on from `checkpoint`, or from nothing. What that state
    /// knows as confirmed must still not come again.
    pub fn on_coordinator_lost(&mut self, ispb: Ispb, checkpoint: Option<&StreamState>) {
        self.participant(ispb).lose_coordinator(checkpoint);
    }

    /// An operator rewound: everything from `to` on may be delivered again.
    pub fn on_rewound(&mut self, ispb: Ispb, to: Sequence) {
        self.participant(ispb).rewind(to);
    }

    /// An operator advanced, or retention removed messages: nothing below `to` has to be delivered any more.
    pub fn on_skipped(&mut self, ispb: Ispb, to: Sequence) {
        self.participant(ispb).skip(to);
    }

    /// The server's own state, where a test can see it, in the order of its versions.
    ///
    /// # Errors
    /// Invariants 1, 2, 3, 5 and 7, as the state shows them.
    pub fn on_state(&mut self, ispb: Ispb, state: &StreamState, head: Sequence) -> Result<(), Violation> {
        self.participant(ispb).see(state, head)
    }

    /// Every token that a client received was written to the audit log, by its SHA-256 (invariant 10).
    ///
    /// # Errors
    /// A token that is missing there.
    pub fn check_audit(&self, records: &[Record]) -> Result<(), Violation> {
        let issued: std::collections::HashSet<Digest> = records
            .iter()
            .filter_map(|record| match &record.event {
                Event::Read { issued, .. } => Some(*issued),
                Event::Redeem { .. }
                | Event::ReplayRead { .. }
                | Event::Close { .. }
                | Event::Publish { .. }
                | Event::Quarantine { .. }
                | Event::Admin { .. }
                | Event::System { .. } => None,
            })
            .collect();
        let mut tokens = self.participants.values().flat_map(Participant::received_tokens);
        match tokens.find(|token| !issued.contains(&Digest::of(token.as_bytes()))) {
            Some(token) => {
                let what =
                    format!("the issue of token {}… is not in the audit log", &token[..8.min(token.len())]);
                Err(Violation::new(10, what, Vec::new()))
            }
            None => Ok(()),
        }
    }

    /// Whether every message that must be delivered was received; what a draining client waits for.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.participants.values().all(|participant| participant.find_undelivered().is_none())
    }

    /// Nothing more will be read. Everything up to the watermark of each participant must have been received.
    ///
    /// # Errors
    /// Invariant 1: a message that counts as confirmed, and that no client ever got.
    pub fn finish(&self, watermarks: &[(Ispb, Sequence)]) -> Result<Report, Violation> {
        for (ispb, watermark) in watermarks {
            self.participants
                .get(ispb)
                .map_or(Ok(()), |participant| participant.check_received(*watermark))?;
        }
        let mut report = Report::default();
        self.participants.values().for_each(|participant| participant.count_into(&mut report));
        Ok(report)
    }

    fn participant(&mut self, ispb: Ispb) -> &mut Participant {
        self.participants.entry(ispb).or_default()
    }
}

#[cfg(test)]
mod tests;
