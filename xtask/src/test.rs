//! `cargo xtask test`: cargo's tests, counted over all binaries into one closing line.
//!
//! Unless it is to be quick, one Redis and one Cassandra are started for all suites, while cargo builds, and stopped
//! at the end, whatever the end. Which store a test needs is the test's business.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

use color_eyre::eyre::{OptionExt as _, Result, WrapErr as _, eyre};

use crate::flags::TestFlags;
use crate::process::{self, Stopwatch};
use crate::{console, differential, sim};
use pix_stream_stores::install;
use pix_stream_stores::test::{Shared, VARIABLES};

/// All tests but those in the docs.
const ALL: [&str; 3] = ["test", "--workspace", "--all-targets"];
/// Simulated runs inside `test`: about half a minute in a debug build.
const SIM_RUNS: u64 = 200;

/// Compared documents of each message inside `test`: about half a minute in a debug build.
const DIFFERENTIAL_COUNT: u64 = 500;
/// The same for a quick run.
const DIFFERENTIAL_QUICK: u64 = 10;

/// How many tests passed and failed, over all binaries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    passed: u64,
    failed: u64,
}

impl Summary {
    /// Takes in one line of a test binary's output.
    fn read(&mut self, line: &str) {
        let Some(counts) = line.strip_prefix("test result: ") else { return };
        for part in counts.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let (Some(count), Some(what)) = (words.next(), words.next()) else { continue };
            let Ok(count) = count.parse::<u64>() else { continue };
            match what {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                _ => {}
            }
        }
    }

    /// Counts a cargo run that ended badly without a failed test (it did not build, or a binary died) as
    /// one failure: the closing line must not look green.
    fn settle(&mut self, succeeded: bool, failed_before: u64) {
        if !succeeded && self.failed == failed_before {
            self.failed += 1;
        }
    }

    /// True when nothing failed.
    pub(crate) fn green(self) -> bool {
        self.failed == 0
    }

    /// Prints the closing line, alone on its line: CI reads it. Says whether all is green.
    pub(crate) fn print(self) -> Result<bool> {
        console::result(&format!("{} passed, {} failed", self.passed, self.failed))?;
        Ok(self.green())
    }
}

/// What the test binaries said of their failed tests, told again at the end: who reads the tail of a long log (all
/// that a CI service may keep) must find the reason there.
#[derive(Debug, Default)]
struct Failures {
    told: Vec<String>,
    is_telling: bool,
    /// The last lines, whatever they say: a binary that dies (its stack, a signal) has no list of failures.
    last: VecDeque<String>,
}

/// Lines before cargo's word on a failed binary that are told again.
const LAST_LINES_MAX: usize = 20;

/// Lines of failed tests that are told again, the latest ones.
const FAILURE_LINES_MAX: usize = 400;

impl Failures {
    /// Takes in one line of a test binary's output.
    fn read(&mut self, line: &str) {
        if line.starts_with("error: test failed") && !self.last.iter().any(|l| l.starts_with("test result: "))
        {
            self.told.extend(self.last.drain(..));
            self.told.push(line.to_owned());
        }
        if self.last.len() == LAST_LINES_MAX {
            self.last.pop_front();
        }
        self.last.push_back(line.to_owned());
        if line == "failures:" {
            self.is_telling = true;
        }
        if self.is_telling {
            self.told.push(line.to_owned());
        }
        if line.starts_with("test result: ") {
            self.is_telling = false;
        }
    }

    fn print(&self) -> Result<()> {
        let from = self.told.len().saturating_sub(FAILURE_LINES_MAX);
        if from > 0 {
            writeln!(io::stdout(), "[test] {from} lines of failures are further up")?;
        }
        for line in &self.told[from..] {
            writeln!(io::stdout(), "{line}")?;
        }
        Ok(())
    }
}

/// Runs all tests, also after a failure, so that the summary is complete.
pub(crate) fn run(flags: &TestFlags) -> Result<Summary> {
    let (mut summary, mut failures) = (Summary::default(), Failures::default());
    let (runs, documents) =
        if flags.quick { (1, DIFFERENTIAL_QUICK) } else { (SIM_RUNS, DIFFERENTIAL_COUNT) };
    differential::bring_xmllint();
    bring(install::PROMTOOL);
    let shared = if flags.quick { None } else { Some(start_stores_while(build)?) };
    let mut tests = process::cargo();
    tests
        .args(ALL)
        .arg("--no-fail-fast")
        .env(sim::RUNS, runs.to_string())
        .env(differential::COUNT, documents.to_string());
    match &shared {
        Some(shared) => _ = tests.envs(shared.variables()),
        None => VARIABLES.into_iter().for_each(|variable| _ = tests.env_remove(variable)),
    }
    step(&mut tests, &mut summary, &mut failures)?;
    if !flags.quick {
        let mut docs = process::cargo();
        docs.args(["test", "--workspace", "--doc", "--no-fail-fast"]);
        step(&mut docs, &mut summary, &mut failures)?;
    }
    failures.print()?;
    Ok(summary)
}

/// Installs a program that tests run, where that can be done without asking; elsewhere the test says what to do.
fn bring(program: install::Program) {
    if let Err(error) = install::bring(program) {
        console::progress(&format!("[test] {error}"));
    }
}

/// Builds what is about to run; a failure shows again, and counts, when it is run.
fn build() -> Result<()> {
    let mut tests = process::cargo();
    tests.args(ALL).args(["--no-run", "--quiet"]);
    let (watch, shown) = (Stopwatch::start(), process::shown(&tests));
    process::succeeds(&mut tests)?;
    console::progress(&format!("[test] {shown}: done after {}", watch.shown()));
    Ok(())
}

/// Starts the stores that suites share, beside something else that takes its time.
fn start_stores_while(work: impl FnOnce() -> Result<()>) -> Result<Shared> {
    let directory = process::root().join("target").join("stores").join("test");
    thread::scope(|scope| {
        let starting = scope.spawn(|| Shared::start(&directory));
        work()?;
        let shared = starting.join().map_err(|_| eyre!("the thread that starts the stores died"))?;
        let shared =
            shared.map_err(|error| eyre!("{error}\n`cargo xtask test --quick` does without stores"))?;
        for (variable, value) in shared.variables() {
            console::progress(&format!("[test] {variable}={value}"));
        }
        Ok(shared)
    })
}

fn step(command: &mut Command, summary: &mut Summary, failures: &mut Failures) -> Result<()> {
    let shown = process::shown(command);
    console::progress(&format!("[test] {shown}"));
    let (watch, failed_before) = (Stopwatch::start(), summary.failed);
    let succeeded = each_line(command, |line| {
        summary.read(line);
        failures.read(line);
    })?;
    summary.settle(succeeded, failed_before);
    let verdict = if succeeded { "done" } else { "FAILED" };
    console::progress(&format!("[test] {shown}: {verdict} after {}", watch.shown()));
    Ok(())
}

/// Runs a command, passes its output on, and shows each line of both kinds to `see`. True when it succeeded.
pub(crate) fn each_line(command: &mut Command, see: impl FnMut(&str) + Send) -> Result<bool> {
    let shown = process::shown(command);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .wrap_err_with(|| format!("cannot start {shown}"))?;
    let stdout = child.stdout.take().ok_or_eyre("the child's output was not piped")?;
    let stderr = child.stderr.take().ok_or_eyre("the child's errors were not piped")?;
    let see = Mutex::new(see);
    let pass_on = |from: &mut dyn Read, to: &mut dyn Write| -> Result<()> {
        for line in BufReader::new(from).split(b'\n') {
            // A test may print anything; bytes that are no text are shown as such, not refused.
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            (see.lock().unwrap_or_else(PoisonError::into_inner))(&line);
            writeln!(to, "{line}")?;
        }
        Ok(())
    };
    let pass_on = &pass_on;
    thread::scope(|scope| {
        let errors = scope.spawn(move || pass_on(&mut { stderr }, &mut io::stderr()));
        let output = pass_on(&mut { stdout }, &mut io::stdout());
        output.and(errors.join().map_err(|_| eyre!("the thread that passes errors on died"))?)
    })?;
    Ok(child.wait()?.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_over_binaries() {
        let mut summary = Summary::default();
        summary.read("running 3 tests");
        summary.read(
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        );
        summary.read("test result: FAILED. 40 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.20s");
        assert_eq!(summary, Summary { passed: 43, failed: 2 });
        assert!(!summary.green());
    }

    #[test]
    fn what_failed_tests_said_is_kept_and_nothing_else() {
        let mut failures = Failures::default();
        let output = "test a ... FAILED\n\nfailures:\n\n---- a stdout ----\nseed 7\n\nfailures:\n    a\n\ntest result: FAILED. 0 passed; 1 failed\ntest b ... ok";
        output.lines().for_each(|line| failures.read(line));
        assert_eq!(failures.told.first().map(String::as_str), Some("failures:"));
        assert!(failures.told.contains(&"seed 7".to_owned()));
        assert!(!failures.told.iter().any(|line| line.starts_with("test a") || line.starts_with("test b")));
    }

    #[test]
    fn what_a_binary_said_that_died_is_kept() {
        let mut failures = Failures::default();
        let output =
            "running 2 tests\nthread 'a' has overflowed its stack\nerror: test failed, to rerun pass `-p a`";
        output.lines().for_each(|line| failures.read(line));
        assert_eq!(failures.told.len(), 3);
    }

    #[test]
    fn a_run_that_did_not_build_is_a_failure() {
        let mut summary = Summary::default();
        summary.settle(false, 0);
        assert_eq!(summary, Summary { passed: 0, failed: 1 });
    }

    #[test]
    fn failed_tests_are_not_counted_twice() {
        let mut summary = Summary { passed: 5, failed: 2 };
        summary.settle(false, 0);
        assert_eq!(summary.failed, 2);
    }

    #[test]
    fn a_line_that_only_looks_alike_counts_nothing() {
        let mut summary = Summary::default();
        summary.read("the test result: 7 passed; 1 failed");
        assert_eq!(summary, Summary::default());
    }
}
