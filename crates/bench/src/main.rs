//! `pix-stream-bench`, behind `cargo xtask bench`: what a pull, a publish and a waiting read cost, measured from outside
//! the server, and what the codec spends on a message and the rate limit on a read, measured in this program.
//!
//! This file only builds and starts: the server as users build it, and this program once more on a core of its own. Server
//! and nginx are pinned to core 0, the load to core 1. What is measured, and how, is in `run`.

mod codec;
mod connection;
mod console;
mod figures;
mod flags;
mod gauge;
mod limiter;
mod message;
mod nginx;
mod observer;
mod pinned;
mod process;
mod publish;
mod pull;
mod run;
mod site;
mod verify;
mod waiting;

use std::process::{Command, ExitCode};

use clap::Parser as _;
use color_eyre::config::HookBuilder;
use color_eyre::eyre::{Result, ensure};

use crate::flags::{Flags, Part};

/// The core of the load generator. The measured process has core 0 for itself.
const LOAD_CORE: &str = "1";
/// Open files of the load generator: a thousand connections and some.
const OPEN_FILES: &str = "--nofile=4096:";

fn main() -> Result<ExitCode> {
    // A refused run is no crash: the message says what to do, hints about backtraces would only distract.
    HookBuilder::default().display_env_section(false).install()?;
    let flags = Flags::parse();
    let passed = match &flags.server {
        Some(server) => run::run(server, &flags)?,
        None => measure(&flags)?,
    };
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds what is measured, then measures. False when a check failed.
fn measure(flags: &Flags) -> Result<bool> {
    for tool in ["taskset", "prlimit"] {
        ensure!(
            process::succeeds_quietly(Command::new(tool).arg("--version")),
            "{tool} is missing; install util-linux"
        );
    }
    if flags.measures(Part::Server) {
        build_server()?;
    }
    // Built by the same cargo: it lies beside this program.
    let own = std::env::current_exe()?;
    let server = own.with_file_name("pix-stream");
    let mut command = Command::new("prlimit");
    command.args([OPEN_FILES, "taskset", "--cpu-list", LOAD_CORE]).arg(&own);
    // As the server does for itself (ADR 0015): examining is measured in the load generator's process.
    command.env("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX512VL");
    command.args(std::env::args_os().skip(1)).arg("--server").arg(server);
    process::succeeds(&mut command)
}

fn build_server() -> Result<()> {
    let mut cargo = process::cargo();
    cargo.args(["build", "--release", "--package", "pix-stream-server"]);
    let shown = process::shown(&cargo);
    console::progress(&format!("[bench] {shown}"));
    ensure!(process::succeeds(&mut cargo)?, "{shown} failed");
    Ok(())
}
