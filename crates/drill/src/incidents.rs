//! The incidents (issue 7, item 7): what goes wrong under a real Prometheus, and the alert that must fire. Data only.

use std::time::Duration;

use crate::drills::{Drill, Goal, SCHEMA_BAD};
use crate::ground::{Kind, Wanted};
use crate::rules::Threshold;

const EMBEDDED: Wanted = Wanted { kind: Kind::Embedded, settings: &[], disk_mib: None };
const STACK: Wanted =
    Wanted { kind: Kind::Stack { cassandra_nodes: 1, datacenters: 1 }, settings: &[], disk_mib: None };
/// Two participants that are served as they should be.
const LOAD: &[&str] = &[
    "& while :; do pix-stream publish --dir \"$DIR\" --ispb \"$ISPB\" --generate 100000 --rate 10; sleep 0.5; done",
    "& while :; do pix-stream publish --dir \"$DIR\" --ispb \"$OTHER\" --generate 100000 --rate 5; sleep 0.5; done",
    "& while :; do pix-stream pull --dir \"$DIR\" --ispb \"$ISPB\" --streams 2 --follow; sleep 0.5; done",
    "& while :; do pix-stream pull --dir \"$DIR\" --ispb \"$OTHER\" --follow; sleep 0.5; done",
];
/// `pix_stream_lag_seconds` is in real seconds.
const LAG: Threshold = Threshold { alert: "PixStreamLag", from: "> 60", value: 60.0 };
const THREADS: Threshold = Threshold { alert: "PixStreamThreadLimit", from: "> 10", value: 10.0 };
const SCHEMAS: Threshold = Threshold { alert: "PixStreamSchemaFailures", from: "> 50", value: 50.0 };
const SETTLEMENT: Threshold = Threshold { alert: "PixStreamSettlement", from: "> 20", value: 20.0 };
const ALL_SCALED: &[Threshold] = &[LAG, SETTLEMENT, THREADS, SCHEMAS];

const fn incident(
    name: &'static str,
    about: &'static str,
    (alert, within): (&'static str, u64),
    wanted: Wanted,
    symptom: &'static [&'static str],
) -> Drill {
    let within = Duration::from_secs(within);
    let goal = Goal::Alert { name: alert, within, thresholds: ALL_SCALED };
    Drill { name, about, wanted, load: LOAD, symptom, goal }
}

/// All incidents.
pub const ALL: &[Drill] = &[
    Drill {
        name: "quiet",
        about: "nothing is wrong, and no alert fires",
        wanted: EMBEDDED,
        load: LOAD,
        symptom: &[],
        goal: Goal::Quiet { lasts: Duration::from_secs(90) },
    },
    incident(
        "lag-spike",
        "a participant's messages wait: it has stopped reading",
        ("PixStreamLag", 90),
        EMBEDDED,
        &["& pix-stream publish --dir \"$DIR\" --ispb 9999900A --generate 100000 --rate 10"],
    ),
    incident(
        "settlement-at-risk",
        "the same, noticed before a payment settles late",
        ("PixStreamSettlement", 45),
        EMBEDDED,
        &["& pix-stream publish --dir \"$DIR\" --ispb 9999900A --generate 100000 --rate 10"],
    ),
    incident(
        "invalid-token-storm",
        "more than one read of 200 brings a token that does not hold",
        ("PixStreamInvalidTokens", 80),
        EMBEDDED,
        &[
            "& while :; do curl -s -o /dev/null $PSP \"$API/api/v1/out/$ISPB/stream/forged[1-5]\"; sleep 0.2; done",
        ],
    ),
    incident(
        "thread-limit-abuse",
        "a client opens streams that it does not have",
        ("PixStreamThreadLimit", 25),
        EMBEDDED,
        &[
            "pix-stream publish --dir \"$DIR\" --ispb 9999900A --generate 100 >/dev/null",
            "& while :; do curl -s -o /dev/null ${PSP//$ISPB/9999900A} \"$API/api/v1/out/9999900A/stream/start?[1-8]\"; sleep 0.2; done",
        ],
    ),
    incident(
        "schema-failure-storm",
        "a producer sends what no schema accepts",
        ("PixStreamSchemaFailures", 40),
        EMBEDDED,
        &[
            SCHEMA_BAD,
            "& while :; do pix-stream publish --dir \"$DIR\" --ispb \"$OTHER\" bad.xml; sleep 0.1; done",
        ],
    ),
    incident(
        "redis-down",
        "Redis is gone",
        ("PixStreamRedisDown", 40),
        STACK,
        &["systemctl kill redis-server"],
    ),
];
