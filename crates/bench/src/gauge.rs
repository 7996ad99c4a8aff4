//! What a process used, as the kernel counts it: CPU time of its threads, resident memory. And the clock.
//!
//! `schedstat` counts nanoseconds of each thread; `stat` would count hundredths of a second. What a thread used
//! that ended between two marks is lost; the measured servers keep theirs.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use color_eyre::eyre::{OptionExt as _, Result, WrapErr as _, bail, ensure};

/// A process is quiet when it uses less than this in [`QUIET_SPAN`].
const QUIET_CPU: Duration = Duration::from_millis(2);
const QUIET_SPAN: Duration = Duration::from_millis(200);
/// Spans that are waited for quiet, at most.
const QUIET_TRIES: usize = 300;

/// Now, for durations.
pub(crate) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "measuring is what this program is for")]
    Instant::now()
}

/// CPU time of each thread of a process, at one moment.
#[derive(Debug)]
pub(crate) struct Cpu(BTreeMap<u32, u64>);

impl Cpu {
    /// Reads the counters of a process.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let folder = format!("/proc/{pid}/task");
        let mut threads = BTreeMap::new();
        for entry in fs::read_dir(&folder).wrap_err("the measured process is gone")? {
            let name = entry?.file_name();
            let Some(thread) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            // A thread may end between the two reads.
            let Ok(text) = fs::read_to_string(format!("{folder}/{thread}/schedstat")) else { continue };
            let nanos = text.split(' ').next().and_then(|first| first.parse().ok());
            threads.insert(thread, nanos.ok_or_eyre("schedstat does not begin with a number")?);
        }
        ensure!(!threads.is_empty(), "this kernel keeps no schedstat (CONFIG_SCHED_INFO)");
        Ok(Self(threads))
    }

    /// CPU time since an earlier mark.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        let used = self
            .0
            .iter()
            .map(|(thread, nanos)| nanos.saturating_sub(earlier.0.get(thread).copied().unwrap_or(0)));
        Duration::from_nanos(used.sum())
    }
}

/// Waits until a process does nothing in the background any more, so that it is not counted as the next task's.
pub(crate) fn wait_quiet(pid: u32) -> Result<()> {
    for _ in 0..QUIET_TRIES {
        let before = Cpu::of(pid)?;
        std::thread::sleep(QUIET_SPAN);
        if Cpu::of(pid)?.since(&before) < QUIET_CPU {
            return Ok(());
        }
    }
    bail!("process {pid} does not come to rest")
}

/// Resident memory of a process, in bytes.
pub(crate) fn resident(pid: u32) -> Result<u64> {
    let status =
        fs::read_to_string(format!("/proc/{pid}/status")).wrap_err("the measured process is gone")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or_eyre("no VmRSS")?;
    let kib = line.split_whitespace().next().ok_or_eyre("VmRSS is empty")?;
    Ok(kib.parse::<u64>()? * 1024)
}

/// The machine, and how busy others keep it: for the head of a report.
pub(crate) fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("unknown CPU", |(_, name)| name.trim());
    let cores = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let (release, load) = (read("/proc/sys/kernel/osrelease"), read("/proc/loadavg"));
    let load = load.split(' ').next().unwrap_or("?");
    format!("{model}, {cores} cores, Linux {}, load average {load} at the start", release.trim())
}
