//! Rows of the tables as values. A row that cannot be right is damage, and says so; it never quotes content.

use bytes::Bytes;
use pix_stream_cql::{Error as Failure, Row, Rows, Value};
use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::error::Error;
use pix_stream_ports::journal::Stored;

use super::layout::Token;
use super::plan::Earlier;
use crate::fault::store_error;

/// The static columns of a bucket that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Statics {
    /// The sequence number that it starts with.
    pub(crate) first: u64,
    /// The sequence number after its last message.
    pub(crate) next: u64,
    /// Who moved its head last.
    pub(crate) writer: Token,
    /// The epoch of the region that did.
    pub(crate) epoch: u32,
}

/// What a lane wants to know of a row that another node wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyRow {
    pub(crate) sequence: u64,
    pub(crate) business_id: Box<str>,
    pub(crate) published_at: Timestamp,
    pub(crate) writer_of: Token,
}

/// A row as it is written again without expiry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WholeRow {
    pub(crate) sequence: u64,
    pub(crate) resource_id: Bytes,
    pub(crate) message_type: String,
    pub(crate) business_id: String,
    pub(crate) digest: Bytes,
    pub(crate) published_at: i64,
    pub(crate) writer_of: Bytes,
    pub(crate) xml: Bytes,
    /// In how many seconds it expires, if it does.
    pub(crate) life: Option<i32>,
    /// When it was written, in microseconds as the store counts them.
    pub(crate) written_at: i64,
}

/// Where a participant's messages may start and end; each only rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Hints {
    /// A bucket that is open; later ones may be, too.
    pub(crate) last_bucket: u64,
    /// Messages below are removed.
    pub(crate) first: u64,
    /// The rows of messages below are deleted.
    pub(crate) swept: u64,
}

/// What a column of a table must hold.
pub(crate) fn required<T>(cell: Result<Option<T>, Failure>, column: &str) -> Result<T, Error> {
    match cell.map_err(store_error)? {
        Some(value) => Ok(value),
        None => Err(damaged(column)),
    }
}

fn damaged(column: &str) -> Error {
    Error::Damaged(format!("a row of a stream has no proper {column}"))
}

pub(crate) fn number(row: &Row, column: &str) -> Result<u64, Error> {
    u64::try_from(required(row.bigint(column), column)?).map_err(|_| damaged(column))
}

fn optional_number(row: &Row, column: &str) -> Result<Option<u64>, Error> {
    match row.bigint(column).map_err(store_error)? {
        Some(value) => u64::try_from(value).map(Some).map_err(|_| damaged(column)),
        None => Ok(None),
    }
}

fn array<const N: usize>(row: &Row, column: &str) -> Result<[u8; N], Error> {
    required(row.blob(column), column)?.as_ref().try_into().map_err(|_| damaged(column))
}

fn text(row: &Row, column: &str) -> Result<Box<str>, Error> {
    required(row.text(column), column).map(String::into_boxed_str)
}

pub(crate) fn time(row: &Row, column: &str) -> Result<Timestamp, Error> {
    number(row, column).map(Timestamp::from_unix_millis)
}

fn resource_id(row: &Row) -> Result<ResourceId, Error> {
    ResourceId::from_bytes(array(row, "resource_id")?).map_err(|_| damaged("resource_id"))
}

impl Statics {
    /// Of the first row, or of the row that a refused conditional write answers; `None` when the bucket is not open.
    pub(crate) fn find(rows: &Rows, first: Option<u64>) -> Result<Option<Self>, Error> {
        let Some(row) = rows.first() else { return Ok(None) };
        if !row.has("head") {
            return Ok(None);
        }
        let Some(next) = optional_number(&row, "head")? else { return Ok(None) };
        let first = match first {
            Some(first) => first,
            None => number(&row, "first")?,
        };
        let epoch = required(row.int("epoch"), "epoch")?;
        let epoch = u32::try_from(epoch).map_err(|_| damaged("epoch"))?;
        Ok(Some(Self { first, next, writer: array(&row, "writer")?, epoch }))
    }
}

impl KeyRow {
    pub(crate) fn decode(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            sequence: number(row, "seq")?,
            business_id: text(row, "business_id")?,
            published_at: time(row, "published_at")?,
            writer_of: array(row, "writer_of")?,
        })
    }
}

/// A stored message by its business id.
pub(crate) fn earlier(row: &Row) -> Result<(Box<str>, Earlier), Error> {
    let earlier = Earlier {
        sequence: number(row, "seq")?,
        resource_id: resource_id(row)?,
        digest: Digest(array(row, "digest")?),
        published_at: time(row, "published_at")?,
    };
    Ok((text(row, "business_id")?, earlier))
}

/// A message as it is read.
pub(crate) fn stored(row: &Row) -> Result<Stored, Error> {
    Ok(Stored {
        sequence: Sequence::new(number(row, "seq")?),
        resource_id: resource_id(row)?,
        message_type: text(row, "message_type")?,
        xml: required(row.blob("xml"), "xml")?,
    })
}

impl WholeRow {
    pub(crate) fn decode(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            sequence: number(row, "seq")?,
            resource_id: required(row.blob("resource_id"), "resource_id")?,
            message_type: required(row.text("message_type"), "message_type")?,
            business_id: required(row.text("business_id"), "business_id")?,
            digest: required(row.blob("digest"), "digest")?,
            published_at: required(row.bigint("published_at"), "published_at")?,
            writer_of: required(row.blob("writer_of"), "writer_of")?,
            xml: required(row.blob("xml"), "xml")?,
            life: row.int("life").map_err(store_error)?,
            written_at: required(row.bigint("written_at"), "written_at")?,
        })
    }

    /// Its columns in the order of the statements that write it again.
    pub(crate) fn values(self, ispb: Ispb, bucket: u64) -> [Value; 10] {
        [
            Value::from(ispb.as_str()),
            Value::BigInt(i64::try_from(bucket).unwrap_or(i64::MAX)),
            Value::BigInt(i64::try_from(self.sequence).unwrap_or(i64::MAX)),
            Value::Blob(self.resource_id),
            Value::Text(self.message_type),
            Value::Text(self.business_id),
            Value::Blob(self.digest),
            Value::BigInt(self.published_at),
            Value::Blob(self.writer_of),
            Value::Blob(self.xml),
        ]
    }
}

impl Hints {
    pub(crate) fn decode(rows: &Rows) -> Result<Self, Error> {
        let Some(row) = rows.first() else { return Ok(Self::default()) };
        let hint = |column| optional_number(&row, column).map(Option::unwrap_or_default);
        Ok(Self { last_bucket: hint("last_bucket")?, first: hint("first_seq")?, swept: hint("swept_seq")? })
    }
}
