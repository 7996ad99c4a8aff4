//! What only the machine can give: the time, randomness, and open files.
//!
//! The only reader of the system's clock in the workspace; everybody else is given these as ports.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::time::{SystemTime, UNIX_EPOCH};

use pix_stream_domain::time::Timestamp;
use pix_stream_ports::clock::Clock;
use pix_stream_ports::entropy::Entropy;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::crypto::SecureRandom;

use crate::environment;

/// The system's time of day.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = time_of_day().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_unix_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The time of day as the standard library has it, for files and certificates.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is where the Clock port meets the system's clock")]
pub fn time_of_day() -> SystemTime {
    SystemTime::now()
}

/// Randomness from the TLS provider's generator, which the operating system seeds.
#[derive(Debug, Clone, Copy)]
pub struct SystemEntropy {
    source: &'static dyn SecureRandom,
}

impl SystemEntropy {
    /// The generator of aws-lc-rs.
    #[must_use]
    pub fn new() -> Self {
        Self { source: rustls::crypto::aws_lc_rs::default_provider().secure_random }
    }

    /// A random number, every value as likely as another.
    #[must_use]
    pub fn number(&self) -> u64 {
        let mut bytes = [0; size_of::<u64>()];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

impl Default for SystemEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for SystemEntropy {
    #[expect(
        clippy::expect_used,
        reason = "without randomness ids and keys would repeat: going on is worse than ending"
    )]
    fn fill(&self, buffer: &mut [u8]) {
        self.source.fill(buffer).expect("the random generator works");
    }
}

/// Has the kernel back memory with small pages only. Thousands of connections touch a little memory each; huge pages
/// make each of them cost half as much again, and nothing faster (docs/PERFORMANCE.md).
pub fn use_small_pages() {
    // An old kernel that cannot do it serves just as well, with more memory.
    let _not_possible = rustix::thread::disable_transparent_huge_pages(true);
}

/// The variable that glibc reads when a program starts, and what it is asked: not to use AVX-512 for comparisons.
const TUNABLES: (&str, &str) = ("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX512VL");

/// Starts the program once more in its process, same pid and arguments, with comparisons of memory that suit it
/// (ADR 0015). Returns where that is not needed or not possible; what runs then is as right, and slower at publish.
pub fn prefer_short_comparisons() {
    #[cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]
    if std::is_x86_feature_detected!("avx512vl") && environment::find(TUNABLES.0).is_none() {
        let mut arguments = std::env::args_os();
        if let (Some(name), Ok(program)) = (arguments.next(), std::env::current_exe()) {
            let mut command = std::process::Command::new(program);
            // On success nothing comes back.
            let _not_possible = command.arg0(name).args(arguments).env(TUNABLES.0, TUNABLES.1).exec();
        }
    }
}

/// What came of asking for more open files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenFiles {
    /// How many files the process may have open now.
    pub limit: u64,
    /// Whether that is at least what was asked for.
    pub is_enough: bool,
}

/// Raises the limit of open files of this process to `wanted`, or as near as the hard limit lets it; never lowers it.
///
/// # Errors
/// The system refuses a change within the hard limit.
pub fn raise_open_files(wanted: u64) -> io::Result<OpenFiles> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // No number stands for "without limit".
    let Some(now) = current else { return Ok(OpenFiles { limit: u64::MAX, is_enough: true }) };
    if now >= wanted {
        return Ok(OpenFiles { limit: now, is_enough: true });
    }
    // A privileged process may lift the hard limit too; for others this fails and the next step is what can be had.
    if maximum.is_some_and(|hard| hard < wanted)
        && setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: Some(wanted) }).is_ok()
    {
        return Ok(OpenFiles { limit: wanted, is_enough: true });
    }
    let limit = maximum.map_or(wanted, |hard| hard.min(wanted));
    if limit > now {
        setrlimit(Resource::Nofile, Rlimit { current: Some(limit), maximum })?;
    }
    Ok(OpenFiles { limit: limit.max(now), is_enough: limit >= wanted })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_past_the_year_2025() {
        assert!(SystemClock.now() > Timestamp::from_unix_millis(1_767_225_600_000));
    }

    #[test]
    fn randomness_does_not_repeat() {
        let entropy = SystemEntropy::new();
        let [mut a, mut b] = [[0; 32]; 2];
        entropy.fill(&mut a);
        entropy.fill(&mut b);
        assert_ne!(a, b);
        assert_ne!(a, [0; 32]);
    }

    #[test]
    fn the_open_file_limit_is_never_lowered() {
        let before = getrlimit(Resource::Nofile).current;
        let got = raise_open_files(1).unwrap();
        assert!(got.is_enough);
        assert_eq!(getrlimit(Resource::Nofile).current, before);
    }

    #[test]
    fn the_open_file_limit_says_when_it_is_not_enough() {
        let hard = getrlimit(Resource::Nofile).maximum;
        let wanted = 2_000;
        let got = raise_open_files(wanted).unwrap();
        assert_eq!(got.is_enough, got.limit >= wanted);
        assert!(hard.is_none_or(|hard| hard < wanted) || got.is_enough);
    }
}
