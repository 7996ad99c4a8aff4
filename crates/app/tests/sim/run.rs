//! One run: everything starts, goes on for a while, is healed, and must then come to a good end.

use std::sync::Arc;

use crate::oracle::Counts;
use crate::plan::Plan;
use crate::world::World;
use crate::{chaos, client, ending, intake, producer};

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) violation: Option<String>,
    pub(crate) hash: u64,
    pub(crate) events: Vec<String>,
    pub(crate) counts: Counts,
}

/// Runs a seed, on this thread, in time of its own.
pub(crate) fn run(seed: u64) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.map_or_else(
        |error| Report { violation: Some(error.to_string()), ..Report::of(seed) },
        |runtime| {
            runtime.block_on(async {
                let world = Arc::new(World::new(Plan::of(seed)));
                live(&world).await;
                world.oracle.report(seed)
            })
        },
    )
}

impl Report {
    fn of(seed: u64) -> Self {
        Self { seed, violation: None, hash: 0, events: Vec::new(), counts: Counts::default() }
    }
}

async fn live(world: &Arc<World>) {
    intake::switch_off(world).await;
    chaos::start_all(world).await;
    let mut actors = tokio::task::JoinSet::new();
    for (number, habits) in world.plan.clients.iter().enumerate() {
        actors.spawn(client::run(Arc::clone(world), format!("c{number}"), habits.clone()));
    }
    for production in &world.plan.producers {
        actors.spawn(producer::run(Arc::clone(world), production.clone()));
    }
    for intake in &world.plan.intakes {
        actors.spawn(intake::run(Arc::clone(world), intake.clone()));
    }
    for seed in &world.plan.faults {
        actors.spawn(chaos::run(Arc::clone(world), *seed));
    }
    world.pause(world.plan.span).await;
    world.end();
    while let Some(ended) = actors.join_next().await {
        if let Err(panic) = ended {
            world.oracle.accuse(format!("a panic: {panic}"));
        }
    }
    if !world.oracle.is_broken() {
        ending::run(world).await;
    }
}
