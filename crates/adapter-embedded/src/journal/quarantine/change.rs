//! The changes of the Quarantine, each decided and applied inside the transaction of its group.

use pix_stream_domain::digest::Digest;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::error::Error;
use pix_stream_ports::quarantine::{Entry, EntryId, Limits, Put, Usage};
use redb::{ReadableTable, Table, WriteTransaction};
use tokio::sync::OwnedSemaphorePermit;

use super::super::fault::Fault;
use super::super::layout::quarantine::{self as layout, ByContent, ById};
use super::super::request::Reply;
use super::super::store::Tables;

/// A change, and where its answer goes.
pub(crate) enum Change {
    Put {
        entry: Box<Entry>,
        /// Of the entry's bytes.
        digest: Digest,
        limits: Limits,
        reply: Reply<Put>,
        /// Its share of the bytes that may wait.
        room: OwnedSemaphorePermit,
    },
    Remove {
        id: EntryId,
        reply: Reply<bool>,
        /// The bytes that it freed in the file, once applied.
        freed: u64,
    },
    RemoveBefore {
        at: Timestamp,
        limit: u32,
        reply: Reply<u32>,
        /// The bytes that it freed in the file, once applied.
        freed: u64,
    },
}

impl Change {
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Put { entry, .. } => entry.xml.len(),
            Self::Remove { .. } | Self::RemoveBefore { .. } => 0,
        }
    }

    pub(crate) fn freed(&self) -> u64 {
        match self {
            Self::Remove { freed, .. } | Self::RemoveBefore { freed, .. } => *freed,
            Self::Put { .. } => 0,
        }
    }

    /// Whether it may use the room that is kept: it makes room.
    pub(crate) fn is_small(&self) -> bool {
        match self {
            Self::Remove { .. } | Self::RemoveBefore { .. } => true,
            Self::Put { .. } => false,
        }
    }

    pub(crate) fn apply(&mut self, tables: &Tables<'_>) -> Result<(), Fault> {
        let mut tables = Entries::open(tables.transaction)?;
        match self {
            Self::Put { entry, digest, limits, reply, .. } => {
                reply.hold(tables.put(entry, *digest, *limits)?)
            }
            Self::Remove { id, reply, freed } => {
                let removed = tables.remove(id.0.as_bytes())?;
                *freed = removed.unwrap_or(0);
                reply.hold(removed.is_some());
            }
            Self::RemoveBefore { at, limit, reply, freed } => {
                let (removed, bytes) = tables.remove_before(*at, *limit)?;
                *freed = bytes;
                reply.hold(removed);
            }
        }
        Ok(())
    }

    pub(crate) fn answer(self, result: &Result<(), Error>) {
        match self {
            Self::Put { reply, room, .. } => {
                drop(room);
                reply.send(result);
            }
            Self::Remove { reply, .. } => reply.send(result),
            Self::RemoveBefore { reply, .. } => reply.send(result),
        }
    }
}

/// The tables of the quarantine, open for writing.
struct Entries<'t> {
    entries: Table<'t, &'static ById, &'static [u8]>,
    bodies: Table<'t, &'static ById, &'static [u8]>,
    contents: Table<'t, &'static ByContent, &'static [u8]>,
    usage: Table<'t, &'static str, &'static [u8]>,
}

impl<'t> Entries<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Self, Fault> {
        Ok(Self {
            entries: transaction.open_table(layout::ENTRIES)?,
            bodies: transaction.open_table(layout::BODIES)?,
            contents: transaction.open_table(layout::CONTENTS)?,
            usage: transaction.open_table(layout::USAGE)?,
        })
    }

    fn put(&mut self, entry: &Entry, digest: Digest, limits: Limits) -> Result<Put, Fault> {
        let Entry { summary, xml } = entry;
        let content = layout::by_content(summary.ispb, digest);
        if let Some(known) = self.count_attempt(&content)? {
            return Ok(Put::Known(known));
        }
        let usage = self.load_usage()?;
        let next = Usage { entries: usage.entries + 1, bytes: usage.bytes.saturating_add(xml.len() as u64) };
        if next.entries > limits.entries || next.bytes > limits.bytes {
            return Ok(Put::Full);
        }
        let key = summary.id.0.as_bytes();
        self.entries.insert(key, layout::encode_entry(key, summary, digest).as_slice())?;
        self.bodies.insert(key, layout::encode_body(key, xml).as_slice())?;
        self.contents.insert(&content, layout::encode_content(&content, summary.id).as_slice())?;
        self.save_usage(next)?;
        Ok(Put::New)
    }

    /// Counts one attempt more of an entry that has this content, if there is one.
    fn count_attempt(&mut self, content: &ByContent) -> Result<Option<EntryId>, Fault> {
        let Some(record) = self.contents.get(content)? else { return Ok(None) };
        let id = layout::decode_content(content, record.value())?;
        let key = id.0.as_bytes();
        let Some(record) = self.entries.get(key)? else { return Ok(None) };
        let (mut summary, digest) = layout::decode_entry(key, record.value())?;
        drop(record);
        summary.attempts = summary.attempts.saturating_add(1);
        self.entries.insert(key, layout::encode_entry(key, &summary, digest).as_slice())?;
        Ok(Some(id))
    }

    /// Removes an entry. Returns how many bytes it had; `None` if it was not there. One that is damaged goes, too:
    /// what points to it from its content then points to nothing, and is passed over.
    fn remove(&mut self, key: &ById) -> Result<Option<u64>, Fault> {
        let content = match self.entries.remove(key)? {
            None => return Ok(None),
            Some(record) => layout::decode_entry(key, record.value())
                .map(|(summary, digest)| layout::by_content(summary.ispb, digest)),
        };
        match content {
            Ok(content) => drop(self.contents.remove(&content)?),
            Err(fault) => tracing::error!(%fault, "a damaged entry of the quarantine was removed"),
        }
        let bytes = self.bodies.remove(key)?.map_or(0, |record| layout::body_len(record.value()));
        let Usage { entries, bytes: all } = self.load_usage()?;
        self.save_usage(Usage { entries: entries.saturating_sub(1), bytes: all.saturating_sub(bytes) })?;
        Ok(Some(bytes))
    }

    fn remove_before(&mut self, at: Timestamp, limit: u32) -> Result<(u32, u64), Fault> {
        let end = layout::start_of(at);
        let mut outlived: Vec<ById> = Vec::new();
        for entry in self.entries.range::<&ById>(..&end)? {
            if outlived.len() as u64 >= u64::from(limit) {
                break;
            }
            outlived.push(*entry?.0.value());
        }
        let (mut removed, mut bytes) = (0, 0);
        for key in outlived {
            if let Some(freed) = self.remove(&key)? {
                removed += 1;
                bytes += freed;
            }
        }
        Ok((removed, bytes))
    }

    fn load_usage(&self) -> Result<Usage, Fault> {
        let record = self.usage.get(layout::USAGE_KEY)?;
        record.map_or(Ok(Usage::default()), |record| layout::decode_usage(record.value()))
    }

    fn save_usage(&mut self, usage: Usage) -> Result<(), Fault> {
        self.usage.insert(layout::USAGE_KEY, layout::encode_usage(usage).as_slice())?;
        Ok(())
    }
}
