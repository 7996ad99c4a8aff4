//! The Coordinator of one process: maps in memory. Nothing here waits, and no lock is held across an await.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use bytes::Bytes;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::rate::{Decision, Rule, Window};
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::stream::StreamState;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::coordinator::{Coordinator, Expected, Held, Listener, News, Swap, Swapped};
use pix_stream_ports::error::Error;

/// Participants are spread over this many locks.
const SHARDS: usize = 16;
/// Rate windows of one shard. When it is full, those of idle participants are dropped; the Pix system has about a
/// thousand participants, so that is memory well spent and never reached.
const WINDOWS_PER_SHARD: usize = 1024;

/// What is known of the participants of one shard.
#[derive(Debug, Default)]
struct Shard {
    states: HashMap<Ispb, StreamState>,
    windows: HashMap<Ispb, Window>,
}

fn held(stored: Option<&StreamState>) -> Held {
    stored.map_or(Held::Nothing, |state| Held::Current(Box::new(state.clone())))
}

/// The Coordinator of one process. A restart forgets everything, which is a lost Coordinator (design, section 4).
#[derive(Default)]
pub struct LocalCoordinator {
    shards: [Mutex<Shard>; SHARDS],
    listeners: RwLock<Vec<Arc<dyn Listener>>>,
}

impl std::fmt::Debug for LocalCoordinator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalCoordinator").finish_non_exhaustive()
    }
}

impl LocalCoordinator {
    /// A Coordinator that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn shard(&self, ispb: Ispb) -> MutexGuard<'_, Shard> {
        // ISPBs differ in their last characters; a sum spreads them well enough over sixteen locks.
        let sum: usize = ispb.as_bytes().iter().map(|byte| usize::from(*byte)).sum();
        self.shards[sum % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Coordinator for LocalCoordinator {
    async fn load(&self, ispb: Ispb) -> Result<Held, Error> {
        Ok(held(self.shard(ispb).states.get(&ispb)))
    }

    async fn swap(&self, ispb: Ispb, expected: Expected, next: &StreamState) -> Result<Swapped, Error> {
        let mut shard = self.shard(ispb);
        let stored = shard.states.get(&ispb);
        let version = stored.map_or(Expected::Nothing, |state| Expected::Current(state.version()));
        if version != expected {
            return Ok(Swapped { swap: Swap::Lost(held(stored)), head: None });
        }
        shard.states.insert(ispb, next.clone());
        Ok(Swapped { swap: Swap::Done, head: None })
    }

    /// Tells the listeners of this process, which are all there are, of heads; of changes nobody needs to hear: there
    /// is no other node to make them.
    async fn announce(&self, news: News) -> Result<(), Error> {
        if let News::Head { ispb, head, chunk: _ } = news {
            let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner);
            listeners.iter().for_each(|listener| listener.on_head(ispb, head));
        }
        Ok(())
    }

    async fn fetch(&self, _: Ispb, _: Sequence) -> Result<Option<Bytes>, Error> {
        Ok(None)
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn subscribe(&self, listener: Arc<dyn Listener>) {
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    async fn admit(&self, ispb: Ispb, rule: Rule, now: Timestamp) -> Result<Decision, Error> {
        let windows = &mut self.shard(ispb).windows;
        if windows.len() >= WINDOWS_PER_SHARD && !windows.contains_key(&ispb) {
            windows.retain(|_, window| !window.is_idle(rule, now));
            if windows.len() >= WINDOWS_PER_SHARD {
                return Err(Error::Unavailable("too many participants read at once".to_owned()));
            }
        }
        Ok(windows.entry(ispb).or_default().admit(rule, now))
    }

    async fn check(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use super::*;

    fn now<T>(future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("the future waits"),
        }
    }

    fn ispb(n: usize) -> Ispb {
        format!("{n:08}").parse().unwrap()
    }

    #[test]
    fn nothing_ever_waits() {
        let coordinator = LocalCoordinator::new();
        let state = StreamState::new(Default::default(), Sequence::FIRST);
        let swapped = now(coordinator.swap(ispb(1), Expected::Nothing, &state)).unwrap();
        assert_eq!(swapped.swap, Swap::Done);
        assert_eq!(now(coordinator.load(ispb(1))), Ok(Held::Current(Box::new(state))));
        let news = News::Head { ispb: ispb(1), head: Sequence::FIRST, chunk: None };
        assert_eq!(now(coordinator.announce(news)), Ok(()));
        assert_eq!(now(coordinator.check()), Ok(()));
    }

    #[test]
    fn windows_are_bounded_and_idle_ones_make_room() {
        let coordinator = LocalCoordinator::new();
        let rule = Rule { limit: 1, window: Duration::from_secs(1) };
        let at = Timestamp::from_unix_millis(1_000_000);
        let mut refused = 0;
        for n in 0..SHARDS * WINDOWS_PER_SHARD + 5000 {
            refused += usize::from(now(coordinator.admit(ispb(n), rule, at)).is_err());
        }
        assert!(refused > 0, "no shard was ever full");
        let later = at.after(Duration::from_secs(2));
        assert!(now(coordinator.admit(ispb(99_999_999), rule, later)).unwrap().admitted);
        let kept: usize = coordinator.shards.iter().map(|shard| shard.lock().unwrap().windows.len()).sum();
        assert!(kept <= SHARDS * WINDOWS_PER_SHARD, "{kept} windows");
    }
}
