//! Stores that keep strangers out, with the lists of users that are shipped (issue 7, item 4).

use pix_stream_stores::redis::{Client, Options, Secured, Topology, User, with_passwords};
use pix_stream_stores::{Authority, Redis, test};
use tempfile::TempDir;

fn secured(folder: &TempDir) -> Secured {
    let authority = Authority::open(&folder.path().join("secrets")).unwrap();
    let user = |name: &str| User {
        name: name.to_owned(),
        password: authority.password(&format!("{name}-password")).unwrap().1,
    };
    let (client, replica, sentinel) = (user("pix_stream"), user("replica"), user("sentinel"));
    let all = [&client, &replica, &sentinel];
    Secured {
        acl: with_passwords(include_str!("../../../../deploy/redis/users.acl"), &all),
        sentinel_acl: with_passwords(include_str!("../../../../deploy/redis/sentinel-users.acl"), &all),
        authority,
        client,
        replica,
        sentinel,
    }
}

fn start(folder: &TempDir, topology: Topology, secured: Secured) -> Redis {
    let options = Options { topology, secured: Some(secured), ..Options::new(folder.path().join("redis")) };
    Redis::start(&options).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_secured_redis_answers_its_user_by_tls_and_nobody_else() {
    if test::redis().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let redis = start(&folder, Topology::Single, secured(&folder));
    let node = redis.first();
    assert_eq!(node.tls_address(), Some(node.address()));
    node.command(&["SET", "pix-stream:k", "v"]).unwrap();
    for refused in [
        &["SET", "another:k", "v"][..],
        &["FLUSHALL"],
        &["CONFIG", "GET", "*"],
        &["KEYS", "*"],
        &["ACL", "LIST"],
        &["DEBUG", "SLEEP", "0"],
        &["PUBLISH", "another", "x"],
    ] {
        let said = node.command(refused).unwrap_err().to_string();
        assert!(said.contains("NOPERM") || said.contains("not allowed"), "{refused:?}: {said}");
    }
    assert!(Client::connect(node.address()).unwrap().command(&["PING"]).is_err(), "without TLS");
}

#[test]
fn a_secured_redis_changes_its_master_as_an_open_one_does() {
    if test::redis().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let redis = start(&folder, Topology::sentinel(3), secured(&folder));
    let (old, replica) = (&redis.servers()[0], &redis.servers()[1]);
    old.command(&["SET", "pix-stream:k", "v"]).unwrap();
    old.process().kill().unwrap();
    let master = || {
        let role = replica.command(&["ROLE"]);
        role.is_ok_and(|role| role.text().starts_with("master"))
    };
    replica.process().wait_until(&|_| master()).unwrap();
    let sentinel = &redis.sentinels()[0];
    let port = replica.address().port().to_string();
    let told = || {
        let said = sentinel.command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "pix-stream"]);
        said.is_ok_and(|said| said.text().contains(&port))
    };
    sentinel.process().wait_until(&|_| told()).unwrap();
    assert!(sentinel.command(&["SENTINEL", "RESET", "*"]).is_err(), "clients only ask");
}
