//! Measurements, run by hand: `PIX_MEASURE=1 cargo test -p pix-stream-adapter-embedded --test it measure -- --nocapture`.
//! Without that variable they say that they were skipped. They assert nothing.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use pix_stream_adapter_embedded::journal::{EmbeddedJournal, Options};
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_ports::journal::{Journal, Terms};
use tokio::time::Instant;

use super::{CHILD_FOLDER, child_folder, ispb, message};

const TERMS: Terms = Terms { window: Duration::from_secs(24 * 3600), retention: None };
const BYTES: usize = 3600;
/// Environment variable that asks for measurements.
const MEASURE: &str = "PIX_MEASURE";

/// Whether measurements were asked for; if not, says so past the capturing of test output.
fn is_asked_for(name: &str) -> bool {
    #[expect(clippy::disallowed_methods, reason = "the one switch of measurements")]
    let asked = std::env::var_os(MEASURE).is_some();
    if !asked {
        #[expect(clippy::explicit_write, reason = "what `eprintln` writes is captured")]
        writeln!(std::io::stderr(), "SKIPPED {name}: set {MEASURE}=1 to measure").unwrap();
    }
    asked
}

fn open(dir: &Path) -> EmbeddedJournal {
    EmbeddedJournal::open(dir, Options::default()).unwrap()
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn append(journal: &Arc<EmbeddedJournal>, start: u64, total: u64, tasks: u64, each: u64) -> f64 {
    let started = Instant::now();
    let mut set = tokio::task::JoinSet::new();
    for task in 0..tasks {
        let journal = Arc::clone(journal);
        set.spawn(async move {
            let from = start + task * (total / tasks);
            for n in (from..from + total / tasks).step_by(usize::try_from(each).unwrap()) {
                let request = (n..n + each).map(|n| message(n, BYTES)).collect();
                journal.append(ispb(), request, TERMS).await.unwrap();
            }
        });
    }
    set.join_all().await;
    total as f64 / started.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn measure_appends() {
    if !is_asked_for("measure_appends") {
        return;
    }
    for (tasks, total) in [(1, 2000), (16, 16_000), (128, 38_400)] {
        let dir = tempfile::tempdir().unwrap();
        let journal = Arc::new(open(dir.path()));
        let rate = append(&journal, 0, total, tasks, 1).await;
        println!("{tasks:4} at once: {rate:8.0} messages/s");
        drop(journal);
    }
}

/// Fills a folder and appends on until it is killed.
async fn fill_until_killed(dir: &Path) {
    let journal = Arc::new(open(dir));
    let rate = append(&journal, 0, 100_000, 10, 10).await;
    std::fs::write(dir.join("filled"), rate.to_string()).unwrap();
    // Appends on, so that the kill comes in the middle of a commit.
    append(&journal, 1_000_000, 1_000_000, 4, 10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn measure_opening() {
    if let Some(dir) = child_folder() {
        return fill_until_killed(&dir).await;
    }
    if !is_asked_for("measure_opening") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "measure::measure_opening"])
        .env(CHILD_FOLDER, dir.path())
        .spawn()
        .unwrap();
    while !dir.path().join("filled").exists() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    println!("filled at {} messages/s", std::fs::read_to_string(dir.path().join("filled")).unwrap());
    let file = std::fs::metadata(dir.path().join("journal.redb")).unwrap().len();
    for what in ["after SIGKILL", "after a clean end"] {
        let (before, started) = (resident_kib(), Instant::now());
        let journal = open(dir.path());
        let opened = started.elapsed();
        let extent = journal.extent(ispb()).await.unwrap();
        println!(
            "open {what}: {opened:?}, {} messages, file {} MB, memory {before} -> {} KiB",
            extent.next.value() - 1,
            file / 1_000_000,
            resident_kib()
        );
        let mut spent = Duration::ZERO;
        for n in 0..2000 {
            let start = Sequence::new(1 + (n * 7919) % 99_000);
            let started = Instant::now();
            journal.read(ispb(), Range::new(start, start.plus(10)), u64::MAX).await.unwrap();
            spent += started.elapsed();
        }
        println!("  a read of ten: {:?}, memory {} KiB", spent / 2000, resident_kib());
        drop(journal);
    }
    let started = Instant::now();
    drop(EmbeddedJournal::open(dir.path(), Options { check_on_open: true, ..Options::default() }).unwrap());
    println!("open with every checksum compared: {:?}", started.elapsed());
}
