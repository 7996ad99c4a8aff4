//! Faults: what breaks, when - from the seed - and how it is put right again.

use std::time::Duration;

use color_eyre::eyre::Result;
use pix_stream_testkit::fake::SplitMix64;
use rustix::process::Signal;
use tokio::time::sleep;

use crate::book::Book;
use crate::site::{Proc, Site};

/// How long a stopped process stays stopped.
const STOPPED: Duration = Duration::from_secs(10);
/// How long a region stays lost, on top of what is drawn: longer than another one takes to take over.
const REGION_AWAY: Duration = Duration::from_secs(30);
/// How long a drain may take.
const DRAIN_MAX: Duration = Duration::from_secs(12);

/// What breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    KillServer,
    StopServer,
    DrainServer,
    KillRedis,
    StopRedis,
    KillCassandra,
    StopCassandra,
    LoseRegion,
}

impl Kind {
    #[cfg(test)]
    pub(crate) const fn is_of_servers(self) -> bool {
        match self {
            Self::KillServer | Self::StopServer | Self::DrainServer => true,
            Self::KillRedis
            | Self::StopRedis
            | Self::KillCassandra
            | Self::StopCassandra
            | Self::LoseRegion => false,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::KillServer => "SIGKILL of a server",
            Self::StopServer => "SIGSTOP of a server for 10 s",
            Self::DrainServer => "drain of a server",
            Self::KillRedis => "SIGKILL of Redis, back empty",
            Self::StopRedis => "SIGSTOP of Redis for 10 s",
            Self::KillCassandra => "SIGKILL of Cassandra",
            Self::StopCassandra => "SIGSTOP of Cassandra for 10 s",
            Self::LoseRegion => "SIGKILL of everything in its region",
        }
    }

    /// Whether confirmations may be lost by it. A drain loses nothing, nor does a server that only pauses.
    const fn loses(self) -> bool {
        match self {
            Self::DrainServer | Self::StopServer => false,
            Self::KillServer
            | Self::KillRedis
            | Self::StopRedis
            | Self::KillCassandra
            | Self::StopCassandra
            | Self::LoseRegion => true,
        }
    }
}

/// One fault of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Planned {
    /// After the one before it was put right.
    pub(crate) after: Duration,
    pub(crate) kind: Kind,
    /// Chooses among several.
    pub(crate) which: u64,
    /// How long what was killed stays away.
    pub(crate) away: Duration,
}

/// The endless plan of a seed: the scenario's faults in a random order, each as often as the others.
pub(crate) struct Plan {
    random: SplitMix64,
    kinds: &'static [Kind],
    left: Vec<Kind>,
    every: Duration,
}

impl Plan {
    pub(crate) fn new(seed: u64, kinds: &'static [Kind], every: Duration) -> Self {
        Self { random: SplitMix64::new(seed), kinds, left: Vec::new(), every }
    }

    pub(crate) fn next(&mut self) -> Option<Planned> {
        if self.left.is_empty() {
            self.left = self.kinds.to_vec();
        }
        let count = self.left.len() as u64;
        let at = usize::try_from(self.random.below(count)).unwrap_or(0);
        let kind = (count > 0).then(|| self.left.swap_remove(at))?;
        let spread = u64::try_from(self.every.as_millis()).unwrap_or(u64::MAX);
        Some(Planned {
            after: self.every / 2 + Duration::from_millis(self.random.below(spread)),
            kind,
            which: self.random.next(),
            away: Duration::from_millis(100 + self.random.below(2_900)),
        })
    }
}

/// Breaks something, waits, and puts it right.
pub(crate) async fn inject(book: &Book, site: &Site, planned: &Planned) -> Result<()> {
    let Some(target) = target(site, planned) else { return Ok(()) };
    let index =
        book.begin_fault(&format!("{}: {}", target.name(), planned.kind.name()), planned.kind.loses());
    let done = match planned.kind {
        Kind::LoseRegion => lose_region(site, &target, planned).await,
        Kind::KillServer
        | Kind::StopServer
        | Kind::DrainServer
        | Kind::KillRedis
        | Kind::StopRedis
        | Kind::KillCassandra
        | Kind::StopCassandra => carry_out(&target, planned).await,
    };
    book.end_fault(index);
    done
}

fn target(site: &Site, planned: &Planned) -> Option<Proc> {
    let of = match planned.kind {
        Kind::KillServer | Kind::StopServer | Kind::DrainServer | Kind::LoseRegion => site.servers(),
        Kind::KillRedis | Kind::StopRedis => site.redis(),
        Kind::KillCassandra | Kind::StopCassandra => site.cassandra(),
    };
    let index = usize::try_from(planned.which % (of.len() as u64).max(1)).ok()?;
    of.get(index).cloned()
}

async fn carry_out(target: &Proc, planned: &Planned) -> Result<()> {
    match planned.kind {
        Kind::KillServer | Kind::KillRedis | Kind::KillCassandra | Kind::LoseRegion => {
            target.signal(Signal::KILL)?;
            target.wait_gone(Duration::from_secs(5)).await?;
            sleep(planned.away).await;
            target.restart().await
        }
        Kind::StopServer | Kind::StopRedis | Kind::StopCassandra => {
            target.signal(Signal::STOP)?;
            sleep(STOPPED).await;
            target.signal(Signal::CONT)
        }
        Kind::DrainServer => {
            target.signal(Signal::TERM)?;
            target.wait_gone(DRAIN_MAX).await?;
            target.restart().await
        }
    }
}

/// Kills all that is in the region of a server, and starts it again: stores first.
async fn lose_region(site: &Site, of: &Proc, planned: &Planned) -> Result<()> {
    let is_there = |process: &&Proc| process.datacenter() == of.datacenter();
    let stores = site.cassandra().iter().chain(site.redis());
    let all: Vec<&Proc> = stores.chain(site.servers()).filter(is_there).collect();
    for process in &all {
        process.signal(Signal::KILL)?;
    }
    for process in &all {
        process.wait_gone(Duration::from_secs(5)).await?;
    }
    sleep(REGION_AWAY + planned.away).await;
    for process in all {
        process.restart().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: &[Kind] = &[Kind::KillServer, Kind::DrainServer, Kind::StopServer];

    #[test]
    fn a_seed_repeats_its_plan_and_leaves_nothing_out() {
        let draw = |seed| {
            let mut plan = Plan::new(seed, KINDS, Duration::from_secs(10));
            (0..9).map(|_| plan.next().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        for kind in KINDS {
            assert_eq!(draw(7).iter().filter(|planned| planned.kind == *kind).count(), 3);
        }
        assert!(draw(7).iter().all(|planned| planned.after >= Duration::from_secs(5)));
    }

    #[test]
    fn no_faults_is_an_empty_plan() {
        assert_eq!(Plan::new(7, &[], Duration::from_secs(10)).next(), None);
    }
}
