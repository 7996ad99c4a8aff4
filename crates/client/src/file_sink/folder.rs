//! The folder itself: every blocking file operation of the sink, and the order of its steps.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pix_stream_domain::resource_id::ResourceId;

use crate::batch::PullNext;
use crate::message::Message;
use crate::sink::SinkError;

use super::index::Index;
use super::names;

const INDEX_NAME: &str = ".pix-stream-seen";
const CURSOR_NAME: &str = ".pix-stream-cursor-";
const DRAFT_START: &str = ".pix-stream-tmp-";
const DRAFT_END: &str = ".part";

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// The folder's own handle: locked for this process, and synced after renames.
    handle: File,
    index: Mutex<Index>,
    drafts: AtomicU64,
}

/// A message written and synced, under a temporary name.
#[derive(Debug)]
pub(super) struct Draft {
    message: Message,
    path: PathBuf,
}

impl Folder {
    pub(super) fn open(path: PathBuf) -> Result<Self, SinkError> {
        create(&path).map_err(failed("create", &path))?;
        let handle = File::open(&path).map_err(failed("open", &path))?;
        match handle.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(SinkError::InUse(path)),
            Err(TryLockError::Error(error)) => return Err(failed("lock", &path)(error)),
        }
        remove_leftovers(&path).map_err(failed("tidy", &path))?;
        let index_path = path.join(INDEX_NAME);
        let index = Index::open(index_path.clone()).map_err(failed("load", &index_path))?;
        handle.sync_all().map_err(failed("sync", &path))?;
        Ok(Self { path, handle, index: Mutex::new(index), drafts: AtomicU64::new(0) })
    }

    pub(super) fn known(&self) -> usize {
        self.index().len()
    }

    /// The messages of a batch that are not stored yet.
    pub(super) fn unknown<'a>(&self, batch: &'a [Message]) -> Vec<&'a Message> {
        let index = self.index();
        batch.iter().filter(|message| !index.contains(&message.resource_id)).collect()
    }

    /// Writes and syncs one message under a temporary name.
    pub(super) fn write_draft(&self, message: Message) -> Result<Draft, SinkError> {
        // Two streams may hold the same message for a moment, so the id alone is not unique.
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        let id = names::url_safe(&message.resource_id);
        let path = self.path.join(format!("{DRAFT_START}{id}-{number}{DRAFT_END}"));
        let write = |path: &Path| {
            let mut file = File::create(path)?;
            file.write_all(&message.bytes)?;
            file.sync_all()
        };
        write(&path).map_err(failed("write", &path))?;
        Ok(Draft { message, path })
    }

    /// Gives drafts their names, syncs the folder, and notes their ids; returns the ids that are new.
    pub(super) fn place(&self, drafts: Vec<Draft>) -> Result<Vec<ResourceId>, SinkError> {
        let mut index = self.index();
        let mut placed = Vec::with_capacity(drafts.len());
        for Draft { message, path } in drafts {
            let id = message.resource_id;
            if index.contains(&id) || placed.contains(&id) {
                fs::remove_file(&path).map_err(failed("remove", &path))?;
            } else {
                self.place_one(&message, &path)?;
                placed.push(id);
            }
        }
        if !placed.is_empty() {
            self.handle.sync_all().map_err(failed("sync", &self.path))?;
            index.append(&placed).map_err(failed("write", &self.path.join(INDEX_NAME)))?;
        }
        Ok(placed)
    }

    fn place_one(&self, message: &Message, draft: &Path) -> Result<(), SinkError> {
        let stem = names::stem(message.message_id.as_deref(), &message.resource_id);
        let mut target = self.path.join(format!("{stem}.xml"));
        match fs::read(&target) {
            // From a run that was cut before it could note the id, or the same message published twice.
            Ok(bytes) if bytes == message.bytes => {
                return fs::remove_file(draft).map_err(failed("remove", draft));
            }
            Ok(_) => {
                let second = names::second_stem(&stem, &message.resource_id);
                target = self.path.join(format!("{second}.xml"));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed("read", &target)(error)),
        }
        fs::rename(draft, &target).map_err(failed("rename to", &target))
    }

    /// Notes where a stream goes on. Renamed into place but not synced: after a power cut an older or an empty
    /// note costs a redelivery, which the index drops.
    pub(super) fn save_next(&self, stream: u8, next: Option<&PullNext>) -> Result<(), SinkError> {
        let path = self.cursor_path(stream);
        let Some(next) = next else {
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", &path)(error)),
                Ok(()) | Err(_) => Ok(()),
            };
        };
        let temporary = path.with_extension("new");
        fs::write(&temporary, next.as_str()).map_err(failed("write", &temporary))?;
        fs::rename(&temporary, &path).map_err(failed("rename to", &path))
    }

    pub(super) fn find_next(&self, stream: u8) -> Result<Option<PullNext>, SinkError> {
        let path = self.cursor_path(stream);
        match fs::read(&path) {
            Ok(bytes) => Ok(std::str::from_utf8(&bytes).ok().and_then(|text| PullNext::new(text).ok())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &path)(error)),
        }
    }

    fn cursor_path(&self, stream: u8) -> PathBuf {
        self.path.join(format!("{CURSOR_NAME}{stream}"))
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        // The index changes its memory only after its file, so a panic elsewhere leaves it right.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the folder, and makes sure that it is there after a power cut too.
fn create(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        Some(_) | None => File::open(".")?.sync_all(),
    }
}

/// Removes drafts that a crash left behind.
fn remove_leftovers(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_draft = name.to_str().is_some_and(|n| n.starts_with(DRAFT_START) && n.ends_with(DRAFT_END));
        if is_draft {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn failed<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> SinkError + use<'a> {
    move |source| SinkError::Io { what, path: path.to_owned(), source }
}
