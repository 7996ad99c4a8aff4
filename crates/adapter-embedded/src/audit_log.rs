//! The audit log in files, from the writer's side: lines of JSON, each chained to the one before by its hash.
//!
//! `audit-<number of its first entry, 12 digits>.log`, one entry a line. An entry's `hash` is the SHA-256 of the
//! hash before it (32 bytes, zeros at the start), followed by the line without its `hash` member. Files chain on:
//! the first entry of a file names the last hash of the file before it. So a change, removal, insertion or
//! reordering shows offline, with nothing but the files; `pix-stream-evidence` reads and checks them.
//!
//! What no chain shows by itself is a tail that was cut off, or a whole chain that was made anew: that shows against
//! its anchors, which are kept elsewhere under the chain's name. The name is in the file `chain` of the folder.

mod chain;
mod name;
mod worker;

use std::io;
use std::path::{Path, PathBuf};

use pix_stream_domain::audit::{ChainId, Event, Head, Record};
use pix_stream_domain::time::Timestamp;
use pix_stream_evidence::files::Broken;
use pix_stream_ports::audit_log::AuditLog;
use pix_stream_ports::error::Error;
use tokio::sync::oneshot;

use crate::folder::{Folder, FolderError};
use chain::Chain;
use worker::{Request, Worker};

/// How the log is kept (`[audit]` of the configuration).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The size in bytes from which on a new file is begun.
    pub segment_bytes: u64,
    /// The name that a chain gets which has none yet: drawn at random, because host names and ports change hands.
    pub fresh_name: ChainId,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 64 * 1024 * 1024, fresh_name: ChainId([0; 8]) }
    }
}

/// Why a log does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be used, or another process uses it.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The newest file was changed.
    #[error(
        "{0}: the audit log was changed or damaged there. Keep all its files for the auditors, and start with an \
         empty audit folder or restore the folder from a backup"
    )]
    Broken(Broken),
    /// The operating system refused.
    #[error("{} cannot be used: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The audit log of one folder. Dropping it writes and syncs what waits.
#[derive(Debug)]
pub struct FileAuditLog {
    dir: PathBuf,
    name: ChainId,
    finding: Option<String>,
    worker: Worker,
}

impl FileAuditLog {
    /// Opens the log of a folder and goes on behind its last entry; makes the folder when it is missing. What a
    /// killed process left unfinished at the end is cut off, and an entry dated `now` says so.
    ///
    /// Reads the newest file; blocks meanwhile.
    ///
    /// # Errors
    /// The folder is in use or unusable, or the newest file's chain is broken: then the error names the entry.
    pub fn open(dir: &Path, options: &Options, now: Timestamp) -> Result<Self, OpenError> {
        let folder = Folder::claim(dir)?;
        let name = name::of(dir, options.fresh_name)
            .map_err(|source| OpenError::Io { path: name::file(dir), source })?;
        let (mut chain, torn) = Chain::open(folder, options.segment_bytes)?;
        if torn > 0 {
            let event = Event::System {
                command: "audit.recover".into(),
                detail: format!("cut off {torn} bytes of an entry that was never finished").into(),
            };
            let record = Record { at: now, request_id: "".into(), ispb: None, event };
            chain.append(&[record]).map_err(|source| OpenError::Io { path: dir.to_owned(), source })?;
            tracing::warn!(bytes = torn, "the audit log ended in an unfinished entry; it was cut off");
        }
        let worker = Worker::start(chain).map_err(|source| OpenError::Io { path: dir.to_owned(), source })?;
        Ok(Self { dir: dir.to_owned(), name, finding: None, worker })
    }

    /// Goes on under another name, for this reason: what is anchored or archived under the old one is not this chain.
    ///
    /// # Errors
    /// The name cannot be written.
    pub fn rename(&mut self, name: ChainId, why: String) -> io::Result<()> {
        self.finding = Some(why);
        name::write(&self.dir, name)?;
        self.name = name;
        Ok(())
    }

    /// The folder of its files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.dir
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Request,
    ) -> Result<T, Error> {
        let stopped = || Error::Unavailable("the audit log is stopping".to_owned());
        let (reply, answer) = oneshot::channel();
        if !self.worker.send(request(reply)).await {
            return Err(stopped());
        }
        answer.await.map_err(|_| stopped())?
    }
}

impl AuditLog for FileAuditLog {
    async fn append(&self, records: Vec<Record>) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        self.ask(|reply| Request::Append { records, reply }).await
    }

    async fn sync(&self) -> Result<Head, Error> {
        self.ask(|reply| Request::Sync { reply }).await
    }

    fn chain(&self) -> ChainId {
        self.name
    }

    fn finding(&self) -> Option<String> {
        self.finding.clone()
    }
}
