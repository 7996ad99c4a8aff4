//! A Quarantine in memory, as the port promises it; no disk.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::error::Error;
use pix_stream_ports::quarantine::{Entry, EntryId, Limits, Put, Quarantine, Summary, Usage};

use crate::fake::faults::Faults;
use crate::fake::lock;

/// The Quarantine; its handles share one store.
#[derive(Debug, Clone)]
pub struct FakeQuarantine {
    entries: Arc<Mutex<BTreeMap<EntryId, Entry>>>,
    faults: Faults,
}

impl FakeQuarantine {
    /// An empty Quarantine.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { entries: Arc::default(), faults: Faults::new(seed) }
    }

    /// Its faults.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// All entries, oldest first, without faults or waiting.
    #[must_use]
    pub fn peek_entries(&self) -> Vec<Entry> {
        lock(&self.entries).values().cloned().collect()
    }

    async fn ask<T>(&self, ask: impl FnOnce(&mut BTreeMap<EntryId, Entry>) -> T) -> Result<T, Error> {
        let fate = self.faults.begin().await?;
        let answer = ask(&mut lock(&self.entries));
        fate.answer(answer).await
    }
}

fn usage(entries: &BTreeMap<EntryId, Entry>) -> Usage {
    let bytes = entries.values().map(|entry| entry.xml.len() as u64).sum();
    Usage { entries: entries.len() as u64, bytes }
}

fn put(entries: &mut BTreeMap<EntryId, Entry>, entry: Entry, limits: Limits) -> Put {
    let is_same = |known: &&mut Entry| known.summary.ispb == entry.summary.ispb && known.xml == entry.xml;
    if let Some(known) = entries.values_mut().find(is_same) {
        known.summary.attempts = known.summary.attempts.saturating_add(1);
        return Put::Known(known.summary.id);
    }
    let now = usage(entries);
    if now.entries + 1 > limits.entries || now.bytes + entry.xml.len() as u64 > limits.bytes {
        return Put::Full;
    }
    entries.insert(entry.summary.id, entry);
    Put::New
}

impl Quarantine for FakeQuarantine {
    async fn put(&self, entry: Entry, limits: Limits) -> Result<Put, Error> {
        self.ask(|entries| put(entries, entry, limits)).await
    }

    async fn list(
        &self,
        ispb: Option<Ispb>,
        after: Option<EntryId>,
        limit: u32,
    ) -> Result<Vec<Summary>, Error> {
        self.ask(|entries| {
            let behind = entries.values().filter(|entry| after.is_none_or(|after| entry.summary.id > after));
            let own = behind.filter(|entry| ispb.is_none_or(|ispb| entry.summary.ispb == ispb));
            own.map(|entry| entry.summary.clone())
                .take(usize::try_from(limit).unwrap_or(usize::MAX))
                .collect()
        })
        .await
    }

    async fn find(&self, id: EntryId) -> Result<Option<Entry>, Error> {
        self.ask(|entries| entries.get(&id).cloned()).await
    }

    async fn remove(&self, id: EntryId) -> Result<bool, Error> {
        self.ask(|entries| entries.remove(&id).is_some()).await
    }

    async fn remove_before(&self, at: Timestamp, limit: u32) -> Result<u32, Error> {
        self.ask(|entries| {
            let mut removed = 0;
            while removed < limit {
                match entries.first_entry() {
                    Some(oldest) if oldest.get().summary.at < at => oldest.remove(),
                    Some(_) | None => break,
                };
                removed += 1;
            }
            removed
        })
        .await
    }

    async fn usage(&self) -> Result<Usage, Error> {
        self.ask(|entries| usage(entries)).await
    }
}
