//! The Quarantine: messages of unattended intake that were refused, kept with the reason until somebody decides.
//!
//! Nothing in it is ever delivered from it: a release examines the message again and publishes it like any other.

use std::fmt::{self, Write as _};
use std::future::Future;
use std::str::FromStr;

use bytes::Bytes;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id::{self, ResourceId};
use pix_stream_domain::time::Timestamp;

use crate::codec::Rule;
use crate::error::Error;

/// Keeps refused messages, oldest first. Changes are durable when they return.
pub trait Quarantine: Send + Sync + 'static {
    /// Puts an entry away unless that would exceed the limits. The same bytes for the same participant are kept
    /// once: the id of the entry that is there already is the answer, and its count of attempts rises.
    fn put(&self, entry: Entry, limits: Limits) -> impl Future<Output = Result<Put, Error>> + Send;

    /// Entries without their bytes, by id, oldest first: those behind `after`, of one participant or of all, at
    /// most `limit`.
    fn list(
        &self,
        ispb: Option<Ispb>,
        after: Option<EntryId>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Summary>, Error>> + Send;

    /// One entry.
    fn find(&self, id: EntryId) -> impl Future<Output = Result<Option<Entry>, Error>> + Send;

    /// Removes an entry. Returns whether it was there.
    fn remove(&self, id: EntryId) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Removes entries from before a time, oldest first, at most `limit` in one call. Returns how many.
    fn remove_before(&self, at: Timestamp, limit: u32) -> impl Future<Output = Result<u32, Error>> + Send;

    /// How much there is.
    fn usage(&self) -> impl Future<Output = Result<Usage, Error>> + Send;
}

/// The id of an entry: a [`ResourceId`] of its own, of the time at which it was put away, so ids sort by time.
///
/// Its text is the id's with `-` for `+` and `_` for `/` (RFC 4648, section 5): it stands in paths of the admin API
/// and in commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub ResourceId);

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.to_text().into_iter().try_for_each(|byte| {
            f.write_char(match byte {
                b'+' => '-',
                b'/' => '_',
                other => char::from(other),
            })
        })
    }
}

impl FromStr for EntryId {
    type Err = resource_id::Error;

    fn from_str(text: &str) -> Result<Self, resource_id::Error> {
        if text.contains(['+', '/']) {
            return Err(resource_id::Error::Form);
        }
        text.replace('-', "+").replace('_', "/").parse().map(Self)
    }
}

/// A refused message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What is known of it.
    pub summary: Summary,
    /// Its bytes, as they came.
    pub xml: Bytes,
}

/// What is known of a refused message, its bytes aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Its id.
    pub id: EntryId,
    /// For whom it was published.
    pub ispb: Ispb,
    /// When it was put away, to the millisecond: the time in its id.
    pub at: Timestamp,
    /// Who published it: the certificate's name.
    pub producer: String,
    /// How it came: `publish`, or the name of another intake.
    pub intake: String,
    /// Which rule the first finding breaks.
    pub rule: Rule,
    /// All findings, each `line:column path reason`, without message content.
    pub findings: Vec<String>,
    /// Its length in bytes.
    pub bytes: u32,
    /// How often it came.
    pub attempts: u32,
}

/// How much may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most entries.
    pub entries: u64,
    /// Most bytes of messages.
    pub bytes: u64,
}

/// What became of an entry that was to be put away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is kept under its id.
    New,
    /// The same bytes were there already, under this id.
    Known(EntryId),
    /// There is no room: nothing was kept.
    Full,
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Entries.
    pub entries: u64,
    /// Bytes of their messages.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_an_id_stands_in_a_path_and_is_read_back() {
        let id = EntryId("UEkBbgR78VqKK/uvuq9O0r9bqXyBH9U+".parse().unwrap());
        assert_eq!(id.to_string(), "UEkBbgR78VqKK_uvuq9O0r9bqXyBH9U-");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("UEkBbgR78VqKK/uvuq9O0r9bqXyBH9U-".parse::<EntryId>(), Err(resource_id::Error::Form));
    }
}
