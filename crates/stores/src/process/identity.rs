//! Which process a number means: the id and when it began, so that a number used again is not taken for the old one.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// Where the begin of a process stands in `/proc/PID/stat`, counted after the name in parentheses.
const BEGAN: usize = 19;

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pid: u32,
    /// In ticks since the machine was booted; empty where that is not known.
    began: String,
}

impl Identity {
    /// Of a running process.
    pub(super) fn of(pid: u32) -> Self {
        Self { pid, began: find_began(pid).unwrap_or_default() }
    }

    /// The number.
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// The begin, as text.
    pub(super) fn began(&self) -> &str {
        &self.began
    }

    /// Whether that very process runs.
    pub(super) fn is_alive(&self) -> bool {
        find_began(self.pid).is_some_and(|began| began == self.began)
    }

    /// Kills it.
    pub(super) fn kill(&self) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|_| self.is_alive()) {
            // Gone in the meantime is as good.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// What a pid file says: the process, and who started it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) process: Identity,
    pub(super) owner: Identity,
}

impl Owned {
    /// The file's only line. The process comes first: scripts read that far.
    pub(super) fn to_line(&self) -> String {
        let Self { process, owner } = self;
        format!("{} {} {} {}\n", process.pid, process.began, owner.pid, owner.began)
    }

    /// Reads it.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let mut identity = || {
            let pid = words.next()?.parse().ok()?;
            Some(Identity { pid, began: words.next()?.to_owned() })
        };
        Some(Self { process: identity()?, owner: identity()? })
    }
}

/// `None` for one that is gone, or dead and not waited for.
fn find_began(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after) = stat.rsplit_once(") ")?;
    let mut words = after.split(' ');
    let state = words.next()?;
    (state != "Z" && state != "X").then(|| words.nth(BEGAN - 1).map(str::to_owned))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_is_known_by_its_begin() {
        let ours = Identity::of(std::process::id());
        assert!(ours.is_alive());
        let owned = Owned { process: ours.clone(), owner: ours.clone() };
        assert_eq!(Owned::parse(&owned.to_line()), Some(owned));
        assert!(!Identity { began: "1".to_owned(), ..ours }.is_alive());
    }

    #[test]
    fn nonsense_in_a_pid_file_is_nobody() {
        for line in ["", "x 1 2 3", "12", "12 1", "12 1 13"] {
            assert_eq!(Owned::parse(line), None, "{line}");
        }
    }
}
