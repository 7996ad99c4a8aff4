//! A folder as a durable store: one file a message, exact bytes, and an index of what was stored before.
//!
//! The order is what makes it safe: files are written and synced under temporary names, renamed, the folder is
//! synced, then their ids are appended to the index and that is synced. A crash between any two steps leaves
//! either nothing, or a file whose message is delivered again and found equal.

mod folder;
mod index;
mod names;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::task::{JoinSet, spawn_blocking};

use crate::batch::PullNext;
use crate::message::Message;
use crate::sink::{Outcome, Sink, SinkError};

use folder::{Draft, Folder};

/// Stores messages as `<message id>.xml` in one folder, for one process at a time.
///
/// Beside them it keeps `.pix-stream-seen` (the ids stored so far, one a line) and `.pix-stream-cursor-<stream>`
/// (where each stream goes on). The index costs 33 bytes of disk and about 40 of memory a message; when the sink
/// is opened, ids published more than [`REMEMBERED`] before the median one are dropped.
#[derive(Debug, Clone)]
pub struct FileSink {
    folder: Arc<Folder>,
}

pub use index::REMEMBERED;

impl FileSink {
    /// Opens the folder, making it where it is missing, and takes it for this process.
    ///
    /// # Errors
    /// Another process has it, or a file operation fails.
    pub async fn open(folder: impl Into<PathBuf>) -> Result<Self, SinkError> {
        let path = folder.into();
        let folder = blocking(move || Folder::open(path)).await?;
        Ok(Self { folder: Arc::new(folder) })
    }

    /// How many messages are remembered as stored.
    #[must_use]
    pub fn known(&self) -> usize {
        self.folder.known()
    }
}

impl Sink for FileSink {
    async fn store_batch(&self, batch: &[Message]) -> Result<Vec<Outcome>, SinkError> {
        let drafts = self.write_drafts(batch).await?;
        let folder = Arc::clone(&self.folder);
        let ids: Vec<_> = batch.iter().map(|message| message.resource_id).collect();
        let placed = blocking(move || folder.place(drafts)).await?;
        // The first mention of an id in the batch is the one that was stored; a second one is a duplicate.
        let outcome = |(at, id): (usize, _)| {
            let first = !ids[..at].contains(id);
            if first && placed.contains(id) { Outcome::New } else { Outcome::Duplicate }
        };
        Ok(ids.iter().enumerate().map(outcome).collect())
    }

    async fn save_next(&self, stream: u8, next: Option<&PullNext>) -> Result<(), SinkError> {
        let (folder, next) = (Arc::clone(&self.folder), next.cloned());
        blocking(move || folder.save_next(stream, next.as_ref())).await
    }

    async fn find_next(&self, stream: u8) -> Result<Option<PullNext>, SinkError> {
        let folder = Arc::clone(&self.folder);
        blocking(move || folder.find_next(stream)).await
    }
}

impl FileSink {
    /// Writes and syncs every message that is not known yet, side by side, under temporary names.
    async fn write_drafts(&self, batch: &[Message]) -> Result<Vec<Draft>, SinkError> {
        let mut writing = JoinSet::new();
        for message in self.folder.unknown(batch) {
            let (folder, message) = (Arc::clone(&self.folder), message.clone());
            writing.spawn_blocking(move || folder.write_draft(message));
        }
        let mut drafts = Vec::with_capacity(writing.len());
        while let Some(draft) = writing.join_next().await {
            drafts.push(draft.map_err(|e| SinkError::Other(e.to_string()))??);
        }
        Ok(drafts)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SinkError> + Send + 'static,
) -> Result<T, SinkError> {
    spawn_blocking(work).await.map_err(|e| SinkError::Other(e.to_string()))?
}

#[cfg(test)]
mod tests;
