//! `pix-stream-soak`: servers under load and faults, watched by an oracle (issue 6; behind `cargo xtask soak`).
//!
//! Starts what a scenario names, publishes and reads with the habits of real clients (protocol, section 9), kills and
//! stops what the seed says, and believes nobody: every message is followed from its producer to its confirmation. Ends
//! with a report that opens offline, and with 1 when an invariant was violated. How to read it: docs/soak.md.

mod binary;
mod book;
mod chart;
mod fault;
mod flags;
mod habit;
mod masking;
mod metrics;
mod multipart;
mod noisy;
mod output;
mod producer;
mod reader;
mod region;
mod report;
mod run;
mod sample;
mod scenario;
mod series;
mod site;
mod verdict;
mod wire;

use std::process::ExitCode;

use clap::Parser as _;
use color_eyre::config::HookBuilder;
use color_eyre::eyre::Result;

fn main() -> Result<ExitCode> {
    HookBuilder::default().display_env_section(false).install()?;
    let flags = flags::Flags::parse();
    if flags.list {
        output::list()?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match runtime.block_on(run::run(&flags)) {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::FAILURE),
        Err(error) => {
            // What could not be started is no crash: the message says what to do.
            output::fail(&format!("{error:#}"))?;
            Ok(ExitCode::FAILURE)
        }
    }
}
