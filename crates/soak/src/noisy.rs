//! `noisy`: whether one participant that asks fifty times as often as it may is felt by another.
//!
//! The server has one core for itself and the load another. The quiet participant reads messages that wait for it in memory,
//! one a read, at a steady pace, in windows that are calm and loud in turn; nothing is published meanwhile. Each pair of
//! windows gives a ratio of their 99th percentiles, and the median of these is judged: what else happens on the machine
//! falls on both halves of a pair, or on few pairs.

mod crowd;
mod victim;

use std::path::Path;
use std::time::Duration;

use color_eyre::eyre::{Result, WrapErr as _, ensure};
use pix_stream_client::{Credentials, Endpoint, Publisher};
use pix_stream_development::generate::Generator;
use pix_stream_domain::ispb::Ispb;
use rustix::thread::{CpuSet, Pid as Tid, sched_setaffinity};
use serde_json::json;
use tokio::time::sleep;

use crate::flags::Flags;
use crate::output::Output;
use crate::run::Folder;
use crate::scenario::Scenario;
use crate::site::Site;
use crate::wire::{Connection, Identity};
use crowd::Crowd;
use victim::Victim;

/// The scenario that runs here.
pub(crate) const NAME: &str = "noisy";
/// Requests a second that the noisy participant may make.
const LIMIT: u32 = 100;
/// And how many times as many it makes.
const TIMES: u32 = 50;
/// Connections that it makes them on.
const CONNECTIONS: usize = 200;
/// Reads of one window, and the time between two of them.
const READS: usize = 1_000;
const SPACING: Duration = Duration::from_millis(3);
/// Pairs of windows in a minute of the run.
const PAIRS_A_MINUTE: f64 = 6.0;
const PAIRS_MIN: usize = 5;
/// Time for the server to come to rest, and for the noise to become what it will be.
const SETTLE: Duration = Duration::from_millis(1_500);
/// By how much the 99th percentile may grow.
const GROWTH_MAX: f64 = 1.2;

/// What a pair of windows measured: percentiles of the calm half and of the loud one.
#[derive(Debug, Clone, Copy)]
struct Pair {
    calm: [Duration; 2],
    loud: [Duration; 2],
    /// Answers to the noisy participant in the loud half: served, refused.
    noise: [u64; 2],
    seconds: f64,
}

impl Pair {
    fn growth(&self, which: usize) -> f64 {
        self.loud[which].as_secs_f64() / self.calm[which].as_secs_f64().max(1e-9)
    }
}

/// Runs it; true when the neighbour is not felt.
pub(crate) async fn run(
    flags: &Flags,
    scenario: &Scenario,
    output: &Output,
    folder: &Folder,
) -> Result<bool> {
    let pairs = ((flags.minutes.unwrap_or(scenario.minutes) * PAIRS_A_MINUTE) as usize).max(PAIRS_MIN);
    let ispbs = scenario.ispbs();
    ensure!(ispbs.len() >= 2, "two participants are needed");
    let names: Vec<String> = ispbs.iter().map(Ispb::to_string).collect();
    // Children and later threads have the core of whoever starts them.
    pin(None, 0)?;
    let wanted = (flags.server.as_deref(), flags.profile);
    let site = Site::start(scenario, folder.path(), &names, wanted).await?;
    pin_threads(1)?;
    let measured = measure(&site, (ispbs[0], ispbs[1]), pairs, output).await;
    site.stop().await?;
    conclude(&measured?, output)
}

async fn measure(
    site: &Site,
    (quiet, noisy): (Ispb, Ispb),
    pairs: usize,
    output: &Output,
) -> Result<Vec<Pair>> {
    let server = &site.servers()[0];
    limit(site, noisy).await?;
    let mut source = Source::new(site, quiet)?;
    source.publish(2 * READS).await?;
    let victim =
        Victim::start(server.address(), &Identity::load(&site.dir, &format!("psp-{quiet}"))?, quiet)?;
    let crowd =
        Crowd::open(server.address(), &Identity::load(&site.dir, &format!("psp-{noisy}"))?, noisy).await?;
    victim.read(READS).await?;
    let mut measured = Vec::new();
    for round in 0..pairs {
        source.publish(2 * READS).await?;
        sleep(SETTLE).await;
        let mut halves = [[Duration::ZERO; 2]; 2];
        let (mut noise, mut seconds) = ([0; 2], 0.0);
        // The order changes, so that neither half is always the warmer one.
        for half in [round % 2, 1 - round % 2] {
            crowd.set_loud(half == 1);
            sleep(SETTLE).await;
            let before = crowd.answers();
            let begun = tokio::time::Instant::now();
            let times = victim.read(READS).await?;
            halves[half] = [percentile(&times, 0.5), percentile(&times, 0.99)];
            if half == 1 {
                let after = crowd.answers();
                noise = [after[0] - before[0], after[1] - before[1]];
                seconds = begun.elapsed().as_secs_f64();
            }
            crowd.set_loud(false);
        }
        let pair = Pair { calm: halves[0], loud: halves[1], noise, seconds };
        output.say(&format!("pair {} of {pairs}: {}", round + 1, told(&pair)));
        measured.push(pair);
    }
    Ok(measured)
}

fn told(pair: &Pair) -> String {
    let Pair { calm, loud, noise, seconds } = pair;
    format!(
        "p99 {} us calm, {} us loud ({:+.0} %); p50 {} and {} us; the noisy one: {:.0}/s served, {:.0}/s refused",
        micros(calm[1]),
        micros(loud[1]),
        100.0 * (pair.growth(1) - 1.0),
        micros(calm[0]),
        micros(loud[0]),
        noise[0] as f64 / seconds,
        noise[1] as f64 / seconds,
    )
}

fn conclude(pairs: &[Pair], output: &Output) -> Result<bool> {
    ensure!(!pairs.is_empty(), "nothing was measured");
    let median = |of: &dyn Fn(&Pair) -> f64| {
        let mut all: Vec<f64> = pairs.iter().map(of).collect();
        all.sort_unstable_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let growth = [median(&|pair| pair.growth(0)), median(&|pair| pair.growth(1))];
    let p99 = [median(&|pair| micros(pair.calm[1]) as f64), median(&|pair| micros(pair.loud[1]) as f64)];
    let rate = median(&|pair| (pair.noise[0] + pair.noise[1]) as f64 / pair.seconds);
    let is_kept = growth[1] <= GROWTH_MAX;
    let text = format!(
        "one participant at {TIMES} times its {LIMIT}/s on {CONNECTIONS} connections ({rate:.0} answers a second): another's p99 \
         {:.0} us before, {:.0} us during, medians of {} windows; the median of the changes is {:+.1} % (p50 {:+.1} %): {}",
        p99[0],
        p99[1],
        pairs.len(),
        100.0 * (growth[1] - 1.0),
        100.0 * (growth[0] - 1.0),
        if is_kept { "within 20 %" } else { "more than 20 %" },
    );
    let event = json!({
        "event": "summary", "pairs": pairs.len(), "calm_p99_us": p99[0], "loud_p99_us": p99[1], "growth_p99": growth[1],
        "growth_p50": growth[0], "noise_per_second": rate, "is_kept": is_kept,
    });
    output.result(&text, &event);
    Ok(is_kept)
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn percentile(times: &[Duration], quantile: f64) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = (quantile * sorted.len() as f64) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// Gives the noisy participant its limit.
async fn limit(site: &Site, ispb: Ispb) -> Result<()> {
    let admin = site.servers()[0].admin().unwrap_or_default();
    let mut connection = Connection::open(admin, &Identity::load(&site.dir, "admin")?).await?;
    let body = json!({ "requests_per_second": LIMIT }).to_string();
    let request = format!(
        "PUT /admin/v1/participants/{ispb}/limits HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let answer = connection.exchange(&request).await?;
    ensure!(answer.status == 200, "{}: {}", answer.status, String::from_utf8_lossy(&answer.body));
    Ok(())
}

/// Publishes for the quiet participant, between windows.
struct Source {
    publisher: Publisher,
    generator: Generator,
}

impl Source {
    fn new(site: &Site, ispb: Ispb) -> Result<Self> {
        let file = |name: &str| site.dir.join(name);
        let (ca, certificate, key) =
            (file("tls/ca.pem"), file("clients/producer.pem"), file("clients/producer.key"));
        let credentials = Credentials::from_files(&ca, &certificate, &key)?;
        let endpoint = Endpoint::new(site.servers()[0].address(), &credentials)?;
        let generator = Generator::new("pacs.002", ispb, 1).wrap_err("this type can be made up")?;
        Ok(Self { publisher: Publisher::new(endpoint, ispb, 1), generator })
    }

    async fn publish(&mut self, count: usize) -> Result<()> {
        for _ in 0..count.div_ceil(10) {
            let messages: Vec<_> = self.generator.by_ref().take(10).map(|message| message.bytes).collect();
            self.publisher.publish(&messages).await?;
        }
        Ok(())
    }
}

/// Keeps a thread on one core.
fn pin(thread: Option<Tid>, core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(thread, &set).wrap_err("a thread cannot be kept on one core; two are needed")
}

/// All threads of this process.
fn pin_threads(core: usize) -> Result<()> {
    for entry in std::fs::read_dir(Path::new("/proc/self/task"))? {
        let name = entry?.file_name();
        let thread = name.to_str().and_then(|name| name.parse().ok()).and_then(Tid::from_raw);
        pin(thread, core)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(calm: u64, loud: u64) -> Pair {
        let both = |micros| [Duration::from_micros(micros); 2];
        Pair { calm: both(calm), loud: both(loud), noise: [1, 1], seconds: 1.0 }
    }

    #[test]
    fn one_window_that_something_else_disturbed_decides_nothing() {
        let output = Output::new(true);
        let pairs = [pair(100, 110), pair(100, 900), pair(90, 105), pair(300, 100), pair(100, 115)];
        assert!(conclude(&pairs, &output).unwrap());
        let pairs = [pair(100, 130), pair(100, 125), pair(900, 100)];
        assert!(!conclude(&pairs, &output).unwrap());
    }

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let times: Vec<Duration> = (1..=1_000).rev().map(Duration::from_micros).collect();
        assert_eq!(percentile(&times, 0.99), Duration::from_micros(991));
        assert_eq!(percentile(&times, 0.5), Duration::from_micros(501));
        assert_eq!(percentile(&[], 0.5), Duration::ZERO);
    }
}
