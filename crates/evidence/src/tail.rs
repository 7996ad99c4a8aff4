//! Reading the log while it is being written, for whoever keeps a copy where the writer of the files cannot reach it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use pix_stream_domain::digest::Digest;

use crate::{line, names};

/// Entries that follow one another, as they stand in the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Number of the first.
    pub first: u64,
    /// Number of the last.
    pub last: u64,
    /// Their lines, each with its line end.
    pub lines: Vec<u8>,
    /// Hash of the last one.
    pub head: Digest,
}

/// A place in the log, from which on entries are read as they come.
#[derive(Debug)]
pub struct Tail {
    dir: PathBuf,
    next: u64,
    /// The file of the next entry and how far it was read.
    open: Option<(PathBuf, u64)>,
}

impl Tail {
    /// A place before entry `next`, from 1, of the log in `dir`, or before the first one behind it that is left.
    #[must_use]
    pub fn before(dir: &Path, next: u64) -> Self {
        Self { dir: dir.to_owned(), next: next.max(1), open: None }
    }

    /// Whole entries from here on, of one file, until `bytes_max` are exceeded; `None` when there are none yet.
    ///
    /// # Errors
    /// A file cannot be read, or holds a line that is no entry.
    pub fn read(&mut self, bytes_max: usize) -> io::Result<Option<Block>> {
        let Some(path) = self.find_file()? else { return Ok(None) };
        let from = self.open.as_ref().filter(|open| open.0 == path).map_or(0, |open| open.1);
        let mut reader = BufReader::new(File::open(&path)?);
        reader.seek(SeekFrom::Start(from))?;
        let (mut lines, mut found, mut offset) = (Vec::new(), None::<(u64, u64, Digest)>, from);
        while lines.len() < bytes_max {
            let start = lines.len();
            let len = reader.read_until(b'\n', &mut lines)?;
            if lines.last() != Some(&b'\n') || len == 0 {
                lines.truncate(start);
                break;
            }
            let entry = &lines[start..lines.len() - 1];
            let place = line::read(entry).map_err(io::Error::other)?;
            if place.n >= self.next {
                found = Some((found.map_or(place.n, |(first, ..)| first), place.n, place.hash));
            } else {
                lines.truncate(start);
                offset += len as u64;
            }
        }
        self.open = Some((path, offset));
        Ok(found.map(|(first, last, head)| Block { first, last, lines, head }))
    }

    /// Moves behind a block.
    pub fn advance(&mut self, block: &Block) {
        self.next = block.last + 1;
        self.open.iter_mut().for_each(|(_, offset)| *offset += block.lines.len() as u64);
    }

    /// The file in which the next entry stands or will stand, as far as there is one.
    fn find_file(&self) -> io::Result<Option<PathBuf>> {
        let files = names::files(&self.dir)?;
        let holds =
            files.iter().rfind(|path| names::first_by_name(path).is_some_and(|first| first <= self.next));
        Ok(holds.or(files.first()).cloned())
    }
}
