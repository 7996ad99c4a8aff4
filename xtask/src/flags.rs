//! The command line of xtask, as cli.md lists it. Wrong usage exits with 2, by clap.

use clap::{Args, Parser, Subcommand};

/// Checks, tests and simulation of the workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, after_help = EXAMPLES)]
pub(crate) struct Flags {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "Examples:
  cargo xtask ci                  everything that CI checks
  cargo xtask sim --seed 1234     replay one simulated run";

/// One task.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Everything CI checks: fmt, clippy, tidy, deny, test, doc. Stops at the first failure.
    #[command(after_help = "Examples:\n  cargo xtask ci\n  .ci/run            the same, on a bare machine")]
    Ci,
    /// The house plan: arrows, budgets, headers, catalogues, links, machine paths.
    #[command(after_help = "Prints `file:line: problem`, and exits with 1 if there is any.\n
Examples:\n  cargo xtask tidy\n  cargo xtask tidy | grep metrics")]
    Tidy,
    /// Every test of the workspace, the doc tests, and a modest number of simulated runs.
    #[command(after_help = TEST_HELP)]
    Test(TestFlags),
    /// The deterministic simulation: app over fakes, with faults, under simulated time.
    #[command(after_help = SIM_HELP)]
    Sim(SimFlags),
}

const TEST_HELP: &str =
    "The stores tested are the embedded ones and the fakes: nothing has to be installed or started.
Redis and Cassandra join with the cluster stores.
The last line is `N passed, N failed`.

Examples:
  cargo xtask test
  cargo xtask test --quick";

const SIM_HELP: &str = "A failing run prints its seed and the command that replays it.

Examples:
  cargo xtask sim --runs 10000
  cargo xtask sim --seed 1234";

/// What `test` takes.
#[derive(Debug, Args)]
pub(crate) struct TestFlags {
    /// Without doc tests, and with one simulated run instead of many.
    #[arg(long)]
    pub(crate) quick: bool,
}

/// What `sim` takes.
#[derive(Debug, Args)]
pub(crate) struct SimFlags {
    /// The first seed; runs take consecutive seeds from here. Alone it means this one run.
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
    /// How many runs. [default: 1 with --seed, else 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) runs: Option<u64>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Flags::command().debug_assert();
    }

    #[test]
    fn zero_runs_are_refused() {
        assert!(Flags::try_parse_from(["xtask", "sim", "--runs", "0"]).is_err());
    }
}
