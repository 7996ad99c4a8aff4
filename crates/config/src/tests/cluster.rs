//! The sections of a cluster: which stores go together, their passwords, their regions (A.4, issue 6).

use super::*;

/// A cluster in one place, with nothing but what it must say.
const CLUSTER: &str = "journal.kind = \"cassandra\"\ncoordinator.kind = \"redis\"\n";

/// Three regions, of which this is the first.
const REGIONS: &str = "region.name = \"sp\"\nregion.all = [\"sp\", \"rj\", \"df\"]\n";

#[test]
fn a_cluster_needs_no_more_than_its_two_kinds() {
    let config = read_text(CLUSTER).unwrap();
    assert_eq!(config.journal.kind, JournalKind::Cassandra);
    assert_eq!(config.coordinator.kind, CoordinatorKind::Redis);
    assert_eq!(config.coordinator.fallback, Fallback::Journal);
    assert_eq!(config.cassandra.contact_points, [Endpoint::new("127.0.0.1", 9042)]);
    assert_eq!(config.redis.nodes, [Endpoint::new("127.0.0.1", 6379)]);
}

#[test]
fn stores_that_cannot_go_together_are_refused() {
    for text in ["journal.kind = \"cassandra\"\n", "coordinator.kind = \"redis\"\n"] {
        assert_eq!(problems(text).len(), 1, "{text}");
    }
    let shown = read_text("journal.kind = \"cassandra\"\n").unwrap_err().to_string();
    assert!(shown.contains("several servers would not agree"), "{shown}");
    assert!(shown.contains("coordinator.kind = \"redis\""), "{shown}");
}

#[test]
fn rules_of_the_stores_are_kept() {
    for (text, key) in [
        ("cassandra.contact_points = []\n", "cassandra.contact_points"),
        ("cassandra.contact_points = [\"cassandra\"]\n", "cassandra.contact_points"),
        ("cassandra.keyspace = \"Pix\"\n", "cassandra.keyspace"),
        ("cassandra.keyspace = \"a; DROP TABLE x\"\n", "cassandra.keyspace"),
        ("cassandra.datacenter = \"dc2\"\n", "cassandra.datacenter"),
        ("cassandra.replication = [\"dc1\"]\n", "cassandra.replication"),
        ("cassandra.replication = [\"dc1:3\", \"dc1:1\"]\n", "cassandra.replication"),
        ("cassandra.username = \"app\"\n", "cassandra.username"),
        ("cassandra.password_secret = \"x\"\n", "cassandra.password_secret"),
        ("cassandra.tls = true\n", "cassandra.tls"),
        ("cassandra.ca = \"ca.pem\"\n", "cassandra.ca"),
        (
            "cassandra.tls = true\ncassandra.ca = \"ca.pem\"\ncassandra.certificate = \"c\"\n",
            "cassandra.certificate",
        ),
        ("cassandra.tls = true\ncassandra.ca = \"ca.pem\"\ncassandra.key = \"k\"\n", "cassandra.key"),
        ("cassandra.certificate = \"c\"\ncassandra.key = \"k\"\n", "cassandra.certificate"),
        ("redis.nodes = []\n", "redis.nodes"),
        ("redis.nodes = [\"a:1\", \"b:1\"]\n", "redis.nodes"),
        ("redis.topology = \"sentinel\"\nredis.sentinel_name = \"\"\n", "redis.sentinel_name"),
        ("redis.state_life = \"1m\"\n", "redis.state_life"),
        ("redis.fresh_bytes_per_participant = \"64KiB\"\n", "redis.fresh_bytes_per_participant"),
        ("redis.username = \"app\"\n", "redis.username"),
        ("redis.sentinel_username = \"app\"\n", "redis.sentinel_username"),
        ("redis.prefix = \"a{b}\"\n", "redis.prefix"),
        ("redis.ca = \"ca.pem\"\n", "redis.ca"),
        ("redis.tls = true\nredis.ca = \"ca.pem\"\nredis.certificate = \"c\"\n", "redis.certificate"),
        ("redis.tls = true\nredis.ca = \"ca.pem\"\nredis.key = \"k\"\n", "redis.key"),
        ("redis.certificate = \"c\"\nredis.key = \"k\"\n", "redis.certificate"),
        ("intake.stream = \"in\"\nintake.group = \"\"\n", "intake.group"),
    ] {
        let problems = read_text(&format!("{CLUSTER}{text}")).expect_err(text);
        let keys: Vec<_> = problems.all().iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, [key], "{text}: {problems}");
    }
}

#[test]
fn rules_of_regions_are_kept() {
    for (text, key) in [
        ("region.all = [\"sp\"]\n", "region.all"),
        ("region.name = \"sp\"\n", "region.name"),
        ("region.name = \"sp\"\nregion.all = [\"rj\"]\n", "region.name"),
        ("region.name = \"s p\"\nregion.all = [\"s p\"]\n", "region.all"),
        ("region.name = \"sp\"\nregion.all = [\"sp\", \"sp\"]\n", "region.all"),
        ("region.takeover = \"automatic\"\n", "region.takeover"),
        ("region.takeover_after = \"11s\"\n", "region.takeover_after"),
        (
            "region.name = \"sp\"\nregion.all = [\"sp\"]\nregion.lease = \"4s\"\nregion.margin = \"1800ms\"\n",
            "region.lease",
        ),
        ("region.name = \"sp\"\nregion.all = [\"sp\"]\nregion.margin = \"1s\"\n", "region.margin"),
        ("region.name = \"sp\"\nregion.all = [\"sp\"]\nregion.margin = \"5s\"\n", "region.margin"),
        (
            "region.name = \"sp\"\nregion.all = [\"sp\", \"rj\"]\nregion.margin = \"2200ms\"\n\
             cassandra.replication = [\"dc1:1\", \"dc2:1\"]\ncassandra.request_timeout = \"2s\"\n",
            "region.margin",
        ),
        (
            "region.name = \"sp\"\nregion.all = [\"sp\", \"rj\", \"df\"]\nregion.takeover = \"automatic\"\n\
             region.on_lost_quorum = \"continue\"\n",
            "region.on_lost_quorum",
        ),
    ] {
        let problems = read_text(&format!("{CLUSTER}{text}")).expect_err(text);
        let keys: Vec<_> = problems.all().iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, [key], "{text}: {problems}");
    }
}

#[test]
fn regions_need_a_shared_journal() {
    let shown = read_text(REGIONS).unwrap_err().to_string();
    assert!(shown.contains("regions share a Journal"), "{shown}");
}

#[test]
fn intake_needs_the_redis_of_the_cluster() {
    let shown = read_text("intake.stream = \"in\"\n").unwrap_err().to_string();
    assert!(shown.contains("intake.stream: intake takes from the Redis"), "{shown}");
}

#[test]
fn automatic_take_over_needs_three_data_centres_of_which_one_may_be_a_witness() {
    let automatic = "region.takeover = \"automatic\"\n";
    assert!(read_text(&format!("{CLUSTER}{REGIONS}{automatic}")).is_ok());
    let witness = "region.name = \"sp\"\nregion.all = [\"sp\", \"rj\"]\n\
                   cassandra.replication = [\"dc1:3\", \"dc2:3\", \"witness:1\"]\n";
    assert!(read_text(&format!("{CLUSTER}{witness}{automatic}")).is_ok());
}

#[test]
fn passwords_are_never_shown() {
    let text = format!(
        "{CLUSTER}cassandra.username = \"app\"\ncassandra.password_secret = \"hunter2\"\nredis.password_secret = \"hunter3\"\n"
    );
    let config = read_text(&text).unwrap();
    let (printed, debug) = (config.to_masked_toml(), format!("{config:?}"));
    assert!(!printed.contains("hunter") && !debug.contains("hunter"), "{printed}\n{debug}");
    assert_eq!(printed.matches("password_secret = \"***\"").count(), 2, "{printed}");
}

#[test]
fn a_password_that_is_not_a_text_is_not_repeated() {
    let shown = read_text("[redis]\npassword_secret = 123456\n").unwrap_err().to_string();
    assert!(shown.contains("redis.password_secret") && !shown.contains("123456"), "{shown}");
}

#[test]
fn a_password_comes_from_the_environment() {
    let environment = environment(&[
        ("PIX_STREAM_CASSANDRA_USERNAME", "app"),
        ("PIX_STREAM_CASSANDRA_PASSWORD_SECRET", "hunter2"),
        ("PIX_STREAM_CASSANDRA_CONTACT_POINTS", "a:9042, b:9042"),
        ("PIX_STREAM_CASSANDRA_REPLICATION", "dc1:3,dc2:3"),
        ("PIX_STREAM_REDIS_PASSWORD_FILE", "redis-password"),
    ]);
    let config = read_with(CLUSTER, &environment, Flags::default()).unwrap();
    let credentials = config.cassandra.find_credentials().unwrap().unwrap();
    assert_eq!((credentials.username.as_str(), credentials.password.expose()), ("app", "hunter2"));
    assert_eq!(config.cassandra.contact_points[1].host(), "b");
    assert_eq!(config.cassandra.replication[1].copies, 3);
    assert_eq!(config.redis.password_file.as_deref(), Some(Path::new("/base/redis-password")));
    assert_eq!(
        config.missing_files().iter().filter(|(key, _)| *key == "redis.password_file").count(),
        1,
        "a password file that is not there is told"
    );
}

#[test]
fn a_password_stands_in_one_place() {
    let environment = environment(&[("PIX_STREAM_REDIS_PASSWORD_SECRET", "hunter2")]);
    let problems = read_with("redis.password_file = \"p\"\n", &environment, Flags::default()).unwrap_err();
    assert!(problems.to_string().contains("redis.password_file: there are two passwords"), "{problems}");
}

#[test]
fn variables_for_services_named_like_our_sections_are_left_alone() {
    let environment = environment(&[
        ("PIX_STREAM_REDIS_SERVICE_HOST", "10.0.0.1"),
        ("PIX_STREAM_REDIS_SERVICE_PORT", "6379"),
        ("PIX_STREAM_REDIS_SERVICE_PORT_REDIS", "6379"),
        ("PIX_STREAM_CASSANDRA_PORT", "tcp://10.0.0.1:9042"),
        ("PIX_STREAM_CASSANDRA_PORT_9042_TCP_ADDR", "10.0.0.1"),
    ]);
    assert!(read_with("", &environment, Flags::default()).is_ok());
}

#[test]
fn a_cluster_prints_what_reads_back_as_the_same() {
    let text = format!(
        "{CLUSTER}{REGIONS}cassandra.contact_points = [\"[::1]:9042\"]\nredis.topology = \"cluster\"\n\
         redis.nodes = [\"a:1\", \"b:2\"]\nredis.tls = true\nredis.ca = \"ca.pem\"\nintake.stream = \"in\"\n\
         redis.password_secret = \"hunter2\"\n"
    );
    let config = read_text(&text).unwrap();
    assert_eq!(read_text(&config.to_commented_toml()).unwrap(), config);
}
