//! A folder that belongs to one process: made when missing, locked against a second one.
//!
//! The lock is the operating system's, on the file `lock`, so it ends with the process however that ends.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Name of the file that is locked.
const LOCK_FILE: &str = "lock";
/// Messages of banks lie here: the server's own user reads them, nobody else.
const FOLDER_MODE: u32 = 0o700;
/// As [`FOLDER_MODE`], for files.
pub(crate) const FILE_MODE: u32 = 0o600;

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another process holds the folder.
    #[error(
        "{} is in use by another pix-stream process{}: stop that one first, or give this one a folder of its own",
        .path.display(), Holder(*.holder)
    )]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The process id that the holder wrote down, if it could be read.
        holder: Option<u32>,
    },
    /// The operating system refused.
    #[error("{} cannot be used: {source}", .path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

struct Holder(Option<u32>);

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(pid) => write!(f, " (process {pid})"),
            None => Ok(()),
        }
    }
}

/// A folder that is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder when it is missing, and locks it.
    pub(crate) fn claim(path: &Path) -> Result<Self, FolderError> {
        let failed = |path: &Path, source| FolderError::Io { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path).map_err(|e| failed(path, e))?;
        let file = path.join(LOCK_FILE);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(&file)
            .map_err(|e| failed(&file, e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(FolderError::Locked { path: path.to_owned(), holder: holder(&mut lock) });
            }
            Err(TryLockError::Error(source)) => return Err(failed(&file, source)),
        }
        // The pid only helps people; a full disk must not keep the server from serving reads.
        if let Err(error) = write_holder(&mut lock) {
            tracing::warn!(file = %file.display(), %error, "the process id could not be noted");
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Brings names that were made or changed in the folder to the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

fn holder(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_holder(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_claim_is_refused_and_names_the_folder_and_the_process() {
        let dir = tempfile::tempdir().unwrap();
        let first = Folder::claim(dir.path()).unwrap();
        let error = Folder::claim(dir.path()).unwrap_err().to_string();
        assert!(error.contains(&dir.path().display().to_string()), "{error}");
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        drop(first);
        Folder::claim(dir.path()).unwrap();
    }

    #[test]
    fn a_file_in_the_place_of_the_folder_is_said_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("taken");
        std::fs::write(&path, "x").unwrap();
        let error = Folder::claim(&path).unwrap_err();
        assert!(matches!(error, FolderError::Io { .. }), "{error}");
    }
}
