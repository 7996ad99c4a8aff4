//! The simulation: the whole core over fakes, under faults, in paused time; every run follows from its seed.
//!
//! `cargo xtask sim --seed S` replays a run. Each run lets clients with the habits of protocol section 9, producers
//! and an operator loose on one or two nodes whose stores fail, forget and lag, and checks the invariants of
//! design section 6 from the outside ([`oracle`]) and on every state that is agreed on ([`lineage`]).
//! No real time passes and nothing is asserted about metrics or wire bytes: those have tests of their own.

mod book;
mod chaos;
mod client;
mod ending;
mod intake;
mod lineage;
mod node;
mod oracle;
mod plan;
mod producer;
mod run;
mod trace;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Seeds of a plain `cargo test`; `cargo xtask sim` asks for many more.
const RUNS: u64 = 20;
/// Events that a report shows; `PIX_SIM_EVENTS` asks for more.
const EVENTS: u64 = 150;
/// Threads that share the seeds; a run itself has one.
const THREADS: usize = 2;
/// Stack of such a thread. A run polls whole nodes, clients and faults within each other, and an unoptimised build gives
/// every one of their futures room of its own there: the usual 2 MiB were too little, by chance of the build.
const STACK_BYTES: usize = 32 * 1024 * 1024;

#[expect(
    clippy::disallowed_methods,
    reason = "xtask tells seed and runs by environment, as tests take no flags"
)]
fn asked(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn seeded_runs_break_no_invariant() {
    let (first, runs) = (asked("PIX_SIM_SEED", 0), asked("PIX_SIM_RUNS", RUNS));
    let next = AtomicU64::new(first);
    let broken: Mutex<Vec<run::Report>> = Mutex::default();
    let totals: Mutex<oracle::Counts> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let work = || loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= first + runs || !lock(&broken).is_empty() {
                    return;
                }
                let report = run::run(seed);
                lock(&totals).add(&report.counts);
                if report.violation.is_some() {
                    lock(&broken).push(report);
                }
            };
            thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work).unwrap();
        }
    });
    let mut broken = broken.into_inner().unwrap_or_else(PoisonError::into_inner);
    broken.sort_by_key(|report| report.seed);
    println!("[sim] {:?}", lock(&totals));
    for report in &broken {
        let shown = usize::try_from(asked("PIX_SIM_EVENTS", EVENTS)).unwrap_or(usize::MAX);
        println!("{}", report.events[report.events.len().saturating_sub(shown)..].join("\n"));
        println!("violation: {}", report.violation.as_deref().unwrap_or_default());
        println!("cargo xtask sim --seed {}", report.seed);
    }
    assert!(broken.is_empty(), "seed {} broke a rule", broken[0].seed);
}

#[test]
fn a_seed_repeats_its_trace() {
    let repeat = || {
        for seed in [3, 77, 1_000_003].into_iter().chain(500..520) {
            let (a, b) = (run::run(seed), run::run(seed));
            let differs = a.events.iter().zip(&b.events).find(|(a, b)| a != b);
            assert_eq!(a.hash, b.hash, "seed {seed}: {differs:?}");
        }
    };
    thread::Builder::new().stack_size(STACK_BYTES).spawn(repeat).unwrap().join().unwrap();
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
