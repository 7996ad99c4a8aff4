//! Regions on a real Cassandra with one data centre, so with a majority (issue 6, item 6). What two data centres do
//! differently is concluded in `claims` and drilled elsewhere.

mod drill;
mod sight;

use std::sync::Arc;
use std::time::Duration;

use pix_stream_adapter_cassandra::regions::{
    CassandraRegions, CommandError, OnLostQuorum, Settings, Takeover,
};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::clock::Clock;
use pix_stream_ports::error::Error;
use pix_stream_ports::regions::{Regions as _, Sequencing};
use tokio::time::Instant;

use super::support::{Space, entropy};

/// Short, so that tests are; long enough for a busy machine.
const LEASE: Duration = Duration::from_secs(6);
const MARGIN: Duration = Duration::from_secs(1);
const TABLES: [&str; 3] = ["pix_regions", "pix_owners", "pix_takeovers"];

/// The time of day follows tokio's clock.
struct DayClock(Instant);

impl Clock for DayClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(1_800_000_000_000).after(self.0.elapsed())
    }
}

fn settings(name: &str, takeover: Takeover) -> Settings {
    Settings {
        name: name.to_owned(),
        all: vec!["sp".to_owned(), "rj".to_owned()],
        lease: LEASE,
        margin: MARGIN,
        takeover,
        on_lost_quorum: OnLostQuorum::Stop,
    }
}

async fn start(space: &Space, settings: &Settings) -> Result<CassandraRegions, Error> {
    let clock = Arc::new(DayClock(Instant::now()));
    CassandraRegions::start(settings, (&space.session, &space.keyspace), &entropy(), clock).await
}

fn ispb(n: u32) -> Ispb {
    format!("{n:08}").parse().unwrap()
}

fn count_here(regions: &CassandraRegions) -> usize {
    (0..100).filter(|n| regions.sequencing(ispb(*n)) == Sequencing::Here).count()
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < end, "it should have come to this: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn regions_share_participants_and_pass_them_on() {
    let Some(space) = Space::migrated("regions").await else { return };
    each_serves_its_own_and_an_operator_moves_some(&space).await;
    space.truncate(&TABLES).await;
    a_silent_region_is_taken_over_and_does_not_come_back_by_itself(&space).await;
    space.truncate(&TABLES).await;
    a_region_that_lives_is_not_taken_over_by_command(&space).await;
    other_lists_of_regions_are_refused(&space).await;
    space.drop().await;
}

async fn each_serves_its_own_and_an_operator_moves_some(space: &Space) {
    let sp = start(space, &settings("sp", Takeover::Command)).await.unwrap();
    let rj = start(space, &settings("rj", Takeover::Command)).await.unwrap();
    let second = start(space, &settings("rj", Takeover::Command)).await.unwrap();
    until("all serve", || count_here(&sp) > 0 && count_here(&rj) > 0 && count_here(&second) > 0).await;
    for n in (0..100).map(ispb) {
        let (here, there) = (sp.sequencing(n), rj.sequencing(n));
        assert_ne!(here == Sequencing::Here, there == Sequencing::Here, "{n} is served by one");
        assert_eq!(there, second.sequencing(n), "nodes of a region conclude the same");
        assert_eq!(sp.epoch(n).or(rj.epoch(n)), Some(1));
    }
    let moved = (0..100).map(ispb).find(|n| sp.epoch(*n).is_some()).unwrap();
    let (before, assigned) = (Instant::now(), rj.assign(moved, Some("rj")).await);
    assert_eq!(assigned, Ok(2));
    assert!(before.elapsed() >= LEASE + MARGIN, "it waited until nobody else could serve");
    assert_eq!(rj.epoch(moved), Some(2));
    assert_eq!(sp.epoch(moved), None);
    until("the second node serves it", || second.epoch(moved) == Some(2)).await;
    assert_eq!(sp.assign(moved, None).await, Ok(3));
    until("it is back", || sp.epoch(moved) == Some(3) && rj.epoch(moved).is_none()).await;
    assert_eq!(sp.assign(moved, Some("df")).await, Err(CommandError::Unknown("df".to_owned())));
}

async fn a_silent_region_is_taken_over_and_does_not_come_back_by_itself(space: &Space) {
    let automatic = |name| settings(name, Takeover::Automatic(LEASE + 2 * MARGIN));
    let sp = start(space, &automatic("sp")).await.unwrap();
    let rj = start(space, &automatic("rj")).await.unwrap();
    until("both serve", || count_here(&sp) + count_here(&rj) == 100).await;
    drop(sp);
    until("one serves all", || count_here(&rj) == 100).await;

    let back = start(space, &automatic("sp")).await.unwrap();
    assert_eq!(count_here(&back), 0, "it reads before it serves");
    assert_eq!(back.sequencing(ispb(1)), Sequencing::Elsewhere { region: "rj".into() });
    let epoch = back.hand_over("sp", "sp").await.unwrap();
    assert_eq!(epoch, 3);
    assert_eq!(count_here(&back), 0, "the one before may still be certain");
    until("both serve again", || count_here(&back) + count_here(&rj) == 100 && count_here(&back) > 0).await;
    let own = (0..100).map(ispb).find(|n| back.epoch(*n).is_some()).unwrap();
    assert_eq!(back.epoch(own), Some(3));
}

async fn a_region_that_lives_is_not_taken_over_by_command(space: &Space) {
    let sp = start(space, &settings("sp", Takeover::Command)).await.unwrap();
    let rj = start(space, &settings("rj", Takeover::Command)).await.unwrap();
    assert_eq!(sp.take_over("rj").await, Err(CommandError::Alive("rj".to_owned())));
    drop(rj);
    let taken = sp.take_over("rj").await.unwrap();
    assert!(taken.by_majority);
    until("one serves all", || count_here(&sp) == 100).await;
    assert!(sp.holdings().iter().all(|holding| holding.is_here && holding.holder == "sp"));
}

async fn other_lists_of_regions_are_refused(space: &Space) {
    let other = Settings { all: vec!["rj".to_owned(), "sp".to_owned()], ..settings("sp", Takeover::Command) };
    assert!(
        matches!(start(space, &other).await, Err(Error::Damaged(why)) if why.contains("the same everywhere"))
    );
    let none = Settings { all: vec!["rj".to_owned()], ..settings("sp", Takeover::Command) };
    assert!(matches!(start(space, &none).await, Err(Error::Damaged(_))));
    assert_eq!(CassandraRegions::alone().take_over("rj").await, Err(CommandError::Alone));
}
