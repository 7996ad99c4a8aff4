//! A Coordinator in memory that can forget, roll back and be out of reach.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::rate::{Decision, Rule, Window};
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::stream::StreamState;
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::version::Version;
use pix_stream_ports::coordinator::{Coordinator, Listener, Swap};
use pix_stream_ports::error::Error;

use crate::fake::faults::Faults;
use crate::fake::lock;

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
    older: BTreeMap<Ispb, VecDeque<StreamState>>,
    windows: BTreeMap<Ispb, Window>,
    listeners: Vec<(u64, Arc<dyn Listener>)>,
    nodes: u64,
    is_mute: bool,
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

    fn try_swap(&self, ispb: Ispb, expected: Option<Version>, next: &StreamState) -> Swap {
        let mut shared = lock(&self.shared);
        let stored = shared.states.get(&ispb);
        if stored.map(StreamState::version) != expected {
            return Swap::Lost(stored.cloned().map(Box::new));
        }
        if let Some(before) = shared.states.insert(ispb, next.clone()) {
            let older = shared.older.entry(ispb).or_default();
            older.push_back(before);
            if older.len() > HISTORY {
                older.pop_front();
            }
        }
        Swap::Done
    }
}

impl Coordinator for FakeCoordinator {
    async fn load(&self, ispb: Ispb) -> Result<Option<StreamState>, Error> {
        let fate = self.faults.begin().await?;
        let state = self.peek(ispb);
        fate.answer(state).await
    }

    async fn swap(&self, ispb: Ispb, expected: Option<Version>, next: &StreamState) -> Result<Swap, Error> {
        let fate = self.faults.begin().await?;
        let swap = self.try_swap(ispb, expected, next);
        if swap == Swap::Done {
            self.listeners(false).iter().for_each(|listener| listener.on_change(ispb));
        }
        fate.answer(swap).await
    }

    async fn announce(&self, ispb: Ispb, head: Sequence) -> Result<(), Error> {
        let fate = self.faults.begin().await?;
        self.listeners(true).iter().for_each(|listener| listener.on_head(ispb, head));
        fate.answer(()).await
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
    use pix_stream_domain::version::Incarnation;

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
        assert_eq!(coordinator.swap(ispb, None, &state(0)).await, Ok(Swap::Done));
        for n in 1..4 {
            let expected = Some(state(n - 1).version());
            assert_eq!(coordinator.swap(ispb, expected, &state(n)).await, Ok(Swap::Done));
        }
        assert!(coordinator.roll_back(ispb, 2));
        assert_eq!(coordinator.peek(ispb), Some(state(1)));
        coordinator.forget();
        assert_eq!(coordinator.load(ispb).await, Ok(None));
    }

    #[tokio::test]
    async fn a_disconnected_node_hears_nothing_and_others_hear_what_it_changed() {
        struct Count(Mutex<(u32, u32)>);
        impl Listener for Count {
            fn on_head(&self, _: Ispb, _: Sequence) {
                lock(&self.0).0 += 1;
            }
            fn on_change(&self, _: Ispb) {
                lock(&self.0).1 += 1;
            }
        }
        let here = FakeCoordinator::new(1);
        let there = here.another_node();
        let (ours, theirs) = (Arc::new(Count(Mutex::default())), Arc::new(Count(Mutex::default())));
        here.subscribe(ours.clone());
        there.subscribe(theirs.clone());
        let ispb = "99999A04".parse().unwrap();
        here.swap(ispb, None, &state(0)).await.unwrap();
        there.announce(ispb, Sequence::new(2)).await.unwrap();
        assert_eq!((*lock(&ours.0), *lock(&theirs.0)), ((1, 0), (1, 1)));
        here.disconnect();
        there.announce(ispb, Sequence::new(3)).await.unwrap();
        assert_eq!((*lock(&ours.0), *lock(&theirs.0)), ((1, 0), (2, 1)));
    }
}
