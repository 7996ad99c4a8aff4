//! `cargo xtask ci`: everything that must hold before a change is taken, quick checks first.
//!
//! `.ci/run` calls this and nothing else. It stops at the first failure and names the command that repeats it.

use std::process::Command;

use color_eyre::eyre::Result;

use crate::flags::TestFlags;
use crate::process::{self, Stopwatch};
use crate::{console, test, tidy};

/// Runs every step; the test summary is the last line printed.
pub(crate) fn run() -> Result<bool> {
    let total = Stopwatch::start();
    let green = step("fmt", "cargo fmt --all", || cargo(&["fmt", "--all", "--check"]))?
        && step("clippy", "cargo clippy --workspace --all-targets -- -D warnings", || {
            cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
        })?
        && step("tidy", "cargo xtask tidy", tidy::run)?
        && step("deny", DENY, deny)?;
    if !green {
        return Ok(false);
    }
    let mut summary = None;
    let tested = step("test", "cargo xtask test", || {
        let result = test::run(&TestFlags { quick: false })?;
        summary = Some(result);
        Ok(result.green())
    })?;
    let soaked = tested && step("soak", "cargo xtask soak --profile dev --minutes 1 --seed 1", soak)?;
    let green = soaked && step("doc", "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --workspace", doc)?;
    console::progress(&format!("[ci] {} after {}", if green { "passed" } else { "FAILED" }, total.shown()));
    if let Some(summary) = summary {
        summary.print()?;
    }
    Ok(green)
}

fn step(name: &str, again: &str, check: impl FnOnce() -> Result<bool>) -> Result<bool> {
    console::progress(&format!("[ci] {name} ..."));
    let watch = Stopwatch::start();
    let passed = check()?;
    if passed {
        console::progress(&format!("[ci] {name}: passed, {}", watch.shown()));
    } else {
        console::progress(&format!("[ci] {name}: FAILED, {}. Repeat it alone with: {again}", watch.shown()));
    }
    Ok(passed)
}

fn cargo(arguments: &[&str]) -> Result<bool> {
    process::succeeds(process::cargo().args(arguments))
}

/// A minute of load and faults with the oracle; longer ones are for nights.
fn soak() -> Result<bool> {
    let report = process::root().join("target").join("soak.html");
    let mut command = process::cargo();
    // In the profile that is built already: a release build of the server takes longer than the soak.
    command.args(["run", "--quiet", "--package", "pix-stream-soak", "--"]);
    command.args(["--profile", "dev", "--minutes", "1", "--seed", "1", "--report"]).arg(report);
    process::succeeds(&mut command)
}

fn doc() -> Result<bool> {
    let mut command = process::cargo();
    command.args(["doc", "--no-deps", "--workspace"]).env("RUSTDOCFLAGS", "-D warnings");
    process::succeeds(&mut command)
}

const DENY: &str = "cargo deny --config .deny.toml check bans licenses sources";

/// Advisories are left out: their database cannot be fetched where CI runs.
fn deny() -> Result<bool> {
    if !process::succeeds_quietly(process::cargo().args(["deny", "--version"])) {
        console::progress(
            "[ci] deny: SKIPPED, cargo-deny is not installed (cargo install --locked cargo-deny)",
        );
        return Ok(true);
    }
    let mut command: Command = process::cargo();
    command.args(DENY.split(' ').skip(1));
    process::succeeds(&mut command)
}
