//! Random outages of two or three nodes: histories never mix, serial acknowledgements survive, and all is well again
//! soon after the faults end.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, timeout};

use crate::world::{Node, World, ispb};

const PARTICIPANTS: u32 = 3;
const RUNS: u64 = 60;
const RUN: Duration = Duration::from_secs(40);

/// SplitMix64.
#[derive(Clone)]
struct Random(Rc<Cell<u64>>);

impl Random {
    fn new(seed: u64) -> Self {
        Self(Rc::new(Cell::new(seed)))
    }

    fn below(&self, n: u64) -> u64 {
        let state = self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.0.set(state);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }

    async fn pause(&self, most_millis: u64) {
        sleep(Duration::from_millis(self.below(most_millis))).await;
    }
}

struct Figures {
    steps: usize,
    serial: usize,
    begun: usize,
    lost: u64,
}

async fn reads(node: Rc<RefCell<Option<Node>>>, random: Random, until: Instant) {
    while Instant::now() < until {
        random.pause(40).await;
        let n = u32::try_from(random.below(u64::from(PARTICIPANTS))).unwrap() + 1;
        // Taken out, so that a crash during the read finds nothing to crash.
        let Some(mut taken) = node.borrow_mut().take() else { continue };
        // Some callers go away in the middle of it.
        let patience = if random.below(20) == 0 { random.below(30) } else { 5_000 };
        let _served_or_not = timeout(Duration::from_millis(patience), taken.read(ispb(n))).await;
        if random.below(4) == 0 {
            taken.checkpoint(ispb(n));
        }
        *node.borrow_mut() = Some(taken);
    }
}

async fn faults(
    world: Rc<RefCell<World>>,
    nodes: Vec<Rc<RefCell<Option<Node>>>>,
    random: Random,
    until: Instant,
) {
    while Instant::now() < until {
        random.pause(1_500).await;
        let which = usize::try_from(random.below(nodes.len() as u64)).unwrap();
        let on = random.below(2) == 0;
        match random.below(8) {
            0 | 1 => nodes.iter().skip(which).for_each(|node| {
                if let Some(node) = &*node.borrow() {
                    node.cut_primary(on);
                }
            }),
            2 => {
                if let Some(node) = &*nodes[which].borrow() {
                    node.cut_primary(on);
                }
            }
            3 => {
                if let Some(node) = &*nodes[which].borrow() {
                    node.cut_serial(on && random.below(2) == 0);
                }
            }
            4 => world.borrow().stop_primary(on),
            5 => world.borrow().primary.forget(),
            6 => world.borrow().primary.restart(),
            _ => {
                let crashed = nodes[which].borrow_mut().take();
                if crashed.is_some() {
                    *nodes[which].borrow_mut() = Some(world.borrow_mut().node());
                }
            }
        }
    }
}

/// All faults end; soon everybody is served by the primary again, from one history.
async fn heals(world: &Rc<RefCell<World>>, nodes: &[Rc<RefCell<Option<Node>>>], seed: u64) {
    world.borrow().stop_primary(false);
    for node in nodes {
        if let Some(node) = &*node.borrow() {
            node.cut_primary(false);
            node.cut_serial(false);
        }
    }
    for _ in 0..200 {
        sleep(Duration::from_millis(100)).await;
        for node in nodes {
            let Some(mut taken) = node.borrow_mut().take() else { continue };
            for n in 1..=PARTICIPANTS {
                let _served_or_not = taken.read(ispb(n)).await;
            }
            *node.borrow_mut() = Some(taken);
        }
    }
    for n in 1..=PARTICIPANTS {
        let mut values = Vec::new();
        for node in nodes {
            let Some(mut taken) = node.borrow_mut().take() else { continue };
            values.push(taken.read(ispb(n)).await.unwrap());
            *node.borrow_mut() = Some(taken);
        }
        assert!(values.windows(2).all(|pair| pair[0] + 1 == pair[1]), "seed {seed}: one history, {values:?}");
        let held = world.borrow().primary.peek(ispb(n)).map(|state| state.floor().value());
        assert_eq!(held, values.last().copied(), "seed {seed}: the primary has it again");
    }
    assert!(world.borrow().serial.peek_survey().states.is_empty(), "seed {seed}: nothing is left behind");
}

async fn run(seed: u64) -> Figures {
    let random = Random::new(seed);
    let world = Rc::new(RefCell::new(World::new(seed)));
    let count = 2 + random.below(2);
    let nodes: Vec<_> = (0..count).map(|_| Rc::new(RefCell::new(Some(world.borrow_mut().node())))).collect();
    let (least, most) = (Duration::from_micros(200), Duration::from_millis(1 + random.below(40)));
    world.borrow().primary.faults().set_latency(least, most);
    for node in nodes.iter().filter_map(|node| node.borrow().as_ref().map(|node| node.rows.clone())) {
        node.inner.faults().set_latency(least, most);
    }
    let until = Instant::now() + RUN;
    let local = LocalSet::new();
    for node in &nodes {
        // Two readers a node would share one seat; one at a time is what the seat makes of them.
        local.spawn_local(reads(Rc::clone(node), random.clone(), until));
    }
    local.spawn_local(faults(Rc::clone(&world), nodes.clone(), random.clone(), until));
    local.await;
    world.borrow().assert_whole(seed);
    heals(&world, &nodes, seed).await;
    world.borrow().assert_whole(seed);
    let world = world.borrow();
    let log = world.log.lock().unwrap();
    Figures { steps: log.steps(), serial: log.serial_steps(), begun: log.begun.len(), lost: log.lost }
}

#[test]
fn histories_never_mix_whatever_fails() {
    let mut total = Figures { steps: 0, serial: 0, begun: 0, lost: 0 };
    for seed in 0..RUNS {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let figures = runtime.unwrap().block_on(run(seed));
        total.steps += figures.steps;
        total.serial += figures.serial;
        total.begun += figures.begun;
        total.lost += figures.lost;
    }
    let Figures { steps, serial, begun, lost } = total;
    println!(
        "{RUNS} runs: {steps} changes, {serial} of them serial, {begun} histories, {lost} lost with the primary"
    );
    assert!(serial > 1_000 && steps - serial > 1_000 && begun > 500, "the runs have outages");
}
