//! A Coordinator in memory that can forget, roll back and be out of reach.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::rate::{Decision, Rule, Window};
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::stream::StreamState;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::coordinator::{Coordinator, Expected, Held, Listener, News, Swap, Swapped};
use pix_stream_ports::error::Error;

use crate::fake::faults::Faults;
use crate::fake::lock;

/// How many chunks are kept.
const CHUNKS: usize = 4_096;
/// How many older states of a participant can come back.
const HISTORY: usize = 64;

/// One node's handle of a Coordinator that several nodes share.
#[derive(Clone)]
pub struct FakeCoordinator {
    shared: Arc<Mutex<Shared>>,
    faults: Faults,
    node: u64,
}

#[derive(Default)]
struct Shared {
    states: BTreeMap<Ispb, StreamState>,
    /// Participants whose state is from before a restart that was noticed.
    outdated: BTreeSet<Ispb>,
    heads: BTreeMap<Ispb, Sequence>,
    chunks: BTreeMap<(Ispb, Sequence), Bytes>,
    older: BTreeMap<Ispb, VecDeque<StreamState>>,
    windows: BTreeMap<Ispb, Window>,
    listeners: Vec<(u64, Arc<dyn Listener>)>,
    nodes: u64,
    is_mute: bool,
    is_alone: bool,
}

impl FakeCoordinator {
    /// An empty Coordinator.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { shared: Arc::default(), faults: Faults::new(seed), node: 0 }
    }

    /// The same Coordinator as another node reaches it.
    #[must_use]
    pub fn another_node(&self) -> Self {
        let mut shared = lock(&self.shared);
        shared.nodes += 1;
        Self { shared: Arc::clone(&self.shared), faults: self.faults.clone(), node: shared.nodes }
    }

    /// Its faults, the same for every node.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Forgets everything: a lost Redis, or an embedded node that was killed. Listeners stay.
    pub fn forget(&self) {
        let mut shared = lock(&self.shared);
        shared.states.clear();
        shared.older.clear();
        shared.windows.clear();
        shared.outdated.clear();
        shared.heads.clear();
        shared.chunks.clear();
    }

    /// It restarted with what it had, and everybody notices: what it holds is old. Chunks are gone.
    pub fn restart(&self) {
        let mut shared = lock(&self.shared);
        let all: Vec<Ispb> = shared.states.keys().copied().collect();
        shared.outdated.extend(all);
        shared.chunks.clear();
    }

    /// Chunks are gone, as when their life is over.
    pub fn drop_chunks(&self) {
        lock(&self.shared).chunks.clear();
    }

    /// How many chunks there are.
    #[must_use]
    pub fn chunks(&self) -> usize {
        lock(&self.shared).chunks.len()
    }

    /// The state that a participant had `steps` swaps ago is there again, as after a failover to a replica that
    /// lagged. Returns whether there was one.
    pub fn roll_back(&self, ispb: Ispb, steps: usize) -> bool {
        let mut shared = lock(&self.shared);
        let older = shared.older.entry(ispb).or_default();
        for _ in 1..steps {
            older.pop_back();
        }
        match older.pop_back() {
            Some(state) if steps > 0 => shared.states.insert(ispb, state).is_some(),
            Some(_) | None => false,
        }
    }

    /// The node of this handle is gone: its listeners hear nothing any more.
    pub fn disconnect(&self) {
        let listeners = {
            let mut shared = lock(&self.shared);
            let (gone, left) =
                std::mem::take(&mut shared.listeners).into_iter().partition(|(node, _)| *node == self.node);
            shared.listeners = left;
            let gone: Vec<(u64, Arc<dyn Listener>)> = gone;
            gone
        };
        // Dropping a listener may drop a whole node, which may ask for this lock.
        drop(listeners);
    }

    /// While alone, it says that no other node shares it, as in embedded mode. A node asks when it starts.
    pub fn set_alone(&self, is_alone: bool) {
        lock(&self.shared).is_alone = is_alone;
    }

    /// While mute, nothing is told to listeners: news may be lost.
    pub fn set_mute(&self, is_mute: bool) {
        lock(&self.shared).is_mute = is_mute;
    }

    /// The state as it is stored, without faults or waiting.
    #[must_use]
    pub fn peek(&self, ispb: Ispb) -> Option<StreamState> {
        lock(&self.shared).states.get(&ispb).cloned()
    }

    fn listeners(&self, with_own: bool) -> Vec<Arc<dyn Listener>> {
        let shared = lock(&self.shared);
        let heard = shared.listeners.iter().filter(|(node, _)| with_own || *node != self.node);
        if shared.is_mute { Vec::new() } else { heard.map(|(_, listener)| Arc::clone(listener)).collect() }
    }

    fn try_swap(&self, ispb: Ispb, expected: Expected, next: &StreamState) -> Swapped {
        let mut shared = lock(&self.shared);
        let head = shared.heads.get(&ispb).copied();
        let held = shared.held(ispb);
        if held.expected() != expected {
            return Swapped { swap: Swap::Lost(held), head };
        }
        shared.outdated.remove(&ispb);
        if let Some(before) = shared.states.insert(ispb, next.clone()) {
            let older = shared.older.entry(ispb).or_default();
            older.push_back(before);
            if older.len() > HISTORY {
                older.pop_front();
            }
        }
        Swapped { swap: Swap::Done, head }
    }

    fn tell(&self, news: &News) {
        let told = self.listeners(true);
        match news {
            News::Head { ispb, head, chunk } => {
                {
                    let mut shared = lock(&self.shared);
                    let known = shared.heads.entry(*ispb).or_default();
                    *known = (*known).max(*head);
                    if let Some(chunk) = chunk {
                        shared.chunks.insert((*ispb, chunk.range.start()), chunk.bytes.clone());
                        while shared.chunks.len() > CHUNKS {
                            shared.chunks.pop_first();
                        }
                    }
                }
                for listener in told {
                    match chunk {
                        Some(chunk) => listener.on_chunk(*ispb, chunk.range),
                        None => listener.on_head(*ispb, *head),
                    }
                }
            }
            News::Change { ispb, version } => told.iter().for_each(|told| told.on_change(*ispb, *version)),
            News::Limits { ispb, limits, revision } => {
                told.iter().for_each(|told| told.on_limits(*ispb, *limits, *revision));
            }
            News::Registry => told.iter().for_each(|told| told.on_registry()),
        }
    }
}

impl Shared {
    fn held(&self, ispb: Ispb) -> Held {
        match self.states.get(&ispb) {
            None => Held::Nothing,
            Some(state) if self.outdated.contains(&ispb) => Held::Old(Box::new(state.clone())),
            Some(state) => Held::Current(Box::new(state.clone())),
        }
    }
}

impl Coordinator for FakeCoordinator {
    async fn load(&self, ispb: Ispb) -> Result<Held, Error> {
        let fate = self.faults.begin().await?;
        let held = lock(&self.shared).held(ispb);
        fate.answer(held).await
    }

    async fn swap(&self, ispb: Ispb, expected: Expected, next: &StreamState) -> Result<Swapped, Error> {
        let fate = self.faults.begin().await?;
        let swapped = self.try_swap(ispb, expected, next);
        fate.answer(swapped).await
    }

    async fn announce(&self, news: News) -> Result<(), Error> {
        let fate = self.faults.begin().await?;
        self.tell(&news);
        fate.answer(()).await
    }

    async fn fetch(&self, ispb: Ispb, first: Sequence) -> Result<Option<Bytes>, Error> {
        let fate = self.faults.begin().await?;
        let chunk = lock(&self.shared).chunks.get(&(ispb, first)).cloned();
        fate.answer(chunk).await
    }

    fn is_shared(&self) -> bool {
        !lock(&self.shared).is_alone
    }

    fn subscribe(&self, listener: Arc<dyn Listener>) {
        lock(&self.shared).listeners.push((self.node, listener));
    }

    async fn admit(&self, ispb: Ispb, rule: Rule, now: Timestamp) -> Result<Decision, Error> {
        let fate = self.faults.begin().await?;
        let decision = lock(&self.shared).windows.entry(ispb).or_default().admit(rule, now);
        fate.answer(decision).await
    }

    async fn check(&self) -> Result<(), Error> {
        self.faults.begin().await?.answer(()).await
    }
}

impl fmt::Debug for FakeCoordinator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = lock(&self.shared);
        f.debug_struct("FakeCoordinator")
            .field("node", &self.node)
            .field("states", &shared.states)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use pix_stream_domain::sequence::Range;
    use pix_stream_domain::version::{Incarnation, Version};

    use super::*;

    fn state(changes: u8) -> StreamState {
        use pix_stream_domain::limits::Rules;
        use pix_stream_domain::stream::{Command, Context, Supply};
        struct Nothing;
        impl Supply for Nothing {
            fn head(&self) -> Sequence {
                Sequence::FIRST
            }
            fn size(&self, _: Sequence) -> Option<u32> {
                None
            }
        }
        let mut state = StreamState::new(Incarnation::new(1), Sequence::FIRST);
        let context = Context { now: Timestamp::default(), rules: &Rules::default(), supply: &Nothing };
        for cap in (1..=changes).rev() {
            state.apply(&Command::SetCap { cap }, &context);
        }
        state
    }

    #[tokio::test]
    async fn a_lost_history_can_be_rolled_back_to_or_forgotten() {
        let coordinator = FakeCoordinator::new(1);
        let ispb = "99999A04".parse().unwrap();
        async fn swap(coordinator: &FakeCoordinator, expected: Expected, next: &StreamState) -> Swap {
            let ispb = "99999A04".parse().unwrap();
            coordinator.swap(ispb, expected, next).await.unwrap().swap
        }
        assert_eq!(swap(&coordinator, Expected::Nothing, &state(0)).await, Swap::Done);
        for n in 1..4 {
            let expected = Expected::Current(state(n - 1).version());
            assert_eq!(swap(&coordinator, expected, &state(n)).await, Swap::Done);
        }
        assert!(coordinator.roll_back(ispb, 2));
        assert_eq!(coordinator.peek(ispb), Some(state(1)));
        coordinator.restart();
        assert_eq!(coordinator.load(ispb).await, Ok(Held::Old(Box::new(state(1)))));
        let lost = swap(&coordinator, Expected::Current(state(1).version()), &state(2)).await;
        assert_eq!(lost, Swap::Lost(Held::Old(Box::new(state(1)))), "nothing goes on with an old state");
        assert_eq!(swap(&coordinator, Expected::Old(state(1).version()), &state(2)).await, Swap::Done);
        assert_eq!(coordinator.load(ispb).await, Ok(Held::Current(Box::new(state(2)))));
        coordinator.forget();
        assert_eq!(coordinator.load(ispb).await, Ok(Held::Nothing));
    }

    #[tokio::test]
    async fn a_disconnected_node_hears_nothing_and_others_hear_what_it_changed() {
        struct Count(Mutex<(u32, u32)>);
        impl Listener for Count {
            fn on_head(&self, _: Ispb, _: Sequence) {
                lock(&self.0).0 += 1;
            }
            fn on_chunk(&self, _: Ispb, _: Range) {}
            fn on_change(&self, _: Ispb, _: Version) {
                lock(&self.0).1 += 1;
            }
            fn on_registry(&self) {}
        }
        let here = FakeCoordinator::new(1);
        let there = here.another_node();
        let (ours, theirs) = (Arc::new(Count(Mutex::default())), Arc::new(Count(Mutex::default())));
        here.subscribe(ours.clone());
        there.subscribe(theirs.clone());
        let ispb = "99999A04".parse().unwrap();
        let head = |n| News::Head { ispb, head: Sequence::new(n), chunk: None };
        here.announce(News::Change { ispb, version: state(0).version() }).await.unwrap();
        there.announce(head(2)).await.unwrap();
        assert_eq!((*lock(&ours.0), *lock(&theirs.0)), ((1, 1), (1, 1)));
        here.disconnect();
        there.announce(head(3)).await.unwrap();
        assert_eq!((*lock(&ours.0), *lock(&theirs.0)), ((1, 1), (2, 1)));
    }
}
