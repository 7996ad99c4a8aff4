//! The rules of a cluster: which stores go together, and what each of them needs.

mod access;
mod region;

use super::shown;
use crate::Config;
use crate::read::Findings;
use crate::value::{CoordinatorKind, JournalKind, Topology, is_name};

/// Longest name of a keyspace that Cassandra takes.
const KEYSPACE_LEN_MAX: usize = 48;

/// Reports every rule that the configuration breaks.
pub(super) fn check(config: &Config, findings: &mut Findings) {
    kinds(config, findings);
    intake(config, findings);
    cassandra(config, findings);
    replication(config, findings);
    if config.coordinator.kind == CoordinatorKind::Redis {
        redis(config, findings);
    }
    access::check(config, findings);
    region::check(config, findings);
}

fn kinds(config: &Config, findings: &mut Findings) {
    let keys = ["journal.kind", "coordinator.kind"];
    match (config.journal.kind, config.coordinator.kind) {
        (JournalKind::Cassandra, CoordinatorKind::Local) => findings.report(
            &keys,
            "journal \"cassandra\" with coordinator \"local\": several servers would not agree on who reads what, \
             and nothing keeps a second one from starting"
                .to_owned(),
            "set coordinator.kind = \"redis\", or journal.kind = \"embedded\" for a single server",
        ),
        (JournalKind::Embedded, CoordinatorKind::Redis) => findings.report(
            &keys,
            "coordinator \"redis\" with journal \"embedded\": a file of one machine cannot be shared".to_owned(),
            "set journal.kind = \"cassandra\", or coordinator.kind = \"local\" for a single server",
        ),
        (JournalKind::Embedded, CoordinatorKind::Local)
        | (JournalKind::Cassandra, CoordinatorKind::Redis) => {}
    }
}

fn intake(config: &Config, findings: &mut Findings) {
    let intake = &config.intake;
    if intake.stream.is_empty() {
        return;
    }
    if config.coordinator.kind != CoordinatorKind::Redis {
        findings.report(
            &["intake.stream", "coordinator.kind"],
            "intake takes from the Redis of the cluster, and coordinator.kind is \"local\"".to_owned(),
            "set coordinator.kind = \"redis\", or intake.stream = \"\" for no intake",
        );
    }
    if intake.group.is_empty() {
        findings.report(
            &["intake.group"],
            "is empty: a consumer group has a name".to_owned(),
            "the default is \"pix-stream\"",
        );
    }
}

fn cassandra(config: &Config, findings: &mut Findings) {
    let cassandra = &config.cassandra;
    if config.journal.kind == JournalKind::Cassandra && cassandra.contact_points.is_empty() {
        findings.report(
            &["cassandra.contact_points", "journal.kind"],
            "is empty: no Cassandra would be found".to_owned(),
            "name two or three of its nodes, such as \"10.0.0.5:9042\"",
        );
    }
    let name = &cassandra.keyspace;
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let starts_plain = name.starts_with(|first: char| first.is_ascii_lowercase());
    if !starts_plain || name.len() > KEYSPACE_LEN_MAX || !name.bytes().all(is_plain) {
        findings.report(
            &["cassandra.keyspace"],
            format!("\"{name}\" cannot name a keyspace"),
            "a lower-case letter, then lower-case letters, digits and `_`, at most 48",
        );
    }
    if !is_name(&cassandra.datacenter) {
        findings.report(
            &["cassandra.datacenter"],
            format!("\"{}\" cannot name a data centre", cassandra.datacenter),
            "letters, digits, `_` and `-`, as in cassandra-rackdc.properties",
        );
    }
}

fn replication(config: &Config, findings: &mut Findings) {
    let cassandra = &config.cassandra;
    let mut datacenters: Vec<_> = cassandra.replication.iter().map(|copies| &copies.datacenter).collect();
    let count = datacenters.len();
    datacenters.sort_unstable();
    datacenters.dedup();
    if datacenters.len() < count {
        findings.report(
            &["cassandra.replication"],
            "names a data centre twice".to_owned(),
            "once each, such as [\"dc1:3\", \"dc2:3\"]",
        );
    }
    if !datacenters.contains(&&cassandra.datacenter) {
        findings.report(
            &["cassandra.replication", "cassandra.datacenter"],
            format!("there are no copies in \"{}\", the data centre of this server", cassandra.datacenter),
            "name it in cassandra.replication, such as \"dc1:3\"",
        );
    }
}

fn redis(config: &Config, findings: &mut Findings) {
    let redis = &config.redis;
    if redis.nodes.is_empty() {
        findings.report(
            &["redis.nodes", "coordinator.kind"],
            "is empty: no Redis would be found".to_owned(),
            "name the server, such as \"10.0.0.7:6379\"",
        );
    }
    if redis.topology == Topology::Single && redis.nodes.len() > 1 {
        findings.report(
            &["redis.nodes", "redis.topology"],
            format!("topology \"single\" is one server, these are {}", redis.nodes.len()),
            "set redis.topology to \"sentinel\" or \"cluster\", or name one server",
        );
    }
    if redis.topology == Topology::Sentinel && redis.sentinel_name.is_empty() {
        findings.report(
            &["redis.sentinel_name", "redis.topology"],
            "is empty: sentinels would not know which server is meant".to_owned(),
            "the name behind `sentinel monitor`",
        );
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
    if redis.prefix.is_empty() || !redis.prefix.bytes().all(is_plain) {
        findings.report(
            &["redis.prefix"],
            format!("\"{}\" cannot begin the names of keys", redis.prefix),
            "letters, digits, `_`, `-`, `.` and `:`; braces would decide where Redis Cluster keeps a key",
        );
    }
    if redis.state_life < config.stream.token_life {
        findings.report(
            &["redis.state_life", "stream.token_life"],
            format!(
                "state_life ({}) must not be less than stream.token_life ({}): a state would go before its tokens",
                shown(redis.state_life),
                shown(config.stream.token_life)
            ),
            "raise redis.state_life",
        );
    }
    let (fresh, message) = (redis.fresh_bytes_per_participant, config.limits.message_bytes);
    if fresh < message {
        findings.report(
            &["redis.fresh_bytes_per_participant", "limits.message_bytes"],
            format!(
                "fresh_bytes_per_participant ({}) must not be less than limits.message_bytes ({})",
                fresh.bytes_u64(),
                message.bytes_u64()
            ),
            "raise redis.fresh_bytes_per_participant or lower limits.message_bytes",
        );
    }
}
