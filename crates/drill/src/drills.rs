//! The drills: what each stands on, what goes wrong, and what must be noticed. Data only.
//!
//! Lines are of a shell, as in [`crate::page`], with the variables of docs/runbooks/README.md. `& ` before a line: it
//! goes on in the background until the drill is over; `- `: it may fail.

use std::time::Duration;

use crate::ground::{Kind, Wanted};
use crate::rules::Threshold;

/// One drill.
#[derive(Debug, Clone, Copy)]
pub struct Drill {
    /// Its name; that of the page for a runbook.
    pub name: &'static str,
    /// What it shows, in one line.
    pub about: &'static str,
    /// What it stands on.
    pub wanted: Wanted,
    /// What goes on before anything is wrong, until the end.
    pub load: &'static [&'static str],
    /// What goes wrong.
    pub symptom: &'static [&'static str],
    /// What is carried out, or waited for.
    pub goal: Goal,
}

/// What a drill is about.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    /// The page `docs/runbooks/NAME.md` is carried out.
    Page,
    /// An alert fires in time.
    Alert {
        /// Its name.
        name: &'static str,
        /// From the symptom, with real times.
        within: Duration,
        /// Thresholds that go with the times.
        thresholds: &'static [Threshold],
    },
    /// No alert fires for so long.
    Quiet {
        /// In the drill's own time.
        lasts: Duration,
    },
}

impl Drill {
    /// Whether it needs no stores, no Prometheus, and no rights: part of `cargo xtask test`.
    #[must_use]
    pub fn is_cheap(&self) -> bool {
        matches!(self.goal, Goal::Page)
            && self.wanted.kind == Kind::Embedded
            && self.wanted.disk_mib.is_none()
    }
}

/// What ends at an empty read ends soon.
const LONG_POLL: (&str, &str) = ("PIX_STREAM_STREAM_LONG_POLL", "1s");
const EMBEDDED: Wanted = Wanted { kind: Kind::Embedded, settings: &[LONG_POLL], disk_mib: None };
const STACK: Wanted =
    Wanted { kind: Kind::Stack { cassandra_nodes: 1, datacenters: 1 }, settings: &[], disk_mib: None };
const NOTHING: &[&str] = &[];

const fn page(
    name: &'static str,
    about: &'static str,
    wanted: Wanted,
    symptom: &'static [&'static str],
) -> Drill {
    Drill { name, about, wanted, load: NOTHING, symptom, goal: Goal::Page }
}

const PUBLISH_20: &str =
    "pix-stream publish --dir \"$DIR\" --ispb \"$ISPB\" --generate 20 --seed 1 >/dev/null";
/// A message that no schema accepts.
const MAKE_BAD: &str = "pix-stream publish --dir \"$DIR\" --ispb 9999900A --generate 1 --seed 9 >/dev/null && pix-stream pull --dir \"$DIR\" --ispb 9999900A --count 1 --save sample >/dev/null && sed 's#</Document>#<Sandbank/></Document>#' sample/*.xml > bad.xml";

/// All there are: pages by name, then incidents.
pub const ALL: &[Drill] = &[
    page("onboarding", "a participant comes, with its own certificate", EMBEDDED, NOTHING),
    page(
        "throttling",
        "one participant asks far too often",
        Wanted { settings: &[LONG_POLL, ("PIX_STREAM_RATE_REQUESTS_PER_SECOND", "20")], ..EMBEDDED },
        &[
            "& while :; do curl -s -o /dev/null $PSP \"$API/api/v1/out/$ISPB/stream/none[1-60]\"; sleep 0.2; done",
        ],
    ),
    page(
        "cursor-reset",
        "a participant has lost what it had confirmed",
        EMBEDDED,
        &[PUBLISH_20, "pix-stream pull --dir \"$DIR\" --ispb \"$ISPB\" >/dev/null"],
    ),
    page(
        "replay-request",
        "a participant wants to see old messages again, beside its stream",
        EMBEDDED,
        &[PUBLISH_20, "pix-stream pull --dir \"$DIR\" --ispb \"$ISPB\" >/dev/null"],
    ),
    page("legal-hold", "a court wants messages kept", EMBEDDED, &[PUBLISH_20]),
    page(
        "quarantine-flood",
        "a producer's messages are all refused",
        EMBEDDED,
        &[
            MAKE_BAD,
            "for n in 1 2 3 4 5; do sed \"s#<Sandbank/>#<Sandbank$n/>#\" bad.xml > bad-$n.xml; done",
            "pix-stream publish --dir \"$DIR\" --ispb \"$ISPB\" --quarantine bad-[1-5].xml >/dev/null",
        ],
    ),
    page("key-rotation", "the key that signs tokens is old", EMBEDDED, &[PUBLISH_20]),
    page("certificate-rotation", "the server's certificate ends soon", EMBEDDED, NOTHING),
    page(
        "redis-loss",
        "Redis is gone",
        STACK,
        &[
            "systemctl kill redis-server",
            "pix-stream publish --dir \"$DIR\" --ispb \"$ISPB\" --generate 5 >/dev/null",
        ],
    ),
    page(
        "cassandra-partial-outage",
        "one Cassandra node of three is gone",
        Wanted { kind: Kind::Stack { cassandra_nodes: 3, datacenters: 1 }, ..STACK },
        &["systemctl kill cassandra-3"],
    ),
    page(
        "load-balancer-saturation",
        "more connections than the node takes",
        EMBEDDED,
        &[
            "sed -i '/^\\[limits\\]/,/^\\[/ s/^\\(connections[a-z_]*\\) = .*/\\1 = 20/' \"$DIR/pix-stream.toml\"",
            "systemctl restart pix-stream",
            "& for n in $(seq 40); do sleep 600 | openssl s_client -connect \"${API#https://}\" -CAfile \"$DIR/tls/ca.pem\" -cert \"$DIR/clients/psp-$ISPB.pem\" -key \"$DIR/clients/psp-$ISPB.key\" >/dev/null 2>&1 & done; wait",
        ],
    ),
    page(
        "region-failover",
        "a data centre is lost, and comes back",
        Wanted {
            kind: Kind::Stack { cassandra_nodes: 1, datacenters: 2 },
            settings: &[("PIX_STREAM_REGION_LEASE", "8s"), ("PIX_STREAM_REGION_MARGIN", "1750ms")],
            ..STACK
        },
        &[
            "pix-stream publish --dir \"$DIR\" --ispb \"$ISPB\" --generate 5 >/dev/null || pix-stream publish --dir \"$DIR_2\" --ispb \"$ISPB\" --generate 5 >/dev/null",
            "ssh dc1 systemctl kill cassandra",
            "ssh dc1 systemctl kill redis-server",
            "ssh dc1 systemctl kill pix-stream",
        ],
    ),
    page(
        "disk-full",
        "the disk of the journal is full",
        Wanted { disk_mib: Some(32), ..EMBEDDED },
        &[
            PUBLISH_20,
            "- dd if=/dev/zero of=\"$DIR/data/core.4711\" bs=64k 2>/dev/null",
            "- dd if=/dev/zero of=\"$DIR/data/core.4712\" bs=1k 2>/dev/null",
        ],
    ),
    page("lag", "messages wait for a participant that does not read", EMBEDDED, &[PUBLISH_20]),
    page(
        "invalid-tokens",
        "reads bring tokens that do not hold",
        EMBEDDED,
        &["curl -s -o /dev/null $PSP \"$API/api/v1/out/$ISPB/stream/forged[1-30]\""],
    ),
    page(
        "thread-limit",
        "a client opens streams without end",
        EMBEDDED,
        &[
            PUBLISH_20,
            "for n in $(seq 9); do curl -s -o /dev/null $PSP \"$API/api/v1/out/$ISPB/stream/start\"; done",
        ],
    ),
    page("latency", "reads take longer than 200 ms", EMBEDDED, &[PUBLISH_20]),
    page("audit-queue", "the audit log cannot keep up", EMBEDDED, &[PUBLISH_20]),
    page("silent-participant", "a participant has stopped reading", EMBEDDED, &[PUBLISH_20]),
];

/// The drill of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Drill> {
    all().find(|drill| drill.name == name)
}

/// Pages, then incidents.
pub fn all() -> impl Iterator<Item = &'static Drill> {
    ALL.iter().chain(crate::incidents::ALL)
}

pub(crate) const SCHEMA_BAD: &str = MAKE_BAD;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use pix_stream_config::{Environment, Flags};

    use super::*;

    #[test]
    fn names_are_unique_and_enough_of_them_are_cheap() {
        let names: Vec<_> = all().map(|drill| drill.name).collect();
        assert!(names.iter().enumerate().all(|(at, name)| !names[..at].contains(name)), "{names:?}");
        assert!(all().filter(|drill| drill.is_cheap()).count() >= 10);
    }

    /// As a server of two data centres is configured, and on top what is given here.
    #[test]
    fn no_server_refuses_the_settings() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/config.example.toml");
        let stack = [
            ("JOURNAL_KIND", "cassandra"),
            ("CASSANDRA_REPLICATION", "dc1:1,dc2:1"),
            ("COORDINATOR_KIND", "redis"),
            ("REGION_NAME", "dc1"),
            ("REGION_ALL", "dc1,dc2"),
        ];
        for drill in all() {
            let stack = stack.iter().map(|(name, value)| (format!("PIX_STREAM_{name}"), (*value).to_owned()));
            let own =
                drill.wanted.settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let environment = Environment::of(stack.chain(own));
            let loaded = pix_stream_config::load(Path::new(file), &environment, Flags::default());
            assert!(loaded.is_ok(), "{}: {:?}", drill.name, loaded.err());
        }
    }
}
