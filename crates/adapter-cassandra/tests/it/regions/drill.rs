//! Drills of two and of three data centres (issue 6, item 6): one is killed, another region takes over, the first comes
//! back and does not serve. Only where drills are wanted: they start clusters of their own.

use std::net::Ipv4Addr;

use pix_stream_adapter_cassandra::migrations::Migrations;
use pix_stream_cql::{Session, Settings as Cql};
use pix_stream_stores::cassandra::{Cassandra, Options};

use super::*;

pub(super) async fn connect(cassandra: &Cassandra, datacenter: &str) -> Session {
    let contact_points = cassandra.contact_points(datacenter).iter().map(ToString::to_string).collect();
    let settings = Cql { contact_points, datacenter: datacenter.to_owned(), ..Cql::default() };
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        match Session::connect(settings.clone()).await {
            Ok(session) => return session,
            Err(error) => assert!(Instant::now() < end, "{datacenter}: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// One node in each data centre, with all tables; a session of each of the first two.
pub(super) async fn start_cluster(datacenters: usize) -> (tempfile::TempDir, Cassandra, [Space; 2]) {
    let directory = tempfile::tempdir().unwrap();
    let host = Ipv4Addr::new(127, 0, 6 + u8::try_from(datacenters).unwrap(), 1);
    let options = Options { datacenters: vec![1; datacenters], host, ..Options::new(directory.path()) };
    let cassandra = tokio::task::spawn_blocking(move || Cassandra::start(&options)).await.unwrap().unwrap();
    let space = |session| Space { session, keyspace: "drill".to_owned() };
    let spaces = [space(connect(&cassandra, "dc1").await), space(connect(&cassandra, "dc2").await)];
    let copies: Vec<_> = (1..=datacenters).map(|n| (format!("dc{n}"), 1)).collect();
    let migrations = Migrations::new(spaces[1].session.clone(), "drill", &copies).unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    // Nodes that have just met may not know each other's data centres yet.
    while let Err(error) = migrations.up(|_| ()).await {
        assert!(Instant::now() < end, "{error}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    (directory, cassandra, spaces)
}

/// A participant that the region serves.
fn one_of(regions: &CassandraRegions) -> Ispb {
    (0..100).map(ispb).find(|n| regions.epoch(*n).is_some()).unwrap()
}

/// The side that was lost is started again; for three leases it serves nobody, and the other one goes on. Its patience
/// with the other one is longer than that: a busy machine must not look like a lost data centre.
async fn come_back(cassandra: &Cassandra, rj: &CassandraRegions, takeover: Takeover) -> CassandraRegions {
    let node = cassandra.nodes()[0].process();
    tokio::task::block_in_place(|| node.restart()).unwrap();
    let one = Space { session: connect(cassandra, "dc1").await, keyspace: "drill".to_owned() };
    let sp = start(&one, &settings("sp", takeover)).await.unwrap();
    let end = Instant::now() + 3 * (LEASE + MARGIN);
    while Instant::now() < end {
        let known = || format!("here {:?}, there {:?}", sp.holdings(), rj.holdings());
        assert_eq!(count_here(&sp), 0, "the side that was lost does not serve by itself: {}", known());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // A busy machine may have kept it from renewing for a while; nobody else served meanwhile.
    until("the other one goes on", || count_here(rj) == 100).await;
    sp
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_data_centres_one_is_lost_taken_over_by_command_and_comes_back() {
    let Some(_turn) = pix_stream_stores::test::drill() else { return };
    let (_directory, cassandra, [one, two]) = start_cluster(2).await;
    let sp = start(&one, &settings("sp", Takeover::Command)).await.unwrap();
    let rj = start(&two, &settings("rj", Takeover::Command)).await.unwrap();
    until("both serve", || count_here(&sp) + count_here(&rj) == 100 && count_here(&sp) > 0).await;
    let (lost, own) = (one_of(&sp), one_of(&rj));
    assert_eq!(rj.take_over("sp").await, Err(CommandError::Alive("sp".to_owned())));

    cassandra.nodes()[0].process().kill().unwrap();
    until("without a majority nobody serves", || count_here(&sp) + count_here(&rj) == 0).await;
    drop((sp, one));
    let began = Instant::now();
    let taken = rj.take_over("sp").await.unwrap();
    println!("taken over by command after {:?}", began.elapsed());
    assert!(!taken.by_majority);
    until("the other serves all", || count_here(&rj) == 100).await;
    assert_eq!((rj.epoch(lost), rj.epoch(own)), (Some(taken.epoch), Some(taken.epoch)));
    // A node of the side that lives, begun while there is no majority.
    let second = start(&two, &settings("rj", Takeover::Command)).await.unwrap();
    until("its other nodes do, too", || count_here(&second) == 100).await;

    let sp = come_back(&cassandra, &rj, Takeover::Command).await;
    assert_eq!(sp.sequencing(lost), Sequencing::Elsewhere { region: "rj".into() });
    let epoch = hand_back(&sp).await;
    until("both serve again", || sp.epoch(lost) == Some(epoch) && rj.epoch(own) == Some(taken.epoch)).await;
    assert_eq!(rj.epoch(lost), None);
    assert_eq!(second.epoch(lost), None);
    drop((sp, rj, second));
    tokio::task::block_in_place(|| cassandra.stop()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_three_data_centres_one_is_lost_and_taken_over_without_a_command() {
    let Some(_turn) = pix_stream_stores::test::drill() else { return };
    let (_directory, cassandra, [one, two]) = start_cluster(3).await;
    let takeover = Takeover::Automatic(LEASE + 2 * MARGIN);
    let sp = start(&one, &settings("sp", takeover)).await.unwrap();
    let rj = start(&two, &settings("rj", takeover)).await.unwrap();
    until("both serve", || count_here(&sp) + count_here(&rj) == 100 && count_here(&sp) > 0).await;
    let (lost, own) = (one_of(&sp), one_of(&rj));

    let began = Instant::now();
    cassandra.nodes()[0].process().kill().unwrap();
    until("the other serves all", || {
        assert!(count_here(&sp) == 0 || rj.epoch(lost).is_none(), "never both");
        count_here(&rj) == 100
    })
    .await;
    println!("taken over by policy after {:?}", began.elapsed());
    assert_eq!((rj.epoch(lost), rj.epoch(own)), (Some(2), Some(1)));
    assert_eq!(count_here(&sp), 0, "who is cut off stops");
    drop((sp, one));

    let sp = come_back(&cassandra, &rj, Takeover::Automatic(10 * LEASE)).await;
    assert_eq!(sp.sequencing(lost), Sequencing::Elsewhere { region: "rj".into() });
    let epoch = hand_back(&sp).await;
    until("both serve again", || sp.epoch(lost) == Some(epoch) && rj.epoch(own) == Some(1)).await;
    drop((sp, rj));
    tokio::task::block_in_place(|| cassandra.stop()).unwrap();
}

/// As soon as the take-over is known to all sides.
async fn hand_back(regions: &CassandraRegions) -> u32 {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        match regions.hand_over("sp", "sp").await {
            Ok(epoch) => return epoch,
            Err(error) => assert!(Instant::now() < end, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
