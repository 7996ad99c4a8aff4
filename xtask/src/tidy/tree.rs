//! The files of the repository as text: those git tracks, and new ones it does not ignore.
//!
//! Checks work on this and never on the disk, so that their tests are small trees written inline.

use std::collections::BTreeMap;
use std::fs;

use color_eyre::eyre::{Result, WrapErr as _};

use crate::process;

/// Path from the root, with `/`, and text. Bytes that are no UTF-8 are replaced: tidy reads, it never writes.
pub(super) struct Tree(BTreeMap<String, String>);

impl Tree {
    /// Reads the working tree.
    pub(super) fn read() -> Result<Self> {
        let root = process::root();
        let mut git = std::process::Command::new("git");
        git.current_dir(&root).args([
            "-c",
            "safe.directory=*",
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]);
        let listed = String::from_utf8(process::output(&mut git)?).wrap_err("a path is not UTF-8")?;
        let mut files = BTreeMap::new();
        for path in listed.split_terminator('\0') {
            // Deleted, but not yet committed so: git still lists it.
            let Ok(bytes) = fs::read(root.join(path)) else { continue };
            files.insert(path.to_owned(), String::from_utf8_lossy(&bytes).into_owned());
        }
        Ok(Self(files))
    }

    /// A tree written inline.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
    }

    /// How many files there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// All files, by path.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The text of one file.
    pub(super) fn find(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    /// True for a file, and for a folder that holds one.
    pub(super) fn holds(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        path.is_empty() || self.0.contains_key(path) || self.0.keys().any(|file| file.starts_with(&folder))
    }
}
