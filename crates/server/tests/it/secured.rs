//! Servers on stores that keep strangers out, with the users, rights and certificates that are shipped (issue 7, item 4):
//! a secured Redis beside the shared Cassandra always, everything secured as a drill.

use std::path::Path;
use std::process::Command;

use pix_stream_stack::{Caller, Options, RedisKind, Stack};
use pix_stream_stores::redis::{self, Secured, User, with_passwords};
use pix_stream_stores::{Authority, Redis, test};

use crate::expect::{pix_stream, transcript};
use crate::server::{Folder, ISPB, Server, json_lines, wait_for};
use crate::signals::log;

const USERS: &str = include_str!("../../../../deploy/redis/users.acl");

/// Settings of a server, as the environment takes them.
type Settings = Vec<(&'static str, String)>;

fn with<'c>(command: &'c mut Command, settings: &Settings) -> &'c mut Command {
    command.envs(settings.iter().map(|(key, value)| (format!("PIX_STREAM_{key}"), value)))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A secured Redis and how a server reaches it.
fn secured_redis(folder: &Folder) -> (Redis, Settings) {
    let authority = Authority::open(&folder.beside("secrets")).unwrap();
    let user = |name: &str| User {
        name: name.to_owned(),
        password: authority.password(&format!("{name}-password")).unwrap().1,
    };
    let (client, replica, sentinel) = (user("pix_stream"), user("replica"), user("sentinel"));
    let acl = with_passwords(USERS, &[&client, &replica, &sentinel]);
    let (certificate, key) = authority.client();
    let settings = vec![
        ("COORDINATOR_KIND", "redis".to_owned()),
        ("REDIS_USERNAME", client.name.clone()),
        ("REDIS_PASSWORD_FILE", shown(&authority.password("pix_stream-password").unwrap().0)),
        ("REDIS_TLS", "true".to_owned()),
        ("REDIS_CA", shown(&authority.ca())),
        ("REDIS_CERTIFICATE", shown(&certificate)),
        ("REDIS_KEY", shown(&key)),
    ];
    let secured = Secured { authority, sentinel_acl: String::new(), acl, client, replica, sentinel };
    let options = redis::Options { secured: Some(secured), ..redis::Options::new(folder.beside("redis")) };
    (Redis::start(&options).unwrap(), settings)
}

/// What the log says of Redis until the server gives up trying, one text.
fn told_of_redis(folder: &Folder, settings: &Settings) -> String {
    let err = folder.beside("serve.err");
    let _ = std::fs::remove_file(&err);
    let mut command = folder.serve_command();
    let _server = Server::start(with_owned(&mut command, settings), &err).unwrap();
    wait_for("a word about Redis", || {
        let lines: Vec<String> = log(folder).iter().map(ToString::to_string).collect();
        lines.into_iter().find(|line| line.contains("redis is out of reach") && line.contains("error"))
    })
}

fn with_owned(command: &mut Command, settings: &Settings) -> Command {
    let mut fresh = Command::new(command.get_program());
    fresh.env_clear();
    fresh.args(command.get_args());
    fresh.envs(command.get_envs().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned()))));
    with(&mut fresh, settings);
    fresh
}

#[test]
fn messages_go_through_a_secured_redis_and_who_is_wrong_is_told_so() {
    let Some(cassandra) = test::cassandra() else { return };
    let folder = Folder::new();
    let (redis, mut settings) = secured_redis(&folder);
    settings.extend([
        ("JOURNAL_KIND", "cassandra".to_owned()),
        ("CASSANDRA_CONTACT_POINTS", cassandra.to_string()),
        ("CASSANDRA_KEYSPACE", format!("pix_secured_{}", std::process::id())),
        ("CASSANDRA_REPLICATION", "dc1:1".to_owned()),
        ("REDIS_NODES", redis.address().to_string()),
    ]);
    let config = folder.dir().join("pix-stream.toml");
    let migrated =
        with(pix_stream().args(["migrate", "up", "--config"]).arg(config), &settings).output().unwrap();
    assert!(migrated.status.success(), "{}", transcript(&migrated));
    let server =
        Server::start(with_owned(&mut folder.serve_command(), &settings), &folder.beside("serve.err"))
            .unwrap();
    let onboarded = folder.command("admin").args(["participants", "create", ISPB]).output().unwrap();
    assert!(onboarded.status.success(), "{}", transcript(&onboarded));
    assert_eq!(folder.lines("publish", &["--generate", "25"]).len(), 25);
    assert_eq!(folder.lines("pull", &[]).len(), 25);
    assert_eq!(server.terminate().1.code(), Some(0));

    let stranger = Authority::open(&folder.beside("stranger")).unwrap();
    let wrong = stranger.password("wrong").unwrap();
    let (certificate, key) = stranger.client();
    let changes: [(&str, Settings, &str); 3] = [
        ("a wrong password", vec![("REDIS_PASSWORD_FILE", shown(&wrong.0))], "WRONGPASS"),
        (
            "an authority that did not sign Redis",
            vec![("REDIS_CA", shown(&stranger.ca()))],
            "InvalidCertificate",
        ),
        (
            "a certificate that Redis does not know",
            vec![("REDIS_CERTIFICATE", shown(&certificate)), ("REDIS_KEY", shown(&key))],
            "AlertReceived",
        ),
    ];
    for (what, change, word) in changes {
        let told = told_of_redis(&folder, &[settings.clone(), change].concat());
        assert!(told.contains(word), "{what}: {told}");
        assert!(!told.contains(&wrong.1), "{what}: {told}");
    }
}

/// Everything: sentinels, Cassandra with roles and TLS, two servers.
#[test]
fn a_secured_cluster_carries_messages_and_refuses_strangers() {
    let Some(_turn) = test::drill() else { return };
    let parent = tempfile::tempdir().unwrap();
    let options =
        Options { is_secure: true, redis: RedisKind::Sentinel, ..Options::new(parent.path().join("stack")) };
    let build = || Ok(env!("CARGO_BIN_EXE_pix-stream").into());
    let stack =
        Stack::start(&options, &Caller { build: &build, say: &|_| {} }).unwrap_or_else(|e| panic!("{e}"));
    let run = |command: &str, arguments: &[&str], environment: &Settings| {
        let mut started = pix_stream();
        started.arg(command).args(arguments);
        with(&mut started, environment).output().unwrap()
    };
    let dir = shown(stack.dir());
    for (command, arguments) in [("publish", &["--generate", "25"][..]), ("pull", &[])] {
        let output = run(command, &[&["--dir", &dir, "--ispb", ISPB, "--json"], arguments].concat(), &vec![]);
        assert!(output.status.success(), "{}", transcript(&output));
        assert_eq!(json_lines(&String::from_utf8(output.stdout).unwrap()).len(), 25);
    }

    let config = shown(&stack.dir().join("pix-stream.toml"));
    let secrets = stack.dir().join("secrets");
    let stranger = Authority::open(&parent.path().join("stranger")).unwrap();
    let (certificate, key) = stranger.client();
    let refused: [(&str, Settings, &str); 4] = [
        (
            "a wrong password",
            vec![("CASSANDRA_PASSWORD_FILE", shown(&secrets.join("redis-password")))],
            "Provided username pix_stream and/or password are incorrect",
        ),
        (
            "an authority that did not sign Cassandra",
            vec![("CASSANDRA_CA", shown(&stranger.ca()))],
            "invalid peer certificate",
        ),
        (
            "a certificate that Cassandra does not know",
            vec![("CASSANDRA_CERTIFICATE", shown(&certificate)), ("CASSANDRA_KEY", shown(&key))],
            "alert",
        ),
        (
            "the superuser that everybody knows",
            vec![
                ("CASSANDRA_USERNAME", "cassandra".to_owned()),
                ("CASSANDRA_PASSWORD_FILE", shown(&secrets.join("cassandra-nobody-password"))),
            ],
            "not permitted to log in",
        ),
    ];
    let migrate = |what: &str, environment: &Settings| {
        transcript(&run("migrate", &[what, "--config", &config], environment))
    };
    for (what, environment, word) in &refused {
        let said = migrate("status", environment);
        assert!(said.starts_with("exit 1") && said.contains(word), "{what}: {said}");
    }
    let said = migrate("status", &vec![]);
    assert!(said.starts_with("exit 0"), "{said}");
    let said = migrate("up", &vec![("CASSANDRA_KEYSPACE", "pix_another".to_owned())]);
    assert!(said.contains("has no CREATE permission"), "servers make no tables: {said}");
    stack.stop().unwrap();
}
