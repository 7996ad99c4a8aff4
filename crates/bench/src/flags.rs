//! What the benchmark takes.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

const HELP: &str =
    "Builds the server as a release, then measures a fresh one on core 0 with the load on core 1, and before
that, on core 1, the steps of examining and deflating a message, and what the rate limit costs a read.
Results on stdout, progress on stderr. Exits with 1 when a message was lost, repeated or changed.

Examples:
  cargo xtask bench --only codec
  cargo xtask bench --only limiter
  cargo xtask bench --against nginx
  cargo xtask bench --messages 4000 --json";

/// What a pull, a publish and a waiting read cost; the figures of docs/PERFORMANCE.md.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", after_help = HELP)]
pub(crate) struct Flags {
    /// Measure this part alone.
    #[arg(long, value_enum, value_name = "PART")]
    pub(crate) only: Option<Part>,
    /// Serve the same bytes with this one too, in the same run.
    #[arg(long, value_enum)]
    pub(crate) against: Option<Peer>,
    /// Messages of one measured pull of everything; three such pulls a coding. Held in memory until checked.
    #[arg(long, value_name = "N", default_value_t = 20_000,
          value_parser = clap::value_parser!(u32).range(400..=200_000))]
    pub(crate) messages: u32,
    /// Unconfirmed messages in the journal for idle memory, time to ready and cold pulls.
    #[arg(long, value_name = "N", default_value_t = 100_000,
          value_parser = clap::value_parser!(u32).range(400..=1_000_000))]
    pub(crate) stored: u32,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
    /// The server's binary: given by this program to itself, on its own core.
    #[arg(long, hide = true)]
    pub(crate) server: Option<PathBuf>,
}

impl Flags {
    /// Whether a part is to be measured.
    pub(crate) fn measures(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Parse, validate, digest, render, deflate: each step of a publish before the journal.
    Codec,
    /// The rate limit and back-pressure: what a read pays for being counted.
    Limiter,
    /// The server from outside: publish, pull, wait, start.
    Server,
}

/// Whom the benchmark puts beside us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    /// Debian's nginx, one worker, serving a file.
    Nginx,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Flags::command().debug_assert();
    }
}
