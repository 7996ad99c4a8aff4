//! Making sure of every data centre. A batch that is committed at `EACH_QUORUM` can be carried out here and not be
//! there: its answer is an error then, and what was learnt later - by a serial read, by a repeat - only says that it
//! is here. So the same cells are written once more, with the times that they have: where they are, nothing changes.

use pix_stream_cql::{Consistency, Options as Call, Row, Value};
use pix_stream_domain::ispb::Ispb;
use pix_stream_ports::error::Error;

use super::{Level, Streams, bigint, key};
use crate::fault::store_error;
use crate::rows::{WholeRow, required};

impl Streams {
    /// Makes sure that a quorum of each data centre has these messages and their bucket's head, if that is what
    /// publishing promises.
    pub(crate) async fn confirm(&self, ispb: Ispb, sequences: &[u64]) -> Result<(), Error> {
        if self.publish != Consistency::EachQuorum {
            return Ok(());
        }
        // One by one: this is rare.
        for sequence in sequences {
            self.confirm_one(ispb, *sequence).await?;
        }
        Ok(())
    }

    async fn confirm_one(&self, ispb: Ispb, sequence: u64) -> Result<(), Error> {
        let bucket = self.bucket_of(ispb, sequence).await?;
        let mut values = key(ispb, bucket);
        values.push(bigint(sequence));
        let found = self.select(&self.texts.confirmed, values, Level::Quorum).await?;
        // Removed meanwhile: there is nothing left to be sure of.
        let Some(row) = found.first() else { return Ok(()) };
        let call = Call::new(Consistency::EachQuorum);
        let values = cells(ispb, bucket, &row)?;
        self.session.execute(&self.texts.confirm, values, &call).await.map(|_| ()).map_err(store_error)
    }
}

/// The values of `Texts::confirm`: each static column with its own time, then the row.
fn cells(ispb: Ispb, bucket: u64, row: &Row) -> Result<Vec<Value>, Error> {
    let mut values = Vec::with_capacity(28);
    let statics = [
        ("first_at", Value::BigInt(required(row.bigint("first"), "first")?)),
        ("head_at", Value::BigInt(required(row.bigint("head"), "head")?)),
        ("writer_at", Value::Blob(required(row.blob("writer"), "writer")?)),
        ("epoch_at", Value::Int(required(row.int("epoch"), "epoch")?)),
    ];
    for (time, value) in statics {
        values.extend([Value::BigInt(required(row.bigint(time), time)?), value]);
        values.extend(key(ispb, bucket));
    }
    let whole = WholeRow::decode(row)?;
    let (written_at, life) = (whole.written_at, whole.life.unwrap_or_default());
    values.extend(whole.values(ispb, bucket));
    values.extend([Value::BigInt(written_at), Value::Int(life)]);
    Ok(values)
}
