//! The Journal on a real Cassandra: its contract, races between nodes, buckets and blocks, removal, unknown outcomes
//! (issue 6, item 2).

mod blocks;
mod contract;
mod drill;
mod follow;
mod measure;
mod own;
mod race;
mod retention;
mod unknown;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pix_stream_adapter_cassandra::journal::{CassandraJournal, Options, Parts};
use pix_stream_adapter_cassandra::regions::CassandraRegions;
use pix_stream_adapter_cassandra::tables::Tables;
use pix_stream_cql::Session;
use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::journal::{Journal as _, MessageKey, NewMessage, Stored, Terms};

use crate::support::{Space, entropy};

/// The window of idempotency of these tests.
const WINDOW: Duration = Duration::from_secs(24 * 3600);
/// The time of the first message, in milliseconds.
const START: u64 = 1_800_000_000_000;

/// A node's journal on a keyspace.
fn journal(space: &Space, options: Options) -> CassandraJournal {
    journal_with(space, (at(0), 0), options)
}

/// The journal of a node whose region has this epoch.
fn journal_of(space: &Space, epoch: u32) -> CassandraJournal {
    journal_with(space, (at(0), epoch), Options::default())
}

fn journal_with(space: &Space, (now, epoch): (Timestamp, u32), options: Options) -> CassandraJournal {
    let parts = Parts {
        epochs: Arc::new(move |_| Some(epoch)),
        clock: Arc::new(FixedClock(now)),
        ..parts(space.session.clone(), &space.keyspace)
    };
    CassandraJournal::new(parts, options)
}

fn parts(session: Session, keyspace: &str) -> Parts {
    Parts {
        tables: Tables::new(&session, keyspace, &entropy(), &CassandraRegions::alone()),
        session,
        keyspace: keyspace.to_owned(),
        clock: Arc::new(FixedClock(at(0))),
        entropy: entropy(),
        epochs: Arc::new(|_| Some(0)),
    }
}

/// A clock that stands.
struct FixedClock(Timestamp);

impl pix_stream_ports::clock::Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

fn ispb(n: u32) -> Ispb {
    format!("{n:08}").parse().unwrap()
}

const fn terms() -> Terms {
    Terms { window: WINDOW, retention: Some(WINDOW) }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_millis(START + 1000 * seconds)
}

fn range(start: u64, end: u64) -> Range {
    Range::new(Sequence::new(start), Sequence::new(end))
}

/// Message `n`, published `seconds` after the start.
fn message(n: u64, seconds: u64) -> NewMessage {
    let xml = Bytes::from(format!("<Envelope><!-- {n} --></Envelope>"));
    let mut random = [0; 16];
    random[..8].copy_from_slice(&n.to_be_bytes());
    random[8..].copy_from_slice(&seconds.to_be_bytes());
    NewMessage {
        key: MessageKey {
            business_id: format!("M99999000{n:023}").into(),
            digest: Digest::of(&xml),
            published_at: at(seconds),
        },
        resource_id: ResourceId::new(at(seconds), random),
        message_type: "pacs.008.spi.1.16".into(),
        xml,
    }
}

fn messages(numbers: impl IntoIterator<Item = u64>, seconds: u64) -> Vec<NewMessage> {
    numbers.into_iter().map(|n| message(n, seconds)).collect()
}

async fn read_all(journal: &CassandraJournal, ispb: Ispb) -> Vec<Stored> {
    journal.read(ispb, range(1, u64::MAX), u64::MAX).await.unwrap()
}
