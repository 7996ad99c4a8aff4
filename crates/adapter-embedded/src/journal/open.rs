//! Opening the journal's file: made when missing, refused when it is newer or cannot be right.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Database, DatabaseError, ReadableDatabase};

use super::disk::{Conditions, Disk};
use super::fault::Fault;
use super::layout;
use super::store::Tables;
use super::{Options, reads};
use crate::fault;
use crate::folder::{FILE_MODE, Folder, FolderError};

/// Name of the journal's file in its folder.
pub(crate) const FILE: &str = "journal.redb";
/// Name under which the file is made, so that a crash in between never leaves half a file under its name.
const UNFINISHED_FILE: &str = "journal.redb.new";

/// Why a journal does not open. Every message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be used, or another process uses it.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Written by a newer build.
    #[error(
        "{} has format {found}, this build reads up to {known}: run the newer build again, or restore the backup \
         that was made before it ran", .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The newest format that this build knows.
        known: u64,
    },
    /// Cut short, overwritten, or no journal at all.
    #[error(
        "{} is damaged ({detail}): restore its folder from a backup. Only if there is none, move the file away: the \
         server then starts empty, and the messages, cursors and participants in that file are lost to it",
        .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// No room to open it.
    #[error("{} cannot be opened because the disk is full: free some space and start again", .path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("{} cannot be opened: {detail}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
}

/// Opens the journal's file in a folder, making it when there is none.
pub(crate) fn open(
    folder: &Folder,
    options: &Options,
    conditions: &Arc<Conditions>,
) -> Result<Database, OpenError> {
    let path = folder.path().join(FILE);
    if !path.try_exists().map_err(|error| io_error(&path, &error))? {
        create(folder, options, conditions)?;
    }
    if fs::metadata(&path).map_err(|error| io_error(&path, &error))?.len() == 0 {
        // redb would make a new database of it, and everything that was in it would be gone without a word.
        return Err(OpenError::Damaged { path, detail: "the file is empty".to_owned() });
    }
    reopen(&path, options, conditions)
}

/// Makes a journal's file as short as it can be.
pub(crate) fn compact(
    folder: &Folder,
    options: &Options,
    conditions: &Arc<Conditions>,
) -> Result<(), OpenError> {
    let path = folder.path().join(FILE);
    fs::metadata(&path).map_err(|error| io_error(&path, &error))?;
    let mut database = open(folder, options, conditions)?;
    let compacted = guard(|| {
        // One pass moves what it finds room for; the next may find more.
        while database.compact()? {}
        Ok(())
    });
    compacted.map_err(|fault| from_fault(&path, &fault))
}

/// Opens a journal that exists.
pub(crate) fn reopen(
    path: &Path,
    options: &Options,
    conditions: &Arc<Conditions>,
) -> Result<Database, OpenError> {
    let database = start(path, file_of(path)?, options, |file| Disk::new(file, Arc::clone(conditions)))?;
    checked(path, database)
}

/// Opens a journal that exists, on a disk that takes no write, for reading alone: nothing reaches the file.
pub(crate) fn reopen_for_reading(
    path: &Path,
    options: &Options,
    conditions: &Arc<Conditions>,
) -> Result<Database, OpenError> {
    let over = |file| Disk::in_memory_over(file, Arc::clone(conditions));
    checked(path, start(path, file_of(path)?, options, over)?)
}

fn checked(path: &Path, database: Database) -> Result<Database, OpenError> {
    let checked = guard(|| check(&database));
    match checked {
        Ok(None) => Ok(database),
        Ok(Some(found)) => Err(OpenError::Newer { path: path.to_owned(), found, known: layout::FORMAT }),
        Err(fault) => Err(from_fault(path, &fault)),
    }
}

/// Runs what touches redb's pages. redb trusts pages that a clean shutdown left and may panic on ones that were
/// changed since (redb, `Builder::set_check_integrity_on_open`); reading the whole file at each start to rule that
/// out would take as long as the file is large. A panic becomes damage, reported like any other.
pub(crate) fn guard<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
        Err(Fault::Panicked(text.to_owned()))
    })
}

fn create(folder: &Folder, options: &Options, conditions: &Arc<Conditions>) -> Result<(), OpenError> {
    let path = folder.path().join(UNFINISHED_FILE);
    let made = || -> io::Result<File> {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        OpenOptions::new().read(true).write(true).create_new(true).mode(FILE_MODE).open(&path)
    };
    let file = made().map_err(|error| io_error(&path, &error))?;
    let database = start(&path, file, options, |file| Disk::new(file, Arc::clone(conditions)))?;
    guard(|| {
        let transaction = database.begin_write()?;
        transaction.open_table(layout::META)?.insert(layout::FORMAT_KEY, layout::FORMAT)?;
        drop(Tables::open(&transaction)?);
        Ok(transaction.commit()?)
    })
    .map_err(|fault| from_fault(&path, &fault))?;
    drop(database);
    let finished = folder.path().join(FILE);
    fs::rename(&path, &finished).and_then(|()| folder.sync()).map_err(|error| io_error(&finished, &error))
}

fn file_of(path: &Path) -> Result<File, OpenError> {
    OpenOptions::new().read(true).write(true).open(path).map_err(|error| io_error(path, &error))
}

fn start(
    path: &Path,
    file: File,
    options: &Options,
    disk: impl FnOnce(File) -> Result<Disk, DatabaseError>,
) -> Result<Database, OpenError> {
    let opened = guard(|| {
        let disk = match disk(file) {
            Ok(disk) => disk,
            Err(error) => return Ok(Err(error)),
        };
        let mut builder = Database::builder();
        builder.set_cache_size(options.cache_bytes).set_check_integrity_on_open(options.check_on_open);
        builder.set_repair_callback(|_| {
            tracing::info!("the journal was not closed cleanly; it is being repaired")
        });
        Ok(builder.create_with_backend(disk))
    });
    match opened {
        Ok(Ok(database)) => Ok(database),
        Ok(Err(error)) => Err(from_database(path, error)),
        Err(fault) => Err(from_fault(path, &fault)),
    }
}

/// Reads the format and, of every participant, what a start needs anyway. `Some` is a newer format.
fn check(database: &Database) -> Result<Option<u64>, Fault> {
    let transaction = database.begin_read()?;
    let meta = transaction.open_table(layout::META)?;
    let format = meta.get(layout::FORMAT_KEY)?.map(|value| value.value());
    match format {
        Some(layout::FORMAT) => {}
        Some(newer) if newer > layout::FORMAT => return Ok(Some(newer)),
        Some(_) | None => return Err(Fault::Record("it names no format of a journal".to_owned())),
    }
    reads::check(&transaction)?;
    Ok(None)
}

fn io_error(path: &Path, error: &io::Error) -> OpenError {
    let path = path.to_owned();
    if fault::is_full(error) {
        OpenError::Full { path }
    } else if fault::is_damage(error) {
        OpenError::Damaged { path, detail: error.to_string() }
    } else {
        OpenError::Io { path, detail: error.to_string() }
    }
}

fn from_database(path: &Path, error: DatabaseError) -> OpenError {
    let damaged = |detail: &str| OpenError::Damaged { path: path.to_owned(), detail: detail.to_owned() };
    if matches!(error, DatabaseError::UpgradeRequired(_)) {
        damaged("it is a redb file of an old format")
    } else if matches!(error, DatabaseError::RepairAborted) {
        damaged("it cannot be repaired")
    } else {
        from_fault(path, &Fault::Store(error.into()))
    }
}

fn from_fault(path: &Path, fault: &Fault) -> OpenError {
    let path_buf = || path.to_owned();
    match fault {
        Fault::Store(redb::Error::Io(error)) => io_error(path, error),
        Fault::Store(
            redb::Error::DatabaseAlreadyOpen
            | redb::Error::LockProtocolMismatch
            | redb::Error::PreviousIo
            | redb::Error::DatabaseClosed
            | redb::Error::TransactionInProgress,
        )
        | Fault::Closed => OpenError::Io { path: path_buf(), detail: fault.to_string() },
        Fault::Store(_) | Fault::Record(_) | Fault::Panicked(_) => {
            OpenError::Damaged { path: path_buf(), detail: fault.to_string() }
        }
    }
}
