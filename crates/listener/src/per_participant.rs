//! How many connections each participant has open, against its limit (protocol, section 7).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pix_stream_domain::ispb::Ispb;

/// Open connections by participant; one without any takes no room.
#[derive(Debug)]
pub(super) struct PerParticipant {
    open: Mutex<HashMap<Ispb, usize>>,
    limit: usize,
}

/// One open connection of a participant; dropping it gives the place back.
#[derive(Debug)]
pub(super) struct Place {
    participants: Arc<PerParticipant>,
    ispb: Ispb,
}

impl PerParticipant {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { open: Mutex::default(), limit })
    }

    /// A place, unless the limit is reached.
    pub(super) fn enter(self: &Arc<Self>, ispb: Ispb) -> Option<Place> {
        let mut open = self.lock();
        let count = open.entry(ispb).or_default();
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        Some(Place { participants: Arc::clone(self), ispb })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Ispb, usize>> {
        // Nothing in here panics between two writes.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Entry::Occupied(mut count) = self.participants.lock().entry(self.ispb) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_for_each_and_come_back() {
        let participants = PerParticipant::new(2);
        let one: Ispb = "99999001".parse().unwrap();
        let other: Ispb = "99999002".parse().unwrap();
        let first = participants.enter(one).unwrap();
        let _second = participants.enter(one).unwrap();
        assert!(participants.enter(one).is_none());
        let elsewhere = participants.enter(other).unwrap();
        drop(first);
        let _third = participants.enter(one).unwrap();
        drop(elsewhere);
        assert_eq!(participants.lock().len(), 1);
    }
}
