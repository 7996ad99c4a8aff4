//! What is in hand of the queue: for each participant a lane, in the order in which its entries were left.
//!
//! A lane holds entries, and behind them the ids of those that are fetched again when their turn comes. So a participant
//! that cannot be given anything costs some bytes an entry here, and nobody else anything.

use std::collections::{HashMap, VecDeque};

use pix_stream_domain::ispb::Ispb;
use pix_stream_ports::intake::Entry;

/// Entries of one lane that are kept whole.
const LANE_MAX: usize = 1_024;
/// Bytes of all entries that are kept whole.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Entries of which only the ids are kept; about 50 bytes each.
const PARKED_MAX: usize = 500_000;
/// Entries that are fetched again at a time.
const FETCH_MAX: usize = 64;

/// For whom a lane is; `None`: for nobody, as its entries name no participant.
pub(crate) type Receiver = Option<Ispb>;

/// All lanes.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    lanes: HashMap<Receiver, Lane>,
    bytes: usize,
    parked: usize,
}

/// Somebody works on each lane there is; what he is at is in neither of the two.
#[derive(Debug, Default)]
struct Lane {
    whole: VecDeque<Entry>,
    parked: VecDeque<Box<str>>,
}

/// What comes next in a lane.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// These.
    Entries(Vec<Entry>),
    /// Those with these ids, as far as they are still there.
    Parked(Vec<Box<str>>),
    /// Nothing: the lane is no more.
    Nothing,
}

impl Lanes {
    /// Puts an entry at the end of a lane. Whether that is a new one, on which nobody works yet.
    pub(crate) fn push(&mut self, receiver: Receiver, entry: Entry) -> bool {
        let is_new = !self.lanes.contains_key(&receiver);
        let lane = self.lanes.entry(receiver).or_default();
        if lane.parked.is_empty() && lane.whole.len() < LANE_MAX {
            self.bytes += entry.xml.len();
            lane.whole.push_back(entry);
        } else {
            self.parked += 1;
            lane.parked.push_back(entry.id);
        }
        is_new
    }

    /// Takes the next entries of a lane, at most `limit`.
    pub(crate) fn next(&mut self, receiver: Receiver, limit: usize) -> Next {
        let Some(lane) = self.lanes.get_mut(&receiver) else { return Next::Nothing };
        if !lane.whole.is_empty() {
            let entries: Vec<Entry> = lane.whole.drain(..limit.min(lane.whole.len())).collect();
            self.bytes -= bytes_of(&entries);
            return Next::Entries(entries);
        }
        if !lane.parked.is_empty() {
            let ids: Vec<Box<str>> =
                lane.parked.drain(..limit.min(FETCH_MAX).min(lane.parked.len())).collect();
            self.parked -= ids.len();
            return Next::Parked(ids);
        }
        self.lanes.remove(&receiver);
        Next::Nothing
    }

    /// Puts back what was taken last and could not be brought. Nothing of the lane is kept whole until it moves again.
    pub(crate) fn put_back(&mut self, receiver: Receiver, ids: impl DoubleEndedIterator<Item = Box<str>>) {
        let lane = self.lanes.entry(receiver).or_default();
        let whole: Vec<Entry> = lane.whole.drain(..).collect();
        self.bytes -= bytes_of(&whole);
        let before = lane.parked.len();
        for id in ids.chain(whole.into_iter().map(|entry| entry.id)).rev() {
            lane.parked.push_front(id);
        }
        self.parked += lane.parked.len() - before;
    }

    /// Whether no more should be taken for now.
    pub(crate) const fn is_full(&self) -> bool {
        self.bytes >= BYTES_MAX || self.is_stuck()
    }

    /// Whether that is because of what cannot be brought.
    pub(crate) const fn is_stuck(&self) -> bool {
        self.parked >= PARKED_MAX
    }
}

fn bytes_of(entries: &[Entry]) -> usize {
    entries.iter().map(|entry| entry.xml.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(n: usize) -> Entry {
        let (ispb, producer) = (String::new(), String::new());
        Entry { id: n.to_string().into(), ispb, producer, xml: vec![0; 10].into() }
    }

    fn ids(numbers: std::ops::Range<usize>) -> Vec<Box<str>> {
        numbers.map(|n| n.to_string().into()).collect()
    }

    /// The ids of what comes next, and whether the entries are there.
    fn next(lanes: &mut Lanes, limit: usize) -> (Vec<Box<str>>, bool) {
        match lanes.next(None, limit) {
            Next::Entries(entries) => (entries.into_iter().map(|entry| entry.id).collect(), true),
            Next::Parked(ids) => (ids, false),
            Next::Nothing => (Vec::new(), true),
        }
    }

    #[test]
    fn a_lane_keeps_its_order_whatever_is_put_back() {
        let mut lanes = Lanes::default();
        assert!(lanes.push(None, entry(0)), "a new lane");
        (1..10).for_each(|n| assert!(!lanes.push(None, entry(n))));
        assert_eq!(next(&mut lanes, 4), (ids(0..4), true));
        lanes.put_back(None, ids(2..4).into_iter());
        lanes.push(None, entry(10));
        assert_eq!((lanes.bytes, lanes.parked), (0, 9), "nothing whole is kept of who cannot be given more");
        assert_eq!(next(&mut lanes, 5), (ids(2..7), false));
        lanes.put_back(None, ids(6..7).into_iter());
        assert_eq!(next(&mut lanes, 100), (ids(6..11), false));
        lanes.push(None, entry(11));
        assert_eq!(next(&mut lanes, 100), (ids(11..12), true), "it moves again");
        assert_eq!(lanes.next(None, 100), Next::Nothing);
        assert_eq!((lanes.bytes, lanes.parked), (0, 0));
        assert!(lanes.push(None, entry(12)), "the lane was gone");
    }

    #[test]
    fn a_long_lane_keeps_ids_alone() {
        let mut lanes = Lanes::default();
        for n in 0..LANE_MAX + 10 {
            lanes.push(None, entry(n));
        }
        assert_eq!((lanes.bytes, lanes.parked), (LANE_MAX * 10, 10));
        assert_eq!(next(&mut lanes, 2 * LANE_MAX), (ids(0..LANE_MAX), true));
        lanes.push(None, entry(LANE_MAX + 10));
        assert_eq!(next(&mut lanes, 2 * LANE_MAX), (ids(LANE_MAX..LANE_MAX + 11), false));
    }

    #[test]
    fn no_more_is_taken_beyond_the_limits() {
        let mut lanes = Lanes::default();
        lanes.push(None, Entry { xml: vec![0; BYTES_MAX].into(), ..entry(0) });
        assert!(lanes.is_full() && !lanes.is_stuck());
        lanes.next(None, 1);
        assert!(!lanes.is_full());
        lanes.put_back(None, ids(0..PARKED_MAX).into_iter());
        assert!(lanes.is_full() && lanes.is_stuck());
    }
}
