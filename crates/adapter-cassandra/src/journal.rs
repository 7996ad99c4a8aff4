//! The Journal on Cassandra: streams of messages in their order, and what is small beside them.
//!
//! Order, idempotency, reading and retention are `pix-stream-cassandra-streams`'; checkpoints, incarnations,
//! participants and switches are [`Tables`]'. Here they are put together as one port.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pix_stream_cassandra_streams::StreamJournal;
use pix_stream_cassandra_streams::journal::Parts as StreamParts;
use pix_stream_cql::Session;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::switches::Switches;
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::version::Incarnation;
use pix_stream_ports::clock::Clock;
use pix_stream_ports::entropy::Entropy;
use pix_stream_ports::error::Error;
use pix_stream_ports::journal::{
    AppendError, Appended, Checkpoint, Extent, Journal, Known, MessageKey, NewMessage, Stored, Terms,
};

pub use pix_stream_cassandra_streams::{Epochs, Options};

use crate::tables::Tables;

/// What the journal works with.
pub struct Parts {
    /// The cluster.
    pub session: Session,
    /// Where the tables are.
    pub keyspace: String,
    /// What is small.
    pub tables: Tables,
    /// Tells which removed messages are old enough.
    pub clock: Arc<dyn Clock>,
    /// Makes the tokens of batches.
    pub entropy: Arc<dyn Entropy>,
    /// The region's epochs.
    pub epochs: Epochs,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("keyspace", &self.keyspace).finish_non_exhaustive()
    }
}

/// The journal of a cluster, as one node uses it. Made and used within a runtime. Dropping it lets appends that wait
/// finish.
pub struct CassandraJournal {
    streams: StreamJournal,
    tables: Tables,
}

impl fmt::Debug for CassandraJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CassandraJournal").field("streams", &self.streams).finish_non_exhaustive()
    }
}

impl CassandraJournal {
    /// A journal on tables that are there already (migrations).
    #[must_use]
    pub fn new(parts: Parts, options: Options) -> Self {
        let Parts { session, keyspace, tables, clock, entropy, epochs } = parts;
        let streams = StreamParts { session, keyspace, clock, entropy, epochs };
        Self { streams: StreamJournal::new(streams, options), tables }
    }
}

impl Journal for CassandraJournal {
    async fn append(
        &self,
        ispb: Ispb,
        messages: Vec<NewMessage>,
        terms: Terms,
    ) -> Result<Vec<Appended>, AppendError> {
        self.streams.append(ispb, messages, terms).await
    }

    async fn find_known(
        &self,
        ispb: Ispb,
        keys: Vec<MessageKey>,
        window: Duration,
    ) -> Result<Vec<Option<Known>>, Error> {
        self.streams.find_known(ispb, keys, window).await
    }

    async fn read(&self, ispb: Ispb, range: Range, bytes_max: u64) -> Result<Vec<Stored>, Error> {
        self.streams.read(ispb, range, bytes_max).await
    }

    async fn extent(&self, ispb: Ispb) -> Result<Extent, Error> {
        self.streams.extent(ispb).await
    }

    async fn find_since(&self, ispb: Ispb, at: Timestamp) -> Result<Sequence, Error> {
        self.streams.find_since(ispb, at).await
    }

    async fn keep(&self, ispb: Ispb, range: Range, retention: Option<Duration>) -> Result<Sequence, Error> {
        self.streams.keep(ispb, range, retention).await
    }

    async fn remove_below(&self, ispb: Ispb, below: Sequence, limit: u32) -> Result<u32, Error> {
        self.streams.remove_below(ispb, below, limit).await
    }

    async fn remove_between(&self, ispb: Ispb, range: Range, limit: u32) -> Result<u32, Error> {
        self.streams.remove_between(ispb, range, limit).await
    }

    async fn load_checkpoint(&self, ispb: Ispb) -> Result<Option<Checkpoint>, Error> {
        self.tables.load_checkpoint(ispb).await
    }

    async fn save_checkpoints(&self, checkpoints: Vec<(Ispb, Checkpoint)>) -> Result<(), Error> {
        self.tables.save_checkpoints(checkpoints).await
    }

    async fn raise_incarnation(&self, ispb: Ispb) -> Result<Incarnation, Error> {
        self.tables.raise_incarnation(ispb).await
    }

    async fn participants(&self) -> Result<Vec<Participant>, Error> {
        self.tables.participants().await
    }

    async fn save_participant(&self, participant: Participant) -> Result<bool, Error> {
        self.tables.save_participant(participant).await
    }

    async fn load_switches(&self) -> Result<Switches, Error> {
        self.tables.load_switches().await
    }

    async fn save_switches(&self, switches: Switches) -> Result<bool, Error> {
        self.tables.save_switches(switches).await
    }

    async fn check(&self) -> Result<(), Error> {
        self.streams.check().await
    }
}
