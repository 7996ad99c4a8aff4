//! Redis in all topologies, and what drills do to it (issue 6, items 3, 5 and 7).
//!
//! Skipped where it is not installed and cannot be, or where stores are not wanted.

use std::net::SocketAddr;
use std::time::Duration;

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

/// The one that leads by the word of every sentinel and its own, while the others that run follow it; else what they say.
fn leader(redis: &Redis) -> Result<SocketAddr, String> {
    let role =
        |node: &Node| node.command(&["ROLE"]).map_or_else(|error| error.to_string(), |role| role.text());
    let running: Vec<(SocketAddr, String)> = redis
        .servers()
        .iter()
        .filter(|server| server.process().is_alive())
        .map(|server| (server.address(), role(server)))
        .collect();
    let told = |sentinel: &Node| {
        let said = sentinel.command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "pix-stream"]);
        said.map_or_else(|error| error.to_string(), |said| said.text().replace('\n', ":"))
    };
    let told: Vec<String> = redis.sentinels().iter().map(told).collect();
    let is_leader = |(address, role): &&(SocketAddr, String)| {
        role.starts_with("master") && told.iter().all(|told| *told == address.to_string())
    };
    let followers = running.iter().filter(|(_, role)| role.starts_with("slave")).count();
    match running.iter().find(is_leader) {
        Some((address, _)) if followers + 1 == running.len() => Ok(*address),
        _ => Err(format!("the sentinels say {told:?}, the servers {running:?}")),
    }
}

/// Waits for [`leader`] as long as sentinels may take: they try again a while after an election that came to nothing, and
/// take their time before they tell a former master to follow.
fn led(redis: &Redis) -> SocketAddr {
    let sentinel = redis.sentinels()[0].process();
    let _ = (0..4).any(|_| sentinel.wait_until(&|_| leader(redis).is_ok()).is_ok());
    leader(redis).unwrap_or_else(|what| {
        let logs = redis.nodes().map(|node| node.process().log_tail()).collect::<Vec<_>>();
        panic!("nobody leads: {what}\n{}", logs.join("\n"))
    })
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
    assert_eq!(led(&redis), replica.address());
    assert_eq!(replica.command(&["GET", "k"]).unwrap(), Reply::Bulk(b"v".to_vec()));
    // One of them follows from now on. Mostly the former master, but whoever leads and is not heard of for a second, as on
    // a machine with much to do, may have to follow the other: then it is right that the former master leads again.
    master.process().restart().unwrap();
    led(&redis);
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
