//! `pix-stream-drill`: runs drills one after the other, and says what each showed (behind `cargo xtask drill`).

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use color_eyre::config::HookBuilder;
use color_eyre::eyre::{Result, WrapErr as _};
use pix_stream_drill::drills::{self, Drill, Goal};
use pix_stream_drill::report::{self, Entry};
use pix_stream_drill::run::{self, FACTOR, Means};
use pix_stream_drill::server;

/// Carries out runbooks, and brings incidents about under a real Prometheus.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask drill", version, after_help = EXAMPLES)]
struct Flags {
    /// Which drills; all of them when none is named.
    #[arg(value_name = "NAME", value_parser = parse_drill)]
    drills: Vec<&'static Drill>,
    /// Those alone that need neither stores nor Prometheus nor rights.
    #[arg(long, conflicts_with = "drills")]
    cheap: bool,
    /// Names the drills and ends.
    #[arg(long)]
    list: bool,
    /// Where a table of the results goes, in Markdown.
    #[arg(long, value_name = "FILE.md")]
    report: Option<PathBuf>,
    /// The server's binary. [default: built first]
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// The profile of cargo that the server is built in.
    #[arg(long, value_name = "PROFILE", default_value = "release")]
    profile: String,
    /// What all times of incidents are multiplied with: windows, delays, thresholds in seconds.
    #[arg(long, value_name = "F", default_value_t = FACTOR, value_parser = parse_factor)]
    factor: f64,
}

const EXAMPLES: &str = "Examples:
  cargo xtask drill --list
  cargo xtask drill redis-loss
  cargo xtask drill quiet lag-spike --factor 0.1 --report drills.md";

fn parse_drill(name: &str) -> Result<&'static Drill, String> {
    drills::find(name).ok_or_else(|| {
        let names: Vec<_> = drills::all().map(|drill| drill.name).collect();
        format!("there are {}", names.join(", "))
    })
}

fn parse_factor(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(factor) if (0.02..=1.0).contains(&factor) => Ok(factor),
        Ok(_) | Err(_) => Err("a factor from 0.02 to 1".to_owned()),
    }
}

fn main() -> Result<ExitCode> {
    HookBuilder::default().display_env_section(false).install()?;
    let flags = Flags::parse();
    if flags.list {
        list()?;
        return Ok(ExitCode::SUCCESS);
    }
    let binary = match &flags.server {
        Some(binary) => std::path::absolute(binary)?,
        None => server::build(&flags.profile)?,
    };
    let root = server::root();
    let means = Means { binary: &binary, root: &root, factor: flags.factor, say: &say };
    let mut entries = Vec::new();
    for drill in chosen(&flags) {
        entries.push(one(drill, &means)?);
    }
    if let Some(path) = &flags.report {
        std::fs::write(path, report::render(&entries))
            .wrap_err_with(|| format!("cannot write {}", path.display()))?;
    }
    let failed = entries.iter().filter(|entry| entry.result.is_err()).count();
    writeln!(io::stdout(), "{} drills, {failed} failed", entries.len())?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn chosen(flags: &Flags) -> Vec<&'static Drill> {
    if flags.drills.is_empty() {
        drills::all().filter(|drill| !flags.cheap || drill.is_cheap()).collect()
    } else {
        flags.drills.clone()
    }
}

fn one(drill: &'static Drill, means: &Means<'_>) -> Result<Entry> {
    say(&format!("{}: {}", drill.name, drill.about));
    let began = now();
    let result = run::run(drill, means).map_err(|error| format!("{error:#}"));
    let entry = Entry { name: drill.name, took: began.elapsed(), result };
    let (mark, what) = match &entry.result {
        Ok(what) => ("done", what),
        Err(what) => ("FAILED", what),
    };
    writeln!(io::stdout(), "{}: {mark} in {:.1} s: {what}", drill.name, seconds(entry.took))?;
    Ok(entry)
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

fn now() -> std::time::Instant {
    #[expect(clippy::disallowed_methods, reason = "how long a drill takes is shown to a person")]
    std::time::Instant::now()
}

fn say(text: &str) {
    let _closed = writeln!(io::stderr(), "[drill] {text}");
}

fn list() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for drill in drills::all() {
        let kind = match drill.goal {
            Goal::Page => "runbook",
            Goal::Alert { .. } | Goal::Quiet { .. } => "incident",
        };
        writeln!(out, "{:<25} {kind:<9} {}", drill.name, drill.about)?;
    }
    Ok(())
}
