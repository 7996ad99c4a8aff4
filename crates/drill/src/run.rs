//! One drill from its beginning to its end.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use color_eyre::eyre::{Result, WrapErr as _, bail, ensure};

use crate::drills::{Drill, Goal};
use crate::ground::{self, Ground};
use crate::page;
use crate::prometheus::Prometheus;
use crate::rules::{self, Threshold};
use crate::service;
use crate::shell::{Shell, now};

/// How all times of an incident are scaled, unless somebody says otherwise.
pub const FACTOR: f64 = 0.1;
/// How often deploy/prometheus scrapes and evaluates.
const EVERY: Duration = Duration::from_secs(5);
/// Not more often than this, however small the factor.
const EVERY_MIN: Duration = Duration::from_millis(250);
/// What an alert may take on top: a scrape, an evaluation, and a busy machine.
const ROUNDS: u32 = 4;
/// Load alone, before anything goes wrong.
const SETTLING: Duration = Duration::from_secs(15);
/// A payment is settled within this time: no message may wait for longer before somebody is called.
const SETTLEMENT: Duration = Duration::from_secs(40);
/// Over a minute by its definition; `PixStreamSettlement` is the one that comes before.
const LATE: &str = "PixStreamLag";
const LOOK: Duration = Duration::from_millis(100);

/// What all drills of a run share.
pub struct Means<'a> {
    /// The server.
    pub binary: &'a Path,
    /// The folder of the repository.
    pub root: &'a Path,
    /// How times of incidents are scaled.
    pub factor: f64,
    /// Is told how far it is.
    pub say: &'a dyn Fn(&str),
}

/// Runs a drill; what it showed, in a line.
///
/// # Errors
/// Something could not be started, or was not as it must be. The folder with everything is kept then, and named.
pub fn run(drill: &Drill, means: &Means<'_>) -> Result<String> {
    ensure!(
        drill.wanted.disk_mib.is_none() || ground::may_mount(),
        "{} mounts a file system of its own, which root alone may",
        drill.name
    );
    let folder = tempfile::Builder::new().prefix("pix-stream-drill-").tempdir()?;
    let result = run_in(drill, folder.path(), means);
    result.map_err(|error| {
        let kept = folder.keep();
        error.wrap_err(format!("everything is in {}", kept.display()))
    })
}

fn run_in(drill: &Drill, folder: &Path, means: &Means<'_>) -> Result<String> {
    let ground = Ground::start(&drill.wanted, folder, means.binary)?;
    let work = folder.join("work");
    std::fs::create_dir_all(&work)?;
    let mut shell = Shell::new(&work, means.binary);
    ground.introduce(&mut shell);
    drill.wanted.settings.iter().for_each(|(name, value)| shell.set(name, *value));
    for line in drill.load {
        begin(&ground, &mut shell, line)?;
    }
    let shown = match drill.goal {
        Goal::Page => carry_out(drill, &ground, &mut shell, means),
        Goal::Alert { name, within, thresholds } => {
            await_alert(drill, (&ground, &mut shell, folder), (name, within, thresholds), means)
        }
        Goal::Quiet { lasts } => stay_quiet((&ground, folder), lasts, means),
    }?;
    shell.end_background();
    ground.stop()?;
    Ok(shown)
}

/// Runs a line of a drill's own.
fn begin(ground: &Ground, shell: &mut Shell, line: &str) -> Result<()> {
    if let Some(line) = line.strip_prefix("& ") {
        return shell.begin(line);
    }
    let (may_fail, line) = line.strip_prefix("- ").map_or((false, line), |line| (true, line));
    let said = service::run(ground, shell, line)?;
    ensure!(may_fail || said.exit == 0, "`{line}` failed:\n{}", said.text);
    Ok(())
}

/// Where the page of a drill is.
#[must_use]
pub fn page_file(root: &Path, name: &str) -> PathBuf {
    root.join("docs/runbooks").join(format!("{name}.md"))
}

fn carry_out(drill: &Drill, ground: &Ground, shell: &mut Shell, means: &Means<'_>) -> Result<String> {
    let file = page_file(means.root, drill.name);
    let text = std::fs::read_to_string(&file).wrap_err_with(|| format!("cannot read {}", file.display()))?;
    let commands = match page::read(&text) {
        Ok(commands) => commands,
        Err(error) => bail!("{}:{}: {}", file.display(), error.line, error.what),
    };
    ensure!(!commands.is_empty(), "{} has no command to be carried out", file.display());
    for line in drill.symptom {
        begin(ground, shell, line)?;
    }
    for command in &commands {
        (means.say)(&format!("{}: {}: {}", drill.name, command.step, command.text));
        let done = shell.carry_out(command, |shell, line| service::run(ground, shell, line));
        done.wrap_err_with(|| format!("{}.md", drill.name))?;
    }
    Ok(format!("{} commands", commands.len()))
}

fn watch(
    ground: &Ground,
    folder: &Path,
    thresholds: &[Threshold],
    means: &Means<'_>,
) -> Result<(Prometheus, Duration)> {
    let file = means.root.join("deploy/prometheus/rules.yml");
    let text = std::fs::read_to_string(&file).wrap_err_with(|| format!("cannot read {}", file.display()))?;
    let rules = rules::scale(&text, means.factor, thresholds)?;
    let every = EVERY.mul_f64(means.factor).max(EVERY_MIN);
    Ok((Prometheus::start(&folder.join("prometheus"), &ground.scraped(), &rules, every)?, every))
}

/// Names of what fires now.
fn firing(prometheus: &Prometheus) -> Result<Vec<String>> {
    let alerts = prometheus.alerts()?;
    Ok(alerts.iter().filter(|alert| alert.is_firing()).map(|alert| alert.name().to_owned()).collect())
}

/// Nothing may fire for so long; with a name, that alert alone.
fn watch_quietly(prometheus: &Prometheus, lasts: Duration, only: Option<&str>) -> Result<()> {
    let began = now();
    while began.elapsed() < lasts {
        let mut firing = firing(prometheus)?;
        firing.retain(|alert| only.is_none_or(|only| only == alert));
        ensure!(
            firing.is_empty(),
            "nothing is wrong, and {} fires after {:?}",
            firing.join(", "),
            began.elapsed()
        );
        thread::sleep(LOOK);
    }
    Ok(())
}

fn await_alert(
    drill: &Drill,
    (ground, shell, folder): (&Ground, &mut Shell, &Path),
    (name, within, thresholds): (&str, Duration, &[Threshold]),
    means: &Means<'_>,
) -> Result<String> {
    let (prometheus, every) = watch(ground, folder, thresholds, means)?;
    (means.say)(&format!("{}: load alone for {SETTLING:?}", drill.name));
    watch_quietly(&prometheus, SETTLING, Some(name))?;
    let began = now();
    for line in drill.symptom {
        begin(ground, shell, line)?;
    }
    let most = within.mul_f64(means.factor) + every * ROUNDS;
    while !firing(&prometheus)?.iter().any(|firing| firing == name) {
        let alerts: Vec<String> = prometheus.alerts()?.iter().map(|alert| alert.name().to_owned()).collect();
        ensure!(began.elapsed() < most, "{name} did not fire within {most:?}; pending or firing: {alerts:?}");
        thread::sleep(LOOK);
    }
    let took = began.elapsed();
    let served = served(&prometheus, means.factor, name != LATE)?;
    prometheus.stop()?;
    Ok(format!(
        "{name} fired after {:.1} s, unscaled {:.0} s of {} s; {served}",
        took.as_secs_f64(),
        took.as_secs_f64() / means.factor,
        within.as_secs(),
    ))
}

/// What participants had of it until now. The wait of messages is compared with the time of a settlement.
fn served(prometheus: &Prometheus, factor: f64, is_early: bool) -> Result<String> {
    let waited = prometheus.query("max(pix_stream_lag_seconds)")?.unwrap_or(0.0) / factor;
    let service = "histogram_quantile(0.99, sum by (le) (pix_stream_http_request_service_seconds_bucket))";
    let slowest = prometheus.query(service)?.unwrap_or(0.0) * 1e3;
    let most = SETTLEMENT.as_secs_f64();
    ensure!(!is_early || waited <= most, "a message had waited {waited:.0} s unscaled when the alert fired");
    let verdict = if waited <= most { "before" } else { "after" };
    Ok(format!(
        "the oldest message waited {waited:.0} s unscaled, {verdict} the {most:.0} s of a settlement; p99 of requests {slowest:.0} ms"
    ))
}

fn stay_quiet((ground, folder): (&Ground, &Path), lasts: Duration, means: &Means<'_>) -> Result<String> {
    let thresholds: Vec<Threshold> = crate::incidents::ALL
        .iter()
        .find_map(|drill| match drill.goal {
            Goal::Alert { thresholds, .. } => Some(thresholds.to_vec()),
            Goal::Page | Goal::Quiet { .. } => None,
        })
        .unwrap_or_default();
    let (prometheus, _) = watch(ground, folder, &thresholds, means)?;
    watch_quietly(&prometheus, lasts, None)?;
    prometheus.stop()?;
    Ok(format!("no alert in {lasts:?}, unscaled {:.0} s", lasts.as_secs_f64() / means.factor))
}
