//! A data centre is lost and comes back: who serves its participants meanwhile, and that it does not (docs/regions.md).

use std::process::Stdio;
use std::time::Duration;

use color_eyre::eyre::{OptionExt as _, Result, WrapErr as _, bail, ensure};
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::fault::{kill, start_again};
use crate::metrics;
use crate::run::World;
use crate::site::Proc;

/// How long a take-over may take: the lease and the margin, a look at a lost majority, rounds of whoever takes over.
const TAKEN_MAX: Duration = Duration::from_secs(60);
/// How long it may take until everybody was answered: a client may be closing a stream, and a read waits for 5 s.
const SERVED: Duration = Duration::from_secs(25);
/// How long what comes back is watched: longer than the lease and the margin of the scenarios.
const QUIET: Duration = Duration::from_secs(12);
/// How long giving back may take.
const BACK_MAX: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(500);
/// Regions whose participants a server serves for certain.
const HELD: &str = "pix_stream_cassandra_regions_held";

/// How what is left takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TakeOver {
    ByThemselves,
    ByCommand,
}

/// Kills all that is in the region of a server, sees that the others serve everybody, starts it again, sees that it
/// serves nobody, gives it back what was its own, and sees that it serves that.
pub(crate) async fn lose(world: &World, of: &Proc, how: TakeOver) -> Result<()> {
    let site = &world.site;
    let region = of.datacenter().ok_or_eyre("a server without a data centre")?;
    let is_there = |process: &&Proc| process.datacenter() == of.datacenter();
    let stores = site.cassandra().iter().chain(site.redis());
    let lost: Vec<Proc> = stores.chain(site.servers()).filter(is_there).cloned().collect();
    let left: Vec<Proc> = site.servers().iter().filter(|server| !is_there(server)).cloned().collect();
    let other = left.first().ok_or_eyre("a single region")?;
    kill(&lost).await?;
    let began = Instant::now();
    match how {
        TakeOver::ByThemselves => {}
        TakeOver::ByCommand => regions(world, other, &["take-over", region]).await?,
    }
    let all = site.servers().len();
    let patience = Patience::new(TAKEN_MAX, "the others take over");
    while sum(world, &left).await != all {
        patience.wait().await?;
    }
    world
        .book
        .note(&format!("{region} was taken over {:.1} s after its loss", began.elapsed().as_secs_f64()));
    served(world, "while a region was lost").await;
    start_again(&lost).await?;
    let until = Instant::now() + QUIET;
    while Instant::now() < until {
        if sum(world, std::slice::from_ref(of)).await > 0 {
            world.book.violate(format!("{region} is back and serves participants that were taken over"));
        }
        sleep(LOOK).await;
    }
    served(world, "while the lost region was back").await;
    let patience = Patience::new(BACK_MAX, "the region is given back, and serves again");
    while regions(world, other, &["hand-over", region, "--to", region]).await.is_err() {
        patience.wait().await?;
    }
    while sum(world, std::slice::from_ref(of)).await == 0 {
        patience.wait().await?;
    }
    served(world, "after the region was given back").await;
    Ok(())
}

/// Regions that these servers hold together. A server that does not answer holds none.
async fn sum(world: &World, servers: &[Proc]) -> usize {
    let mut held = 0;
    for server in servers {
        if let Ok(text) = metrics::read(world, server).await {
            // A count of regions.
            held += metrics::find(&text, HELD).unwrap_or(0.0).round() as usize;
        }
    }
    held
}

/// Every participant must be answered within some time.
async fn served(world: &World, when: &str) {
    let since = world.book.now();
    let ispbs = world.scenario.ispbs();
    let until = Instant::now() + SERVED;
    while Instant::now() < until && !world.book.unanswered(&ispbs, since).is_empty() {
        sleep(LOOK).await;
    }
    for ispb in world.book.unanswered(&ispbs, since) {
        world.book.violate(format!("{ispb} was not served {when}"));
    }
}

/// How long something may take.
struct Patience {
    began: Instant,
    most: Duration,
    what: &'static str,
}

impl Patience {
    fn new(most: Duration, what: &'static str) -> Self {
        Self { began: Instant::now(), most, what }
    }

    async fn wait(&self) -> Result<()> {
        ensure!(self.began.elapsed() < self.most, "not within {:?}: {}", self.most, self.what);
        sleep(LOOK).await;
        Ok(())
    }
}

/// `pix-stream regions ARGUMENTS`, with the configuration of a server.
async fn regions(world: &World, server: &Proc, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(server.program());
    command.arg("regions").args(arguments).arg("--config").arg(server.cwd().join("pix-stream.toml"));
    command.args(["--reason", "soak"]).envs(world.scenario.settings.iter().copied());
    let output = command.stdin(Stdio::null()).output().await.wrap_err("pix-stream regions")?;
    if !output.status.success() {
        bail!("pix-stream regions {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
