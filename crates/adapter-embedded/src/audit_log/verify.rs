//! Checking the chain offline: by an auditor, with nothing but the files.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use pix_stream_domain::digest::Digest;

use super::{chain, line};

/// What a whole chain comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Files that were read.
    pub files: usize,
    /// Entries in them.
    pub entries: u64,
    /// Number of the first entry, zero when there is none. Above 1, earlier files were not given.
    pub first: u64,
    /// Number of the last entry, zero when there is none.
    pub last: u64,
    /// Hash that the first entry states for the one before it; zeros for entry 1.
    pub before: Digest,
    /// Hash of the last entry: what must be kept elsewhere to notice a tail that was cut off.
    pub head: Digest,
    /// Bytes behind the last whole line of the last file: an entry that is being written, or was when the
    /// process was killed. They are no entry.
    pub unfinished_bytes: u64,
}

/// The first place at which the chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The file.
    pub file: PathBuf,
    /// The line in it, from 1; 0 for the file as a whole.
    pub line: u64,
    /// The number that the line gives itself, if it has one.
    pub entry: Option<u64>,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ", line {}", self.line)?;
        }
        if let Some(entry) = self.entry {
            write!(f, " (entry {entry})")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// Why a chain is not verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The chain does not hold.
    #[error("{0}")]
    Broken(Broken),
    /// No file of an audit log was given or found.
    #[error("no audit-<number>.log was found")]
    Nothing,
    /// A file or folder cannot be read.
    #[error("{} cannot be read: {source}", .path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Checks the chain through files and folders, in the order of their entries: that each entry is unchanged, that
/// none is missing, added or moved, and that files follow each other. The first may start in the middle.
///
/// Not detected, by any check of the files alone: entries cut off at the very end, and a chain that was made anew
/// as a whole. Compare [`Verified::head`] with one that was kept elsewhere.
///
/// # Errors
/// The first place that does not hold, or what could not be read.
pub fn verify(paths: &[PathBuf]) -> Result<Verified, VerifyError> {
    let files = collect(paths)?;
    let mut walk = Walk::default();
    let mut unfinished: Option<(PathBuf, u64)> = None;
    for path in &files {
        if let Some((file, bytes)) = unfinished.take() {
            let reason = format!("ends with {bytes} bytes that are no entry, and another file follows");
            return Err(VerifyError::Broken(Broken { file, line: 0, entry: None, reason }));
        }
        unfinished = check_file(path, &mut walk)?.map(|bytes| (path.clone(), bytes));
    }
    let (next, head) = walk.next().unwrap_or_default();
    let (first, before) = walk.first.unwrap_or_default();
    Ok(Verified {
        files: files.len(),
        entries: next.saturating_sub(first),
        first,
        last: next.saturating_sub(1),
        before,
        head,
        unfinished_bytes: unfinished.map_or(0, |(_, bytes)| bytes),
    })
}

/// The way along a chain, entry by entry.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// Number of the first entry, and the hash that it states before it.
    first: Option<(u64, Digest)>,
    /// Number and hash of the last entry.
    last: Option<(u64, Digest)>,
}

impl Walk {
    /// The number of the next entry and the hash that it must name; `None` before the first one.
    pub(crate) fn next(&self) -> Option<(u64, Digest)> {
        self.last.map(|(n, hash)| (n + 1, hash))
    }

    /// Goes on by one line, without its line end; otherwise says what is wrong with it.
    pub(crate) fn step(&mut self, line: &[u8]) -> Result<(), String> {
        let place = line::read(line)?;
        match self.next() {
            None if place.n == 0 || (place.n == 1) != (place.prev == Digest::default()) => {
                return Err("cannot be the first entry of a chain".to_owned());
            }
            None => self.first = Some((place.n, place.prev)),
            Some((next, _)) if place.n > next => {
                return Err(format!("comes where entry {next} is expected: entries are missing"));
            }
            Some((next, _)) if place.n < next => {
                return Err(format!("comes where entry {next} is expected: moved or repeated"));
            }
            Some((_, prev)) if place.prev != prev => {
                return Err("does not follow the entry before it: one of the two was replaced".to_owned());
            }
            Some(_) => {}
        }
        self.last = Some((place.n, place.hash));
        Ok(())
    }
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> VerifyError + '_ {
    move |source| VerifyError::Unreadable { path: path.to_owned(), source }
}

/// All files, in the order of the entries that their first lines name.
fn collect(paths: &[PathBuf]) -> Result<Vec<PathBuf>, VerifyError> {
    let mut files = Vec::new();
    for path in paths {
        if fs::metadata(path).map_err(unreadable(path))?.is_dir() {
            files.extend(chain::files(path).map_err(unreadable(path))?);
        } else {
            files.push(path.clone());
        }
    }
    if files.is_empty() {
        return Err(VerifyError::Nothing);
    }
    let mut numbered = Vec::new();
    for file in files {
        let mut line = Vec::new();
        let opened = File::open(&file).map_err(unreadable(&file))?;
        BufReader::new(opened).read_until(b'\n', &mut line).map_err(unreadable(&file))?;
        // A file without a first entry sorts by its name, and otherwise last: it may be the one being begun.
        let first = line::number(&line).or_else(|| chain::first_by_name(&file)).unwrap_or(u64::MAX);
        numbered.push((first, file));
    }
    numbered.sort();
    numbered.dedup();
    Ok(numbered.into_iter().map(|(_, file)| file).collect())
}

/// Walks through one file. `Some` tells how many bytes stand behind its last whole line.
fn check_file(path: &Path, walk: &mut Walk) -> Result<Option<u64>, VerifyError> {
    let mut reader = BufReader::new(File::open(path).map_err(unreadable(path))?);
    let (mut buffer, mut number) = (Vec::new(), 0);
    loop {
        buffer.clear();
        reader.read_until(b'\n', &mut buffer).map_err(unreadable(path))?;
        let Some((b'\n', line)) = buffer.split_last() else { break };
        number += 1;
        let entry = line::number(line);
        let broken =
            |reason| VerifyError::Broken(Broken { file: path.to_owned(), line: number, entry, reason });
        walk.step(line).map_err(broken)?;
        if let Some(named) = chain::first_by_name(path).filter(|named| number == 1 && Some(*named) != entry) {
            return Err(broken(format!("is not entry {named}, which the file's name says it is")));
        }
    }
    Ok(Some(buffer.len() as u64).filter(|bytes| *bytes > 0))
}
