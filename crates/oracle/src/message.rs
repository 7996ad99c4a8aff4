//! What the oracle knows of one message.

use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::stream::Generation;
use pix_stream_domain::time::Timestamp;

use super::Item;

/// One message.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) sequence: Sequence,
    pub(super) item: Item,
    pub(super) is_acknowledged: bool,
    pub(super) is_received: bool,
    pub(super) is_skipped: bool,
    /// Since when a client knows that it is confirmed.
    pub(super) confirmed_at: Option<Timestamp>,
    pub(super) lease: Option<Lease>,
    pub(super) handed_out: u64,
    facts: Vec<Fact>,
}

/// A message is out on a stream that lives at least until a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) generation: Generation,
    pub(super) until: Timestamp,
}

/// One thing that happened to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fact {
    Published,
    Delivered { generation: Generation, pull: u64, at: Timestamp, received: bool },
    Presented { generation: Generation, pull: u64, closes: bool },
    Confirmed { at: Timestamp },
    CoordinatorLost { known: bool },
    Rewound,
    Skipped,
}

impl Message {
    pub(super) fn new(sequence: Sequence, item: Item) -> Self {
        Self {
            sequence,
            item,
            is_acknowledged: false,
            is_received: false,
            is_skipped: false,
            confirmed_at: None,
            lease: None,
            handed_out: 0,
            facts: Vec::new(),
        }
    }

    pub(super) fn note(&mut self, fact: Fact) {
        // A replay for the hundredth time tells nothing new.
        if self.facts.last() != Some(&fact) {
            self.facts.push(fact);
        }
    }

    pub(super) fn history(&self) -> Vec<String> {
        let mut lines = vec![format!("message {} {}", self.sequence, self.item.resource_id)];
        lines.extend(self.facts.iter().map(|fact| format!("{fact:?}")));
        lines
    }
}
