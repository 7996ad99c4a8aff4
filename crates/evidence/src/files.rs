//! Reading and checking the chain offline: by an auditor, with nothing but the files.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use pix_stream_domain::audit::{ChainId, Head};
use pix_stream_domain::digest::Digest;
use pix_stream_domain::time::Timestamp;

use crate::line::{self, Place};
use crate::{Walk, entry, names};

/// Entries may be dated a little before or behind their neighbours: a record waits for its turn with its own time.
pub const DATE_SLACK_MILLIS: u64 = 60_000;

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
/// as a whole. Compare [`Verified::head`] with an anchor.
///
/// # Errors
/// The first place that does not hold, or what could not be read.
pub fn verify(paths: &[PathBuf]) -> Result<Verified, VerifyError> {
    walk(paths, None, |_, _| ())
}

/// As [`verify`], and shows each entry that holds with its line, without the line end. With `from`, files that end
/// well before this time are left out.
///
/// # Errors
/// As [`verify`].
pub fn walk(
    paths: &[PathBuf],
    from: Option<Timestamp>,
    mut see: impl FnMut(Place, &[u8]),
) -> Result<Verified, VerifyError> {
    let files = behind(collect(paths)?, from);
    let mut walk = Walk::default();
    let mut unfinished: Option<(PathBuf, u64)> = None;
    for path in &files {
        if let Some((file, bytes)) = unfinished.take() {
            let reason = format!("ends with {bytes} bytes that are no entry, and another file follows");
            return Err(VerifyError::Broken(Broken { file, line: 0, entry: None, reason }));
        }
        unfinished = check_file(path, &mut walk, &mut see)?.map(|bytes| (path.clone(), bytes));
    }
    let (first, before) = walk.first().unwrap_or_default();
    let head = walk.head();
    Ok(Verified {
        files: files.len(),
        entries: walk.entries(),
        first,
        last: head.entry,
        before,
        head: head.hash,
        unfinished_bytes: unfinished.map_or(0, |(_, bytes)| bytes),
    })
}

/// The files of one chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainFiles {
    /// Its name, where a folder of these files says it.
    pub chain: Option<ChainId>,
    /// Its files, or the folder that holds them.
    pub paths: Vec<PathBuf>,
}

/// Sorts what was named by chains: a folder holds one chain, files that were named one by one are one, too.
///
/// # Errors
/// Something cannot be looked at.
pub fn chains(paths: &[PathBuf]) -> Result<Vec<ChainFiles>, VerifyError> {
    let mut chains = Vec::new();
    let mut loose = Vec::new();
    for path in paths {
        if fs::metadata(path).map_err(unreadable(path))?.is_dir() {
            let chain = names::chain_of(path).map_err(unreadable(path))?;
            chains.push(ChainFiles { chain, paths: vec![path.clone()] });
        } else {
            loose.push(path.clone());
        }
    }
    if !loose.is_empty() {
        chains.push(ChainFiles { chain: None, paths: loose });
    }
    Ok(chains)
}

/// The hash of an entry in the log of a folder, as its line states it; `None` when the log does not hold it. Reads
/// one file, and checks the lines before it in this file on the way.
///
/// # Errors
/// A file cannot be read, or the chain does not hold up to there.
pub fn find_hash(dir: &Path, entry: u64) -> Result<Option<Digest>, VerifyError> {
    let files = names::files(dir).map_err(unreadable(dir))?;
    let holds = |path: &&PathBuf| names::first_by_name(path).is_some_and(|first| first <= entry);
    let Some(path) = files.iter().rfind(holds) else { return Ok(None) };
    let mut found = None;
    let mut see = |place: Place, _: &[u8]| {
        if place.n == entry {
            found = Some(place.hash);
        }
    };
    check_file(path, &mut Walk::default(), &mut see)?;
    Ok(found)
}

/// Where the log of a folder ends. Reads its newest file.
///
/// # Errors
/// A file cannot be read, or the chain in it does not hold.
pub fn last(dir: &Path) -> Result<Head, VerifyError> {
    let files = names::files(dir).map_err(unreadable(dir))?;
    for path in files.iter().rev() {
        let mut walk = Walk::default();
        check_file(path, &mut walk, &mut |_, _| ())?;
        if walk.entries() > 0 {
            return Ok(walk.head());
        }
    }
    Ok(Head::default())
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> VerifyError + '_ {
    move |source| VerifyError::Unreadable { path: path.to_owned(), source }
}

/// A file in the order of a chain.
struct Ordered {
    path: PathBuf,
    /// When its first entry happened, as far as that can be read.
    began: Option<Timestamp>,
}

/// All files, in the order of the entries that their first lines name.
fn collect(paths: &[PathBuf]) -> Result<Vec<Ordered>, VerifyError> {
    let mut files = Vec::new();
    for path in paths {
        if fs::metadata(path).map_err(unreadable(path))?.is_dir() {
            files.extend(names::files(path).map_err(unreadable(path))?);
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
        let first = line::number(&line).or_else(|| names::first_by_name(&file)).unwrap_or(u64::MAX);
        numbered.push((first, file, entry::date(&line)));
    }
    numbered.sort();
    numbered.dedup();
    Ok(numbered.into_iter().map(|(_, path, began)| Ordered { path, began }).collect())
}

/// Without the files that ended before a time: the next one began before it, too.
fn behind(files: Vec<Ordered>, from: Option<Timestamp>) -> Vec<PathBuf> {
    let from = from.map_or(0, |from| from.unix_millis().saturating_sub(DATE_SLACK_MILLIS));
    let began_before = |file: &Ordered| file.began.is_some_and(|began| began.unix_millis() < from);
    let start = files.iter().rposition(began_before).unwrap_or(0);
    files.into_iter().skip(start).map(|file| file.path).collect()
}

/// Walks through one file. `Some` tells how many bytes stand behind its last whole line.
fn check_file(
    path: &Path,
    walk: &mut Walk,
    see: &mut impl FnMut(Place, &[u8]),
) -> Result<Option<u64>, VerifyError> {
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
        let place = walk.step(line).map_err(broken)?;
        if let Some(named) = names::first_by_name(path).filter(|named| number == 1 && Some(*named) != entry) {
            return Err(broken(format!("is not entry {named}, which the file's name says it is")));
        }
        see(place, line);
    }
    Ok(Some(buffer.len() as u64).filter(|bytes| *bytes > 0))
}
