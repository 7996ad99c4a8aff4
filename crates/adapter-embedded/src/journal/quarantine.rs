//! The Quarantine in the journal's file: what is read from a snapshot, and the way to the writer's thread.
//!
//! Its tables are made by the first entry; a file without them is an empty quarantine.

mod change;

use std::ops::Bound;

use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::error::Error;
use pix_stream_ports::quarantine::{Entry, EntryId, Limits, Put, Quarantine, Summary, Usage};
use redb::ReadTransaction;

use super::EmbeddedJournal;
use super::fault::Fault;
use super::layout::quarantine::{self as layout, ById};
use super::reads::existing;
use super::request::Request;

pub(crate) use change::Change;

/// Reads on until `limit` entries are found, over those of other participants, too. An index by participant would
/// cost every entry a write, and save an operator half a second of 100,000 entries (measured without optimisation).
fn list(
    transaction: &ReadTransaction,
    ispb: Option<Ispb>,
    after: Option<EntryId>,
    limit: u32,
) -> Result<Vec<Summary>, Fault> {
    let Some(table) = existing(transaction.open_table(layout::ENTRIES))? else { return Ok(Vec::new()) };
    let after = after.map(|after| *after.0.as_bytes());
    let start = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    for entry in table.range::<&ById>((start, Bound::Unbounded))? {
        if found.len() >= limit {
            break;
        }
        let (key, record) = entry?;
        let (summary, _) = layout::decode_entry(key.value(), record.value())?;
        if ispb.is_none_or(|ispb| ispb == summary.ispb) {
            found.push(summary);
        }
    }
    Ok(found)
}

fn find(transaction: &ReadTransaction, id: EntryId) -> Result<Option<Entry>, Fault> {
    let key = id.0.as_bytes();
    let Some(entries) = existing(transaction.open_table(layout::ENTRIES))? else { return Ok(None) };
    let Some(record) = entries.get(key)? else { return Ok(None) };
    let (summary, _) = layout::decode_entry(key, record.value())?;
    let body = transaction.open_table(layout::BODIES)?.get(key)?;
    let body =
        body.ok_or_else(|| Fault::Record(format!("the bytes of quarantine entry {id} are missing")))?;
    let xml = layout::decode_body(key, body.value())?;
    Ok(Some(Entry { summary, xml }))
}

/// How much there is, by the counter that every change keeps.
pub(crate) fn usage(transaction: &ReadTransaction) -> Result<Usage, Fault> {
    let Some(table) = existing(transaction.open_table(layout::USAGE))? else { return Ok(Usage::default()) };
    let record = table.get(layout::USAGE_KEY)?;
    record.map_or(Ok(Usage::default()), |record| layout::decode_usage(record.value()))
}

impl Quarantine for EmbeddedJournal {
    async fn put(&self, entry: Entry, limits: Limits) -> Result<Put, Error> {
        let room = self.room_for(entry.xml.len()).await?;
        let digest = Digest::of(&entry.xml);
        let entry = Box::new(entry);
        self.change(|reply| Request::Quarantine(Change::Put { entry, digest, limits, reply, room })).await
    }

    async fn list(
        &self,
        ispb: Option<Ispb>,
        after: Option<EntryId>,
        limit: u32,
    ) -> Result<Vec<Summary>, Error> {
        self.read_with(move |transaction| list(transaction, ispb, after, limit)).await
    }

    async fn find(&self, id: EntryId) -> Result<Option<Entry>, Error> {
        self.read_with(move |transaction| find(transaction, id)).await
    }

    async fn remove(&self, id: EntryId) -> Result<bool, Error> {
        self.change(|reply| Request::Quarantine(Change::Remove { id, reply, freed: 0 })).await
    }

    async fn remove_before(&self, at: Timestamp, limit: u32) -> Result<u32, Error> {
        self.change(|reply| Request::Quarantine(Change::RemoveBefore { at, limit, reply, freed: 0 })).await
    }

    async fn usage(&self) -> Result<Usage, Error> {
        self.read_with(usage).await
    }
}
