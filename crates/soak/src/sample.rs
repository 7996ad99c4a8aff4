//! What the kernel says of each process: memory, file descriptors, time on the processor.

use std::time::Duration;

use crate::site::Proc;

/// Bytes of a page, and ticks of a second, on the machines that this runs on.
const PAGE: u64 = 4_096;
const TICKS: u64 = 100;

/// One look at one process.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) name: String,
    /// Of the run.
    pub(crate) at: Duration,
    /// Since the process started.
    pub(crate) age: Duration,
    pub(crate) rss_bytes: u64,
    pub(crate) fds: u64,
    /// On the processor, of the process's life.
    pub(crate) cpu: Duration,
}

/// Looks at a process; `None` when it is not there.
pub(crate) fn take(process: &Proc, at: Duration) -> Option<Sample> {
    let pid = process.pid();
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).ok();
    let rss_pages: u64 = read("statm")?.split(' ').nth(1)?.parse().ok()?;
    let stat = read("stat")?;
    let ticks: u64 = stat
        .rsplit_once(')')?
        .1
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|n| n.parse::<u64>().ok())
        .sum();
    let fds = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64;
    (rss_pages > 0).then(|| Sample {
        name: process.name().to_owned(),
        at,
        age: process.age(),
        rss_bytes: rss_pages * PAGE,
        fds,
        cpu: Duration::from_millis(ticks * 1_000 / TICKS),
    })
}
