//! `[cassandra]`, `[redis]`, `[intake]` and `[region]`: what several nodes share. One machine needs none of it.
//!
//! Which sections are used is said in `[journal]` and `[coordinator]`; rules between keys stand in `check`.

use std::path::PathBuf;
use std::time::Duration;

use super::{DAY, HOUR, MINUTE, millis, seconds};
use crate::section::section;
use crate::value::{
    Endpoint, LostQuorum, PublishConsistency, ReadConsistency, Replicas, Secret, Size, Takeover, Topology,
};

fn loopback(port: u16) -> Vec<Endpoint> {
    vec![Endpoint::new("127.0.0.1", port)]
}

section! {
    /// Only for a cluster: the Cassandra that `[journal] kind = "cassandra"` means. `docs/deploy.md` says what to set
    /// on its side.
    cassandra Cassandra {
        /// Nodes that are asked first; they name all others. Give two or three, so that one may be away at start.
        contact_points: Vec<Endpoint> = loopback(9042);
        /// The data centre whose Cassandra nodes this server talks to; other ones hear of it through Cassandra.
        datacenter: String = "dc1".to_owned();
        /// The keyspace of all our tables: lower-case letters, digits and `_`, at most 48.
        keyspace: String = "pix_stream".to_owned();
        /// Copies of every row, as DATACENTRE:COPIES, where `pix-stream migrate up` makes the keyspace; one that is
        /// there already is left as it is. With 3 copies one node may be lost, with 1 none.
        replication: Vec<Replicas> = vec![Replicas::new("dc1", 3)];
        /// Who logs in; empty where Cassandra asks nobody.
        username: String = String::new();
        /// The password. It fits better into `password_file` or into the environment.
        password_secret: Secret = Secret::default();
        /// A file with the password and nothing else; a line end after it does not count. Instead of
        /// `password_secret`.
        password_file: Option<PathBuf> = None;
        /// TLS to every node. A node's certificate must hold the address or the name under which it is reached.
        tls: bool = false;
        /// PEM file with the authorities that sign the nodes' certificates. `tls` needs it. This file and the next two are
        /// read again for every connection that is made.
        ca: Option<PathBuf> = None;
        /// PEM file with the certificate that this server shows, where the nodes ask for one. With `key`.
        certificate: Option<PathBuf> = None;
        /// PEM file with the private key of `certificate`.
        key: Option<PathBuf> = None;
        /// When a publish is durable. `local_quorum`: on most copies of this data centre, so the last messages may be
        /// out of sight while a data centre that was lost at once is away. `each_quorum`: on most copies of every
        /// data centre, at the price of a round trip to the farthest, and of none being lost.
        publish_consistency: PublishConsistency = PublishConsistency::LocalQuorum;
        /// How messages are read. `local_quorum` always finds what was published; `local_one` spares the copies and
        /// may miss the newest, which the next read finds.
        read_consistency: ReadConsistency = ReadConsistency::LocalQuorum;
        /// How long a request may take. Below 1800ms, at which Cassandra itself gives up with a less certain answer.
        request_timeout: Duration = millis(1_500), within millis(100)..=seconds(10);
        /// Connections to each node; each carries up to 1024 requests at a time.
        connections: u32 = 2, within 1..=64;
        /// Most business ids that this node remembers for noticing repeats, about 20 bytes of memory each: at least the
        /// messages that all participants publish through it within `[publish] idempotency`. What does not fit is
        /// answered 503.
        fingerprints: u32 = 16_000_000, within 100_000..=4_000_000_000;
    }
}

section! {
    /// Only for a cluster: the Redis of `[coordinator] kind = "redis"`, and of `[intake]`. It may lose everything at
    /// any time: nothing but speed rests on it.
    redis Redis {
        /// How Redis is set up: `single` is one server, `sentinel` a server with replicas that sentinels watch over,
        /// `cluster` Redis Cluster.
        topology: Topology = Topology::Single;
        /// The server, or all sentinels, or all nodes of Redis Cluster.
        nodes: Vec<Endpoint> = loopback(6379);
        /// The name by which sentinels know the server. Only `topology = "sentinel"` uses it.
        sentinel_name: String = "pix-stream".to_owned();
        /// The ACL user of the sentinels, which have users of their own; empty for the default one.
        sentinel_username: String = String::new();
        /// The password of the sentinels, where they ask for one.
        sentinel_password_secret: Secret = Secret::default();
        /// A file with that password and nothing else. Instead of `sentinel_password_secret`.
        sentinel_password_file: Option<PathBuf> = None;
        /// What the names of all keys and channels begin with, so that several systems can share a Redis: letters,
        /// digits, `_`, `-`, `.` and `:`. The same on every node.
        prefix: String = "pix-stream".to_owned();
        /// The ACL user; empty for the default one.
        username: String = String::new();
        /// The password. It fits better into `password_file` or into the environment.
        password_secret: Secret = Secret::default();
        /// A file with the password and nothing else; a line end after it does not count. Instead of
        /// `password_secret`.
        password_file: Option<PathBuf> = None;
        /// TLS to every node. A node's certificate must hold the address or the name under which it is reached.
        tls: bool = false;
        /// PEM file with the authorities that sign the nodes' certificates. `tls` needs it. This file and the next two are
        /// read again for every connection that is made.
        ca: Option<PathBuf> = None;
        /// PEM file with the certificate that this server shows, where Redis asks for one (`tls-auth-clients yes`, its
        /// default). With `key`.
        certificate: Option<PathBuf> = None;
        /// PEM file with the private key of `certificate`.
        key: Option<PathBuf> = None;
        /// How long a command may take. Reads are answered 503 within a second of a silent Redis, so stay below it.
        command_timeout: Duration = millis(800), within millis(50)..=seconds(5);
        /// How long the stream state of a participant stays without a read; then its checkpoint is the start again.
        /// At least `[stream] token_life`.
        state_life: Duration = DAY, within MINUTE..=30 * DAY;
        /// How long fresh messages stay for the other nodes to read. Older ones come from the Journal.
        fresh_life: Duration = seconds(30), within seconds(1)..=HOUR;
        /// Most bytes of fresh messages of one participant that each server has in Redis; beyond, readers ask the
        /// Journal. Times the servers, times the participants that are busy at once, this is most of what Redis needs.
        fresh_bytes_per_participant: Size = Size::mib(4), within Size::kib(64)..=Size::gib(1);
    }
}

section! {
    /// Only for a cluster: messages that are taken from a Redis Stream of the Redis in `[redis]`, instead of or beside
    /// publishing over HTTPS. What is not valid goes to `[quarantine]`.
    intake Intake {
        /// Key of the stream; empty for no intake. An entry has the fields `ispb`, the receiver, `producer`, who left
        /// it, and `xml`, the message.
        stream: String = String::new();
        /// The consumer group that all nodes share.
        group: String = "pix-stream".to_owned();
        /// Most entries that are taken at a time, and that are published together.
        batch: u32 = 64, within 1..=1_000;
        /// Participants whose entries are published at the same time; those of one go one behind the other.
        workers: u32 = 64, within 1..=1_000;
        /// One node at a time takes entries, so that each participant's stay in order. This long after its last sign of
        /// life another one goes on. Twice is harmless: a `BizMsgIdr` counts once.
        claim_after: Duration = seconds(5), within seconds(1)..=HOUR;
    }
}

section! {
    /// Only for a cluster in several regions: exactly one of them gives a participant's messages their order at a time.
    region Region {
        /// The region of this server, one of `all`; empty for a cluster in one place.
        name: String = String::new();
        /// The names of all regions, the same list in the same order on every node.
        all: Vec<String> = Vec::new();
        /// Who hands the participants of a lost region to another one: `command` waits for `pix-stream regions take-over`, by
        /// somebody who knows that the other side is down; `automatic` needs three data centres, so that a majority
        /// can tell (the third may hold a single Cassandra node and no server).
        takeover: Takeover = Takeover::Command;
        /// How long a region may go on by itself after it last renewed its ownership.
        lease: Duration = seconds(10), within seconds(1)..=seconds(300);
        /// What others wait on top of `lease` before they take over, and by how much earlier the region stops: together more
        /// than clocks drift apart in that time, and than a write may be late: `cassandra.request_timeout` and 2 s.
        margin: Duration = seconds(2), within millis(100)..=MINUTE;
        /// With `takeover = "automatic"`: how long a region must be silent. At least `lease` and `margin`.
        takeover_after: Duration = seconds(15), within seconds(1)..=HOUR;
        /// What a region does with its participants when it cannot renew its ownership: `stop` is always right;
        /// `continue` is for an operator of two data centres who rules out that both live and cannot see each other.
        /// The same in all regions.
        on_lost_quorum: LostQuorum = LostQuorum::Stop;
    }
}
