//! The file under redb, with a limit on its length, and in tests with faults.
//!
//! redb writes a few bytes even to open a file. So that a disk without any room left still lets it open for
//! reading, a disk can keep all writes in memory; nothing that is written so is ever acknowledged.

use std::fs::File;
use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use redb::backends::FileBackend;
use redb::{BackendError, DatabaseError, StorageBackend};

use super::reserve::RESERVE_BYTES;

/// What the file may do. Shared by all openings of one journal.
#[derive(Debug)]
pub(crate) struct Conditions {
    /// The length that the file may not exceed; small changes may by [`RESERVE_BYTES`].
    pub(crate) bytes_max: AtomicU64,
    /// Whether a change is written that must leave the room of small changes alone.
    pub(crate) is_held_back: AtomicBool,
    /// Whether the reserve takes its room.
    pub(crate) is_reserve_there: AtomicBool,
    /// Nothing but the reserve's room is left on the disk. Set by tests alone.
    pub(crate) is_reserve_last: AtomicBool,
    /// Every write finds the disk full. Set by tests alone.
    pub(crate) is_full: AtomicBool,
    /// Every sync fails. Set by tests alone.
    pub(crate) sync_fails: AtomicBool,
}

impl Conditions {
    pub(crate) fn new(bytes_max: Option<u64>) -> Arc<Self> {
        Arc::new(Self {
            bytes_max: AtomicU64::new(bytes_max.unwrap_or(u64::MAX)),
            is_held_back: AtomicBool::new(false),
            is_reserve_there: AtomicBool::new(false),
            is_reserve_last: AtomicBool::new(false),
            is_full: AtomicBool::new(false),
            sync_fails: AtomicBool::new(false),
        })
    }

    /// What a test says of the room for the reserve.
    pub(crate) fn check_reserve(&self) -> io::Result<()> {
        let is_full = self.is_full.load(Ordering::Relaxed) || self.is_reserve_last.load(Ordering::Relaxed);
        if is_full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    /// Whether the disk has room, and the limit allows a write up to this offset.
    fn check_write(&self, end: u64) -> io::Result<()> {
        let is_last = self.is_reserve_last.load(Ordering::Relaxed);
        if self.is_full.load(Ordering::Relaxed) || is_last && self.is_reserve_there.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let extra = if self.is_held_back.load(Ordering::Relaxed) { 0 } else { RESERVE_BYTES };
        if end > self.bytes_max.load(Ordering::Relaxed).saturating_add(extra) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(())
    }
}

/// The file.
#[derive(Debug)]
pub(crate) struct Disk {
    file: FileBackend,
    conditions: Arc<Conditions>,
    /// What was written, when the file itself takes no writes.
    overlay: Option<Mutex<Overlay>>,
}

/// Writes that only this process sees, over a file that stays as it is.
#[derive(Debug)]
struct Overlay {
    len: u64,
    /// How much of the file shows through.
    file_len: u64,
    writes: Vec<(u64, Vec<u8>)>,
}

impl Disk {
    pub(crate) fn new(file: File, conditions: Arc<Conditions>) -> Result<Self, DatabaseError> {
        Ok(Self { file: FileBackend::new(file)?, conditions, overlay: None })
    }

    /// A disk whose writes stay in memory and end with it.
    pub(crate) fn in_memory_over(file: File, conditions: Arc<Conditions>) -> Result<Self, DatabaseError> {
        let disk = Self::new(file, conditions)?;
        let len = disk.file.len()?;
        let overlay = Some(Mutex::new(Overlay { len, file_len: len, writes: Vec::new() }));
        Ok(Self { overlay, ..disk })
    }

    /// Works on the overlay when there is one.
    fn overlaid<T>(&self, work: impl FnOnce(&mut Overlay) -> io::Result<T>) -> Option<io::Result<T>> {
        let overlay = self.overlay.as_ref()?;
        Some(work(&mut overlay.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Overlay {
    fn read(&self, file: &FileBackend, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > self.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let shown = usize::try_from(self.file_len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let (shown, beyond) = out.split_at_mut(shown.min(out.len()));
        file.read(offset, shown)?;
        beyond.fill(0);
        for (start, data) in &self.writes {
            let from = offset.max(*start);
            let to = (offset + out.len() as u64).min(start + data.len() as u64);
            if from < to {
                let place = |base: u64| index(from - base)..index(to - base);
                out[place(offset)].copy_from_slice(&data[place(*start)]);
            }
        }
        Ok(())
    }

    fn set_len(&mut self, len: u64) {
        self.len = len;
        self.file_len = self.file_len.min(len);
        for (start, data) in &mut self.writes {
            data.truncate(index(len.saturating_sub(*start)));
        }
    }
}

/// An offset within memory.
fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.overlaid(|overlay| Ok(overlay.len)).unwrap_or_else(|| self.file.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match self.overlaid(|overlay| overlay.read(&self.file, offset, out)) {
            Some(read) => read,
            None => self.file.read(offset, out),
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if let Some(done) = self.overlaid(|overlay| {
            overlay.set_len(len);
            Ok(())
        }) {
            return done;
        }
        // Shrinking is always allowed. So is growing for a small change: redb doubles the file, which takes no room
        // until it is written.
        let is_limited = self.conditions.is_held_back.load(Ordering::Relaxed);
        if is_limited && len > self.conditions.bytes_max.load(Ordering::Relaxed) && len > self.file.len()? {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.overlay.is_some() {
            return Ok(());
        }
        if self.conditions.sync_fails.load(Ordering::Relaxed) {
            return Err(io::Error::other("sync failed"));
        }
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if let Some(done) = self.overlaid(|overlay| {
            overlay.writes.push((offset, data.to_vec()));
            Ok(())
        }) {
            return done;
        }
        self.conditions.check_write(offset.saturating_add(data.len() as u64))?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
