//! The Journal on redb: one file, one thread that writes, snapshots for readers.
//!
//! `Ok` from a change means that its commit was synced to disk. Waiting requests share a commit, each whole or not
//! at all. Readers never wait for the writer; they run on the runtime's blocking threads, because a page that is
//! not in memory costs a disk access.
//!
//! The file only grows: room that retention frees is used again, and given back to the disk by nobody.
//!
//! It is the Quarantine and keeps the Anchors, too: they share the file, the thread and the rules for a full disk.
//!
//! When the disk is full, appends answer [`Error::Full`]. Small changes, without which nobody could read after a
//! restart, and removal go on in room that is kept for them (decision 0011): within `bytes_max` by a margin, on the
//! disk by a file `reserve`, which is released once and made again when there is room. Until then, appends stay
//! refused, but for what removal freed in the file beyond as much room.

mod anchors;
mod changes;
mod disk;
mod fault;
mod layout;
mod open;
mod quarantine;
mod reads;
mod request;
mod reserve;
mod store;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::switches::Switches;
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::version::Incarnation;
use pix_stream_ports::error::Error;
use pix_stream_ports::journal::{
    AppendError, Appended, Checkpoint, Extent, Journal, Known, MessageKey, NewMessage, Stored, Terms,
};
use redb::ReadTransaction;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

pub use open::OpenError;

use crate::folder::Folder;
use changes::Conflict;
use disk::Conditions;
use fault::Fault;
use request::{Reply, Request, What};
use store::Store;
use writer::Writer;

/// Message bytes that may wait for the writer, in units of [`ROOM_UNIT`]: 64 MiB.
const ROOM_UNITS: u32 = 64 * 1024;
/// Bytes of one unit of room.
const ROOM_UNIT: usize = 1024;
/// How long [`Journal::check`] waits for the writer.
const CHECK_DEADLINE: Duration = Duration::from_secs(1);

/// How the journal uses its file (`[journal]` of the configuration).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Memory for pages of the file, in bytes.
    pub cache_bytes: usize,
    /// The most bytes that messages may fill of the file; `None` is what the disk has. At the limit, appends answer
    /// [`Error::Full`] and reading goes on. Small changes may write 8 MiB more, for which the file may get longer
    /// than what it takes of the disk.
    pub bytes_max: Option<u64>,
    /// After a full disk, nothing is tried for this long: each try costs readers an opening of the file.
    pub pause_after_full: Duration,
    /// Reads the whole file at open and compares every checksum: for a file that is not trusted. Takes about a
    /// second for each 200 MB.
    pub check_on_open: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: 16 * 1024 * 1024,
            bytes_max: None,
            pause_after_full: Duration::from_secs(1),
            check_on_open: false,
        }
    }
}

/// The journal of one machine. Dropping it finishes the changes that wait, closes the file and frees the folder;
/// that takes as long as a commit.
pub struct EmbeddedJournal {
    // Before the store: the thread holds it, too, and must be gone when the file is closed.
    writer: Writer,
    store: Arc<Store>,
    room: Arc<Semaphore>,
}

impl std::fmt::Debug for EmbeddedJournal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedJournal").finish_non_exhaustive()
    }
}

impl EmbeddedJournal {
    /// Opens the journal of a folder; makes both when they are missing. Blocks for as long as the disk takes: call
    /// it before serving starts.
    ///
    /// # Errors
    /// Every [`OpenError`] says which file or folder, why, and what to do.
    pub fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        let conditions = Conditions::new(options.bytes_max);
        Self::open_under(dir, options, conditions)
    }

    fn open_under(dir: &Path, options: Options, conditions: Arc<Conditions>) -> Result<Self, OpenError> {
        let pause = options.pause_after_full;
        let store = Arc::new(Store::open(Folder::claim(dir)?, options, conditions)?);
        let writer = Writer::start(Arc::clone(&store), pause)
            .map_err(|error| OpenError::Io { path: dir.to_owned(), detail: error.to_string() })?;
        Ok(Self { writer, store, room: Arc::new(Semaphore::new(ROOM_UNITS as usize)) })
    }

    /// Makes the file of a journal that nobody uses as short as it can be, so that nothing of what was removed stays in
    /// room that was free: for an erasure that must not wait until new messages are written over it. Takes as long as
    /// writing the whole file.
    ///
    /// # Errors
    /// As [`EmbeddedJournal::open`]; a failure leaves the journal as it was.
    pub fn compact(dir: &Path, options: Options) -> Result<(), OpenError> {
        let folder = Folder::claim(dir)?;
        open::compact(&folder, &options, &Conditions::new(None))
    }

    /// Waits until this many bytes of messages may wait for the writer.
    async fn room_for(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Error> {
        let units = u32::try_from(bytes / ROOM_UNIT + 1).unwrap_or(ROOM_UNITS).min(ROOM_UNITS);
        let room = Arc::clone(&self.room).acquire_many_owned(units).await;
        room.map_err(|_| Error::Unavailable("the journal is stopping".to_owned()))
    }

    async fn change<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, Error> {
        let stopped = || Error::Unavailable("the journal is stopping".to_owned());
        let (sender, answer) = oneshot::channel();
        if !self.writer.send(request(Reply::new(sender))).await {
            return Err(stopped());
        }
        answer.await.map_err(|_| stopped())?
    }

    async fn read_with<T: Send + 'static>(
        &self,
        work: impl Fn(&ReadTransaction) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Error> {
        let store = Arc::clone(&self.store);
        let done = tokio::task::spawn_blocking(move || store.read(work)).await;
        done.map_err(|_| Error::Unavailable("the read was given up".to_owned()))?
    }
}

impl Journal for EmbeddedJournal {
    async fn append(
        &self,
        ispb: Ispb,
        messages: Vec<NewMessage>,
        terms: Terms,
    ) -> Result<Vec<Appended>, AppendError> {
        let room = self.room_for(messages.iter().map(|message| message.xml.len()).sum()).await?;
        let window = terms.window;
        let answer = self.change(|reply| Request::Append { ispb, messages, window, reply, room }).await?;
        answer.map_err(|Conflict(index)| AppendError::Conflict { index })
    }

    async fn find_known(
        &self,
        ispb: Ispb,
        keys: Vec<MessageKey>,
        window: Duration,
    ) -> Result<Vec<Option<Known>>, Error> {
        self.read_with(move |transaction| reads::all_known(transaction, ispb, &keys, window)).await
    }

    async fn read(&self, ispb: Ispb, range: Range, bytes_max: u64) -> Result<Vec<Stored>, Error> {
        self.read_with(move |transaction| reads::messages(transaction, ispb, range, bytes_max)).await
    }

    async fn extent(&self, ispb: Ispb) -> Result<Extent, Error> {
        self.read_with(move |transaction| reads::extent(&transaction.open_table(layout::EXTENTS)?, ispb))
            .await
    }

    async fn find_since(&self, ispb: Ispb, at: Timestamp) -> Result<Sequence, Error> {
        self.read_with(move |transaction| reads::find_since(transaction, ispb, at)).await
    }

    /// Nothing expires by itself here: removing is all there is.
    async fn keep(&self, _: Ispb, range: Range, _: Option<Duration>) -> Result<Sequence, Error> {
        Ok(range.end())
    }

    async fn remove_below(&self, ispb: Ispb, below: Sequence, limit: u32) -> Result<u32, Error> {
        let what = What::Below(below);
        self.change(|reply| Request::Remove { ispb, what, limit, reply, freed: 0 }).await
    }

    async fn remove_between(&self, ispb: Ispb, range: Range, limit: u32) -> Result<u32, Error> {
        let what = What::Between(range);
        self.change(|reply| Request::Remove { ispb, what, limit, reply, freed: 0 }).await
    }

    async fn load_checkpoint(&self, ispb: Ispb) -> Result<Option<Checkpoint>, Error> {
        self.read_with(move |transaction| reads::checkpoint(transaction, ispb)).await
    }

    async fn save_checkpoints(&self, checkpoints: Vec<(Ispb, Checkpoint)>) -> Result<(), Error> {
        self.change(|reply| Request::Checkpoints { checkpoints, reply }).await
    }

    async fn raise_incarnation(&self, ispb: Ispb) -> Result<Incarnation, Error> {
        self.change(|reply| Request::Raise { ispb, reply }).await
    }

    async fn participants(&self) -> Result<Vec<Participant>, Error> {
        self.read_with(reads::participants).await
    }

    async fn save_participant(&self, participant: Participant) -> Result<bool, Error> {
        let participant = Box::new(participant);
        self.change(|reply| Request::Participant { participant, reply }).await
    }

    async fn load_switches(&self) -> Result<Switches, Error> {
        self.read_with(reads::load_switches).await
    }

    async fn save_switches(&self, switches: Switches) -> Result<bool, Error> {
        let switches = Box::new(switches);
        self.change(|reply| Request::Switches { switches, reply }).await
    }

    async fn check(&self) -> Result<(), Error> {
        match tokio::time::timeout(CHECK_DEADLINE, self.change(|reply| Request::Check { reply })).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::Unavailable("the journal does not answer in time".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests;
