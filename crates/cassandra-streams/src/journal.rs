//! The Journal's streams as one node uses them.
//!
//! `Ok` from an append means that its batch was agreed on by serial write and committed by a quorum. Requests of one
//! participant that wait on this node share a batch, each whole or not at all (`lane`). Other nodes do the same on the
//! same rows; a batch whose condition fails is decided anew. Reading never waits for a lane.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pix_stream_cql::{Consistency, Session};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::clock::Clock;
use pix_stream_ports::entropy::Entropy;
use pix_stream_ports::error::Error;
use pix_stream_ports::journal::{
    AppendError, Appended, Extent, Known, MessageKey, NewMessage, Stored, Terms,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::ends::Ends;
use crate::lane::{Append, Refresh, Work};
use crate::lanes::{Lanes, Shared};
use crate::layout::{self, FIRST};
use crate::plan::Found;
use crate::retention::Need;
use crate::streams::{Level, Streams};

/// Message bytes that may wait for lanes, in units of [`ROOM_UNIT`]: 64 MiB.
const ROOM_UNITS: u32 = 64 * 1024;
/// Bytes of one unit of room.
const ROOM_UNIT: usize = 1024;
/// How much longer than a lane its callers wait for its answer.
const ANSWER_MARGIN: Duration = Duration::from_millis(500);

/// The epoch under which this region gives a participant's messages their order; zero where there is one region,
/// `None` while it does not. Costs no I/O.
pub type Epochs = Arc<dyn Fn(Ispb) -> Option<u32> + Send + Sync>;

/// How the journal uses its cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Where a batch is committed before it is acknowledged (`publish_consistency`): [`Consistency::LocalQuorum`] or
    /// [`Consistency::EachQuorum`].
    pub publish: Consistency,
    /// How many replicas a read of messages asks (`read_consistency`): [`Consistency::LocalQuorum`], or
    /// [`Consistency::LocalOne`]; what is not found is asked for again at LOCAL_SERIAL either way.
    pub read: Consistency,
    /// How long a request may take before it is answered that its outcome is not known. Below the caller's patience.
    pub deadline: Duration,
    /// How long the row of a message that was removed still tells a repeat: the window of idempotency.
    pub remember: Duration,
    /// Fingerprints of business ids that all lanes together may hold, about 20 bytes each. A lane that was idle
    /// longest gives way; a participant that does not fit alone cannot publish here.
    pub fingerprints_max: usize,
    /// Participants that may publish through this node at a time; one more, and the one that was idle longest gives
    /// way.
    pub lanes_max: usize,
    /// Batches of all participants that may be on their way to the cluster at a time. Others gather messages
    /// meanwhile, so fewer and larger batches carry a load that is high, and answers still come in time.
    pub batches_max: usize,
    /// How long a participant's lane stays without being asked.
    pub idle: Duration,
    /// Whether other data centres may have stored what has not come here yet: they are asked before the first append
    /// behind another region's, and for messages that are missing.
    pub spans_regions: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            publish: Consistency::LocalQuorum,
            read: Consistency::LocalQuorum,
            deadline: Duration::from_secs(4),
            remember: Duration::from_secs(24 * 3600),
            fingerprints_max: 16 * 1024 * 1024,
            lanes_max: 10_000,
            batches_max: 16,
            idle: Duration::from_secs(600),
            spans_regions: false,
        }
    }
}

/// What it works with.
pub struct Parts {
    /// The cluster.
    pub session: Session,
    /// Where the tables are.
    pub keyspace: String,
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

/// The streams of a cluster, as one node uses them. Made and used within a runtime, where its lanes are tasks. Dropping
/// it lets them finish what waits.
pub struct StreamJournal {
    streams: Arc<Streams>,
    clock: Arc<dyn Clock>,
    lanes: Arc<Lanes>,
    ends: Ends,
    room: Arc<Semaphore>,
    options: Options,
}

impl fmt::Debug for StreamJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamJournal").field("options", &self.options).finish_non_exhaustive()
    }
}

impl StreamJournal {
    /// On tables that are there already (migrations).
    #[must_use]
    pub fn new(parts: Parts, options: Options) -> Self {
        let Parts { session, keyspace, clock, entropy, epochs } = parts;
        let streams = Arc::new(Streams::new(session, &keyspace, Arc::clone(&clock), &options));
        Self {
            lanes: Lanes::new(Arc::clone(&streams), (entropy, epochs), &options),
            streams,
            clock,
            ends: Ends::default(),
            room: Arc::new(Semaphore::new(ROOM_UNITS as usize)),
            options,
        }
    }

    /// Waits until this many bytes of messages may wait for lanes.
    async fn room_for(&self, bytes: usize, deadline: Instant) -> Result<OwnedSemaphorePermit, Error> {
        let units = u32::try_from(bytes / ROOM_UNIT + 1).unwrap_or(ROOM_UNITS).min(ROOM_UNITS);
        match timeout_at(deadline, Arc::clone(&self.room).acquire_many_owned(units)).await {
            Ok(Ok(room)) => Ok(room),
            Ok(Err(_)) | Err(_) => Err(unavailable("too many messages wait to be stored")),
        }
    }

    /// Hands work to a participant's lane; gives what the lane knows.
    async fn hand_over(&self, ispb: Ispb, work: Work, deadline: Instant) -> Result<Arc<Shared>, Error> {
        loop {
            let lane = self.lanes.lane(ispb);
            match timeout_at(deadline, lane.queue.reserve()).await {
                Ok(Ok(place)) => {
                    place.send(work);
                    return Ok(Arc::clone(&lane.shared));
                }
                // The lane ended at this moment, or broke: the next one starts from what is stored.
                Ok(Err(_)) => self.lanes.release(ispb, &lane),
                Err(_) => return Err(unavailable("too many requests of this participant wait")),
            }
        }
    }

    async fn answer<T>(answer: oneshot::Receiver<T>, deadline: Instant) -> Result<T, Error> {
        match timeout_at(deadline + ANSWER_MARGIN, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(unavailable("outcome unknown: the lane ended")),
            Err(_) => Err(unavailable("outcome unknown: no answer in time")),
        }
    }

    /// The stored messages that these business ids may mean.
    async fn find_earlier(&self, ispb: Ispb, keys: &[MessageKey], window: Duration) -> Result<Found, Error> {
        let prints: Vec<u64> = keys.iter().map(|key| layout::fingerprint(&key.business_id)).collect();
        let mut places = self.lanes.lane(ispb).shared.find(&prints, window);
        if places.is_none() {
            let deadline = Instant::now() + self.options.deadline;
            let at = keys.iter().map(|key| key.published_at).max().unwrap_or_default();
            let (reply, answer) = oneshot::channel();
            let refresh = Work::Refresh(Refresh { window, at, reply });
            let shared = self.hand_over(ispb, refresh, deadline).await?;
            Self::answer(answer, deadline).await??;
            // Only a head that was seen this very moment can be further again: what was known before counts.
            places = shared.find(&prints, window);
        }
        let mut found = Found::default();
        let places = places.ok_or_else(|| unavailable("others publish faster than this node reads"))?;
        if !places.is_empty() {
            for (business_id, earlier) in self.streams.earlier(ispb, &places).await? {
                found.add(business_id, earlier);
            }
        }
        Ok(found)
    }

    /// The head, as a quorum shows it. Tells the participant's lane.
    async fn next(&self, ispb: Ispb) -> Result<Sequence, Error> {
        let position = self.streams.find_position(ispb, self.ends.bucket(ispb), Level::Quorum).await?;
        self.ends.learn_bucket(ispb, position.bucket);
        if let Some(lane) = self.lanes.find(ispb) {
            lane.shared.see(position.next);
        }
        Ok(Sequence::new(position.next))
    }

    /// Where the messages start, as it was a few seconds ago at most.
    async fn first(&self, ispb: Ispb) -> Result<Sequence, Error> {
        let first = match self.ends.first(ispb) {
            Some(first) => first,
            None => {
                let first = self.streams.hints(ispb).await?.first;
                self.ends.learn_first(ispb, first);
                first
            }
        };
        Ok(Sequence::new(first.max(FIRST)))
    }
}

fn unavailable(why: &str) -> Error {
    Error::Unavailable(format!("cassandra: {why}"))
}

/// The methods of the port that are about streams, with its promises.
impl StreamJournal {
    /// As [`Journal::append`](pix_stream_ports::journal::Journal::append).
    ///
    /// # Errors
    /// As there.
    pub async fn append(
        &self,
        ispb: Ispb,
        messages: Vec<NewMessage>,
        terms: Terms,
    ) -> Result<Vec<Appended>, AppendError> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        if messages.len() > layout::BATCH_MAX {
            let (has, most) = (messages.len(), layout::BATCH_MAX);
            return Err(
                Error::Full(format!("a request of {has} messages; at most {most} go together")).into()
            );
        }
        let deadline = Instant::now() + self.options.deadline;
        let bytes = messages.iter().map(|message| message.xml.len()).sum();
        let room = self.room_for(bytes, deadline).await?;
        let prints = messages.iter().map(|message| layout::fingerprint(&message.key.business_id)).collect();
        let (reply, answer) = oneshot::channel();
        let append = Append { messages, prints, terms, deadline, reply, room };
        self.hand_over(ispb, Work::Append(append), deadline).await?;
        Self::answer(answer, deadline).await?
    }

    /// As [`Journal::find_known`](pix_stream_ports::journal::Journal::find_known).
    ///
    /// # Errors
    /// As there.
    pub async fn find_known(
        &self,
        ispb: Ispb,
        keys: Vec<MessageKey>,
        window: Duration,
    ) -> Result<Vec<Option<Known>>, Error> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.find_earlier(ispb, &keys, window).await?;
        let known =
            |key: &MessageKey| found.find(&key.business_id).and_then(|earlier| earlier.known_to(key, window));
        let all: Vec<Option<Known>> = keys.iter().map(known).collect();
        // A repeat is answered as stored, so it must be where publishing promises that it is.
        let same = all.iter().flatten().filter(|known| known.is_same);
        let places: Vec<u64> = same.map(|known| known.sequence.value()).collect();
        self.streams.confirm(ispb, &places).await?;
        Ok(all)
    }

    /// As [`Journal::read`](pix_stream_ports::journal::Journal::read).
    ///
    /// # Errors
    /// As there.
    pub async fn read(&self, ispb: Ispb, range: Range, bytes_max: u64) -> Result<Vec<Stored>, Error> {
        let range = range.from_floor(self.first(ispb).await?);
        let seen = self.lanes.find(ispb).map_or(0, |lane| lane.shared.seen());
        let end =
            if range.end().value() <= seen { range.end() } else { range.end().min(self.next(ispb).await?) };
        self.streams.read_range(ispb, Range::new(range.start(), end), bytes_max).await
    }

    /// As [`Journal::extent`](pix_stream_ports::journal::Journal::extent).
    ///
    /// # Errors
    /// As there.
    pub async fn extent(&self, ispb: Ispb) -> Result<Extent, Error> {
        let next = self.next(ispb).await?;
        Ok(Extent { first: self.first(ispb).await?.min(next), next })
    }

    /// As [`Journal::find_since`](pix_stream_ports::journal::Journal::find_since).
    ///
    /// # Errors
    /// As there.
    pub async fn find_since(&self, ispb: Ispb, at: Timestamp) -> Result<Sequence, Error> {
        let extent = self.extent(ispb).await?;
        self.streams.find_since(ispb, extent, at).await
    }

    /// As [`Journal::keep`](pix_stream_ports::journal::Journal::keep).
    ///
    /// # Errors
    /// As there.
    pub async fn keep(
        &self,
        ispb: Ispb,
        range: Range,
        retention: Option<Duration>,
    ) -> Result<Sequence, Error> {
        let left = self.what_is_left(ispb, range).await?;
        if left.is_empty() {
            return Ok(range.end());
        }
        let need = Need { now: self.clock.now(), retention };
        let got = self.streams.keep_page(ispb, left, &need).await?;
        Ok(if got < left.end() { got } else { range.end() })
    }

    /// As [`Journal::remove_between`](pix_stream_ports::journal::Journal::remove_between).
    ///
    /// # Errors
    /// As there.
    pub async fn remove_between(&self, ispb: Ispb, range: Range, limit: u32) -> Result<u32, Error> {
        let left = self.what_is_left(ispb, range).await?;
        let until = self.clock.now().before(self.options.remember);
        self.streams.remove_range(ispb, left, until, limit).await
    }

    /// The part of a range of which there may be messages.
    async fn what_is_left(&self, ispb: Ispb, range: Range) -> Result<Range, Error> {
        let Extent { first, next } = self.extent(ispb).await?;
        Ok(Range::new(range.start().max(first), range.end().min(next)))
    }

    /// As [`Journal::remove_below`](pix_stream_ports::journal::Journal::remove_below).
    ///
    /// # Errors
    /// As there.
    pub async fn remove_below(&self, ispb: Ispb, below: Sequence, limit: u32) -> Result<u32, Error> {
        let hints = self.streams.hints(ispb).await?;
        let first = Sequence::new(hints.first.max(FIRST));
        let target = below.min(first.plus(u64::from(limit))).min(self.next(ispb).await?).max(first);
        if first < target {
            self.streams.raise_first(ispb, target.value()).await?;
        }
        self.ends.learn_first(ispb, target.value());
        if self.ends.is_sweep_due(ispb) {
            let until = self.clock.now().before(self.options.remember);
            self.streams.sweep(ispb, (hints, target), until).await?;
        }
        Ok(u32::try_from(target.distance_from(first)).unwrap_or(u32::MAX))
    }

    /// As [`Journal::check`](pix_stream_ports::journal::Journal::check).
    ///
    /// # Errors
    /// As there.
    pub async fn check(&self) -> Result<(), Error> {
        self.streams.check().await
    }
}
