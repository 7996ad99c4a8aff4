//! The open file: snapshots for readers, one transaction for the writer, and opening it again after an error.
//!
//! redb refuses everything after its first I/O error. What was acknowledged is on disk by then, so closing and
//! opening the file again loses nothing, and what was not acknowledged is decided by what the file holds. Opening
//! rewrites and syncs the header, so what it shows is on disk even when the failed sync had been the header's.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::{fs, io, mem};

use pix_stream_ports::error::Error;
use redb::{Database, ReadTransaction, ReadableDatabase, Table, WriteTransaction};

use super::Options;
use super::disk::Conditions;
use super::fault::Fault;
use super::layout::{self, ByAge, ByIspb, BySequence};
use super::open::{self, OpenError, guard};
use super::reserve::Reserve;
use crate::folder::Folder;
use crate::metrics as names;

/// All tables that most changes need, open for writing, and the way to the others.
pub(crate) struct Tables<'t> {
    pub(crate) transaction: &'t WriteTransaction,
    pub(crate) messages: Table<'t, &'static BySequence, &'static [u8]>,
    pub(crate) extents: Table<'t, &'static ByIspb, &'static [u8]>,
    pub(crate) known: Table<'t, &'static [u8], &'static [u8]>,
    pub(crate) ages: Table<'t, &'static ByAge, &'static [u8]>,
    pub(crate) checkpoints: Table<'t, &'static ByIspb, &'static [u8]>,
    pub(crate) incarnations: Table<'t, &'static ByIspb, &'static [u8]>,
    pub(crate) participants: Table<'t, &'static ByIspb, &'static [u8]>,
}

impl<'t> Tables<'t> {
    /// Opens the tables, and makes those that are missing.
    pub(crate) fn open(transaction: &'t WriteTransaction) -> Result<Self, Fault> {
        Ok(Self {
            transaction,
            messages: transaction.open_table(layout::MESSAGES)?,
            extents: transaction.open_table(layout::EXTENTS)?,
            known: transaction.open_table(layout::KNOWN)?,
            ages: transaction.open_table(layout::AGES)?,
            checkpoints: transaction.open_table(layout::CHECKPOINTS)?,
            incarnations: transaction.open_table(layout::INCARNATIONS)?,
            participants: transaction.open_table(layout::PARTICIPANTS)?,
        })
    }
}

/// How the file is open.
enum Open {
    /// For everything.
    Whole(Database),
    /// The disk takes no write at all: reads go on, and each change first tries to open the file again.
    ForReading(Database),
    /// It could not be opened again.
    Not,
}

impl Open {
    fn for_reading(&self) -> Result<&Database, Fault> {
        match self {
            Self::Whole(database) | Self::ForReading(database) => Ok(database),
            Self::Not => Err(Fault::Closed),
        }
    }

    fn for_writing(&self) -> Result<&Database, Fault> {
        match self {
            Self::Whole(database) => Ok(database),
            Self::ForReading(_) => Err(Fault::Store(redb::Error::Io(io::ErrorKind::StorageFull.into()))),
            Self::Not => Err(Fault::Closed),
        }
    }
}

/// What a change may fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// Everything but what is kept for small changes.
    Usual,
    /// What is kept for small changes, too.
    Kept,
}

/// The journal's file.
pub(crate) struct Store {
    database: RwLock<Open>,
    /// How often the file was opened, so that of several who saw one error only the first opens it again.
    openings: AtomicU64,
    options: Options,
    conditions: Arc<Conditions>,
    reserve: Reserve,
    path: PathBuf,
    // Dropped last: the folder is ours until the file is closed.
    _folder: Folder,
}

impl Store {
    pub(crate) fn open(
        folder: Folder,
        options: Options,
        conditions: Arc<Conditions>,
    ) -> Result<Self, OpenError> {
        let path = folder.path().join(open::FILE);
        let open = match open::open(&folder, &options, &conditions) {
            Err(OpenError::Full { .. }) if path.exists() => {
                tracing::error!(
                    path = %path.display(),
                    "the disk is full: publishing is refused and reads go on while the reserve lasts; free some space"
                );
                Open::ForReading(open::reopen_for_reading(&path, &options, &conditions)?)
            }
            opened => Open::Whole(opened?),
        };
        let reserve = Reserve::open(folder.path(), &conditions);
        let openings = AtomicU64::new(0);
        let store = Self {
            database: RwLock::new(open),
            openings,
            options,
            conditions,
            reserve,
            path,
            _folder: folder,
        };
        metrics::gauge!(names::FILE_BYTES).set(store.file_bytes() as f64);
        Ok(store)
    }

    /// What the file may do, for tests.
    #[cfg(test)]
    pub(crate) fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    /// Whether the room of small changes is kept for them.
    pub(crate) fn has_reserve(&self) -> bool {
        self.reserve.is_there()
    }

    /// Lets small changes use the reserve. `false` when it is used already.
    pub(crate) fn release_reserve(&self) -> bool {
        self.reserve.release(&self.conditions)
    }

    /// Makes the reserve again when it is gone; `false` while there is no room for it.
    pub(crate) fn restore_reserve(&self) -> bool {
        let was_there = self.reserve.is_there();
        let is_there = self.reserve.restore(&self.conditions);
        if is_there && !was_there {
            tracing::info!("there is room on the disk again: messages are taken");
        }
        is_there
    }

    /// Length of the file, zero when it cannot be told.
    pub(crate) fn file_bytes(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    /// Reads from a snapshot; once more when the file had to be opened again.
    pub(crate) fn read<T>(&self, work: impl Fn(&ReadTransaction) -> Result<T, Fault>) -> Result<T, Error> {
        let mut result = self.try_read(&work);
        if let Err((fault, seen)) = &result
            && fault.needs_reopening()
        {
            self.reopen(*seen);
            result = self.try_read(&work);
        }
        result.map_err(|(fault, _)| counted(&fault))
    }

    fn try_read<T>(&self, work: &impl Fn(&ReadTransaction) -> Result<T, Fault>) -> Result<T, (Fault, u64)> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let openings = self.openings.load(Ordering::Acquire);
        let read = database.for_reading().and_then(|database| guard(|| work(&database.begin_read()?)));
        read.map_err(|fault| (fault, openings))
    }

    /// Changes the tables in one transaction. `Ok` means that the change is on disk. After an error nothing is
    /// known to be stored, and the file is ready for the next try if that is possible at all.
    pub(crate) fn write<T>(
        &self,
        room: Room,
        work: impl FnOnce(&mut Tables<'_>) -> Result<T, Fault>,
    ) -> Result<T, (Fault, Error)> {
        let (result, seen) = {
            let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
            self.conditions.is_held_back.store(room == Room::Usual, Ordering::Relaxed);
            let changed = database.for_writing().and_then(|database| guard(|| change(database, work)));
            self.conditions.is_held_back.store(false, Ordering::Relaxed);
            (changed, self.openings.load(Ordering::Acquire))
        };
        result.map_err(|fault| {
            if fault.needs_reopening() {
                self.reopen(seen);
            }
            let error = counted(&fault);
            (fault, error)
        })
    }

    /// Whether the file is open for changes. Tries to open it when it is not.
    pub(crate) fn is_whole(&self) -> bool {
        let is_whole = || {
            let open = self.database.read().unwrap_or_else(PoisonError::into_inner);
            matches!(*open, Open::Whole(_))
        };
        if !is_whole() {
            self.reopen(self.openings.load(Ordering::Acquire));
        }
        is_whole()
    }

    fn reopen(&self, seen: u64) {
        let mut open = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if self.openings.load(Ordering::Acquire) != seen {
            return;
        }
        self.openings.fetch_add(1, Ordering::AcqRel);
        metrics::counter!(names::REOPENS_TOTAL).increment(1);
        // Closing first: redb locks the file.
        close(mem::replace(&mut *open, Open::Not));
        let opened = match open::reopen(&self.path, &self.options, &self.conditions) {
            Ok(database) => Ok(Open::Whole(database)),
            Err(OpenError::Full { .. }) => {
                open::reopen_for_reading(&self.path, &self.options, &self.conditions).map(Open::ForReading)
            }
            Err(error) => Err(error),
        };
        match opened {
            Ok(opened) => *open = opened,
            Err(error) => tracing::error!(%error, "the journal could not be opened again"),
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let open = self.database.get_mut().unwrap_or_else(PoisonError::into_inner);
        close(mem::replace(open, Open::Not));
    }
}

/// Closing writes, and after a panic inside redb may panic again.
fn close(open: Open) {
    let closed = guard(|| {
        drop(open);
        Ok(())
    });
    if let Err(fault) = closed {
        tracing::error!(%fault, "the journal did not close cleanly; the next start repairs it");
    }
}

fn change<T>(
    database: &Database,
    work: impl FnOnce(&mut Tables<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let mut transaction = database.begin_write()?;
    // Each commit also keeps what a start after a crash needs, so that it takes milliseconds whatever the size of
    // the file; without it redb reads the whole file.
    transaction.set_quick_repair(true);
    let value = work(&mut Tables::open(&transaction)?)?;
    transaction.commit()?;
    Ok(value)
}

fn counted(fault: &Fault) -> Error {
    let error = fault.to_error();
    metrics::counter!(names::ERRORS_TOTAL, "kind" => names::kind(&error)).increment(1);
    error
}
