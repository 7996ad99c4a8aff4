//! What goes wrong during a run, and what the operator does meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pix_stream_app::{Actor, Change};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::sequence::Sequence;
use pix_stream_testkit::Faults;
use pix_stream_testkit::fake::SplitMix64;

use crate::node::Store;
use crate::world::World;

/// The operator, in the audit log.
const OPERATOR: Actor<'_> = Actor { name: "sim", request_id: "sim", reason: "" };

/// Lets things go wrong until the world ends, and heals what it broke.
pub(crate) async fn run(world: Arc<World>, seed: u64) {
    let mut random = SplitMix64::new(seed);
    // Some runs see no fault at all, or none of a kind: rules that hold only in peace need peace.
    let kinds: Vec<Kind> = KINDS.iter().copied().filter(|_| random.chance(450)).collect();
    let pause = [400, 1_500, 6_000][usize::try_from(random.below(3)).unwrap_or(0)];
    while !world.is_over() {
        world.pause(Duration::from_millis(random.below(2 * pause))).await;
        let at = usize::try_from(random.below(kinds.len() as u64)).unwrap_or(0);
        let Some(kind) = kinds.get(at).filter(|_| !world.is_over()) else { continue };
        Chaos { world: &world, random: &mut random }.befall(*kind).await;
    }
}

/// What may befall the world.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Crash,
    LoseNode,
    Drain,
    Forget,
    RollBack,
    Restart,
    FailOver,
    DropChunks,
    CutOff,
    JournalDown,
    JournalShaky,
    JournalFull,
    CoordinatorDown,
    CoordinatorShaky,
    Slow,
    Mute,
    ClockStep,
    Pause,
    Cap,
    Release,
    Rewind,
    Advance,
}

const KINDS: [Kind; 22] = [
    Kind::Crash,
    Kind::LoseNode,
    Kind::Drain,
    Kind::Forget,
    Kind::RollBack,
    Kind::Restart,
    Kind::FailOver,
    Kind::DropChunks,
    Kind::CutOff,
    Kind::JournalDown,
    Kind::JournalShaky,
    Kind::JournalFull,
    Kind::CoordinatorDown,
    Kind::CoordinatorShaky,
    Kind::Slow,
    Kind::Mute,
    Kind::ClockStep,
    Kind::Pause,
    Kind::Cap,
    Kind::Release,
    Kind::Rewind,
    Kind::Advance,
];

struct Chaos<'a> {
    world: &'a Arc<World>,
    random: &'a mut SplitMix64,
}

impl Chaos<'_> {
    async fn befall(&mut self, kind: Kind) {
        let (journal, coordinator) = (&self.world.stores.journal, &self.world.stores.coordinator);
        match kind {
            Kind::Crash => self.crash_all().await,
            Kind::LoseNode if self.world.plan.is_cluster => self.crash_one().await,
            Kind::LoseNode => {}
            Kind::Drain => drain(self.world).await,
            Kind::Forget => {
                self.world.oracle.lose_state("the coordinator forgets");
                coordinator.forget();
            }
            Kind::RollBack => self.roll_back(),
            Kind::Restart => {
                self.world.oracle.begin_fault("the coordinator restarts with what it had");
                coordinator.restart();
                self.last().await;
                self.world.oracle.end_fault("everybody has seen that");
            }
            Kind::FailOver => self.fail_over(),
            Kind::DropChunks => {
                self.world.oracle.note("chunks are gone");
                coordinator.drop_chunks();
            }
            Kind::CutOff => self.cut_off().await,
            Kind::JournalDown => self.down(journal.faults(), "the journal").await,
            Kind::JournalShaky => self.shaky(journal.faults(), "the journal").await,
            Kind::JournalFull => {
                self.world.oracle.begin_fault("the journal is full");
                journal.set_full(true);
                self.last().await;
                journal.set_full(false);
                self.world.oracle.end_fault("the journal has room");
            }
            Kind::CoordinatorDown => self.down(coordinator.faults(), "the coordinator").await,
            Kind::CoordinatorShaky => self.shaky(coordinator.faults(), "the coordinator").await,
            Kind::Slow => self.slow().await,
            Kind::Mute => {
                self.world.oracle.begin_fault("news are lost");
                coordinator.set_mute(true);
                self.last().await;
                coordinator.set_mute(false);
                self.world.oracle.end_fault("news are told");
            }
            Kind::ClockStep => self.step_clock(),
            Kind::Pause | Kind::Cap | Kind::Release | Kind::Rewind | Kind::Advance => {
                self.operate(kind).await;
            }
        }
    }

    /// For as long as a fault lasts.
    async fn last(&mut self) {
        let span = if self.random.chance(200) { 3_000 } else { 600 };
        self.world.pause(Duration::from_millis(self.random.below(span))).await;
    }

    async fn crash_all(&mut self) {
        let _alone = self.world.lifecycle.lock().await;
        let nodes: Vec<_> = (0..self.world.plan.nodes).filter_map(|place| self.world.take(place)).collect();
        for node in &nodes {
            node.life.end();
            node.ports.coordinator.disconnect();
        }
        drop(nodes);
        self.world.oracle.lose_state("everything crashes");
        self.world.stores.coordinator.forget();
        self.last().await;
        start_all(self.world).await;
    }

    async fn crash_one(&mut self) {
        let _alone = self.world.lifecycle.lock().await;
        let place = usize::try_from(self.random.below(self.world.plan.nodes as u64)).unwrap_or(0);
        let Some(node) = self.world.take(place) else { return };
        self.world.oracle.begin_fault(&format!("node {place} crashes"));
        node.life.end();
        node.ports.coordinator.disconnect();
        drop(node);
        self.last().await;
        start_all(self.world).await;
        self.world.oracle.end_fault("its place is taken");
    }

    /// With several nodes, a Coordinator that goes back unnoticed may meet one that does not know it. That is for its
    /// adapter to notice: see [`Self::fail_over`].
    fn roll_back(&mut self) {
        if self.world.plan.nodes > 1 {
            return;
        }
        let steps = 1 + usize::try_from(self.random.below(12)).unwrap_or(0);
        self.world.oracle.lose_state(&format!("the coordinator goes {steps} back"));
        for &ispb in &self.world.plan.participants {
            let _had_one = self.world.stores.coordinator.roll_back(ispb, steps);
        }
    }

    /// A replica that lagged is the Coordinator now, and everybody knows that it is another one.
    fn fail_over(&mut self) {
        let steps = 1 + usize::try_from(self.random.below(12)).unwrap_or(0);
        self.world.oracle.lose_state(&format!("the coordinator fails over, {steps} behind"));
        for &ispb in &self.world.plan.participants {
            let _had_one = self.world.stores.coordinator.roll_back(ispb, steps);
        }
        self.world.stores.coordinator.restart();
    }

    /// One node does not reach a store that the others reach.
    async fn cut_off(&mut self) {
        let Some(node) = self.world.any_node(self.random) else { return };
        let store = if self.random.chance(500) { Store::Journal } else { Store::Coordinator };
        self.world.oracle.begin_fault(&format!("a node is cut off from the {store:?}"));
        node.life.set_cut(store, true);
        self.last().await;
        node.life.set_cut(store, false);
        self.world.oracle.end_fault("it is not any more");
    }

    async fn down(&mut self, faults: &Faults, what: &str) {
        self.world.oracle.begin_fault(&format!("{what} is down"));
        faults.set_down(true);
        self.last().await;
        faults.set_down(false);
        self.world.oracle.end_fault(&format!("{what} is back"));
    }

    async fn shaky(&mut self, faults: &Faults, what: &str) {
        self.world.oracle.begin_fault(&format!("{what} is shaky"));
        let chance = |random: &mut SplitMix64| u16::try_from(random.below(250)).unwrap_or(0);
        faults.set_random(chance(self.random), chance(self.random));
        faults.set_pending(chance(self.random));
        self.last().await;
        faults.set_random(0, 0);
        faults.set_pending(0);
        self.world.oracle.end_fault(&format!("{what} is steady"));
    }

    async fn slow(&mut self) {
        self.world.oracle.begin_fault("the stores are slow");
        let most = [3, 30, 2_000][usize::try_from(self.random.below(3)).unwrap_or(0)];
        let stores = &self.world.stores;
        stores.journal.faults().set_latency(Duration::ZERO, Duration::from_millis(self.random.below(most)));
        stores
            .coordinator
            .faults()
            .set_latency(Duration::ZERO, Duration::from_millis(self.random.below(most)));
        stores.coordinator.faults().set_pending(300);
        self.last().await;
        stores.journal.faults().set_latency(Duration::ZERO, Duration::ZERO);
        stores.coordinator.faults().set_latency(Duration::ZERO, Duration::ZERO);
        stores.coordinator.faults().set_pending(0);
        // What is under way still takes its time.
        self.world.pause(Duration::from_secs(2)).await;
        self.world.oracle.end_fault("the stores are fast");
    }

    fn step_clock(&mut self) {
        let span = Duration::from_millis(self.random.below(15_000));
        if self.random.chance(500) {
            self.world.stores.clock.advance(span);
            self.world.oracle.set_clock(&format!("the clock goes {span:?} forward"));
        } else {
            self.world.stores.clock.step_back(span);
            self.world.oracle.set_clock(&format!("the clock goes {span:?} back"));
        }
    }

    async fn operate(&mut self, kind: Kind) {
        let at = usize::try_from(self.random.below(self.world.plan.participants.len() as u64)).unwrap_or(0);
        let Some(&ispb) = self.world.plan.participants.get(at) else { return };
        let Some(state) = self.world.stores.coordinator.peek(ispb) else { return };
        let (frontier, watermark) = (state.frontier(), state.watermark());
        match kind {
            Kind::Pause => {
                self.world.oracle.begin_fault(&format!("{ispb} is paused"));
                self.change(ispb, Change::Pause).await;
                self.last().await;
                self.change(ispb, Change::Resume).await;
                self.world.oracle.end_fault(&format!("{ispb} is resumed"));
            }
            Kind::Cap => {
                let cap = u8::try_from(1 + self.random.below(6)).unwrap_or(6);
                self.change(ispb, Change::Cap(cap)).await;
            }
            Kind::Release => {
                let slot = u8::try_from(1 + self.random.below(6)).unwrap_or(1);
                self.world.oracle.release(ispb, slot, false);
                if !self.change(ispb, Change::Release(slot)).await {
                    // Whether it is done yet nobody knows.
                    tokio::time::sleep(Duration::from_secs(6)).await;
                }
                self.world.oracle.release(ispb, slot, true);
            }
            Kind::Rewind => {
                let back = self.random.below(30);
                let to = Sequence::new(frontier.value().saturating_sub(back).max(1));
                self.world.oracle.rewind(ispb, to, false);
                if !self.change(ispb, Change::Rewind(to)).await {
                    // Whether it is done yet nobody knows.
                    tokio::time::sleep(Duration::from_secs(6)).await;
                }
                self.world.oracle.rewind(ispb, to, true);
            }
            Kind::Advance => {
                let to = watermark.plus(1 + self.random.below(5));
                if to <= self.world.stores.journal.peek_head(ispb) {
                    self.world.oracle.advance(ispb, to);
                    self.change(ispb, Change::Advance(to)).await;
                }
            }
            Kind::Crash
            | Kind::LoseNode
            | Kind::Drain
            | Kind::Forget
            | Kind::RollBack
            | Kind::Restart
            | Kind::FailOver
            | Kind::DropChunks
            | Kind::CutOff
            | Kind::JournalDown
            | Kind::JournalShaky
            | Kind::JournalFull
            | Kind::CoordinatorDown
            | Kind::CoordinatorShaky
            | Kind::Slow
            | Kind::Mute
            | Kind::ClockStep => {}
        }
    }

    async fn change(&mut self, ispb: Ispb, change: Change) -> bool {
        let Some(node) = self.world.any_node(self.random) else { return false };
        let asked = node.app.change(ispb, change, false, OPERATOR);
        let result = self.world.ask(&node, None, asked).await;
        let shown = match &result {
            None => "nothing".to_owned(),
            Some(Ok(changed)) => format!("watermark {}", changed.watermark),
            Some(Err(error)) => error.to_string(),
        };
        self.world.oracle.note(&format!("{ispb} {change:?} <- {shown}"));
        matches!(result, Some(Ok(_)))
    }
}

/// Starts what is down, however often that takes.
pub(crate) async fn start_all(world: &Arc<World>) {
    for place in 0..world.plan.nodes {
        while world.find_node(place).is_none() {
            if world.start(place).await.is_err() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// A clean end of all nodes, in embedded mode of the Coordinator with them, and a new start.
pub(crate) async fn drain(world: &Arc<World>) {
    let _alone = world.lifecycle.lock().await;
    world.oracle.begin_fault("drain");
    let nodes: Vec<_> = (0..world.plan.nodes).filter_map(|place| world.find_node(place)).collect();
    nodes.iter().for_each(|node| node.app.begin_drain());
    tokio::time::sleep(Duration::from_millis(20)).await;
    (0..world.plan.nodes).for_each(|place| drop(world.take(place)));
    let mut is_clean = true;
    for node in &nodes {
        while node.requests.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        is_clean &= node.app.finish().await.is_ok();
    }
    for node in &nodes {
        node.life.end();
        node.ports.coordinator.disconnect();
    }
    drop(nodes);
    if is_clean || world.plan.is_cluster {
        world.oracle.note("a clean end");
    } else {
        world.oracle.lose_state("an unclean end");
    }
    if !world.plan.is_cluster {
        world.stores.coordinator.forget();
    }
    start_all(world).await;
    world.oracle.end_fault("a new start");
}
