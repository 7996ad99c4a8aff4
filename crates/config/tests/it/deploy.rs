//! What `deploy/` configures is a configuration: its files load, its variables are keys, its waits outlast a drain
//! (A.3, A.4, issue 6, item 7). Schemas of containers' files are checked by the linters in `docs/deploy.md`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pix_stream_config::{
    Config, CoordinatorKind, Environment, Flags, JournalKind, Origin, PREFIX, Problems, load,
};

/// What a server takes to end at most (cli.md).
const DRAIN_MAX: Duration = Duration::from_secs(10);

fn deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(path)
}

fn text(path: &str) -> String {
    std::fs::read_to_string(deploy(path)).unwrap_or_else(|error| panic!("deploy/{path}: {error}"))
}

fn load_text(text: &str, environment: &Environment) -> Result<Config, Problems> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pix-stream.toml");
    std::fs::write(&path, text).unwrap();
    load(&path, environment, Flags::default())
}

/// The content of a `name: |` block of a manifest.
fn block(manifest: &str, name: &str) -> String {
    let mut lines = manifest.lines().skip_while(|line| line.trim() != format!("{name}: |"));
    let key = lines.next().unwrap();
    let indent = key.len() - key.trim_start().len();
    let inside = lines.take_while(|line| line.is_empty() || line.starts_with(&" ".repeat(indent + 1)));
    inside.map(|line| format!("{}\n", line.trim_start())).collect()
}

/// The value behind `name` and a separator, at its only place.
fn value<'a>(text: &'a str, name: &str) -> &'a str {
    let mut found = text.lines().filter_map(|line| line.trim().strip_prefix(name));
    let value = found.next().unwrap_or_else(|| panic!("{name} is missing"));
    assert!(found.all(|other| other == value), "{name} is said twice");
    value.trim_start_matches([':', '=', ' '])
}

fn seconds(text: &str) -> Duration {
    Duration::from_secs(text.trim_end_matches('s').parse().unwrap())
}

fn every_file(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { every_file(&path, found) } else { found.push(path) }
    }
}

#[test]
fn the_servers_of_compose_are_a_cluster_with_one_copy() {
    let config = load_text(&text("compose/server.toml"), &Environment::default())
        .unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(
        (config.journal.kind, config.coordinator.kind),
        (JournalKind::Cassandra, CoordinatorKind::Redis)
    );
    let [copies] = &config.cassandra.replication[..] else { panic!("one data centre") };
    assert_eq!((copies.datacenter.as_str(), copies.copies), (config.cassandra.datacenter.as_str(), 1));
    let rack = text("compose/cassandra-rackdc.properties");
    assert!(rack.lines().any(|line| line == format!("dc={}", config.cassandra.datacenter)), "{rack}");
}

#[test]
fn the_servers_of_kubernetes_are_a_cluster_with_passwords_in_files() {
    let manifest = text("kubernetes/10-config.yaml");
    let config = load_text(&block(&manifest, "pix-stream.toml"), &Environment::default())
        .unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(
        (config.journal.kind, config.coordinator.kind),
        (JournalKind::Cassandra, CoordinatorKind::Redis)
    );
    assert!(config.cassandra.password_file.is_some() && config.redis.password_file.is_some());
    assert!(config.cassandra.tls && config.redis.tls && config.listen.plain_health);
}

#[test]
fn every_variable_of_a_deployment_is_a_key() {
    let mut files = Vec::new();
    every_file(&deploy("."), &mut files);
    let mut count = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        for name in text.split(|c| !is_name(c)).filter(|word| word.starts_with(PREFIX)) {
            let environment = Environment::of([(name.to_owned(), String::new())]);
            let problems = load_text("", &environment).err();
            let unknown = problems.iter().flat_map(Problems::all).find(|problem| {
                matches!(problem.origin, Origin::Variable(_)) && problem.message == "no such key"
            });
            assert_eq!(unknown, None, "{}", file.display());
            count += 1;
        }
    }
    assert!(count > 0, "no variable was found");
}

#[test]
fn the_cassandra_of_compose_has_what_every_cassandra_must_have() {
    let compose = text("compose/cassandra.yaml");
    let demanded = text("cassandra/pix-stream.yaml");
    let demanded: Vec<_> =
        demanded.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(demanded.contains(&"commitlog_sync: batch") && demanded.contains(&"paxos_variant: v2"));
    for line in demanded {
        assert!(compose.lines().any(|other| other == line), "compose/cassandra.yaml lacks `{line}`");
    }
}

#[test]
fn every_platform_waits_longer_than_a_drain_takes() {
    assert!(Config::default().limits.drain_timeout < DRAIN_MAX);
    for unit in ["systemd/pix-stream.service", "systemd/pix-stream@.service"] {
        assert!(seconds(value(&text(unit), "TimeoutStopSec=")) > DRAIN_MAX, "{unit}");
    }
    let compose = text("compose.yml");
    let mut server = compose.lines().skip_while(|line| !line.starts_with("x-server:"));
    let grace = server.find_map(|line| line.trim().strip_prefix("stop_grace_period: ")).unwrap();
    assert!(seconds(grace) > DRAIN_MAX);
    let servers = text("kubernetes/40-servers.yaml");
    let before = value(&servers, "command: [\"sleep\", ").trim_matches(['"', ']']);
    let grace = seconds(value(&servers, "terminationGracePeriodSeconds:"));
    assert!(grace > DRAIN_MAX + seconds(before), "{grace:?}");
}
