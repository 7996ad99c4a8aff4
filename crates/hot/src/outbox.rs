//! What waits to be told to other nodes about one participant, within limits. What does not fit is told in short: the
//! others find it in the Journal.

use std::collections::BTreeMap;
use std::sync::Arc;

use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::version::Version;

use crate::cache::Budget;
use crate::chunk::{CHUNK_BYTES_MAX, CHUNK_MESSAGES_MAX};
use crate::message::Message;

/// Fresh messages of one participant that may wait.
const MESSAGES_MAX: usize = 1_024;

const _: () = assert!(CHUNK_MESSAGES_MAX <= MESSAGES_MAX);

/// News of one participant.
#[derive(Debug)]
pub struct Outbox {
    messages: BTreeMap<Sequence, Arc<Message>>,
    head: Sequence,
    told: Sequence,
    change: Option<Version>,
    sending: bool,
    /// Shared with the outboxes of all participants.
    budget: Arc<Budget>,
}

/// What is told in one go.
#[derive(Debug)]
pub enum Parcel {
    /// The state has this version, and waiting reads should look at it.
    Change(Version),
    /// These messages exist; they follow one another.
    Fresh(Vec<Arc<Message>>),
    /// Messages below this exist.
    Head(Sequence),
}

impl Outbox {
    /// Nothing waits; all outboxes of a node share `budget`.
    #[must_use]
    pub const fn new(budget: Arc<Budget>) -> Self {
        let (head, told) = (Sequence::FIRST, Sequence::FIRST);
        Self { messages: BTreeMap::new(), head, told, change: None, sending: false, budget }
    }

    /// Leaves fresh messages, and that all below `head` exist. Returns whether nobody sends yet, so that the caller
    /// must begin to.
    pub fn put_fresh(&mut self, fresh: &[Arc<Message>], head: Sequence) -> bool {
        for message in fresh {
            let cost = cost(message);
            if self.messages.len() < MESSAGES_MAX && self.budget.has_room(cost) {
                self.budget.take(cost);
                self.messages.insert(message.sequence, Arc::clone(message));
            }
        }
        self.head = self.head.max(head);
        self.must_begin()
    }

    /// Leaves that the state has a version. Returns as [`Self::put_fresh`].
    pub fn put_change(&mut self, version: Version) -> bool {
        self.change = self.change.max(Some(version));
        self.must_begin()
    }

    fn must_begin(&mut self) -> bool {
        let has_news = self.change.is_some() || !self.messages.is_empty() || self.head > self.told;
        has_news && !std::mem::replace(&mut self.sending, true)
    }

    /// What to tell next; `None` ends the sending.
    pub fn take(&mut self) -> Option<Parcel> {
        if let Some(version) = self.change.take() {
            return Some(Parcel::Change(version));
        }
        let run = self.take_run();
        if let Some(last) = run.last() {
            self.told = self.told.max(last.sequence.plus(1));
            return Some(Parcel::Fresh(run));
        }
        if self.head > self.told {
            self.told = self.head;
            return Some(Parcel::Head(self.head));
        }
        self.sending = false;
        None
    }

    /// The telling failed: others find what waits in the Journal sooner than by waiting for it here.
    pub fn clear(&mut self) {
        self.budget.give_back(self.messages.values().map(cost).sum());
        self.messages.clear();
    }

    fn take_run(&mut self) -> Vec<Arc<Message>> {
        let mut run: Vec<Arc<Message>> = Vec::new();
        let mut bytes = 0;
        while run.len() < CHUNK_MESSAGES_MAX
            && let Some(next) = self.messages.first_entry()
        {
            let follows = run.last().is_none_or(|last| last.sequence.plus(1) == *next.key());
            bytes += next.get().part.bytes().len();
            if !follows || (bytes > CHUNK_BYTES_MAX && !run.is_empty()) {
                break;
            }
            run.push(next.remove());
        }
        self.budget.give_back(run.iter().map(cost).sum());
        run
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.clear();
    }
}

fn cost(message: &Arc<Message>) -> u64 {
    message.part.bytes().len() as u64
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use pix_stream_domain::resource_id::ResourceId;
    use pix_stream_domain::time::Timestamp;
    use pix_stream_domain::version::Incarnation;
    use pix_stream_ports::codec::Part;

    use super::*;

    fn message(n: u64, len: usize) -> Arc<Message> {
        let id = ResourceId::new(Timestamp::from_unix_millis(1), [0; 16]);
        Arc::new(Message::new(Sequence::new(n), id, Part::new(Bytes::from(vec![b'x'; len]), 0..len)))
    }

    fn outbox(bytes: u64) -> Outbox {
        Outbox::new(Arc::new(Budget::new(bytes)))
    }

    fn taken(outbox: &mut Outbox) -> Option<Vec<u64>> {
        match outbox.take()? {
            Parcel::Fresh(run) => Some(run.iter().map(|message| message.sequence.value()).collect()),
            Parcel::Head(head) => Some(vec![1_000_000 + head.value()]),
            Parcel::Change(_) => Some(Vec::new()),
        }
    }

    #[test]
    fn runs_without_gaps_are_told_in_order_and_changes_before_them() {
        let mut outbox = outbox(1 << 20);
        assert!(outbox.put_fresh(&[message(4, 10), message(5, 10)], Sequence::new(6)));
        assert!(!outbox.put_fresh(&[message(2, 10)], Sequence::new(3)));
        assert!(!outbox.put_change(Version::first(Incarnation::new(3))));
        assert_eq!(taken(&mut outbox), Some(vec![]));
        assert_eq!(taken(&mut outbox), Some(vec![2]));
        assert_eq!(taken(&mut outbox), Some(vec![4, 5]));
        assert_eq!(taken(&mut outbox), None);
        assert!(outbox.put_fresh(&[message(6, 10)], Sequence::new(7)), "the sending ended");
    }

    #[test]
    fn a_run_is_cut_by_number_and_by_bytes() {
        let mut outbox = outbox(1 << 30);
        let many: Vec<_> = (1..=70).map(|n| message(n, 10)).collect();
        outbox.put_fresh(&many, Sequence::new(71));
        assert_eq!(taken(&mut outbox).map(|run| run.len()), Some(CHUNK_MESSAGES_MAX));
        assert_eq!(taken(&mut outbox).map(|run| run.len()), Some(6));
        let large: Vec<_> = (71..=73).map(|n| message(n, CHUNK_BYTES_MAX / 2)).collect();
        outbox.put_fresh(&large, Sequence::new(74));
        assert_eq!(taken(&mut outbox), Some(vec![71, 72]));
        assert_eq!(taken(&mut outbox), Some(vec![73]));
    }

    #[test]
    fn what_does_not_fit_is_told_by_its_head_alone_and_once() {
        let mut outbox = outbox(25);
        assert!(outbox.put_fresh(&[message(1, 10), message(2, 10), message(3, 10)], Sequence::new(4)));
        assert_eq!(taken(&mut outbox), Some(vec![1, 2]));
        assert_eq!(taken(&mut outbox), Some(vec![1_000_004]));
        assert_eq!(taken(&mut outbox), None);
        assert!(!outbox.put_fresh(&[], Sequence::new(4)), "that is known");
        assert!(outbox.put_fresh(&[message(4, 25)], Sequence::new(5)), "what was taken gave its bytes back");
        assert_eq!(taken(&mut outbox), Some(vec![4]));
    }
}
