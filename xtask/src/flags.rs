//! The command line of xtask, as cli.md lists it. Wrong usage exits with 2, by clap.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Checks, tests, simulation and benchmark of the workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, after_help = EXAMPLES)]
pub(crate) struct Flags {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "Examples:
  cargo xtask ci                  everything that CI checks
  cargo xtask stack up --dir pix  Redis, Cassandra and two servers on loopback
  cargo xtask sim --seed 1234     replay one simulated run";

/// One task.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Everything CI checks: fmt, clippy, tidy, deny, test, a minute of soak, doc. Stops at the first failure.
    #[command(after_help = "Examples:\n  cargo xtask ci\n  .ci/run            the same, on a bare machine")]
    Ci,
    /// The house plan: arrows, budgets, headers, catalogues, links, machine paths.
    #[command(after_help = "Prints `file:line: problem`, and exits with 1 if there is any.\n
Examples:\n  cargo xtask tidy\n  cargo xtask tidy | grep metrics")]
    Tidy,
    /// Every test of the workspace, the doc tests, and a modest number of simulated runs and compared schemas.
    #[command(after_help = TEST_HELP)]
    Test(TestFlags),
    /// The deterministic simulation: app over fakes, with faults, under simulated time.
    #[command(after_help = SIM_HELP)]
    Sim(SimFlags),
    /// Real Redis and Cassandra with servers on them, on loopback, without containers.
    Stack(StackFlags),
    /// Cassandra migrations, `up|status|verify [--config FILE]`: `pix-stream migrate`, built first.
    #[command(disable_help_flag = true)]
    Migrate(HandedOn),
    /// Load, faults, oracle, report: the program of crates/soak, built first. `--help` is its own.
    #[command(disable_help_flag = true)]
    Soak(HandedOn),
    /// Runbooks carried out and incidents brought about: the program of crates/drill, built first. `--help` is its own.
    #[command(disable_help_flag = true)]
    Drill(HandedOn),
    /// The schema engine against xmllint and xsd-schema, over generated messages and broken ones.
    #[command(after_help = DIFFERENTIAL_HELP)]
    Differential(DifferentialFlags),
    /// What a pull, a publish and a waiting read cost: the program of crates/bench, built first. `--help` is its own.
    #[command(disable_help_flag = true)]
    Bench(HandedOn),
}

const TEST_HELP: &str =
    "The stores tested are the embedded ones, the fakes, and a real Redis and Cassandra, which are started on loopback
for all suites and stopped at the end; drills start clusters of their own. Redis comes from the distribution
(package redis-server), Cassandra by Maven (packages maven, openjdk-17-jre-headless); what is missing is installed
for root, and named for others. PIX_TEST_REDIS and PIX_TEST_CASSANDRA name running ones to be used instead.
The schema engine is compared with xmllint (package libxml2-utils), which root gets installed if it is missing.
The last line is `N passed, N failed`.

Examples:
  cargo xtask test
  cargo xtask test --quick";

const STACK_HELP: &str = "Prints one ready line and stays in the foreground. An interrupt or SIGTERM stops everything that was started; a
second one ends at once. A process that dies meanwhile is named on stderr and left dead. Each process in the ready
line has its pid, argv and cwd: it can be started again by hand, on the same ports. The folder works for
`pix-stream ... --dir DIR`, and the same stack starts on it again with the data that is there.

Examples:
  cargo xtask stack up --dir /tmp/pix
  cargo xtask stack up --dir /tmp/pix --servers 3 --cassandra-nodes 3 --redis sentinel
  cargo xtask stack up --dir /tmp/pix --datacenters 2";

const SIM_HELP: &str = "A failing run prints its seed and the command that replays it.

Examples:
  cargo xtask sim --runs 10000
  cargo xtask sim --seed 1234";

const DIFFERENTIAL_HELP: &str =
    "Disagreements print their seed, their document and the command that replays them.
docs/schema-differences.md decides the kinds that are known. Needs xmllint (package libxml2-utils): installed
with apt-get where that is missing and the user is root.

Examples:
  cargo xtask differential --count 20000
  cargo xtask differential --seed 1234";

/// What `test` takes.
#[derive(Debug, Args)]
pub(crate) struct TestFlags {
    /// Without Redis, Cassandra, drills and doc tests, and with one simulated run and a few compared documents.
    #[arg(long)]
    pub(crate) quick: bool,
}

/// What `stack` takes.
#[derive(Debug, Args)]
pub(crate) struct StackFlags {
    /// What to do with it.
    #[command(subcommand)]
    pub(crate) command: StackCommand,
}

/// What can be done with a stack.
#[derive(Debug, Subcommand)]
pub(crate) enum StackCommand {
    /// Starts everything, says where it is, and stops it when interrupted.
    #[command(after_help = STACK_HELP)]
    Up(UpFlags),
}

/// What `stack up` takes.
#[derive(Debug, Args)]
pub(crate) struct UpFlags {
    /// The folder: configuration, certificates, data, logs. Empty or missing, or one of an earlier stack.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// How many servers, spread over the data centres in turn. 0 starts the stores alone.
    /// [default: 2, or one in each data centre]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=16))]
    pub(crate) servers: Option<u8>,
    /// Cassandra nodes in each data centre; every one of them holds every row.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    pub(crate) cassandra_nodes: u8,
    /// Data centres dc1, dc2, dc3: each a region with a Redis of its own.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    pub(crate) datacenters: u8,
    /// How Redis is set up.
    #[arg(long, value_enum, value_name = "KIND", default_value_t = RedisKind::Single)]
    pub(crate) redis: RedisKind,
    /// Stores that keep strangers out: TLS with certificates on both sides, users and rights as in deploy/.
    #[arg(long)]
    pub(crate) secure: bool,
    /// A participant to onboard, with a certificate, when the folder is made; may be repeated.
    /// [default: those of `pix-stream init`]
    #[arg(long = "participant", value_name = "ISPB")]
    pub(crate) participants: Vec<String>,
    /// The server's binary. [default: built first]
    #[arg(long, value_name = "FILE")]
    pub(crate) server: Option<PathBuf>,
    /// How the server is built.
    #[arg(long, value_enum, value_name = "PROFILE", default_value_t = Profile::Release)]
    pub(crate) profile: Profile,
    /// Nothing for people on stderr but what goes wrong. The ready line is JSON either way.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How Redis is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RedisKind {
    /// One server.
    Single,
    /// A server, a replica, and three sentinels.
    Sentinel,
}

/// How something is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// Optimised.
    Release,
    /// Quickly.
    Dev,
}

/// What `migrate`, `soak` and `drill` take: whatever the program behind them takes.
#[derive(Debug, Args)]
pub(crate) struct HandedOn {
    /// Handed on as they are.
    #[arg(value_name = "ARGUMENTS", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<OsString>,
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

/// What `differential` takes.
#[derive(Debug, Args)]
pub(crate) struct DifferentialFlags {
    /// The first seed; documents take consecutive seeds from here. Alone it means one document of each message.
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
    /// How many documents of each message and origin of schemas. [default: 1 with --seed, else 6000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
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
    fn a_stack_has_two_servers_on_one_cassandra_node_and_one_redis_unless_told() {
        let line = ["xtask", "stack", "up", "--dir", "d"];
        let Command::Stack(flags) = Flags::try_parse_from(line).unwrap().command else { panic!("stack") };
        let StackCommand::Up(up) = flags.command;
        assert_eq!((up.servers, up.cassandra_nodes, up.datacenters), (None, 1, 1));
        assert_eq!((up.redis, up.profile), (RedisKind::Single, Profile::Release));
        assert!(Flags::try_parse_from(["xtask", "stack", "up"]).is_err());
        assert!(Flags::try_parse_from([&line[..], &["--datacenters", "4"]].concat()).is_err());
    }

    #[test]
    fn soak_hands_everything_on() {
        let line = ["xtask", "soak", "--minutes", "10", "--seed", "7", "--help"];
        let Command::Soak(flags) = Flags::try_parse_from(line).unwrap().command else { panic!("soak") };
        assert_eq!(flags.arguments, line[2..]);
    }

    #[test]
    fn zero_runs_are_refused() {
        assert!(Flags::try_parse_from(["xtask", "sim", "--runs", "0"]).is_err());
    }
}
