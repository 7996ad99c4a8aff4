//! `cargo xtask sim`: builds and runs the simulation, which lives in `crates/app/tests/sim`.
//!
//! Only seeds and runs are decided here. A run is a function of its seed, so replaying means asking for
//! the seed again.

use color_eyre::eyre::Result;

use crate::flags::SimFlags;
use crate::process::{self, Stopwatch};
use crate::{console, test};

/// Variable that tells the simulation its first seed.
pub(crate) const SEED: &str = "PIX_SIM_SEED";
/// Variable that tells the simulation how many seeds to run.
pub(crate) const RUNS: &str = "PIX_SIM_RUNS";

const DEFAULT_RUNS: u64 = 1_000;

/// Runs the simulation; true when no run broke a rule.
pub(crate) fn run(flags: &SimFlags) -> Result<bool> {
    let (seed, runs) = plan(flags);
    console::progress(&format!("[sim] {runs} runs from seed {seed}"));
    let mut command = process::cargo();
    // A profile of its own: `test` builds without optimisation, `release` without overflow checks.
    command.args([
        "test",
        "--profile",
        "sim",
        "--package",
        "pix-stream-app",
        "--test",
        "sim",
        "--",
        "--nocapture",
    ]);
    command.env(SEED, seed.to_string()).env(RUNS, runs.to_string());
    let watch = Stopwatch::start();
    let mut told = false;
    let passed = test::each_line(&mut command, |line| told |= line.contains(REPLAY))?;
    console::progress(&format!("[sim] {} after {}", if passed { "passed" } else { "FAILED" }, watch.shown()));
    if !passed && !told {
        console::progress(&format!("[sim] replay with: {REPLAY} {seed} --runs {runs}"));
    }
    Ok(passed)
}

/// How the simulation itself names the run that failed.
const REPLAY: &str = "cargo xtask sim --seed";

/// First seed and number of runs: a seed alone is a replay.
fn plan(flags: &SimFlags) -> (u64, u64) {
    match (flags.seed, flags.runs) {
        (None, None) => (0, DEFAULT_RUNS),
        (None, Some(runs)) => (0, runs),
        (Some(seed), None) => (seed, 1),
        (Some(seed), Some(runs)) => (seed, runs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_alone_replays_one_run() {
        assert_eq!(plan(&SimFlags { seed: Some(77), runs: None }), (77, 1));
        assert_eq!(plan(&SimFlags { seed: Some(77), runs: Some(5) }), (77, 5));
        assert_eq!(plan(&SimFlags { seed: None, runs: None }), (0, DEFAULT_RUNS));
    }
}
