//! How many bytes of fresh messages this node has in Redis, for each participant. What was written counts for as long
//! as it lives there, so a node never has more there than its share (requirement: memory per ISPB is bounded).

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pix_stream_domain::ispb::Ispb;
use tokio::time::Instant;

/// Participants that are looked through for idle ones when there are more than at the last time.
const SWEEP_AT: usize = 1024;

/// The shares of all participants.
#[derive(Debug)]
pub(crate) struct Fresh {
    life: Duration,
    limit: u64,
    written: Mutex<HashMap<Ispb, Written>>,
}

#[derive(Debug, Default)]
struct Written {
    /// When each was written, oldest first, and its bytes.
    values: VecDeque<(Instant, u64)>,
    total: u64,
}

impl Written {
    fn forget_before(&mut self, since: Option<Instant>) {
        while let Some(&(at, bytes)) = self.values.front().filter(|(at, _)| Some(*at) <= since) {
            let _ = at;
            self.values.pop_front();
            self.total -= bytes;
        }
    }
}

impl Fresh {
    pub(crate) fn new(life: Duration, limit: u64) -> Self {
        Self { life, limit, written: Mutex::default() }
    }

    /// Takes `bytes` of the participant's share, unless there is too little left of it.
    pub(crate) fn try_take(&self, ispb: Ispb, bytes: usize) -> bool {
        let now = Instant::now();
        let since = now.checked_sub(self.life);
        let mut all = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= SWEEP_AT && !all.contains_key(&ispb) {
            all.retain(|_, written| {
                written.forget_before(since);
                !written.values.is_empty()
            });
        }
        let written = all.entry(ispb).or_default();
        written.forget_before(since);
        let bytes = bytes as u64;
        let fits = written.total + bytes <= self.limit;
        if fits {
            written.values.push_back((now, bytes));
            written.total += bytes;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_share_is_used_up_and_comes_back_as_values_expire() {
        let fresh = Fresh::new(Duration::from_secs(30), 100);
        let (one, other) = ("99999A04".parse().unwrap(), "99999A05".parse().unwrap());
        assert!(fresh.try_take(one, 60));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(fresh.try_take(one, 40));
        assert!(!fresh.try_take(one, 1));
        assert!(fresh.try_take(other, 100), "others have their own");
        tokio::time::advance(Duration::from_secs(20)).await;
        assert!(fresh.try_take(one, 60));
        assert!(!fresh.try_take(one, 1), "the second is still there");
    }

    #[tokio::test(start_paused = true)]
    async fn idle_participants_are_forgotten() {
        let fresh = Fresh::new(Duration::from_secs(30), 100);
        for n in 0..SWEEP_AT {
            assert!(fresh.try_take(format!("{n:08}").parse().unwrap(), 1));
        }
        tokio::time::advance(Duration::from_secs(30)).await;
        assert!(fresh.try_take("99999999".parse().unwrap(), 1));
        assert_eq!(fresh.written.lock().unwrap().len(), 1);
    }
}
