//! Room on the disk that is kept for small changes when everything else of it is used (decision 0011).
//!
//! A file of written bytes beside the journal's. Deleting it gives its room to whoever asks first; the blocks that
//! the journal takes then stay the journal's, and its later commits use them over and over.

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use super::disk::Conditions;
use crate::fault::is_full;
use crate::folder::FILE_MODE;

/// Name of the reserve in the journal's folder.
const FILE: &str = "reserve";
/// Its length. On a disk that a journal of 145 MB had filled, 6,000 small changes took 20 kB more than the file had:
/// pages come free two commits later. The rest is for removal and for others that write to the disk meanwhile.
pub(crate) const RESERVE_BYTES: u64 = 8 * 1024 * 1024;

/// Where the reserve is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// On the disk.
    There,
    /// It was released, or there was no room to make it.
    Gone,
    /// It cannot be made for a reason that free space does not change: the journal works as if it were there.
    Impossible,
}

/// The reserve of one folder. Used by the writer's thread; shared because the store is.
#[derive(Debug)]
pub(crate) struct Reserve {
    path: PathBuf,
    state: Mutex<State>,
}

impl Reserve {
    /// Finds the reserve of a folder, or makes it. A failure is logged and is no reason not to start.
    pub(crate) fn open(folder: &Path, conditions: &Conditions) -> Self {
        let reserve = Self { path: folder.join(FILE), state: Mutex::new(State::Gone) };
        if !reserve.restore(conditions) {
            tracing::error!(
                path = %reserve.path.display(), bytes = RESERVE_BYTES,
                "no room for the reserve: publishing is refused until that much is free on its disk"
            );
        }
        reserve
    }

    /// Whether appends may use the disk.
    pub(crate) fn is_there(&self) -> bool {
        self.state() != State::Gone
    }

    /// Gives the room back to the disk. `false` when there was nothing to give.
    pub(crate) fn release(&self, conditions: &Conditions) -> bool {
        if self.state() != State::There {
            return false;
        }
        if let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::error!(path = %self.path.display(), %error, "the reserve could not be released");
            return false;
        }
        self.set(State::Gone, conditions);
        tracing::error!(
            path = %self.path.display(), bytes = RESERVE_BYTES,
            "the disk is full: the reserve was released so that reads go on; publishing is refused until that much \
             is free on the disk again"
        );
        true
    }

    /// Makes the reserve when it is gone. Returns whether appends may use the disk.
    pub(crate) fn restore(&self, conditions: &Conditions) -> bool {
        if self.is_there() {
            return true;
        }
        let state = match make(&self.path, conditions) {
            Ok(()) => State::There,
            Err(error) if is_full(&error) => State::Gone,
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "the reserve for a full disk cannot be made");
                State::Impossible
            }
        };
        self.set(state, conditions);
        self.is_there()
    }

    fn state(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State, conditions: &Conditions) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
        conditions.is_reserve_there.store(state == State::There, Ordering::Relaxed);
    }
}

/// Leaves the file whole, or no file.
fn make(path: &Path, conditions: &Conditions) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.len() == RESERVE_BYTES => return Ok(()),
        Ok(_) => fs::remove_file(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let made = conditions.check_reserve().and_then(|()| fill(path));
    if made.is_err() {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    made
}

/// Bytes that no filesystem compresses or keeps as a hole: the room must really be taken.
fn fill(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)?;
    let mut out = BufWriter::with_capacity(256 * 1024, file);
    let mut noise: u64 = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..RESERVE_BYTES / 8 {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        out.write_all(&noise.to_le_bytes())?;
    }
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}
