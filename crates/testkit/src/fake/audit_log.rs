//! An audit log that keeps its records in memory, and can lose what was never synced.

use std::sync::{Arc, Mutex};

use pix_stream_domain::audit::{ChainId, Head, Record};
use pix_stream_domain::digest::Digest;
use pix_stream_ports::audit_log::AuditLog;
use pix_stream_ports::error::Error;

use crate::fake::faults::Faults;
use crate::fake::lock;

/// The records, in order. Its hashes are of counts alone: that a chain covers its records is what real audit logs are
/// tested for.
#[derive(Debug, Clone)]
pub struct FakeAuditLog {
    kept: Arc<Mutex<Kept>>,
    faults: Faults,
}

#[derive(Debug, Default)]
struct Kept {
    finding: Option<String>,
    records: Vec<Record>,
    synced: usize,
}

impl FakeAuditLog {
    /// An empty log.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { kept: Arc::default(), faults: Faults::new(seed) }
    }

    /// Its faults.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// All records so far.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        lock(&self.kept).records.clone()
    }

    /// Something is wrong with the log.
    pub fn set_finding(&self, finding: &str) {
        lock(&self.kept).finding = Some(finding.to_owned());
    }

    /// The power fails: what was appended since the last sync is gone.
    pub fn lose_unsynced(&self) {
        let mut kept = lock(&self.kept);
        let synced = kept.synced;
        kept.records.truncate(synced);
    }
}

impl AuditLog for FakeAuditLog {
    async fn append(&self, records: Vec<Record>) -> Result<(), Error> {
        let fate = self.faults.begin().await?;
        lock(&self.kept).records.extend(records);
        fate.answer(()).await
    }

    async fn sync(&self) -> Result<Head, Error> {
        let fate = self.faults.begin().await?;
        let entry = {
            let mut kept = lock(&self.kept);
            kept.synced = kept.records.len();
            kept.synced as u64
        };
        let hash = if entry == 0 { Digest::default() } else { Digest::of(&entry.to_be_bytes()) };
        fate.answer(Head { entry, hash }).await
    }

    fn chain(&self) -> ChainId {
        ChainId(*b"one fake")
    }

    fn finding(&self) -> Option<String> {
        lock(&self.kept).finding.clone()
    }
}
