//! What changes the tables: conditional batches, fences, and plain writes of what may be written twice.

use bytes::Bytes;
use pix_stream_cql::{Consistency, Error as Failure, Options as Call, Serial, Statement, Value};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::sequence::Range;
use pix_stream_ports::error::Error;
use pix_stream_ports::journal::NewMessage;

use super::{Position, Streams, bigint, key};
use crate::fault::store_error;
use crate::layout::{self, Token};
use crate::remembered::Block;
use crate::rows::{Statics, WholeRow};
use crate::texts::{CELLS, padded};

/// A batch to be committed.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    /// Nobody else ever had it.
    pub(crate) token: Token,
    /// The epoch of this region.
    pub(crate) epoch: u32,
    /// What is stored from the position on, each with its life in seconds; 0: for ever.
    pub(crate) rows: Vec<(&'a NewMessage, i32)>,
}

/// What became of a conditional write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was carried out.
    Applied,
    /// The condition did not hold; what holds instead, if the bucket is open.
    Refused(Option<Statics>),
}

fn token(token: Token) -> Value {
    Value::Blob(Bytes::copy_from_slice(&token))
}

fn epoch(epoch: u32) -> Value {
    Value::Int(i32::try_from(epoch).unwrap_or(i32::MAX))
}

impl Streams {
    async fn write(&self, statement: &Statement, values: Vec<Value>) -> Result<(), Error> {
        let call = Call::new(Consistency::LocalQuorum);
        self.session.execute(statement, values, &call).await.map(|_| ()).map_err(store_error)
    }

    /// Carries a conditional write at a position out.
    async fn decide(
        &self,
        statement: &Statement,
        values: Vec<Value>,
        at: &Position,
    ) -> Result<Outcome, Failure> {
        let call = Call::new(self.publish).serial(Serial::Local);
        let answer = self.session.execute(statement, values, &call).await?;
        match answer.applied() {
            Some(true) => Ok(Outcome::Applied),
            // The condition does not name `first`, so the answer does not have it either.
            Some(false) => match Statics::find(&answer, Some(at.next)) {
                Ok(statics) => Ok(Outcome::Refused(statics)),
                Err(_) => Ok(Outcome::Refused(None)),
            },
            None => Err(Failure::Unknown("the answer does not say whether it was applied".to_owned())),
        }
    }

    /// Carries a batch out at a position, if what the position says still holds.
    pub(crate) async fn commit(
        &self,
        ispb: Ispb,
        at: &Position,
        batch: &Batch<'_>,
    ) -> Result<Outcome, Failure> {
        let next = at.next + batch.rows.len() as u64;
        let own = [bigint(next), token(batch.token), epoch(batch.epoch)];
        let mut values = Vec::with_capacity(8 + 11 * batch.rows.len());
        let statement = match at.held {
            Some((writer, held_epoch)) => {
                values.extend(own);
                values.extend(key(ispb, at.bucket));
                values.extend([bigint(at.next), token(writer), epoch(held_epoch)]);
                self.texts.advance(batch.rows.len())
            }
            None => {
                values.push(bigint(at.next));
                values.extend(own);
                values.extend(key(ispb, at.bucket));
                self.texts.open(batch.rows.len())
            }
        };
        for (sequence, (message, life)) in (at.next..).zip(&batch.rows) {
            values.extend(key(ispb, at.bucket));
            values.extend([
                bigint(sequence),
                Value::Blob(Bytes::copy_from_slice(message.resource_id.as_bytes())),
                Value::Text(message.message_type.to_string()),
                Value::Text(message.key.business_id.to_string()),
                Value::Blob(Bytes::copy_from_slice(&message.key.digest.0)),
                bigint(message.key.published_at.unix_millis()),
                token(batch.token),
                Value::Blob(message.xml.clone()),
                Value::Int(*life),
            ]);
        }
        let Some((_, life)) = batch.rows.last() else { return Ok(Outcome::Applied) };
        for _ in batch.rows.len()..padded(batch.rows.len()) {
            // The last row once more, with nothing in it: the statement has more inserts than there are rows.
            values.extend(key(ispb, at.bucket));
            values.push(bigint(next - 1));
            values.extend(std::iter::repeat_n(Value::Unset, CELLS));
            values.push(Value::Int(*life));
        }
        self.decide(&statement, values, at).await
    }

    /// Puts a token of nobody's in the place of a position's writer, so that a batch that was sent for the position
    /// is never carried out later. What is not open is opened empty, under this epoch.
    pub(crate) async fn fence(
        &self,
        ispb: Ispb,
        at: &Position,
        (own, own_epoch): (Token, u32),
    ) -> Result<Outcome, Failure> {
        match at.held {
            Some((writer, held_epoch)) => {
                let mut values = vec![token(own)];
                values.extend(key(ispb, at.bucket));
                values.extend([bigint(at.next), token(writer), epoch(held_epoch)]);
                self.decide(&self.texts.fence, values, at).await
            }
            None => {
                let mut values = vec![bigint(at.next), bigint(at.next), token(own), epoch(own_epoch)];
                values.extend(key(ispb, at.bucket));
                self.decide(&self.texts.fence_opening, values, at).await
            }
        }
    }

    /// Says that a bucket is open, for whoever starts later.
    pub(crate) async fn raise_last_bucket(&self, ispb: Ispb, bucket: u64) -> Result<(), Error> {
        self.raise(&self.texts.raise_last_bucket, ispb, bucket).await
    }

    /// Takes messages below a sequence number out of sight.
    pub(crate) async fn raise_first(&self, ispb: Ispb, first: u64) -> Result<(), Error> {
        self.raise(&self.texts.raise_first, ispb, first).await
    }

    /// Says that rows below a sequence number are deleted.
    pub(crate) async fn raise_swept(&self, ispb: Ispb, swept: u64) -> Result<(), Error> {
        self.raise(&self.texts.raise_swept, ispb, swept).await
    }

    /// The value is its own write time: whoever writes last, the largest stays.
    async fn raise(&self, statement: &Statement, ispb: Ispb, value: u64) -> Result<(), Error> {
        let values = vec![bigint(value), bigint(value), Value::from(ispb.as_str())];
        self.write(statement, values).await
    }

    /// Stores a block of fingerprints for so many seconds.
    pub(crate) async fn save_block(&self, ispb: Ispb, block: &Block, life: i32) -> Result<(), Error> {
        let mut values = key(ispb, layout::block_partition(block.number));
        values.extend([bigint(block.number), bigint(block.newest.unix_millis())]);
        values.extend([Value::from(block.bytes()), Value::Int(life)]);
        self.write(&self.texts.save_block, values).await
    }

    /// Deletes the rows of a bucket below a sequence number.
    pub(crate) async fn remove(&self, ispb: Ispb, bucket: u64, below: u64) -> Result<(), Error> {
        let mut values = key(ispb, bucket);
        values.push(bigint(below));
        self.write(&self.texts.remove, values).await
    }

    /// Deletes the rows of a part of a bucket.
    pub(crate) async fn remove_slice(&self, ispb: Ispb, bucket: u64, part: Range) -> Result<(), Error> {
        let mut values = key(ispb, bucket);
        values.extend([bigint(part.start().value()), bigint(part.end().value())]);
        self.write(&self.texts.remove_slice, values).await
    }

    /// Writes a row again as it is, without expiry, a microsecond later than it was written: it wins over the
    /// expiring one whenever that is done, and never over a removal.
    pub(crate) async fn rewrite(&self, ispb: Ispb, bucket: u64, row: WholeRow) -> Result<(), Error> {
        let written_at = row.written_at.saturating_add(1);
        let mut values = row.values(ispb, bucket).to_vec();
        values.push(Value::BigInt(written_at));
        self.write(&self.texts.rewrite, values).await
    }
}
