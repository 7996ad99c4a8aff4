//! The drill of two data centres (issue 6, item 6): one is killed, the other takes over by command, the first comes
//! back and does not serve. Only where drills are wanted: it starts a cluster of its own.

use pix_stream_adapter_cassandra::migrations::Migrations;
use pix_stream_cql::{Session, Settings as Cql};
use pix_stream_stores::cassandra::{Cassandra, Options};

use super::*;

async fn connect(cassandra: &Cassandra, datacenter: &str) -> Session {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_data_centres_one_is_lost_taken_over_by_command_and_comes_back() {
    let Some(_turn) = pix_stream_stores::test::drill() else { return };
    let directory = tempfile::tempdir().unwrap();
    let options = Options { datacenters: vec![1, 1], ..Options::new(directory.path()) };
    let options = Options { host: std::net::Ipv4Addr::new(127, 0, 7, 1), ..options };
    let cassandra = tokio::task::spawn_blocking(move || Cassandra::start(&options)).await.unwrap().unwrap();
    let space = |session| Space { session, keyspace: "drill".to_owned() };
    let (one, two) = (space(connect(&cassandra, "dc1").await), space(connect(&cassandra, "dc2").await));
    let copies = [("dc1".to_owned(), 1), ("dc2".to_owned(), 1)];
    let migrations = Migrations::new(two.session.clone(), "drill", &copies).unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    // Nodes that have just met may not know each other's data centres yet.
    while let Err(error) = migrations.up(|_| ()).await {
        assert!(Instant::now() < end, "{error}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    let sp = start(&one, &settings("sp", Takeover::Command)).await.unwrap();
    let rj = start(&two, &settings("rj", Takeover::Command)).await.unwrap();
    until("both serve", || count_here(&sp) + count_here(&rj) == 100 && count_here(&sp) > 0).await;
    let (lost, own) = (0..100).map(ispb).fold((None, None), |(lost, own), n| match sp.epoch(n) {
        Some(_) => (lost.or(Some(n)), own),
        None => (lost, own.or(Some(n))),
    });
    let (lost, own) = (lost.unwrap(), own.unwrap());
    assert_eq!(rj.take_over("sp").await, Err(CommandError::Alive("sp".to_owned())));

    let node = &cassandra.nodes()[0];
    node.process().kill().unwrap();
    until("without a majority nobody serves", || count_here(&sp) + count_here(&rj) == 0).await;
    drop((sp, one));
    let began = Instant::now();
    let taken = rj.take_over("sp").await.unwrap();
    println!("taken over after {:?}", began.elapsed());
    assert!(!taken.by_majority);
    until("the other serves all", || count_here(&rj) == 100).await;
    assert_eq!((rj.epoch(lost), rj.epoch(own)), (Some(taken.epoch), Some(taken.epoch)));
    // A node of the side that lives, begun while there is no majority.
    let second = start(&two, &settings("rj", Takeover::Command)).await.unwrap();
    until("its other nodes do, too", || count_here(&second) == 100).await;

    tokio::task::block_in_place(|| node.process().restart()).unwrap();
    let one = space(connect(&cassandra, "dc1").await);
    let sp = start(&one, &settings("sp", Takeover::Command)).await.unwrap();
    let end = Instant::now() + 3 * (LEASE + MARGIN);
    while Instant::now() < end {
        assert_eq!(count_here(&sp), 0, "the side that was lost does not serve by itself");
        assert_eq!(count_here(&rj), 100, "and the other one goes on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(sp.sequencing(lost), Sequencing::Elsewhere { region: "rj".into() });

    let epoch = hand_back(&sp).await;
    until("both serve again", || sp.epoch(lost) == Some(epoch) && rj.epoch(own) == Some(taken.epoch)).await;
    assert_eq!(rj.epoch(lost), None);
    assert_eq!(second.epoch(lost), None);
    drop((sp, rj, second));
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
