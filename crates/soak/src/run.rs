//! A run: everything is started, loaded, broken, drained, and judged.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use color_eyre::eyre::{Result, WrapErr as _, ensure};
use pix_stream_domain::ispb::Ispb;
use pix_stream_testkit::fake::SplitMix64;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::book::{Book, Fault, Finished};
use crate::fault::{self, Plan};
use crate::flags::Flags;
use crate::masking::{self, Looked, Masking};
use crate::output::{self, Output};
use crate::producer::Producer;
use crate::reader::Reader;
use crate::report::{self, Run};
use crate::sample::{self, Sample};
use crate::scenario::Scenario;
use crate::site::Site;
use crate::wire::Identity;
use crate::{habit, metrics, noisy, verdict};

/// How long readers have to get what was acknowledged, once faults and load are over.
const DRAIN_MAX: Duration = Duration::from_secs(90);
/// How long clients have to end.
const END_MAX: Duration = Duration::from_secs(30);
/// Leaks of which each is told; more are the same again.
const LEAKS_TOLD: usize = 20;
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// What clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Producers publish, readers have their habits.
    Load,
    /// Readers read what is left, and behave.
    Drain,
    /// Readers close their streams.
    Done,
}

/// What all clients share.
pub(crate) struct World {
    pub(crate) scenario: &'static Scenario,
    pub(crate) site: Site,
    pub(crate) book: Book,
    pub(crate) masking: Masking,
    phase: watch::Sender<Phase>,
}

impl World {
    pub(crate) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// The time between two messages of one producer now.
    pub(crate) fn spacing(&self) -> Duration {
        let scenario = self.scenario;
        let now = self.book.now().as_millis();
        let is_burst = |burst: &crate::scenario::Burst| {
            let every = burst.every.as_millis().max(1);
            now % every >= every - burst.lasts.as_millis().min(every)
        };
        let times = scenario.burst.filter(is_burst).map_or(1, |burst| burst.times);
        Duration::from_secs(1) * scenario.participants / (scenario.rate * times).max(1)
    }
}

/// Runs a scenario; true when nothing was violated.
pub(crate) async fn run(flags: &Flags) -> Result<bool> {
    let scenario = flags.scenario;
    let minutes = flags.minutes.unwrap_or(scenario.minutes);
    let seed = flags.seed.unwrap_or_else(draw_seed);
    let output = Output::new(flags.json);
    output.event(&output::begin(scenario.name, seed, minutes));
    output.say(&format!("{}: {} (seed {seed}, {minutes} min)", scenario.name, scenario.about));
    let folder = Folder::new(flags.dir.as_deref())?;
    if scenario.name == noisy::NAME {
        let is_kept = noisy::run(flags, scenario, &output, &folder).await?;
        folder.end(is_kept, &output);
        return Ok(is_kept);
    }
    let ispbs = scenario.ispbs();
    let names: Vec<String> = ispbs.iter().map(Ispb::to_string).collect();
    let wanted = (flags.server.as_deref(), flags.profile);
    let site = Site::start(scenario, &folder.path, &names, wanted).await?;
    let book = Book::new(scenario.participants);
    let world = Arc::new(World {
        scenario,
        site,
        book,
        masking: Masking::default(),
        phase: watch::Sender::new(Phase::Load),
    });
    let mut clients = JoinSet::new();
    let result = drive(&world, &ispbs, (seed, minutes), &output, &mut clients).await;
    if let Some(ispb) = ispbs.first() {
        masking::tempt(&world.masking, &world.site, *ispb).await?;
    }
    let snapshot = snapshot(&world).await;
    world.phase.send_replace(Phase::Done);
    let ended = timeout(END_MAX, async { while clients.join_next().await.is_some() {} }).await;
    clients.shutdown().await;
    let ran = world.book.now();
    if let Err(error) = &result {
        world.book.violate(format!("the run could not go on: {error:#}"));
    }
    if ended.is_err() {
        world.book.violate(format!("clients did not end within {END_MAX:?}"));
    }
    let samples = result.unwrap_or_default();
    let servers: Vec<String> = world.site.servers().iter().map(|server| server.name().to_owned()).collect();
    let trends = verdict::trends(&samples, &servers, ran);
    trends.iter().filter_map(verdict::Trend::violation).for_each(|violation| world.book.violate(violation));
    let looked = look_for_leaks(&world, &folder, &snapshot).await?;
    let finished = world.book.finish();
    let replay = format!("cargo xtask soak --scenario {} --minutes {minutes} --seed {seed}", scenario.name);
    let run = Run {
        scenario: scenario.name,
        about: scenario.about,
        seed,
        replay: &replay,
        ran,
        finished: &finished,
        samples: &samples,
        trends: &trends,
        metrics: &snapshot,
        looked: &looked,
    };
    let path = flags.report.clone().unwrap_or_else(|| PathBuf::from(format!("soak-{}.html", scenario.name)));
    write_report(&world, &run, &path)?;
    let is_clean = finished.violations.is_empty();
    if let Some(world) = Arc::into_inner(world) {
        world.site.stop().await?;
    }
    conclude(&output, &finished, &path, &replay);
    folder.end(is_clean, &output);
    Ok(is_clean)
}

/// Looks through everything that the servers said; what must not be seen there is a violation.
async fn look_for_leaks(world: &World, folder: &Folder, metrics: &[(String, String)]) -> Result<Looked> {
    let looked = world.masking.look(&folder.path, &world.site, metrics).await?;
    looked.leaks.iter().take(LEAKS_TOLD).for_each(|leak| world.book.violate(format!("a leak: {leak}")));
    Ok(looked)
}

/// Writes the report, unless it tells what it must not.
fn write_report(world: &World, run: &Run<'_>, path: &Path) -> Result<()> {
    let html = report::render(run);
    let leaks = world.masking.look_at_report(&world.site.dir, &html)?;
    ensure!(leaks.is_empty(), "the report itself would leak: {}", leaks[0]);
    std::fs::write(path, html).wrap_err_with(|| format!("cannot write {}", path.display()))
}

/// Loads and breaks until the time is over, then waits until everything has arrived. What was sampled meanwhile.
async fn drive(
    world: &Arc<World>,
    ispbs: &[Ispb],
    (seed, minutes): (u64, f64),
    output: &Output,
    clients: &mut JoinSet<()>,
) -> Result<Vec<Sample>> {
    let mut random = SplitMix64::new(seed);
    let mut producers = JoinSet::new();
    for (index, ispb) in ispbs.iter().enumerate() {
        let habit = habit::ALL[index % habit::ALL.len()];
        let identity = Identity::load(&world.site.dir, &format!("psp-{ispb}"))?;
        for _ in 0..habit.streams {
            let reader = Reader::new(world, *ispb, identity.clone(), habit, random.next());
            clients.spawn(reader.run());
        }
        producers.spawn(Producer::new(world, *ispb, random.next())?.run());
    }
    let until = Instant::now() + Duration::from_secs_f64(minutes * 60.0);
    let faults = tokio::spawn(break_until(Arc::clone(world), random.next(), until));
    let mut samples = Vec::new();
    watch_until(world, output, &mut samples, async {
        tokio::time::sleep_until(until).await;
    })
    .await;
    world.book.end_load();
    // The last fault is put right before anybody is judged.
    watch_until(world, output, &mut samples, async {
        let _put_right = faults.await;
    })
    .await;
    world.phase.send_replace(Phase::Drain);
    output.say("load and faults are over; what is left is read");
    watch_until(world, output, &mut samples, async { while producers.join_next().await.is_some() {} }).await;
    let drained = async {
        while world.book.open() != (0, 0) {
            sleep(Duration::from_millis(100)).await;
        }
    };
    watch_until(world, output, &mut samples, async {
        let _arrived_or_lost = timeout(DRAIN_MAX, drained).await;
    })
    .await;
    Ok(samples)
}

async fn break_until(world: Arc<World>, seed: u64, until: Instant) {
    let mut plan = Plan::new(seed, world.scenario.faults, world.scenario.fault_every);
    while let Some(planned) = plan.next() {
        if Instant::now() + planned.after >= until {
            return;
        }
        sleep(planned.after).await;
        if let Err(error) = fault::inject(&world, &planned).await {
            world.book.violate(format!("{:?} was not put right: {error:#}", planned.kind));
        }
    }
}

/// Samples and tells how it goes, until something is over.
async fn watch_until(
    world: &World,
    output: &Output,
    samples: &mut Vec<Sample>,
    over: impl Future<Output = ()>,
) {
    let mut ticks = interval(SAMPLE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(over);
    loop {
        tokio::select! {
            () = &mut over => return,
            _tick = ticks.tick() => {}
        }
        let now = world.book.now();
        samples.extend(world.site.all().iter().filter_map(|process| sample::take(process, now)));
        let counts = world.book.counts();
        let ((missing, unconfirmed), violations) = (world.book.open(), world.book.violation_count());
        let text = format!(
            "{:>4} s  published {}  delivered {}  redelivered {}  on the way {missing}  out {unconfirmed}  violations {violations}",
            now.as_secs(),
            counts.published,
            counts.delivered,
            counts.redelivered,
        );
        let event = json!({
            "event": "progress", "seconds": now.as_secs(), "published": counts.published,
            "delivered": counts.delivered, "redelivered": counts.redelivered, "on_the_way": missing, "unconfirmed": unconfirmed,
            "violations": violations,
        });
        output.progress(now.as_secs(), &text, &event);
    }
}

/// The metrics of each server that answers.
async fn snapshot(world: &World) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for server in world.site.servers() {
        let text = match metrics::read(world, server).await {
            Ok(text) => text,
            Err(error) => format!("no answer: {error:#}"),
        };
        all.push((server.name().to_owned(), text));
    }
    all
}

fn conclude(output: &Output, finished: &Finished, path: &Path, replay: &str) {
    let Finished { counts, series, violations, faults, bound } = finished;
    let mut text = format!(
        "published {}  delivered {}  redelivered {} (at most {bound})  confirmed again {}  faults {}\n\
        published to delivered: p50 {} ms, p99 {} ms\nreport {}\n",
        counts.published,
        counts.delivered,
        counts.redelivered,
        counts.confirmed_again,
        faults.len(),
        series.quantile(0.5).unwrap_or(0),
        series.quantile(0.99).unwrap_or(0),
        path.display(),
    );
    for fault in faults {
        text.push_str(&format!(
            "{:>6.1} s  {}: {:.1} s without a delivery, published {:.1} s after its end\n",
            fault.from.as_secs_f64(),
            fault.name,
            fault.silence.as_secs_f64(),
            fault.resumed.unwrap_or_default().as_secs_f64(),
        ));
    }
    if counts.refusal_longest > Duration::ZERO {
        text.push_str(&format!(
            "a read was answered 503 after {} ms at most\n",
            counts.refusal_longest.as_millis()
        ));
    }
    counts.notes.iter().for_each(|note| text.push_str(&format!("{note}\n")));
    match violations.first() {
        None => text.push_str("no invariant was violated"),
        Some(first) => {
            text.push_str(&format!("{} violations, the first: {first}\nagain: {replay}", violations.len()));
        }
    }
    let event = json!({
        "event": "summary", "published": counts.published, "delivered": counts.delivered,
        "redelivered": counts.redelivered, "redelivered_max": bound, "confirmed_again": counts.confirmed_again,
        "faults": faults.iter().map(fault_view).collect::<Vec<_>>(), "p50_ms": series.quantile(0.5), "p99_ms": series.quantile(0.99),
        "violations": violations, "report": path, "replay": replay,
    });
    output.result(&text, &event);
}

fn fault_view(fault: &Fault) -> Value {
    json!({
        "name": fault.name, "from": fault.from.as_secs_f64(), "until": fault.until.map(|until| until.as_secs_f64()),
        "silence_seconds": fault.silence.as_secs_f64(), "published_again_seconds": fault.resumed.map(|took| took.as_secs_f64()),
    })
}

/// Where data and logs lie.
pub(crate) struct Folder {
    path: PathBuf,
    temporary: Option<tempfile::TempDir>,
}

impl Folder {
    fn new(wanted: Option<&Path>) -> Result<Self> {
        match wanted {
            Some(path) => {
                std::fs::create_dir_all(path)?;
                Ok(Self { path: std::path::absolute(path)?, temporary: None })
            }
            None => {
                let temporary = tempfile::Builder::new().prefix("pix-stream-soak-").tempdir()?;
                Ok(Self { path: temporary.path().to_owned(), temporary: Some(temporary) })
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A temporary folder stays when somebody will want to look into it.
    fn end(self, is_clean: bool, output: &Output) {
        if let Some(temporary) = self.temporary.filter(|_| !is_clean) {
            let _kept = temporary.keep();
            output.say(&format!("data and logs stay in {}", self.path.display()));
        }
    }
}

/// A seed that nobody chose: where this process's memory happens to lie.
fn draw_seed() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one("a seed") % 1_000_000
}
