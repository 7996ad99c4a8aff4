//! Redis in all topologies, and what drills do to it (issue 6, items 3, 5 and 7).
//!
//! Skipped where it is not installed and cannot be, or where stores are not wanted.

use std::time::Duration;

use pix_stream_stores::process::View;
use pix_stream_stores::redis::{Client, Node, Options, Reply, Topology, User};
use pix_stream_stores::{Error, Redis, TlsFiles, test};
use tempfile::TempDir;

/// A folder and what was started in it; the folder is removed last.
struct Started(Redis, TempDir);

fn start(change: impl FnOnce(&mut Options)) -> Option<Started> {
    // These start their own, but are of no use where there are no stores at all.
    test::redis()?;
    let started = || -> Result<Started, Error> {
        let directory =
            tempfile::tempdir().map_err(|source| Error::Io { what: "make a folder".to_owned(), source })?;
        let mut options = Options::new(directory.path());
        change(&mut options);
        Ok(Started(Redis::start(&options)?, directory))
    };
    match started() {
        Ok(started) => Some(started),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_killed_redis_comes_back_empty_on_the_same_port() {
    let Some(Started(redis, _directory)) = start(|_| {}) else { return };
    let server = redis.first();
    server.command(&["SET", "k", "v"]).unwrap();
    server.process().kill().unwrap();
    assert!(server.command(&["PING"]).is_err());
    server.process().restart().unwrap();
    assert_eq!(server.command(&["GET", "k"]).unwrap(), Reply::Nil);
}

#[test]
fn a_durable_redis_keeps_what_it_acknowledged() {
    let Some(Started(redis, _directory)) = start(|options| options.is_durable = true) else { return };
    redis.first().command(&["SET", "k", "v"]).unwrap();
    redis.first().process().restart().unwrap();
    assert_eq!(redis.first().command(&["GET", "k"]).unwrap(), Reply::Bulk(b"v".to_vec()));
}

#[test]
fn a_paused_redis_accepts_connections_and_answers_when_it_goes_on() {
    let Some(Started(redis, _directory)) = start(|_| {}) else { return };
    let server = redis.first();
    server.process().pause().unwrap();
    assert!(Client::connect(redis.address()).is_ok());
    assert!(server.command(&["PING"]).is_err());
    assert!(server.process().is_alive());
    server.process().resume().unwrap();
    assert_eq!(server.command(&["PING"]).unwrap(), Reply::Simple("PONG".to_owned()));
}

#[test]
fn a_user_is_asked_for_by_name_and_password() {
    let user = User { name: "pix".to_owned(), password: "secret-1".to_owned() };
    let Some(Started(redis, _directory)) = start(|options| options.user = Some(user)) else { return };
    assert!(redis.first().command(&["PING"]).is_ok());
    let refused = Client::connect(redis.address()).unwrap().command(&["PING"]).unwrap_err();
    assert!(refused.to_string().contains("NOAUTH"), "{refused}");
}

#[test]
fn sentinels_make_the_replica_the_master_when_the_master_is_killed() {
    let user = User { name: "pix".to_owned(), password: "secret-1".to_owned() };
    let started = start(|options| {
        options.topology = Topology::sentinel(3);
        options.user = Some(user);
    });
    let Some(Started(redis, _directory)) = started else { return };
    let [master, replica] = redis.servers() else { panic!("two servers") };
    assert_eq!((redis.sentinels().len(), redis.contact_points().len()), (3, 3));
    master.command(&["SET", "k", "v"]).unwrap();
    master.command(&["WAIT", "1", "900"]).unwrap();
    master.process().kill().unwrap();
    replica
        .process()
        .wait_until(&|_| replica.command(&["ROLE"]).is_ok_and(|role| role.text().starts_with("master")))
        .unwrap();
    assert_eq!(replica.command(&["GET", "k"]).unwrap(), Reply::Bulk(b"v".to_vec()));
    // One that makes it the master and then hears nothing for a while begins again; were the former master back by then,
    // it would be the master again, and rightly.
    let new = replica.address().port().to_string();
    let says = |sentinel: &Node| {
        let said = sentinel.command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "pix-stream"]);
        said.map_or_else(|error| error.to_string(), |said| said.text())
    };
    let agree =
        |_: View<'_>| redis.sentinels().iter().all(|sentinel| says(sentinel).lines().any(|line| line == new));
    let all = || redis.sentinels().iter().map(says).collect::<Vec<_>>();
    assert!((0..4).any(|_| replica.process().wait_until(&agree).is_ok()), "not {new}: {:?}", all());
    // The former master comes back and is told to follow.
    master.process().restart().unwrap();
    // Sentinels take their time with that, far more than with a fail-over.
    let follows = |_: View<'_>| master.command(&["ROLE"]).is_ok_and(|role| role.text().starts_with("slave"));
    let is_told = (0..4).any(|_| master.process().wait_until(&follows).is_ok());
    assert!(is_told, "the former master still leads; the sentinels say {:?}, {new} is the new one", all());
}

#[test]
fn the_masters_of_a_cluster_own_all_slots() {
    let Some(Started(redis, _directory)) = start(|options| options.topology = Topology::Cluster) else {
        return;
    };
    assert_eq!(redis.contact_points().len(), 3);
    let served = redis.servers().iter().filter(|server| server.command(&["SET", "{a}1", "v"]).is_ok());
    assert_eq!(served.count(), 1, "one of them owns the slot");
    redis.stop().unwrap();
    assert!(redis.nodes().all(|node| node.process().wait_gone(Duration::ZERO)));
}

#[test]
fn unreadable_tls_files_are_an_error_that_quotes_the_log() {
    if test::redis().is_none() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let nowhere = directory.path().join("nowhere.pem");
    let tls =
        TlsFiles { ca: nowhere.clone(), certificate: nowhere.clone(), key: nowhere, ask_clients: false };
    let options = Options { tls: Some(tls), ..Options::new(directory.path()) };
    let error = Redis::start(&options).unwrap_err().to_string();
    assert!(error.contains("nowhere.pem"), "{error}");
}
