//! Arrows: which crate may depend on which, and who alone may name a third-party crate (house plan, section 3).
//!
//! Compares the manifests, as cargo understands them, with the tables below. A new arrow takes an ADR.

use color_eyre::eyre::{Result, WrapErr as _};
use serde::Deserialize;

use crate::process;
use crate::tidy::Problem;

/// Prefix of our packages' names.
const OURS: &str = "pix-stream-";

/// What one crate may depend on, of ours.
struct Arrows {
    package: &'static str,
    normal: &'static [&'static str],
    /// For tests, besides `normal`.
    dev: &'static [&'static str],
}

/// The house plan's table. A crate that is missing here may not exist.
const TABLE: &[Arrows] = &[
    Arrows { package: "domain", normal: &[], dev: &[] },
    Arrows { package: "ports", normal: &["domain"], dev: &[] },
    Arrows { package: "fallback", normal: &["domain", "ports"], dev: &["testkit"] },
    Arrows { package: "hot", normal: &["domain", "ports"], dev: &["testkit"] },
    Arrows { package: "pace", normal: &["domain"], dev: &[] },
    // What a request leaves behind, whoever works for it.
    Arrows { package: "telemetry", normal: &[], dev: &[] },
    // Traces on their way out; the only one that knows OpenTelemetry.
    Arrows { package: "otlp", normal: &["telemetry"], dev: &["collector"] },
    // For tests alone.
    Arrows { package: "collector", normal: &[], dev: &[] },
    Arrows { package: "calls", normal: &["domain", "pace", "ports", "telemetry"], dev: &[] },
    // Records of participants and switches; knows no stream.
    Arrows { package: "registry", normal: &["calls", "domain", "ports"], dev: &[] },
    // What a replay session reads.
    Arrows { package: "replay", normal: &["calls", "domain", "hot", "ports"], dev: &["testkit"] },
    Arrows {
        package: "app",
        normal: &["calls", "domain", "hot", "ports", "registry", "replay", "telemetry"],
        dev: &["testkit"],
    },
    Arrows { package: "intake", normal: &["app", "domain", "ports"], dev: &["testkit"] },
    // What an audit chain proves: its lines and what is read from them. No store, no clock.
    Arrows { package: "evidence", normal: &["domain", "ports"], dev: &["testkit"] },
    Arrows { package: "adapter-embedded", normal: &["domain", "evidence", "ports"], dev: &["testkit"] },
    // The part of the Cassandra adapter that gives messages their order.
    Arrows { package: "cassandra-streams", normal: &["cql", "domain", "ports"], dev: &["testkit"] },
    Arrows {
        package: "adapter-cassandra",
        normal: &["cassandra-streams", "cql", "domain", "ports"],
        dev: &["cql-mock", "stores", "testkit"],
    },
    Arrows { package: "adapter-redis", normal: &["domain", "ports"], dev: &["stores", "testkit"] },
    Arrows { package: "datatypes", normal: &[], dev: &[] },
    Arrows { package: "xsd", normal: &[], dev: &[] },
    Arrows { package: "schema", normal: &["datatypes", "xsd"], dev: &[] },
    Arrows { package: "signature", normal: &[], dev: &[] },
    Arrows { package: "adapter-xml", normal: &["domain", "ports", "schema", "signature"], dev: &["testkit"] },
    Arrows { package: "offline", normal: &["adapter-xml", "ports"], dev: &[] },
    Arrows { package: "listener", normal: &["domain"], dev: &[] },
    // Its tests drive the real app over fakes.
    Arrows {
        package: "delivery",
        normal: &["app", "domain", "listener", "telemetry"],
        dev: &["ports", "testkit"],
    },
    // The admin API is another edge over the same app; what it does to its process is behind traits of its own.
    Arrows {
        package: "admin",
        normal: &["app", "delivery", "domain", "listener"],
        dev: &["ports", "testkit"],
    },
    Arrows { package: "client", normal: &["domain"], dev: &["testkit"] },
    // A session with Cassandra that knows nothing of ours; its tests drive it against the mock.
    Arrows { package: "cql", normal: &[], dev: &["cql-mock"] },
    // For tests alone.
    Arrows { package: "cql-mock", normal: &[], dev: &[] },
    Arrows { package: "config", normal: &["domain"], dev: &[] },
    // The files of token keys; told the time, and given the secrets.
    Arrows { package: "keys", normal: &["domain"], dev: &[] },
    // Its tests hold what it makes up against the real codec.
    Arrows { package: "development", normal: &["config", "domain", "keys"], dev: &["adapter-xml", "ports"] },
    // Which adapter gets which option.
    Arrows {
        package: "cluster",
        normal: &[
            "adapter-cassandra",
            "adapter-redis",
            "config",
            "cql",
            "domain",
            "evidence",
            "fallback",
            "ports",
        ],
        // The audit log that is copied in tests.
        dev: &["adapter-embedded", "testkit"],
    },
    // The machine and the user, for binaries.
    Arrows { package: "process", normal: &["config", "domain", "ports", "telemetry"], dev: &[] },
    // What operators type: a client of the admin API.
    Arrows {
        package: "operate",
        normal: &["client", "config", "development", "domain", "evidence", "keys", "ports", "process"],
        dev: &[],
    },
    Arrows {
        package: "server",
        normal: &[
            "adapter-cassandra",
            "adapter-embedded",
            "adapter-redis",
            "adapter-xml",
            "admin",
            "app",
            "client",
            "cluster",
            "config",
            "cql",
            "delivery",
            "development",
            "domain",
            "evidence",
            "intake",
            "keys",
            "listener",
            "offline",
            "operate",
            "otlp",
            "ports",
            "process",
            "telemetry",
        ],
        dev: &["collector", "stack", "stores", "testkit"],
    },
    // Believes what is seen from outside, so that it can judge every implementation. For tests alone.
    Arrows { package: "oracle", normal: &["domain"], dev: &["testkit"] },
    // Never app: a cycle through dev-dependencies would compile app twice.
    Arrows { package: "testkit", normal: &["domain", "oracle", "ports"], dev: &[] },
    // Real stores as processes; knows nothing of ours.
    Arrows { package: "stores", normal: &[], dev: &[] },
    // The servers of a stack are processes, too.
    Arrows { package: "stack", normal: &["stores"], dev: &[] },
    // What must never be seen in what a server says; knows nothing of ours. For tests alone.
    Arrows { package: "leaks", normal: &[], dev: &[] },
    // Load, faults and the oracle; starts the rest as processes.
    Arrows {
        package: "soak",
        normal: &["client", "development", "domain", "leaks", "testkit"],
        dev: &["config"],
    },
    // What operators type; starts all of ours as processes.
    Arrows { package: "drill", normal: &["stack", "stores"], dev: &["config"] },
    // Measures the codec and the rate limit step by step, and a server as its client.
    Arrows {
        package: "bench",
        normal: &["adapter-embedded", "adapter-xml", "calls", "domain", "ports", "telemetry"],
        dev: &[],
    },
    // Alerts and dashboards as texts; for tidy.
    Arrows { package: "alerts", normal: &[], dev: &["stores"] },
    Arrows { package: "xtask", normal: &["alerts", "stack", "stores"], dev: &[] },
];

/// A third-party crate that only some of ours may name, outside tests.
struct Fence {
    name: &'static str,
    /// Only a dependency that turns this feature on counts.
    feature: Option<&'static str>,
    only: &'static [&'static str],
    why: &'static str,
}

const fn fence(name: &'static str, only: &'static [&'static str], why: &'static str) -> Fence {
    Fence { name, feature: None, only, why }
}

const fn fence_feature(
    name: &'static str,
    feature: &'static str,
    only: &'static [&'static str],
    why: &'static str,
) -> Fence {
    Fence { name, feature: Some(feature), only, why }
}

const BINARIES: &[&str] = &["bench", "drill", "server", "soak", "xtask"];
const FLAGS: &[&str] = &["bench", "drill", "operate", "server", "soak", "xtask"];
const HTTP: &[&str] = &["admin", "client", "delivery", "listener", "operate", "otlp", "server"];
const HTTP_SERVERS: &[&str] = &["delivery", "listener"];
const TLS: &[&str] = &[
    "adapter-redis",
    "bench",
    "client",
    "cluster",
    "cql",
    "cql-mock",
    "listener",
    "otlp",
    "process",
    "server",
    "soak",
    "stores",
];
// The benchmark measures the reader alone, too.
const XML: &[&str] = &["adapter-xml", "bench", "signature", "xsd"];
const AROUND_APP: &[&str] = &[
    "adapter-cassandra",
    "adapter-embedded",
    "adapter-redis",
    "admin",
    "app",
    "bench",
    "calls",
    "cassandra-streams",
    "client",
    "cluster",
    "collector",
    "cql",
    "cql-mock",
    "delivery",
    "fallback",
    "hot",
    "intake",
    "listener",
    "operate",
    "otlp",
    "process",
    "registry",
    "server",
    "soak",
    "telemetry",
    "testkit",
];

const FENCES: &[Fence] = &[
    fence("tokio", AROUND_APP, "domain, ports and the codec are synchronous or runtime-free"),
    fence("futures-util", AROUND_APP, "domain and ports use std::future only"),
    fence("tracing", AROUND_APP, "what is worth a log line happens around the domain"),
    fence("metrics", AROUND_APP, "what is worth a metric happens around the domain"),
    fence("redb", &["adapter-embedded"], "a driver is named by its adapter alone"),
    fence("xml-rs", XML, "XML stops at the codec"),
    fence("fred", &["adapter-redis"], "a driver is named by its adapter alone"),
    fence("cdrs-tokio", &["cql"], "a driver is named by its adapter alone"),
    fence("opentelemetry", &["otlp"], "what a trace holds is decided without it"),
    fence("opentelemetry_sdk", &["otlp"], "what a trace holds is decided without it"),
    fence("opentelemetry-otlp", &["otlp"], "what a trace holds is decided without it"),
    fence("hyper", HTTP, "HTTP stops at the edge"),
    fence("hyper-util", HTTP, "HTTP stops at the edge"),
    fence("http", HTTP, "HTTP stops at the edge"),
    fence("tower", &[], "a service is a function (ADR 0008)"),
    fence_feature("hyper", "server", HTTP_SERVERS, "only the listener and delivery serve HTTP"),
    fence_feature("hyper-util", "server", HTTP_SERVERS, "only the listener and delivery serve HTTP"),
    fence("rustls", TLS, "TLS stops at the edge"),
    fence("tokio-rustls", TLS, "TLS stops at the edge"),
    fence("x509-parser", &["listener", "signature"], "certificates become identities or keys there"),
    fence("anyhow", BINARIES, "below the binary errors are enums"),
    fence("color-eyre", BINARIES, "below the binary errors are enums"),
    fence("clap", FLAGS, "flags are read in the binary, those of operators beside it"),
    fence("clap_complete", &["server"], "flags are read in the binary, those of operators beside it"),
    fence("mimalloc", BINARIES, "the allocator is the binary's choice"),
];

/// All that the domain may use, so that other teams can take it alone.
const DOMAIN_ALLOWED: [&str; 4] = ["base64", "hmac", "sha2", "thiserror"];

/// What `cargo metadata` says, as far as we ask.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// `None` for a normal one.
    kind: Option<String>,
    #[serde(default)]
    features: Vec<String>,
}

/// Asks cargo for the manifests.
pub(super) fn read() -> Result<Metadata> {
    let mut cargo = process::cargo();
    cargo.args(["metadata", "--format-version", "1", "--no-deps", "--offline"]);
    serde_json::from_slice(&process::output(&mut cargo)?).wrap_err("cannot read what cargo metadata says")
}

/// Finds dependencies that the tables do not name.
pub(super) fn check(metadata: &Metadata) -> Vec<Problem> {
    let mut problems = Vec::new();
    for package in &metadata.packages {
        let name = package.name.strip_prefix(OURS).unwrap_or(&package.name);
        let folder = if name == "xtask" { name.to_owned() } else { format!("crates/{name}") };
        let mut report = |message: String| {
            problems.push(Problem::new(&format!("{folder}/Cargo.toml"), 1, message));
        };
        let Some(arrows) = TABLE.iter().find(|row| row.package == name) else {
            report(format!("crate `{name}` has no row in the table of arrows (a new crate takes an ADR)"));
            continue;
        };
        for dependency in &package.dependencies {
            if let Some(message) = find_fault(arrows, dependency) {
                report(message);
            }
        }
    }
    problems
}

fn find_fault(arrows: &Arrows, dependency: &Dependency) -> Option<String> {
    let Arrows { package, normal, dev } = arrows;
    let name = dependency.name.as_str();
    let is_dev = dependency.kind.as_deref() == Some("dev");
    if let Some(ours) = name.strip_prefix(OURS) {
        let allowed = normal.contains(&ours) || (is_dev && dev.contains(&ours));
        return (!allowed).then(|| {
            let how = if is_dev { "depend on, for tests," } else { "depend on" };
            format!("{package} may not {how} {ours}")
        });
    }
    if is_dev {
        return None;
    }
    if *package == "domain" && !DOMAIN_ALLOWED.contains(&name) {
        return Some(format!("domain may use {} only, not {name}", DOMAIN_ALLOWED.join(", ")));
    }
    let broken = FENCES.iter().find(|fence| {
        let is_meant = fence.feature.is_none_or(|feature| dependency.features.iter().any(|f| f == feature));
        fence.name == name && is_meant && !fence.only.contains(package)
    })?;
    Some(format!("{package} may not depend on {name}: {}", broken.why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(package: &str, dependencies: &[(&str, Option<&str>, &[&str])]) -> Vec<String> {
        let dependencies = dependencies
            .iter()
            .map(|(name, kind, features)| Dependency {
                name: (*name).to_owned(),
                kind: kind.map(str::to_owned),
                features: features.iter().map(|f| (*f).to_owned()).collect(),
            })
            .collect();
        let package = Package { name: format!("{OURS}{package}"), dependencies };
        check(&Metadata { packages: vec![package] }).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_arrow_of_the_plan_is_fine() {
        assert!(problems("app", &[("pix-stream-domain", None, &[]), ("tokio", None, &["sync"])]).is_empty());
    }

    #[test]
    fn an_arrow_outwards_is_found() {
        assert_eq!(
            problems("domain", &[("pix-stream-ports", None, &[])]),
            ["crates/domain/Cargo.toml:1: domain may not depend on ports"]
        );
        assert_eq!(problems("adapter-xml", &[("pix-stream-adapter-embedded", None, &[])]).len(), 1);
        assert_eq!(problems("client", &[("pix-stream-app", None, &[])]).len(), 1);
    }

    #[test]
    fn testkit_is_for_tests_alone() {
        assert!(problems("app", &[("pix-stream-testkit", Some("dev"), &[])]).is_empty());
        assert_eq!(problems("app", &[("pix-stream-testkit", None, &[])]).len(), 1);
        assert_eq!(problems("server", &[("pix-stream-testkit", None, &[])]).len(), 1);
        assert_eq!(problems("testkit", &[("pix-stream-app", Some("dev"), &[])]).len(), 1);
    }

    #[test]
    fn the_domain_uses_four_crates() {
        assert!(problems("domain", &[("sha2", None, &[]), ("proptest", Some("dev"), &[])]).is_empty());
        assert_eq!(problems("domain", &[("serde", None, &[])]).len(), 1);
    }

    #[test]
    fn drivers_tls_and_hypers_server_side_have_few_users() {
        assert_eq!(problems("app", &[("redb", None, &[])]).len(), 1);
        assert_eq!(problems("app", &[("hyper", None, &[])]).len(), 1);
        assert_eq!(problems("ports", &[("tokio", None, &[])]).len(), 1);
        assert!(problems("server", &[("hyper", None, &["client"])]).is_empty());
        assert_eq!(problems("server", &[("hyper", None, &["client", "server"])]).len(), 1);
        assert!(problems("listener", &[("hyper", None, &["server"])]).is_empty());
        assert_eq!(problems("delivery", &[("rustls", None, &[])]).len(), 1);
        assert_eq!(problems("listener", &[("pix-stream-app", None, &[])]).len(), 1);
    }

    #[test]
    fn a_crate_outside_the_table_is_found() {
        assert_eq!(problems("common", &[]).len(), 1);
    }
}
