//! The files of the chain, from the writer's side: where the last entry stands, the next one, a new file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use pix_stream_domain::audit::{Head, Record};
use pix_stream_domain::digest::Digest;
use pix_stream_evidence::files::Broken;
use pix_stream_evidence::names::{file_name, files};
use pix_stream_evidence::{Walk, line};

use super::OpenError;
use crate::folder::{FILE_MODE, Folder};

/// The end of the chain, ready for the next entry.
#[derive(Debug)]
pub(crate) struct Chain {
    folder: Folder,
    segment_bytes: u64,
    /// The file of the last entry; `None` when the next one begins a file.
    path: Option<PathBuf>,
    /// That file, unless the last write failed.
    file: Option<File>,
    /// Length of the file up to its last whole entry.
    written: u64,
    /// Files were made whose names may not be on disk yet.
    is_new: bool,
    next: u64,
    head: Digest,
}

impl Chain {
    /// Finds the end of the chain. Also tells how many bytes of an unfinished entry were cut off.
    pub(crate) fn open(folder: Folder, segment_bytes: u64) -> Result<(Self, u64), OpenError> {
        let io_error = |path: &Path, source| OpenError::Io { path: path.to_owned(), source };
        let mut files = files(folder.path()).map_err(|source| io_error(folder.path(), source))?;
        let mut chain = Self {
            folder,
            segment_bytes,
            path: None,
            file: None,
            written: 0,
            is_new: false,
            next: 1,
            head: Digest::default(),
        };
        let mut torn = 0;
        while let Some(path) = files.pop() {
            let end = find_end(&path)?;
            torn += end.torn;
            let Some((next, head)) = end.walk.next() else {
                // Made by a process that was killed before its first entry was whole.
                fs::remove_file(&path).map_err(|source| io_error(&path, source))?;
                continue;
            };
            let file =
                OpenOptions::new().append(true).open(&path).map_err(|source| io_error(&path, source))?;
            file.set_len(end.whole).map_err(|source| io_error(&path, source))?;
            (chain.next, chain.head, chain.written) = (next, head, end.whole);
            (chain.path, chain.file) = (Some(path), Some(file));
            break;
        }
        Ok((chain, torn))
    }

    /// Writes records behind the last entry. After an error none of them is there.
    pub(crate) fn append(&mut self, records: &[Record]) -> io::Result<()> {
        let (mut lines, mut next, mut head) = (String::new(), self.next, self.head);
        for record in records {
            head = line::write(&mut lines, next, record, head);
            next += 1;
        }
        if self.written >= self.segment_bytes {
            self.sync()?;
            (self.path, self.file, self.written) = (None, None, 0);
        }
        let written = self.written;
        let file = self.file_for_writing()?;
        if let Err(error) = file.write_all(lines.as_bytes()) {
            // Whole lines of a write that failed would count as entries. If they cannot go now, they go when the
            // file is opened again for the next write.
            if file.set_len(written).is_err() {
                tracing::warn!("a failed write to the audit log could not be undone yet");
            }
            self.file = None;
            return Err(error);
        }
        (self.next, self.head, self.written) = (next, head, written + lines.len() as u64);
        Ok(())
    }

    /// Brings everything that was appended to the disk; tells where the chain stands there.
    pub(crate) fn sync(&mut self) -> io::Result<Head> {
        if let Some(file) = &self.file {
            file.sync_data()?;
        }
        if self.is_new {
            self.folder.sync()?;
            self.is_new = false;
        }
        Ok(Head { entry: self.next - 1, hash: self.head })
    }

    fn file_for_writing(&mut self) -> io::Result<&mut File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                let next = self.folder.path().join(file_name(self.next));
                let path = self.path.get_or_insert(next);
                let file = OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(path)?;
                self.is_new = true;
                let len = file.metadata()?.len();
                if len < self.written {
                    let text = "the audit file is shorter than what was written to it";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, text));
                }
                if len > self.written {
                    file.set_len(self.written)?;
                }
                file
            }
        };
        Ok(self.file.insert(file))
    }
}

struct End {
    walk: Walk,
    /// Bytes up to the last whole line.
    whole: u64,
    /// Bytes behind it.
    torn: u64,
}

/// Walks a file to its end and checks its chain on the way.
fn find_end(path: &Path) -> Result<End, OpenError> {
    let io_error = |source| OpenError::Io { path: path.to_owned(), source };
    let mut reader = BufReader::new(File::open(path).map_err(io_error)?);
    let mut end = End { walk: Walk::default(), whole: 0, torn: 0 };
    let (mut buffer, mut number) = (Vec::new(), 0);
    loop {
        buffer.clear();
        reader.read_until(b'\n', &mut buffer).map_err(io_error)?;
        let Some((b'\n', line)) = buffer.split_last() else { break };
        number += 1;
        end.walk.step(line).map_err(|reason| {
            OpenError::Broken(Broken {
                file: path.to_owned(),
                line: number,
                entry: line::number(line),
                reason,
            })
        })?;
        end.whole += buffer.len() as u64;
    }
    end.torn = buffer.len() as u64;
    Ok(end)
}
