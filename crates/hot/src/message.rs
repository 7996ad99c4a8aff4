//! A message that is ready to be answered with: its rendered part and, once made, its deflate segments.

use std::sync::{Arc, OnceLock};

use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::Sequence;
use pix_stream_ports::codec::{Codec, Packed, Part, Segment};

/// A hot message. Shared by everything that answers with it; bodies are never copied.
#[derive(Debug)]
pub struct Message {
    /// Its place.
    pub sequence: Sequence,
    /// Its id for clients.
    pub resource_id: ResourceId,
    /// Its rendered part.
    pub part: Part,
    /// Set to `None` for good by an answer that had to do without.
    alone: OnceLock<Option<Segment>>,
    chained: OnceLock<Option<Segment>>,
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
        self.alone.get()?.as_ref()
    }

    /// Its part deflated behind the part of the message just before it (`sequence - 1`), when it was made.
    #[must_use]
    pub fn chained(&self) -> Option<&Segment> {
        self.chained.get()?.as_ref()
    }

    /// A message as another node packed it, with the segment that it was packed by.
    #[must_use]
    pub fn unpacked(packed: Packed) -> Self {
        let Packed { sequence, resource_id, part, alone, chained } = packed;
        let message = Self::new(sequence, resource_id, part);
        if let Some(alone) = alone {
            message.keep_alone(alone);
        }
        if let Some(chained) = chained {
            message.keep_chained(chained);
        }
        message
    }

    /// Whether a segment may still be made: none is there, and no answer has gone out without it.
    #[must_use]
    pub fn lacks_alone(&self) -> bool {
        self.alone.get().is_none()
    }

    /// The same for the chained one.
    #[must_use]
    pub fn lacks_chained(&self) -> bool {
        self.chained.get().is_none()
    }

    /// Fixes how the message goes out deflated: a repeat of this answer must have the same bytes, so a segment that
    /// is not ready now is not used later.
    pub fn fix_segments(&self) {
        self.alone.get_or_init(|| None);
        self.chained.get_or_init(|| None);
    }

    /// Keeps a segment; the first one made stays.
    pub fn keep_alone(&self, segment: Segment) {
        let _other_was_first = self.alone.set(Some(segment));
    }

    /// Keeps a segment; the first one made stays.
    pub fn keep_chained(&self, segment: Segment) {
        let _other_was_first = self.chained.set(Some(segment));
    }

    /// What the message costs in memory, in bytes, with the segments that it will have: XML deflates to about a
    /// fifth alone and a seventh chained, and accounts that never change need no locks.
    #[must_use]
    pub fn cost_with_segments(&self) -> u64 {
        (self.part.bytes().len() * 3 / 2 + size_of::<Self>()) as u64
    }
}

/// A message to deflate.
#[derive(Debug)]
pub struct Job {
    /// The message.
    pub message: Arc<Message>,
    /// The message just before it, for the chained segment.
    pub previous: Option<Arc<Message>>,
    /// Whether to deflate it alone, too.
    pub alone: bool,
}

impl Job {
    /// Makes the segments that are missing.
    pub fn run(&self, codec: &impl Codec) {
        if let Some(previous) = self.previous.as_ref().filter(|_| self.message.lacks_chained()) {
            self.message.keep_chained(codec.chained(&self.message.part, &previous.part));
        }
        if self.alone && self.message.lacks_alone() {
            self.message.keep_alone(codec.alone(&self.message.part));
        }
    }
}
