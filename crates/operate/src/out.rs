//! Where what is handed out goes: stdout, or a file that is there whole or not at all, for its owner alone.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// What is handed out may be about people: nobody but who asked for it reads the file.
const OWNER_ONLY: u32 = 0o600;

/// A place for bytes, to be finished.
pub(crate) enum Out {
    /// Stdout, or a file that is none: a pipe, a device.
    Straight(Box<dyn io::Write + Send>),
    /// A file, written aside.
    Aside(Aside),
}

pub(crate) struct Aside {
    file: File,
    aside: PathBuf,
    path: PathBuf,
    force: bool,
}

impl Out {
    /// Opens a file, or stdout without one. Nothing is seen under the file's name yet.
    ///
    /// # Errors
    /// It is there already and may not be written over, or cannot be written.
    pub(crate) fn open(path: Option<&Path>, force: bool) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self::Straight(Box::new(io::stdout()))) };
        let failed = |error: io::Error| Failure::new(format_args!("{}: {error}", path.display()));
        match std::fs::metadata(path) {
            Ok(found) if !force && (found.is_file() || found.is_dir()) => return Err(there_already(path)),
            Ok(found) if found.is_dir() => return Err(failed(ErrorKind::IsADirectory.into())),
            Ok(found) if !found.is_file() => {
                let file = OpenOptions::new().write(true).open(path).map_err(failed)?;
                return Ok(Self::Straight(Box::new(file)));
            }
            Ok(_) | Err(_) => {}
        }
        let name = path.file_name().ok_or_else(|| failed(ErrorKind::IsADirectory.into()))?;
        let aside = path.with_file_name(format!(".{}.{}.part", name.display(), std::process::id()));
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(OWNER_ONLY).open(&aside).map_err(failed)?;
        Ok(Self::Aside(Aside { file, aside, path: path.to_owned(), force }))
    }

    /// Puts bytes at the end.
    ///
    /// # Errors
    /// They cannot be written.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Straight(out) => out.write_all(bytes),
            Self::Aside(aside) => aside.file.write_all(bytes),
        }
    }

    /// Makes it seen. Without this nothing is left of a file.
    ///
    /// # Errors
    /// It cannot be written, or somebody else's file is there by now.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        match &mut self {
            Self::Straight(out) => Ok(out.flush()?),
            Self::Aside(aside) => aside.finish(),
        }
    }
}

impl Aside {
    fn finish(&mut self) -> Result<(), Failure> {
        let (path, force) = (&self.path, self.force);
        let put = || {
            self.file.sync_all()?;
            if !force {
                // Takes the name, which one of two can.
                OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path)?;
            }
            std::fs::rename(&self.aside, path)
        };
        put().map_err(|error| {
            if error.kind() == ErrorKind::AlreadyExists {
                there_already(path)
            } else {
                Failure::new(format_args!("{}: {error}", path.display()))
            }
        })
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // Gone where it was finished.
        let _ = std::fs::remove_file(&self.aside);
    }
}

fn there_already(path: &Path) -> Failure {
    Failure::new(format_args!("{}: is there already", path.display()))
        .next("--force writes over it, or name another file")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_file_is_there_whole_and_for_its_owner_alone_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut out = Out::open(Some(&path), false).unwrap();
        out.put(b"half").unwrap();
        drop(out);
        assert!(names(folder.path()).is_empty());
        let mut out = Out::open(Some(&path), false).unwrap();
        out.put(b"whole").unwrap();
        out.finish().unwrap();
        assert_eq!(
            (std::fs::read(&path).unwrap(), names(folder.path())),
            (b"whole".to_vec(), vec!["a".to_owned()])
        );
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, OWNER_ONLY);
    }

    #[test]
    fn nothing_is_written_over_unasked_not_even_what_came_in_between() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let out = Out::open(Some(&path), false).unwrap();
        std::fs::write(&path, "mine").unwrap();
        assert!(out.finish().unwrap_err().next.contains("--force"));
        assert!(Out::open(Some(&path), false).is_err());
        assert_eq!((std::fs::read(&path).unwrap(), names(folder.path()).len()), (b"mine".to_vec(), 1));
        let mut out = Out::open(Some(&path), true).unwrap();
        out.put(b"new").unwrap();
        out.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }
}
