//! `cargo xtask`: checks, tests, simulation and benchmark of the workspace, one command each.
//!
//! What a person types and what CI runs is the same program. Of our crates it depends on `stores` alone, so that
//! `cargo xtask tidy` builds in seconds; it drives the others through cargo.

mod bench;
mod ci;
mod console;
mod differential;
mod drill;
mod flags;
mod migrate;
mod process;
mod sim;
mod soak;
mod stack;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::Parser as _;
use color_eyre::config::HookBuilder;
use color_eyre::eyre::Result;

use crate::flags::{Command, Flags};

fn main() -> Result<ExitCode> {
    // A refused run is no crash: the message says what to do, hints about backtraces would only distract.
    HookBuilder::default().display_env_section(false).install()?;
    let flags = Flags::parse();
    let passed = match flags.command {
        Command::Ci => ci::run()?,
        Command::Tidy => tidy::run()?,
        Command::Test(flags) => test::run(&flags)?.print()?,
        Command::Stack(flags) => stack::run(&flags)?,
        // These end as the programs behind them do.
        Command::Migrate(flags) => return migrate::run(&flags),
        Command::Soak(flags) => return soak::run(&flags),
        Command::Drill(flags) => return drill::run(&flags),
        Command::Bench(flags) => return bench::run(&flags),
        Command::Differential(flags) => differential::run(&flags)?,
        Command::Sim(flags) => sim::run(&flags)?,
    };
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
