//! `cargo xtask bench`: what a pull, a publish and a waiting read cost, measured from outside the server, and what
//! the codec spends on a message and the rate limit on a read, measured in this program.
//!
//! This file only builds and starts: the server as users build it, and this program once more, with the feature
//! `bench`, which adds the load generator and the codec. So `cargo xtask tidy` keeps building in seconds. Server and
//! nginx are pinned to core 0, the load to core 1. What is measured, and how, is in `run`.

#[cfg(feature = "bench")]
mod codec;
#[cfg(feature = "bench")]
mod connection;
#[cfg(feature = "bench")]
mod figures;
#[cfg(feature = "bench")]
mod gauge;
#[cfg(feature = "bench")]
mod limiter;
#[cfg(feature = "bench")]
mod message;
#[cfg(feature = "bench")]
mod nginx;
#[cfg(feature = "bench")]
mod observer;
#[cfg(feature = "bench")]
mod pinned;
#[cfg(feature = "bench")]
mod publish;
#[cfg(feature = "bench")]
mod pull;
#[cfg(feature = "bench")]
mod run;
#[cfg(feature = "bench")]
mod site;
#[cfg(feature = "bench")]
mod verify;
#[cfg(feature = "bench")]
mod waiting;

use std::path::PathBuf;
use std::process::Command;

use color_eyre::eyre::{Result, WrapErr as _, ensure};
use serde::Deserialize;

use crate::console;
use crate::flags::{BenchFlags, BenchPart};
use crate::process::{self, Stopwatch};
#[cfg(feature = "bench")]
pub(crate) use run::run as run_pinned;

/// The core of the load generator. The measured process has core 0 for itself.
const LOAD_CORE: &str = "1";
/// Open files of the load generator: a thousand connections and some.
const OPEN_FILES: &str = "--nofile=4096:";

/// Builds what is measured and what measures, then measures. False when a check failed.
pub(crate) fn run(flags: &BenchFlags) -> Result<bool> {
    for tool in ["taskset", "prlimit"] {
        ensure!(
            process::succeeds_quietly(Command::new(tool).arg("--version")),
            "{tool} is missing; install util-linux"
        );
    }
    if flags.measures(BenchPart::Server) {
        build(&["--package", "pix-stream-server"])?;
    }
    build(&["--package", "pix-stream-xtask", "--features", "bench"])?;
    let release = target_directory()?.join("release");
    let mut command = Command::new("prlimit");
    command.args([OPEN_FILES, "taskset", "--cpu-list", LOAD_CORE]).arg(release.join("pix-stream-xtask"));
    // As the server does for itself (ADR 0015): examining is measured in the load generator's process.
    command.env("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX512VL");
    command.arg("bench-run").arg("--server").arg(release.join("pix-stream"));
    command.args(flags.as_arguments());
    process::succeeds(&mut command)
}

fn build(what: &[&str]) -> Result<()> {
    let mut cargo = process::cargo();
    cargo.args(["build", "--release"]).args(what);
    let (watch, shown) = (Stopwatch::start(), process::shown(&cargo));
    console::progress(&format!("[bench] {shown}"));
    ensure!(process::succeeds(&mut cargo)?, "{shown} failed");
    console::progress(&format!("[bench] built after {}", watch.shown()));
    Ok(())
}

#[derive(Debug, Deserialize)]
struct Metadata {
    target_directory: PathBuf,
}

fn target_directory() -> Result<PathBuf> {
    let mut cargo = process::cargo();
    cargo.args(["metadata", "--format-version", "1", "--no-deps", "--offline"]);
    let metadata: Metadata = serde_json::from_slice(&process::output(&mut cargo)?)
        .wrap_err("cannot read what cargo metadata says")?;
    Ok(metadata.target_directory)
}
