//! Scenarios: what is started, how it is loaded, what breaks. Data only.

use std::time::Duration;

use pix_stream_domain::ispb::Ispb;

use crate::fault::Kind;

/// One scenario.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// What it is for, in one line.
    pub(crate) about: &'static str,
    pub(crate) target: Target,
    pub(crate) participants: u32,
    /// Messages a second of all participants together.
    pub(crate) rate: u32,
    /// Every so often, for so long, so many times the rate.
    pub(crate) burst: Option<Burst>,
    /// Of 1000 requests to publish, this many carry a message that no schema accepts.
    pub(crate) invalid_per_mille: u16,
    pub(crate) faults: &'static [Kind],
    /// The mean time from the end of a fault to the next one.
    pub(crate) fault_every: Duration,
    pub(crate) minutes: f64,
    /// What servers are told by their environment, on top of the stack's configuration.
    pub(crate) settings: &'static [(&'static str, &'static str)],
    /// A read that is answered 503 is answered so within this time.
    pub(crate) refusal_max: Option<Duration>,
}

impl Scenario {
    /// Its participants.
    pub(crate) fn ispbs(&self) -> Vec<Ispb> {
        (0..self.participants).filter_map(|n| format!("{:08}", 99_900_001 + n).parse().ok()).collect()
    }
}

/// What is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// One server with everything in it.
    Embedded,
    /// `cargo xtask stack up`: real Redis and Cassandra.
    Stack { servers: u8, cassandra_nodes: u8, datacenters: u8, is_sentinel: bool },
}

impl Target {
    /// Whether not every server serves every participant.
    pub(crate) const fn has_regions(self) -> bool {
        match self {
            Self::Embedded => false,
            Self::Stack { datacenters, .. } => datacenters > 1,
        }
    }
}

/// More of the load, now and then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Burst {
    pub(crate) every: Duration,
    pub(crate) lasts: Duration,
    pub(crate) times: u32,
}

const TWO_SERVERS: Target =
    Target::Stack { servers: 2, cassandra_nodes: 1, datacenters: 1, is_sentinel: false };
const TWO_REGIONS: Target =
    Target::Stack { servers: 2, cassandra_nodes: 1, datacenters: 2, is_sentinel: false };
/// Nothing that is acknowledged may be out of sight when a data centre is lost. A shorter lease makes a shorter drill.
const EACH_QUORUM: &[(&str, &str)] = &[
    ("PIX_STREAM_CASSANDRA_PUBLISH_CONSISTENCY", "each_quorum"),
    ("PIX_STREAM_REGION_LEASE", "8s"),
    ("PIX_STREAM_REGION_MARGIN", "1750ms"),
    ("PIX_STREAM_REGION_TAKEOVER_AFTER", "10s"),
];
/// A read that cannot be served is refused within a second (design, section 4), and what a busy machine adds.
const REFUSAL_MAX: Duration = Duration::from_millis(1_500);
const SECOND: Duration = Duration::from_secs(1);

/// All there are.
pub(crate) const ALL: &[Scenario] = &[
    Scenario {
        name: "quick",
        about: "one minute of the embedded server, killed and drained now and then: what CI runs",
        target: Target::Embedded,
        participants: 8,
        rate: 120,
        burst: None,
        invalid_per_mille: 20,
        faults: &[Kind::KillServer, Kind::DrainServer],
        fault_every: Duration::from_secs(10),
        minutes: 1.0,
        settings: &[],
        refusal_max: None,
    },
    Scenario {
        name: "embedded",
        about: "the embedded server, killed, stopped and drained",
        target: Target::Embedded,
        participants: 16,
        rate: 250,
        burst: Some(Burst { every: Duration::from_secs(60), lasts: Duration::from_secs(5), times: 4 }),
        invalid_per_mille: 10,
        faults: &[Kind::KillServer, Kind::KillServer, Kind::DrainServer, Kind::StopServer],
        fault_every: Duration::from_secs(40),
        minutes: 10.0,
        settings: &[],
        refusal_max: None,
    },
    Scenario {
        name: "stack",
        about: "two servers on real Redis and Cassandra; everything is killed or stopped in turn",
        target: TWO_SERVERS,
        participants: 16,
        rate: 200,
        burst: None,
        invalid_per_mille: 10,
        faults: &[
            Kind::KillServer,
            Kind::KillRedis,
            Kind::StopRedis,
            Kind::StopCassandra,
            Kind::DrainServer,
            Kind::KillCassandra,
        ],
        fault_every: Duration::from_secs(25),
        minutes: 10.0,
        settings: &[],
        refusal_max: None,
    },
    Scenario {
        name: "calm",
        about: "the embedded server without faults: memory and file descriptors must be flat",
        target: Target::Embedded,
        participants: 16,
        rate: 300,
        burst: None,
        invalid_per_mille: 0,
        faults: &[],
        fault_every: SECOND,
        minutes: 10.0,
        settings: &[],
        refusal_max: None,
    },
    // Runs in `noisy`, by rates and windows of its own.
    Scenario {
        name: "noisy",
        about: "one participant at fifty times its rate: another's 99th percentile before and during",
        target: Target::Embedded,
        participants: 2,
        rate: 1,
        burst: None,
        invalid_per_mille: 0,
        faults: &[],
        fault_every: SECOND,
        minutes: 2.0,
        settings: &[],
        refusal_max: None,
    },
    Scenario {
        name: "million",
        about: "the shape of a million messages a minute, one fiftieth of it: many participants at once",
        target: TWO_SERVERS,
        participants: 64,
        rate: 333,
        burst: None,
        invalid_per_mille: 0,
        faults: &[],
        fault_every: SECOND,
        minutes: 5.0,
        settings: &[],
        refusal_max: None,
    },
    Scenario {
        name: "burst",
        about: "ten times the load for five seconds of every thirty",
        target: TWO_SERVERS,
        participants: 16,
        rate: 80,
        burst: Some(Burst { every: Duration::from_secs(30), lasts: Duration::from_secs(5), times: 10 }),
        invalid_per_mille: 0,
        faults: &[],
        fault_every: SECOND,
        minutes: 5.0,
        settings: &[],
        refusal_max: None,
    },
    Scenario {
        name: "cache-loss",
        about: "Redis is killed and comes back empty, and stops, again and again",
        target: TWO_SERVERS,
        participants: 16,
        rate: 150,
        burst: None,
        invalid_per_mille: 0,
        faults: &[Kind::KillRedis, Kind::StopRedis],
        fault_every: Duration::from_secs(15),
        minutes: 5.0,
        settings: &[],
        refusal_max: None,
    },
    Scenario {
        name: "schema-storm",
        about: "half of what is published is refused by its schema; the rest must not suffer",
        target: Target::Embedded,
        participants: 16,
        rate: 150,
        burst: None,
        invalid_per_mille: 500,
        faults: &[],
        fault_every: SECOND,
        minutes: 5.0,
        settings: &[],
        refusal_max: None,
    },
    Scenario {
        name: "failover",
        about: "three Cassandra nodes and a Redis with a replica and sentinels; single nodes of each die",
        target: Target::Stack { servers: 2, cassandra_nodes: 3, datacenters: 1, is_sentinel: true },
        participants: 8,
        rate: 60,
        burst: None,
        invalid_per_mille: 0,
        faults: &[Kind::KillRedis, Kind::StopCassandra, Kind::KillCassandra],
        fault_every: Duration::from_secs(30),
        minutes: 10.0,
        settings: &[],
        refusal_max: None,
    },
    Scenario {
        name: "minority",
        about: "three Cassandra nodes: with one down all goes on, with two down nothing is acknowledged or hangs",
        target: Target::Stack { servers: 2, cassandra_nodes: 3, datacenters: 1, is_sentinel: false },
        participants: 8,
        rate: 40,
        burst: None,
        invalid_per_mille: 0,
        faults: &[Kind::LoseNode, Kind::LoseMajority],
        fault_every: Duration::from_secs(12),
        minutes: 2.0,
        settings: &[],
        refusal_max: Some(REFUSAL_MAX),
    },
    Scenario {
        name: "regions",
        about: "three data centres: all of one dies at once, the others take over by themselves, it comes back",
        target: Target::Stack { servers: 3, cassandra_nodes: 1, datacenters: 3, is_sentinel: false },
        participants: 6,
        rate: 20,
        burst: None,
        invalid_per_mille: 0,
        faults: &[Kind::LoseRegion],
        fault_every: Duration::from_secs(15),
        minutes: 2.0,
        settings: EACH_QUORUM,
        refusal_max: None,
    },
    Scenario {
        name: "two-regions",
        about: "two data centres: all of one dies at once, an operator has the other one take over, it comes back",
        target: TWO_REGIONS,
        participants: 6,
        rate: 20,
        burst: None,
        invalid_per_mille: 0,
        faults: &[Kind::LoseRegionByCommand],
        fault_every: Duration::from_secs(15),
        minutes: 2.0,
        settings: EACH_QUORUM,
        refusal_max: None,
    },
    Scenario {
        name: "continue",
        about: "the same with `on_lost_quorum = \"continue\"`: what is left serves its own participants without a gap",
        target: TWO_REGIONS,
        participants: 6,
        rate: 20,
        burst: None,
        invalid_per_mille: 0,
        faults: &[Kind::LoseRegionByCommand],
        fault_every: Duration::from_secs(15),
        minutes: 2.0,
        settings: &[
            ("PIX_STREAM_REGION_LEASE", "8s"),
            ("PIX_STREAM_REGION_MARGIN", "1750ms"),
            ("PIX_STREAM_REGION_ON_LOST_QUORUM", "continue"),
        ],
        refusal_max: None,
    },
];

/// The scenario of a name.
pub(crate) fn find(name: &str) -> Option<&'static Scenario> {
    ALL.iter().find(|scenario| scenario.name == name)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use pix_stream_config::{Environment, Flags};

    use super::*;

    #[test]
    fn names_are_unique_and_faults_have_something_to_break() {
        for (index, scenario) in ALL.iter().enumerate() {
            assert!(ALL[..index].iter().all(|other| other.name != scenario.name));
            let is_embedded = scenario.target == Target::Embedded;
            assert!(
                !is_embedded || scenario.faults.iter().all(|kind| kind.is_of_servers()),
                "{}",
                scenario.name
            );
        }
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
        for scenario in ALL {
            let stack = stack.iter().map(|(name, value)| (format!("PIX_STREAM_{name}"), (*value).to_owned()));
            let own = scenario.settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let environment = Environment::of(stack.chain(own));
            let loaded = pix_stream_config::load(Path::new(file), &environment, Flags::default());
            assert!(loaded.is_ok(), "{}: {:?}", scenario.name, loaded.err());
        }
    }
}
