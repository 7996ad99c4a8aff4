//! Faults: what breaks, when - from the seed - and how it is put right again.

use std::time::Duration;

use color_eyre::eyre::Result;
use pix_stream_testkit::fake::SplitMix64;
use rustix::process::Signal;
use tokio::time::sleep;

use crate::book::Bounds;
use crate::region::{self, TakeOver};
use crate::run::World;
use crate::site::{Proc, Site};

/// How long a stopped process stays stopped.
const STOPPED: Duration = Duration::from_secs(10);
/// How long a node or the majority of them stays away, on top of what is drawn.
const NODES_AWAY: Duration = Duration::from_secs(10);
/// With one node of three away service goes on: what a driver needs to see it, and clients that were told to wait.
const NODE_SILENCE: Duration = Duration::from_secs(8);
/// After the majority is back, messages are published again within this time.
const MAJORITY_RESUMED: Duration = Duration::from_secs(10);
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
    /// One Cassandra node.
    LoseNode,
    /// All Cassandra nodes but one, in one data centre.
    LoseMajority,
    /// Everything in a data centre; the others take over by themselves.
    LoseRegion,
    /// Everything in a data centre; an operator has another one take over.
    LoseRegionByCommand,
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
            | Self::LoseNode
            | Self::LoseMajority
            | Self::LoseRegion
            | Self::LoseRegionByCommand => false,
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
            Self::LoseNode => "SIGKILL of this node of several",
            Self::LoseMajority => "SIGKILL of all nodes but this one",
            Self::LoseRegion => "SIGKILL of everything in its region",
            Self::LoseRegionByCommand => "SIGKILL of everything in its region, take-over by command",
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
            | Self::LoseNode
            | Self::LoseMajority
            | Self::LoseRegion
            | Self::LoseRegionByCommand => true,
        }
    }
}

impl Kind {
    /// What it may cost.
    const fn bounds(self) -> Bounds {
        let (silence, resumed) = match self {
            Self::LoseNode => (Some(NODE_SILENCE), None),
            Self::LoseMajority => (None, Some(MAJORITY_RESUMED)),
            Self::KillServer
            | Self::StopServer
            | Self::DrainServer
            | Self::KillRedis
            | Self::StopRedis
            | Self::KillCassandra
            | Self::StopCassandra
            | Self::LoseRegion
            | Self::LoseRegionByCommand => (None, None),
        };
        Bounds { silence, resumed }
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
pub(crate) async fn inject(world: &World, planned: &Planned) -> Result<()> {
    let (book, site) = (&world.book, &world.site);
    let Some(target) = target(site, planned) else { return Ok(()) };
    let Planned { kind, away, .. } = *planned;
    let name = format!("{}: {}", target.name(), kind.name());
    let index = book.begin_fault(&name, kind.loses(), kind.bounds());
    let done = match kind {
        Kind::LoseRegion => region::lose(world, &target, TakeOver::ByThemselves).await,
        Kind::LoseRegionByCommand => region::lose(world, &target, TakeOver::ByCommand).await,
        Kind::LoseNode => kill_for(&[target], NODES_AWAY + away).await,
        Kind::LoseMajority => kill_for(&all_but(site.cassandra(), &target), NODES_AWAY + away).await,
        Kind::KillServer | Kind::KillRedis | Kind::KillCassandra => kill_for(&[target], away).await,
        Kind::StopServer | Kind::StopRedis | Kind::StopCassandra => pause(&target).await,
        Kind::DrainServer => drain(&target).await,
    };
    book.end_fault(index);
    done
}

fn target(site: &Site, planned: &Planned) -> Option<Proc> {
    let of = match planned.kind {
        Kind::KillServer
        | Kind::StopServer
        | Kind::DrainServer
        | Kind::LoseRegion
        | Kind::LoseRegionByCommand => site.servers(),
        Kind::KillRedis | Kind::StopRedis => site.redis(),
        Kind::KillCassandra | Kind::StopCassandra | Kind::LoseNode | Kind::LoseMajority => site.cassandra(),
    };
    let index = usize::try_from(planned.which % (of.len() as u64).max(1)).ok()?;
    of.get(index).cloned()
}

fn all_but(of: &[Proc], one: &Proc) -> Vec<Proc> {
    of.iter().filter(|process| process.name() != one.name()).cloned().collect()
}

async fn pause(target: &Proc) -> Result<()> {
    target.signal(Signal::STOP)?;
    sleep(STOPPED).await;
    target.signal(Signal::CONT)
}

async fn drain(target: &Proc) -> Result<()> {
    target.signal(Signal::TERM)?;
    target.wait_gone(DRAIN_MAX).await?;
    target.restart().await
}

async fn kill_for(targets: &[Proc], away: Duration) -> Result<()> {
    kill(targets).await?;
    sleep(away).await;
    start_again(targets).await
}

/// Kills all of them at once, and waits until they are gone.
pub(crate) async fn kill(targets: &[Proc]) -> Result<()> {
    for target in targets {
        target.signal(Signal::KILL)?;
    }
    for target in targets {
        target.wait_gone(Duration::from_secs(5)).await?;
    }
    Ok(())
}

/// Starts them one after the other: nodes of a store do not like to come at the same moment.
pub(crate) async fn start_again(targets: &[Proc]) -> Result<()> {
    for target in targets {
        target.restart().await?;
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
