//! Hot messages of one participant: bodies kept ready in memory, within byte limits.
//!
//! Reading goes upwards, so when room is short the lowest messages stay and the highest go: they are read again
//! from the Journal when their turn comes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pix_stream_domain::sequence::{Range, Sequence};

use crate::message::Message;

/// Bytes of hot messages on this node, over all participants.
#[derive(Debug)]
pub struct Budget {
    used: AtomicU64,
    max: u64,
}

impl Budget {
    /// Nothing is used of `max` bytes.
    #[must_use]
    pub const fn new(max: u64) -> Self {
        Self { used: AtomicU64::new(0), max }
    }

    /// Bytes that are used.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether more than half of the bytes are used.
    #[must_use]
    pub fn is_half_used(&self) -> bool {
        self.used() > self.max / 2
    }

    /// Whether so many bytes more may be used.
    #[must_use]
    pub fn has_room(&self, bytes: u64) -> bool {
        self.used() + bytes <= self.max
    }

    pub(crate) fn take(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The hot messages of one participant.
#[derive(Debug)]
pub struct Hot {
    messages: BTreeMap<Sequence, (Arc<Message>, u64)>,
    bytes: u64,
    bytes_max: u64,
    budget: Arc<Budget>,
}

impl Hot {
    /// Nothing is hot yet; at most `bytes_max` bytes will be, and no more than the node's budget has left.
    #[must_use]
    pub const fn new(bytes_max: u64, budget: Arc<Budget>) -> Self {
        Self { messages: BTreeMap::new(), bytes: 0, bytes_max, budget }
    }

    /// Whether so many bytes more may be kept.
    #[must_use]
    pub fn has_room(&self, bytes: u64) -> bool {
        self.bytes + bytes <= self.bytes_max && self.budget.has_room(bytes)
    }

    /// Size of a message's XML, when it is hot.
    #[must_use]
    pub fn size(&self, sequence: Sequence) -> Option<u32> {
        let (message, _) = self.messages.get(&sequence)?;
        u32::try_from(message.part.xml_len()).ok()
    }

    /// A message, when it is hot.
    #[must_use]
    pub fn find(&self, sequence: Sequence) -> Option<&Arc<Message>> {
        self.messages.get(&sequence).map(|(message, _)| message)
    }

    /// All messages of a range, when all of them are hot.
    #[must_use]
    pub fn find_all(&self, range: Range) -> Option<Vec<Arc<Message>>> {
        let len = usize::try_from(range.len()).ok()?;
        let mut found = Vec::with_capacity(len);
        found.extend(
            self.messages.range(range.start()..range.end()).map(|(_, (message, _))| Arc::clone(message)),
        );
        (found.len() == len).then_some(found)
    }

    /// Keeps a new message if there is room for it. Returns whether it is kept.
    pub fn offer(&mut self, message: &Arc<Message>) -> bool {
        let cost = message.cost_with_segments();
        let fits = self.has_room(cost);
        if fits {
            self.put(message, cost);
        }
        fits
    }

    /// Keeps a message that a reader needs now, at the expense of higher ones, then of the lowest: those are
    /// leased already, and needed again only for a replay.
    pub fn insert(&mut self, message: &Arc<Message>) {
        while !self.insert_behind(message) {
            match self.messages.first_key_value() {
                Some((&first, _)) => self.remove(first),
                // Not one message fits the limits: reading on goes before them.
                None => return self.put(message, message.cost_with_segments()),
            }
        }
    }

    /// Keeps a message that a reader will need soon, at the expense of higher ones only. Returns whether it is kept.
    pub fn insert_behind(&mut self, message: &Arc<Message>) -> bool {
        let cost = message.cost_with_segments();
        while !self.has_room(cost) {
            match self.messages.last_key_value() {
                Some((&last, _)) if last > message.sequence => self.remove(last),
                Some(_) | None => return false,
            }
        }
        self.put(message, cost);
        true
    }

    /// Drops everything: it is read from the Journal when its turn comes.
    pub fn clear(&mut self) {
        self.messages.clear();
        self.budget.give_back(std::mem::take(&mut self.bytes));
    }

    /// Drops everything below a sequence number: it is confirmed.
    pub fn remove_below(&mut self, floor: Sequence) {
        while let Some((&first, _)) = self.messages.first_key_value() {
            if first >= floor {
                break;
            }
            self.remove(first);
        }
    }

    fn put(&mut self, message: &Arc<Message>, cost: u64) {
        self.remove(message.sequence);
        self.messages.insert(message.sequence, (Arc::clone(message), cost));
        self.bytes += cost;
        self.budget.take(cost);
    }

    fn remove(&mut self, sequence: Sequence) {
        if let Some((_, cost)) = self.messages.remove(&sequence) {
            self.bytes -= cost;
            self.budget.give_back(cost);
        }
    }
}

impl Drop for Hot {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use pix_stream_domain::resource_id::ResourceId;
    use pix_stream_domain::time::Timestamp;
    use pix_stream_ports::codec::Part;

    use super::*;

    fn message(sequence: u64, len: usize) -> Arc<Message> {
        let part = Part::new(Bytes::from(vec![b'x'; len]), 0..len);
        let id = ResourceId::new(Timestamp::from_unix_millis(1), [0; 16]);
        Arc::new(Message::new(Sequence::new(sequence), id, part))
    }

    fn range(start: u64, end: u64) -> Range {
        Range::new(Sequence::new(start), Sequence::new(end))
    }

    #[test]
    fn a_new_message_without_room_is_left_cold() {
        let mut hot = Hot::new(5_000, Arc::new(Budget::new(1_000_000)));
        assert!(hot.offer(&message(1, 1_000)));
        assert!(!hot.offer(&message(2, 10_000)));
        assert!(hot.find_all(range(1, 2)).is_some());
        assert!(hot.find_all(range(1, 3)).is_none());
    }

    #[test]
    fn a_needed_message_pushes_the_highest_out() {
        let mut hot = Hot::new(8_000, Arc::new(Budget::new(1_000_000)));
        assert!(hot.offer(&message(10, 2_000)));
        assert!(hot.offer(&message(11, 2_000)));
        hot.insert(&message(1, 2_500));
        assert!(hot.find(Sequence::new(1)).is_some());
        assert!(hot.find(Sequence::new(10)).is_some());
        assert!(hot.find(Sequence::new(11)).is_none());
    }

    #[test]
    fn what_is_dropped_gives_its_bytes_back() {
        let budget = Arc::new(Budget::new(1_000_000));
        let mut hot = Hot::new(100_000, Arc::clone(&budget));
        (1..5).for_each(|n| assert!(hot.offer(&message(n, 1_000))));
        let all = budget.used();
        hot.remove_below(Sequence::new(3));
        assert_eq!(budget.used(), all / 2);
        drop(hot);
        assert_eq!(budget.used(), 0);
    }
}
