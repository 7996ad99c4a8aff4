//! The tables of the streams, statement by statement. Knows levels of consistency and columns, and no algorithm.

mod confirm;
mod reach;
mod writes;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use pix_stream_cql::{Consistency, Options as Call, Rows, Serial, Session, Statement, Value};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::clock::Clock;
use pix_stream_ports::error::Error;
use pix_stream_ports::journal::Stored;

use reach::Reach;
pub(crate) use writes::{Batch, Outcome};

use super::journal::Options;
use super::layout::{self, Place, Token};
use super::plan::Earlier;
use super::remembered::Block;
use super::retention::Need;
use super::rows::{self, Hints, KeyRow, Statics, WholeRow};
use super::texts::Texts;
use crate::fault::store_error;

/// Rows of a page of keys: about 2 MB of messages that the server reads for it.
const KEYS_PAGE: u64 = 500;
/// Sequence numbers that are asked for at once.
const EARLIER_PAGE: usize = 100;
/// Starts of buckets that are remembered, over all participants; then they are read again.
const FIRSTS_MAX: usize = 100_000;

/// How sure a read must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Sees everything that was acknowledged.
    Quorum,
    /// Whatever the options say of reading messages.
    Reader,
    /// Sees everything that was agreed on, and settles what was left half done.
    Serial,
    /// Sees what a quorum of any data centre has, and brings it here.
    Each,
    /// The same, of most copies of all data centres together.
    Most,
}

/// Where the next batch goes, and what must hold for it to be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) bucket: u64,
    /// The sequence number that the next message gets.
    pub(crate) next: u64,
    /// Who moved the head last, under which epoch; `None` when the bucket is not open.
    pub(crate) held: Option<(Token, u32)>,
}

impl Position {
    /// Behind what a bucket holds: in itself, or in the next one, when that one is not open.
    pub(crate) const fn behind(bucket: u64, statics: &Statics) -> Self {
        if layout::is_full(bucket, statics.next) {
            Self { bucket: bucket + 1, next: statics.next, held: None }
        } else {
            Self { bucket, next: statics.next, held: Some((statics.writer, statics.epoch)) }
        }
    }
}

/// The tables of one keyspace.
pub(crate) struct Streams {
    session: Session,
    texts: Texts,
    publish: Consistency,
    read: Consistency,
    clock: Arc<dyn Clock>,
    spans_regions: bool,
    reach: Reach,
    /// Where buckets start; never changes once it is known.
    firsts: Mutex<HashMap<(Ispb, u64), u64>>,
}

fn bigint(value: u64) -> Value {
    Value::BigInt(i64::try_from(value).unwrap_or(i64::MAX))
}

fn key(ispb: Ispb, bucket: u64) -> Vec<Value> {
    vec![Value::from(ispb.as_str()), bigint(bucket)]
}

fn slice(ispb: Ispb, bucket: u64, range: Range, limit: u64) -> Vec<Value> {
    let mut values = key(ispb, bucket);
    values.extend([bigint(range.start().value()), bigint(range.end().value())]);
    values.push(Value::Int(i32::try_from(limit).unwrap_or(i32::MAX)));
    values
}

impl Streams {
    pub(crate) fn new(session: Session, keyspace: &str, clock: Arc<dyn Clock>, options: &Options) -> Self {
        let Options { publish, read, spans_regions, .. } = *options;
        let (texts, reach) = (Texts::new(keyspace), Reach::default());
        Self { session, texts, publish, read, clock, spans_regions, reach, firsts: Mutex::default() }
    }

    async fn select(&self, statement: &Statement, values: Vec<Value>, level: Level) -> Result<Rows, Error> {
        let call = match level {
            Level::Quorum => Call::new(Consistency::LocalQuorum),
            Level::Reader => Call::new(self.read),
            Level::Serial => Call::new(Consistency::LocalQuorum).serial(Serial::Local),
            Level::Each => Call::new(Consistency::EachQuorum),
            Level::Most => Call::new(Consistency::Quorum),
        };
        self.session.execute(statement, values, &call).await.map_err(store_error)
    }

    pub(crate) async fn check(&self) -> Result<(), Error> {
        self.session.check().await.map_err(store_error)
    }

    /// The static columns of a bucket; `None` when it is not open.
    pub(crate) async fn statics(
        &self,
        ispb: Ispb,
        bucket: u64,
        level: Level,
    ) -> Result<Option<Statics>, Error> {
        let found = self.select(&self.texts.statics, key(ispb, bucket), level).await?;
        let statics = Statics::find(&found, None)?;
        if let Some(statics) = statics {
            self.learn_first(ispb, bucket, statics.first);
        }
        Ok(statics)
    }

    fn learn_first(&self, ispb: Ispb, bucket: u64, first: u64) {
        let Ok(mut firsts) = self.firsts.lock() else { return };
        if firsts.len() >= FIRSTS_MAX {
            firsts.clear();
        }
        firsts.insert((ispb, bucket), first);
    }

    fn known_first(&self, ispb: Ispb, bucket: u64) -> Option<u64> {
        self.firsts.lock().ok()?.get(&(ispb, bucket)).copied()
    }

    /// The bucket that holds a sequence number below the head, or would if nothing had been removed.
    pub(crate) async fn bucket_of(&self, ispb: Ispb, sequence: u64) -> Result<u64, Error> {
        let bucket = match layout::place(sequence) {
            Place::Certain(bucket) => return Ok(bucket),
            Place::AtMost(bucket) => bucket,
        };
        let first = match self.known_first(ispb, bucket) {
            Some(first) => Some(first),
            None => self.statics(ispb, bucket, Level::Quorum).await?.map(|statics| statics.first),
        };
        Ok(if first.is_some_and(|first| first <= sequence) { bucket } else { bucket - 1 })
    }

    /// The part of a range below the head that one bucket holds, from its start on: the bucket and where its part
    /// ends.
    pub(crate) async fn part(&self, ispb: Ispb, range: Range) -> Result<(u64, Range), Error> {
        let start = range.start();
        let bucket = self.bucket_of(ispb, start.value()).await?;
        if range.end().value() <= (bucket + 1) * layout::BUCKET {
            return Ok((bucket, range));
        }
        let following = match self.known_first(ispb, bucket + 1) {
            Some(first) => Some(first),
            None => self.statics(ispb, bucket + 1, Level::Quorum).await?.map(|statics| statics.first),
        };
        let end = following.map_or(range.end(), |first| range.end().min(Sequence::new(first)));
        Ok((bucket, Range::new(start, end)))
    }

    /// The keys of a range below the head, gap-free but for what is removed.
    pub(crate) async fn keys(&self, ispb: Ispb, range: Range) -> Result<Vec<KeyRow>, Error> {
        let mut all = Vec::new();
        let mut left = range;
        while !left.is_empty() {
            let (bucket, part) = self.part(ispb, left).await?;
            let page = Range::new(part.start(), part.end().min(part.start().plus(KEYS_PAGE)));
            let wanted: Vec<u64> = (page.start().value()..page.end().value()).collect();
            let read = async |level| {
                let values = slice(ispb, bucket, page, page.len());
                let found = self.select(&self.texts.keys, values, level).await?;
                let decode = |row| KeyRow::decode(row).map(|row| (row.sequence, row));
                found.iter().map(decode).collect()
            };
            all.extend(self.read_all((ispb, bucket), &wanted, Level::Quorum, read).await?);
            left = left.from_floor(page.end());
        }
        Ok(all)
    }

    /// The stored messages of these places, with their business ids.
    pub(crate) async fn earlier(
        &self,
        ispb: Ispb,
        sequences: &[u64],
    ) -> Result<Vec<(Box<str>, Earlier)>, Error> {
        let mut buckets: HashMap<u64, Vec<u64>> = HashMap::new();
        for sequence in sequences {
            let bucket = self.bucket_of(ispb, *sequence).await?;
            buckets.entry(bucket).or_default().push(*sequence);
        }
        let mut all = Vec::new();
        for (bucket, mut sequences) in buckets {
            sequences.sort_unstable();
            sequences.dedup();
            for page in sequences.chunks(EARLIER_PAGE) {
                let places: Vec<i64> = page.iter().filter_map(|place| i64::try_from(*place).ok()).collect();
                let read = async |level| {
                    let values = [key(ispb, bucket), vec![Value::BigInts(places.clone())]].concat();
                    let found = self.select(&self.texts.earlier, values, level).await?;
                    let decode = |row| rows::earlier(row).map(|row| (row.1.sequence, row));
                    found.iter().map(decode).collect()
                };
                all.extend(self.read_all((ispb, bucket), page, Level::Quorum, read).await?);
            }
        }
        Ok(all)
    }

    /// Messages of a range that lies in one bucket.
    pub(crate) async fn stored(
        &self,
        ispb: Ispb,
        (bucket, range): (u64, Range),
        limit: u64,
        level: Level,
    ) -> Result<Vec<Stored>, Error> {
        let found = self.select(&self.texts.stored, slice(ispb, bucket, range, limit), level).await?;
        found.iter().map(rows::stored).collect()
    }

    /// When the messages of a range that lies in one bucket were published.
    pub(crate) async fn published(
        &self,
        ispb: Ispb,
        (bucket, range): (u64, Range),
        limit: u64,
    ) -> Result<Vec<(u64, Timestamp)>, Error> {
        let values = slice(ispb, bucket, range, limit);
        let found = self.select(&self.texts.published, values, Level::Quorum).await?;
        let decode = |row| Ok((rows::number(row, "seq")?, rows::time(row, "published_at")?));
        found.iter().map(decode).collect()
    }

    /// The hints on where a participant's messages start and end.
    pub(crate) async fn hints(&self, ispb: Ispb) -> Result<Hints, Error> {
        let found = self.select(&self.texts.hints, vec![Value::from(ispb.as_str())], Level::Quorum).await?;
        Hints::decode(&found)
    }

    /// The blocks of fingerprints of a partition, the last first. Bytes that cannot be right are left out: blocks
    /// are derived, and made again.
    pub(crate) async fn blocks(&self, ispb: Ispb, partition: u64) -> Result<Vec<Block>, Error> {
        let found = self.select(&self.texts.blocks, key(ispb, partition), Level::Quorum).await?;
        let mut blocks = Vec::new();
        for row in &found {
            let number = rows::number(row, "block")?;
            let newest = rows::time(row, "newest")?;
            let hashes = rows::required(row.blob("hashes"), "hashes")?;
            blocks.extend(Block::from_bytes(number, newest, &hashes));
        }
        Ok(blocks)
    }

    /// The messages of a range that lies in one bucket whose rows expire before their time, ascending.
    pub(crate) async fn short_lived(
        &self,
        ispb: Ispb,
        (bucket, range): (u64, Range),
        need: &Need,
    ) -> Result<Vec<u64>, Error> {
        let wanted: Vec<u64> = (range.start().value()..range.end().value()).collect();
        let read = async |level| {
            let values = slice(ispb, bucket, range, range.len());
            let found = self.select(&self.texts.lives, values, level).await?;
            let decode = |row| {
                let sequence = rows::number(row, "seq")?;
                let life = row.int("life").map_err(store_error)?;
                Ok((sequence, need.exceeds(rows::time(row, "published_at")?, life).then_some(sequence)))
            };
            found.iter().map(decode).collect()
        };
        let all = self.read_all((ispb, bucket), &wanted, Level::Quorum, read).await?;
        Ok(all.into_iter().flatten().collect())
    }

    /// Whether there are messages in a range that lies in one bucket. Reads them whole, so that a level that brings them
    /// here brings all of them.
    pub(crate) async fn has_rows(
        &self,
        ispb: Ispb,
        (bucket, range): (u64, Range),
        level: Level,
    ) -> Result<bool, Error> {
        let values = slice(ispb, bucket, range, range.len());
        Ok(!self.select(&self.texts.whole, values, level).await?.is_empty())
    }

    /// When the head of a bucket was moved, in microseconds by the clock of the store that did; `None` when it is not open.
    pub(crate) async fn head_moved_at(&self, ispb: Ispb, bucket: u64) -> Result<Option<i64>, Error> {
        let found = self.select(&self.texts.head_at, key(ispb, bucket), Level::Quorum).await?;
        let row = found.first();
        row.map_or(Ok(None), |row| row.bigint("head_at").map_err(store_error))
    }

    /// The time by this node's clock, in microseconds.
    pub(crate) fn now_micros(&self) -> i64 {
        i64::try_from(self.clock.now().unix_millis().saturating_mul(1_000)).unwrap_or(i64::MAX)
    }

    /// Messages of a range that lies in one bucket, with what is needed to write them again.
    pub(crate) async fn whole(
        &self,
        ispb: Ispb,
        (bucket, range): (u64, Range),
        limit: u64,
    ) -> Result<Vec<WholeRow>, Error> {
        let values = slice(ispb, bucket, range, limit);
        let found = self.select(&self.texts.whole, values, Level::Quorum).await?;
        found.iter().map(WholeRow::decode).collect()
    }
}
