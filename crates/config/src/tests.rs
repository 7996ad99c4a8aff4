//! Sources and their order, positions, ranges and rules of the configuration (A.4).

mod cluster;

use super::*;

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::of(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn read_with(text: &str, environment: &Environment, flags: Flags) -> Result<Config, Problems> {
    let source = read::Source { path: Path::new("f.toml"), base: Path::new("/base"), text };
    read::read(&source, environment, flags)
}

fn read_text(text: &str) -> Result<Config, Problems> {
    read_with(text, &Environment::default(), Flags::default())
}

/// `place: key: message` of every problem, without hints.
fn problems(text: &str) -> Vec<String> {
    let problems = read_text(text).expect_err("has problems");
    let lines = problems.all().iter().map(|problem| {
        let shown = problem.to_string();
        shown.lines().next().unwrap_or_default().to_owned()
    });
    lines.collect()
}

#[test]
fn a_file_with_only_listen_works() {
    let config = read_text("[listen]\napi = \"0.0.0.0:1\"\n").unwrap();
    assert_eq!(config.listen.api.port(), 1);
    assert_eq!(config.listen.admin.port(), 9443);
    assert_eq!(config.journal.directory, Path::new("/base/data"));
    assert_eq!(config.tls.certificates[1].key, Path::new("/base/tls/server-rsa.key"));
}

#[test]
fn an_empty_file_works() {
    assert!(read_text("").is_ok());
}

#[test]
fn defaults_allow_the_capacity_that_is_promised() {
    let limits = Config::default().limits;
    assert!(limits.connections >= 2_500 && limits.connections_per_participant >= 2_500);
    assert!(limits.waiting_reads >= 2_500 && limits.backlog_high_water >= 100_000);
}

#[test]
fn the_environment_overrides_the_file_and_flags_override_both() {
    let file = "[listen]\napi = \"127.0.0.1:1\"\nadmin = \"127.0.0.1:2\"\n[stream]\nidle = \"20s\"\n";
    let environment =
        environment(&[("PIX_STREAM_LISTEN_API", "127.0.0.1:3"), ("PIX_STREAM_LISTEN_ADMIN", "127.0.0.1:4")]);
    let flags = Flags { listen: Some("127.0.0.1:5".parse().unwrap()), admin_listen: None };
    let config = read_with(file, &environment, flags).unwrap();
    assert_eq!([config.listen.api.port(), config.listen.admin.port()], [5, 4]);
    assert_eq!(config.stream.idle.as_secs(), 20);
}

#[test]
fn every_type_can_come_from_the_environment() {
    let environment = environment(&[
        ("PIX_STREAM_LISTEN_PLAIN_HEALTH", "true"),
        ("PIX_STREAM_STREAM_BATCH_MAX", "3"),
        ("PIX_STREAM_STREAM_LONG_POLL", "0s"),
        ("PIX_STREAM_LIMITS_MESSAGE_BYTES", "128KiB"),
        ("PIX_STREAM_LIMITS_HEAD_BYTES", "20000"),
        ("PIX_STREAM_TLS_CRL", "a.crl, b.crl"),
        ("PIX_STREAM_TLS_ISPB_FROM", "cn"),
        ("PIX_STREAM_TLS_CERTIFICATES", "a.pem:a.key,b.pem:b.key"),
        ("PIX_STREAM_ROLES_PRODUCERS", "[{ name = \"core\", publish = [\"99999001\"] }]"),
        ("PIX_STREAM_ROLES_ADMINS", "root,ops"),
        ("PIX_STREAM_ROLES_AUDITORS", ""),
        ("PIX_STREAM_LOG_FORMAT", "json"),
    ]);
    let config = read_with("", &environment, Flags::default()).unwrap();
    assert!(config.listen.plain_health);
    assert_eq!(config.stream.batch_max, 3);
    assert_eq!(config.stream.long_poll, std::time::Duration::ZERO);
    assert_eq!((config.limits.message_bytes.bytes(), config.limits.head_bytes.bytes()), (131_072, 20_000));
    assert_eq!(config.tls.crl, [Path::new("/base/a.crl"), Path::new("/base/b.crl")]);
    assert_eq!(config.tls.ispb_from, [IspbSource::Cn]);
    assert_eq!(config.tls.certificates[1].chain, Path::new("/base/b.pem"));
    assert!(config.roles.producers[0].publish.allows("99999001".parse().unwrap()));
    assert!(!config.roles.producers[0].publish.allows("99999002".parse().unwrap()));
    assert_eq!(config.roles.admins.len(), 2);
    assert!(config.roles.auditors.is_empty());
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn a_problem_of_the_environment_names_the_variable() {
    let environment = environment(&[("PIX_STREAM_STREAM_IDLE", "soon"), ("PIX_STREAM_STREAM_IDEL", "1s")]);
    let problems =
        read_with("[stream]\nidle = \"20s\"\n", &environment, Flags::default()).unwrap_err().to_string();
    assert!(
        problems.contains("environment variable PIX_STREAM_STREAM_IDLE: stream.idle: takes a duration"),
        "{problems}"
    );
    assert!(problems.contains("did you mean `PIX_STREAM_STREAM_IDLE`?"), "{problems}");
}

#[test]
fn a_quarantine_has_room_for_the_largest_message() {
    let file = "[quarantine]\nbytes = \"1MiB\"\n[limits]\nmessage_bytes = \"2MiB\"\n";
    let found = problems(file);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("quarantine.bytes (1048576) must not be less than limits.message_bytes"),
        "{found:?}"
    );
}

#[test]
fn variables_of_container_platforms_are_left_alone() {
    let environment = environment(&[
        ("PIX_STREAM_SERVICE_HOST", "10.0.0.1"),
        ("PIX_STREAM_PORT", "tcp://10.0.0.1:8443"),
        ("PIX_STREAM_PORT_8443_TCP_ADDR", "10.0.0.1"),
    ]);
    assert!(read_with("", &environment, Flags::default()).is_ok());
}

#[test]
fn an_unknown_key_names_the_nearest_known_one() {
    let problems = read_text("[stream]\nlongpoll = \"5s\"\n[streem]\nidle = \"1s\"\n").unwrap_err();
    let shown = problems.to_string();
    assert!(
        shown.contains("f.toml:2:1: stream.longpoll: unknown key\n  hint: did you mean `long_poll`?"),
        "{shown}"
    );
    assert!(
        shown.contains("f.toml:3:2: streem: unknown section or key\n  hint: did you mean `stream`?"),
        "{shown}"
    );
}

#[test]
fn a_key_outside_its_section_is_sent_there() {
    let shown = read_text("token_life = \"5m\"\n").unwrap_err().to_string();
    assert!(shown.contains("`token_life` belongs below `[stream]`"), "{shown}");
}

#[test]
fn all_problems_are_reported_at_once_in_the_order_of_the_file() {
    let text = "[rate]\nwindow = \"1ms\"\n[stream]\nbatch_max = 11\nlong_poll = \"7s\"\nidle = 10\n[log]\nlevel = \"inof\"\n";
    assert_eq!(
        problems(text),
        [
            "f.toml:2:10: rate.window: takes \"100ms\" to \"1m\", this is \"1ms\"",
            "f.toml:4:13: stream.batch_max: takes 1 to 10, this is 11",
            "f.toml:5:13: stream.long_poll: takes \"0s\" to \"6s\", this is \"7s\"",
            "f.toml:6:8: stream.idle: takes a duration with its unit (ms, s, m, h, d) such as \"5s\", 10 has no unit",
            "f.toml:8:9: log.level: \"inof\" is not a level: off, error, warn, info, debug, trace",
        ]
    );
}

#[test]
fn keys_that_contradict_each_other_are_refused() {
    for (text, key) in [
        ("[stream]\nidle = \"10m\"\n", "stream.idle"),
        ("[stream]\nidle = \"1s\"\nlong_poll = \"5s\"\ntoken_life = \"3s\"\n", "stream.token_life"),
        ("[limits]\nmessage_bytes = \"8MiB\"\n", "limits.message_bytes"),
        ("[limits]\nhot_bytes = \"1MiB\"\n", "limits.hot_bytes"),
        ("[limits]\nconnections = 5\n", "limits.connections"),
        ("[limits]\nwaiting_reads = 5\n", "limits.waiting_reads"),
        ("[rate]\nrequests_per_second = 100000\nwindow = \"60s\"\n", "rate.window"),
        ("[rate]\nrequests_per_second = 1\nwindow = \"100ms\"\n", "rate.window"),
        ("[listen]\napi = \"127.0.0.1:9443\"\n", "listen.api"),
        (
            "[listen]\nplain_health = true\nplain_health_listen = \"0.0.0.0:1\"\n",
            "listen.plain_health_listen",
        ),
        ("[tls]\nca = []\n", "tls.ca"),
        ("[tls]\nispb_from = [\"ou\", \"ou\"]\n", "tls.ispb_from"),
        ("[wire]\nproblem_type_base = \"https://x\"\n", "wire.problem_type_base"),
    ] {
        let problems = read_text(text).expect_err(text);
        assert_eq!(
            problems.all().iter().map(|problem| problem.key.as_str()).collect::<Vec<_>>(),
            [key],
            "{text}"
        );
    }
}

#[test]
fn port_0_can_be_shared() {
    assert!(read_text("[listen]\napi = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n").is_ok());
}

#[test]
fn a_mistake_is_reported_once() {
    assert_eq!(problems("[stream]\ntoken_life = \"0s\"\n").len(), 1);
}

#[test]
fn what_is_printed_reads_back_as_the_same() {
    let text = "[tls]\ncrl = [\"r.crl\"]\n[schemas]\ndirectory = \"x\\\"y\"\n[limits]\nmessage_bytes = 1025\n\
                [roles]\nproducers = [{ fingerprint = \"sha256:0000000000000000000000000000000000000000000000000000000000000001\", publish = [] }]\n";
    let config = read_text(text).unwrap();
    assert_eq!(read_text(&config.to_masked_toml()).unwrap(), config);
    assert_eq!(read_text(&config.to_commented_toml()).unwrap(), config);
}

#[test]
fn secrets_are_masked() {
    let key = |name| describe::KeyInfo {
        name,
        about: "",
        form: String::new(),
        range: String::new(),
        schema: serde_json::Value::Null,
        value: Some("\"hunter2\"".to_owned()),
    };
    let keys = ["client_secret", "url", "redis_url", "user"].map(key).into();
    let shown = document::masked_toml(&[describe::SectionInfo { name: "s", about: "", keys }]);
    assert_eq!(
        shown,
        "[s]\nclient_secret = \"***\"\nurl = \"***\"\nredis_url = \"***\"\nuser = \"hunter2\"\n"
    );
}

#[test]
fn the_rate_multiplies_to_requests_per_window() {
    let config = read_text("[rate]\nrequests_per_second = 25\nwindow = \"1500ms\"\n").unwrap();
    assert_eq!(config.rate.requests_per_window(), 37);
}

#[test]
fn the_schema_knows_every_key_with_its_default() {
    let schema = json_schema();
    assert_eq!(schema.pointer("/properties/stream/properties/batch_max/default"), Some(&10.into()));
    assert_eq!(schema.pointer("/properties/stream/properties/batch_max/maximum"), Some(&10.into()));
    assert_eq!(schema.pointer("/properties/limits/properties/head_timeout/default"), Some(&"30s".into()));
    assert_eq!(schema.pointer("/properties/listen/additionalProperties"), Some(&false.into()));
}

#[test]
fn back_pressure_begins_before_reads_are_refused_anyway() {
    let text = "[backpressure]\nqueue_delay = \"300ms\"\nshed_factor = 4\n";
    let shown = read_text(text).unwrap_err().to_string();
    assert!(
        shown.contains("queue_delay (300ms) times shed_factor (4) must not be more than 900ms"),
        "{shown}"
    );
    assert!(!read_text("[backpressure]\nenabled = false\n").unwrap().backpressure.enabled);
}
