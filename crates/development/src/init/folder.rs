//! Puts files into a folder all together or not at all.
//!
//! A new folder is made under another name and renamed; into one that exists, the pieces are moved one by one, and
//! moved back when one of them fails. What is in `data/` is never touched.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::Error;

/// The configuration file.
pub(super) const CONFIG: &str = "pix-stream.toml";
/// What is replaced as a whole.
const PIECES: [&str; 4] = [CONFIG, "tls", "clients", "keys"];
/// What is kept, and made where it is missing.
const DATA: [&str; 2] = ["data", "data/audit"];

/// A file to be made.
#[derive(Debug)]
pub(super) struct File {
    path: String,
    content: String,
    mode: u32,
}

impl File {
    /// A file that everybody may read.
    pub(super) fn public(path: impl Into<String>, content: impl Into<String>) -> Self {
        Self { path: path.into(), content: content.into(), mode: 0o644 }
    }

    /// A file for its owner alone.
    pub(super) fn private(path: impl Into<String>, content: impl Into<String>) -> Self {
        Self { path: path.into(), content: content.into(), mode: 0o600 }
    }
}

/// Which of our pieces a folder has already.
pub(super) fn find_existing(directory: &Path) -> Vec<&'static str> {
    PIECES.into_iter().filter(|piece| fs::symlink_metadata(directory.join(piece)).is_ok()).collect()
}

/// Files that are made and not yet in place. Dropping it removes them.
#[derive(Debug)]
pub(super) struct Folder {
    directory: PathBuf,
    aside: PathBuf,
    is_new: bool,
}

impl Folder {
    /// Makes the files aside, and `data/` in a folder that exists.
    pub(super) fn prepare(directory: &Path, files: &[File]) -> Result<Self, Error> {
        let is_new = fs::symlink_metadata(directory).is_err();
        let parent = directory.parent().unwrap_or(directory);
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        let id = std::process::id();
        // A folder that exists may be a mount point: what is moved into it has to be made inside.
        let aside = if is_new {
            make(parent, 0o755)?;
            parent.join(format!(".{name}.init-{id}"))
        } else {
            directory.join(format!(".init-{id}"))
        };
        let folder = Self { directory: directory.to_owned(), aside, is_new };
        // Left by a killed process that had our id; nobody else uses the name.
        remove(&folder.aside)?;
        make(&folder.aside, 0o755)?;
        for (piece, mode) in [("tls", 0o755), ("clients", 0o755), ("keys", 0o700)] {
            make(&folder.aside.join(piece), mode)?;
        }
        for data in DATA {
            make(&folder.data_root().join(data), 0o700)?;
        }
        for file in files {
            write(&folder.aside.join(&file.path), file)?;
        }
        Ok(folder)
    }

    /// The folder that holds `data/` for now.
    pub(super) fn data_root(&self) -> &Path {
        if self.is_new { &self.aside } else { &self.directory }
    }

    /// Puts everything into place.
    pub(super) fn commit(self) -> Result<(), Error> {
        if self.is_new {
            return rename(&self.aside, &self.directory);
        }
        let mut moved = Vec::new();
        for piece in PIECES {
            match self.replace(piece) {
                Ok(()) => moved.push(piece),
                Err(error) => {
                    self.take_back(&moved);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn old(&self, piece: &str) -> PathBuf {
        self.aside.join(format!("old-{piece}"))
    }

    fn replace(&self, piece: &str) -> Result<(), Error> {
        let place = self.directory.join(piece);
        let was_there = fs::symlink_metadata(&place).is_ok();
        if was_there {
            rename(&place, &self.old(piece))?;
        }
        let result = rename(&self.aside.join(piece), &place);
        if result.is_err() && was_there {
            // The first failure is the one to report; this one would only repeat it.
            let _ = rename(&self.old(piece), &place);
        }
        result
    }

    fn take_back(&self, moved: &[&str]) {
        for piece in moved {
            let place = self.directory.join(piece);
            // As above: the failure that led here is the one to report.
            let _ = rename(&place, &self.aside.join(piece));
            if fs::symlink_metadata(self.old(piece)).is_ok() {
                let _ = rename(&self.old(piece), &place);
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Gone already after a commit of a new folder; otherwise the new files that did not get into place, or the old
        // ones that were replaced.
        let _ = remove(&self.aside);
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Write { path, source }
}

fn make(path: &Path, mode: u32) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(failed(path))
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    fs::rename(from, to).map_err(failed(to))
}

fn write(path: &Path, file: &File) -> Result<(), Error> {
    // Created with its mode and only if it is new: a key is never readable by others, not for a moment.
    let mut target =
        OpenOptions::new().write(true).create_new(true).mode(file.mode).open(path).map_err(failed(path))?;
    target.write_all(file.content.as_bytes()).and_then(|()| target.sync_all()).map_err(failed(path))
}
