//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::scenario::{self, Scenario};

/// Runs servers under load and faults, and checks every message on its way.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask soak", version, after_help = EXAMPLES)]
pub(crate) struct Flags {
    /// What is run; `--list` names them.
    #[arg(long, value_name = "NAME", default_value = "quick", value_parser = parse_scenario)]
    pub(crate) scenario: &'static Scenario,
    /// How long load and faults go on. [default: the scenario's]
    #[arg(long, value_name = "M", value_parser = parse_minutes)]
    pub(crate) minutes: Option<f64>,
    /// Load and faults follow from it. [default: drawn, and printed]
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
    /// Where the report goes. [default: soak-SCENARIO.html]
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
    /// A folder for data and logs, which is kept. [default: a temporary one, kept when an invariant was violated]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// The server's binary. [default: built first]
    #[arg(long, value_name = "FILE")]
    pub(crate) server: Option<PathBuf>,
    /// How servers are built.
    #[arg(long, value_enum, value_name = "PROFILE", default_value_t = Profile::Release)]
    pub(crate) profile: Profile,
    /// One JSON object a line on stdout instead of words.
    #[arg(long)]
    pub(crate) json: bool,
    /// Names the scenarios and ends.
    #[arg(long)]
    pub(crate) list: bool,
}

/// How something is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// Optimised: what is judged.
    Release,
    /// Quickly: to try the soak itself out.
    Dev,
}

impl Profile {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "dev",
        }
    }
}

const EXAMPLES: &str = "Examples:
  cargo xtask soak --scenario embedded --minutes 10 --seed 7 --report soak.html
  cargo xtask soak --scenario stack --minutes 10 --json";

fn parse_scenario(name: &str) -> Result<&'static Scenario, String> {
    scenario::find(name).ok_or_else(|| {
        let names: Vec<_> = scenario::ALL.iter().map(|scenario| scenario.name).collect();
        format!("there are {}", names.join(", "))
    })
}

fn parse_minutes(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(minutes) if (0.1..=10_080.0).contains(&minutes) => Ok(minutes),
        Ok(_) | Err(_) => Err("minutes from 0.1 to 10080".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_documented_is_understood() {
        let line = ["soak", "--scenario", "embedded", "--minutes", "10", "--seed", "7", "--report", "a.html"];
        let flags = Flags::try_parse_from(line).unwrap();
        assert_eq!((flags.scenario.name, flags.minutes, flags.seed), ("embedded", Some(10.0), Some(7)));
        assert!(Flags::try_parse_from(["soak", "--scenario", "nothing"]).is_err());
        assert!(Flags::try_parse_from(["soak", "--minutes", "0"]).is_err());
    }
}
