//! The texts that a node reads: `cassandra.yaml` and logback's configuration. Nothing is written here.

use std::fmt::Write as _;

use super::{Place, Plan};

/// Logs go to one file that is never rotated: readiness is read from it.
pub(super) const LOGBACK: &str = r#"<configuration>
  <appender name="FILE" class="ch.qos.logback.core.FileAppender">
    <file>${cassandra.logdir}/system.log</file>
    <encoder><pattern>%-5level [%thread] %date{ISO8601} %F:%L - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="FILE"/></root>
</configuration>
"#;

/// The same on every node. `batch` is what makes an acknowledged write survive a kill; `v2` halves the latency of
/// conditional writes.
const COMMON: &str = "\
cluster_name: pix-stream
num_tokens: 1
auto_bootstrap: false
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: GossipingPropertyFileSnitch
disk_failure_policy: die
commit_failure_policy: die
commitlog_sync: batch
paxos_variant: v2
key_cache_size: 4MiB
counter_cache_size: 0MiB
networking_cache_size: 16MiB
prepared_statements_cache_size: 16MiB
concurrent_counter_writes: 2
concurrent_materialized_view_writes: 2
concurrent_compactors: 1
memtable_flush_writers: 1
hints_flush_period: 1s
auto_snapshot: false
";

/// A node for tests: little memory. The largest mutation is half a segment of the commit log: 8 MiB.
const SMALL: &str = "\
commitlog_segment_size: 16MiB
commitlog_total_space: 128MiB
memtable_heap_space: 48MiB
memtable_offheap_space: 32MiB
concurrent_reads: 8
concurrent_writes: 16
native_transport_max_threads: 32
";

/// A node for load, as `deploy/cassandra` has it: with little memory it would flush every second, and measure its disk.
const LOADED: &str = "\
commitlog_segment_size: 32MiB
commitlog_total_space: 4GiB
memtable_heap_space: 768MiB
memtable_offheap_space: 512MiB
memtable_allocation_type: offheap_objects
concurrent_reads: 16
concurrent_writes: 32
native_transport_max_threads: 64
";

/// How a node writes its commit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommitLog {
    /// Past the page cache, each write on disk when it returns (from 5.0.5 on): conditional writes cost half the
    /// processor time or less, since no map is searched for what changed at every sync.
    Direct,
    /// Through a map of the file, as Cassandra does by itself.
    Mapped,
}

/// A node's `cassandra.yaml`.
pub(super) fn yaml(place: &Place, plan: &Plan<'_>, log: CommitLog) -> String {
    let mut text = COMMON.to_owned();
    if log == CommitLog::Direct {
        text.push_str("commitlog_disk_access_mode: direct\n");
    }
    text.push_str(if plan.options.is_for_load() { LOADED } else { SMALL });
    let conf = place.directory.join("conf");
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "\
initial_token: \"{token}\"
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: \"{seeds}\"
listen_address: {host}
rpc_address: {host}
storage_port: {storage}
native_transport_port: {port}
",
        token = place.token,
        seeds = plan.seeds(),
        host = place.host,
        storage = plan.storage_port,
        port = plan.port,
    );
    if plan.options.authentication {
        text.push_str(
            "authenticator: PasswordAuthenticator\nauthorizer: CassandraAuthorizer\nrole_manager: CassandraRoleManager\n",
        );
    }
    if let Some(tls) = &plan.options.tls {
        let _ = write!(
            text,
            "\
client_encryption_options:
  enabled: true
  optional: false
  ssl_context_factory:
    class_name: org.apache.cassandra.security.PEMBasedSslContextFactory
  keystore: \"{conf}/node.pem\"
  truststore: \"{conf}/ca.pem\"
  require_client_auth: {ask}
  protocol: TLS
server_encryption_options:
  internode_encryption: all
  optional: false
  ssl_context_factory:
    class_name: org.apache.cassandra.security.PEMBasedSslContextFactory
  keystore: \"{conf}/node.pem\"
  truststore: \"{conf}/ca.pem\"
  require_client_auth: true
  protocol: TLS
",
            conf = conf.display(),
            ask = tls.ask_clients,
        );
    }
    text
}

/// A node's token: the nodes of a data centre share the ring evenly, and no two data centres have one in common.
pub(super) fn token(index: usize, nodes: usize, datacenter: usize) -> i64 {
    let number = |value: usize| i128::try_from(value).unwrap_or(0);
    let share = (1_i128 << 64) / number(nodes).max(1);
    let token = i128::from(i64::MIN) + number(index) * share + number(datacenter) * 100;
    i64::try_from(token).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::TlsFiles;
    use crate::cassandra::{LOAD_HEAP_MIB, Options};

    #[test]
    fn three_nodes_share_the_ring() {
        let tokens: Vec<i64> = (0..3).map(|index| token(index, 3, 0)).collect();
        assert_eq!(tokens, [i64::MIN, -3_074_457_345_618_258_603, 3_074_457_345_618_258_602]);
    }

    #[test]
    fn no_two_nodes_have_one_token() {
        let mut seen = HashSet::new();
        for dc in 0..3 {
            assert!((0..3).all(|index| seen.insert(token(index, 3, dc))));
        }
    }

    #[test]
    fn the_yaml_names_address_ports_and_all_seeds() {
        let options = Options { datacenters: vec![1, 1], ..Options::new("x") };
        let plan = Plan::of(&options).unwrap();
        let text = yaml(&plan.places[1], &plan, CommitLog::Mapped);
        assert!(text.contains("listen_address: 127.0.0.2\n"), "{text}");
        assert!(text.contains(&format!("native_transport_port: {}\n", plan.port)));
        let (port, seeds) = (plan.storage_port, plan.seeds());
        assert_eq!(seeds, format!("127.0.0.1:{port},127.0.0.2:{port}"));
        assert!(text.contains(&seeds));
        assert!(text.contains("commitlog_sync: batch\n") && text.contains("paxos_variant: v2\n"));
        assert!(!text.contains("commitlog_disk_access_mode"));
        assert!(!text.contains("PasswordAuthenticator") && !text.contains("client_encryption_options"));
        assert_eq!(plan.places[1].datacenter, "dc2");
    }

    #[test]
    fn authentication_and_tls_are_written_when_asked_for() {
        let tls = TlsFiles { ca: "ca".into(), certificate: "c".into(), key: "k".into(), ask_clients: true };
        let options = Options { authentication: true, tls: Some(tls), ..Options::new("x") };
        let plan = Plan::of(&options).unwrap();
        let text = yaml(&plan.places[0], &plan, CommitLog::Mapped);
        assert!(text.contains("authenticator: PasswordAuthenticator"));
        assert!(text.contains("require_client_auth: true"));
        assert!(text.contains("node-1/conf/node.pem"));
    }

    #[test]
    fn a_node_with_much_memory_is_set_up_for_load() {
        let options = Options { heap_mib: LOAD_HEAP_MIB, ..Options::new("x") };
        let plan = Plan::of(&options).unwrap();
        let text = yaml(&plan.places[0], &plan, CommitLog::Direct);
        assert!(text.contains("commitlog_sync: batch\n") && text.contains("commitlog_total_space: 4GiB\n"));
        assert!(text.contains("commitlog_disk_access_mode: direct\n"));
    }

    #[test]
    fn a_data_centre_without_nodes_is_refused() {
        for datacenters in [vec![], vec![0], vec![1, 0], vec![10]] {
            assert!(Plan::of(&Options { datacenters, ..Options::new("x") }).is_err());
        }
    }
}
