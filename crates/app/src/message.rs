//! A message that is ready to be answered with: its rendered part and, once made, its deflate segments.

use std::sync::OnceLock;

use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::Sequence;
use pix_stream_ports::codec::{Part, Segment};

/// A hot message. Shared by everything that answers with it; bodies are never copied.
#[derive(Debug)]
pub struct Message {
    /// Its place.
    pub sequence: Sequence,
    /// Its id for clients.
    pub resource_id: ResourceId,
    /// Its rendered part.
    pub part: Part,
    alone: OnceLock<Segment>,
    chained: OnceLock<Segment>,
}

impl Message {
    /// A message without segments.
    #[must_use]
    pub const fn new(sequence: Sequence, resource_id: ResourceId, part: Part) -> Self {
        Self { sequence, resource_id, part, alone: OnceLock::new(), chained: OnceLock::new() }
    }

    /// Its XML deflated without a dictionary, when it was made already.
    #[must_use]
    pub fn alone(&self) -> Option<&Segment> {
        self.alone.get()
    }

    /// Its part deflated behind the part of the message just before it (`sequence - 1`), when it was made.
    #[must_use]
    pub fn chained(&self) -> Option<&Segment> {
        self.chained.get()
    }

    /// Keeps a segment; the first one made stays.
    pub(crate) fn keep_alone(&self, segment: Segment) {
        let _other_was_first = self.alone.set(segment);
    }

    /// Keeps a segment; the first one made stays.
    pub(crate) fn keep_chained(&self, segment: Segment) {
        let _other_was_first = self.chained.set(segment);
    }

    /// What the message costs in memory, in bytes, with the segments that it will have: XML deflates to about a
    /// fifth alone and a seventh chained, and accounts that never change need no locks.
    pub(crate) fn cost_with_segments(&self) -> u64 {
        (self.part.bytes().len() * 3 / 2 + size_of::<Self>()) as u64
    }
}
