//! Reading the log while it is being written, for whoever keeps a copy where the writer of the files cannot reach it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use pix_stream_domain::digest::Digest;

use super::{chain, line};

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
        let files = chain::files(&self.dir)?;
        let holds =
            files.iter().rfind(|path| chain::first_by_name(path).is_some_and(|first| first <= self.next));
        Ok(holds.or(files.first()).cloned())
    }
}

#[cfg(test)]
mod tests {
    use pix_stream_domain::audit::{Event, Record};
    use pix_stream_domain::time::Timestamp;
    use pix_stream_ports::audit_log::AuditLog as _;

    use super::super::{FileAuditLog, Options, verify};
    use super::*;

    fn record(n: u64) -> Record {
        let event = Event::System { command: "test".into(), detail: format!("entry {n}").into() };
        Record { at: Timestamp::from_unix_millis(n), request_id: "".into(), ispb: None, event }
    }

    async fn write(log: &FileAuditLog, numbers: std::ops::RangeInclusive<u64>) {
        for n in numbers {
            log.append(vec![record(n)]).await.unwrap();
        }
    }

    fn read_all(tail: &mut Tail, bytes_max: usize) -> Vec<Block> {
        let mut blocks = Vec::new();
        while let Some(block) = tail.read(bytes_max).unwrap() {
            tail.advance(&block);
            blocks.push(block);
        }
        blocks
    }

    #[tokio::test]
    async fn entries_come_once_and_in_order_over_several_files() {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { segment_bytes: 700 };
        let log = FileAuditLog::open(dir.path(), &options, Timestamp::default()).unwrap();
        let mut tail = Tail::before(dir.path(), 1);
        assert_eq!(tail.read(1 << 20).unwrap(), None);
        let mut copy = Vec::new();
        let mut next = 1;
        for round in 1..=5 {
            write(&log, 10 * round - 9..=10 * round).await;
            for block in read_all(&mut tail, 500) {
                assert_eq!(block.first, next);
                next = block.last + 1;
                copy.extend_from_slice(&block.lines);
            }
            assert_eq!(next, 10 * round + 1);
        }
        let head = verify(&[dir.path().to_owned()]).unwrap().head;
        let other = tempfile::tempdir().unwrap();
        std::fs::write(other.path().join("audit-000000000001.log"), &copy).unwrap();
        assert_eq!(verify(&[other.path().to_owned()]).unwrap().head, head, "the copy is the chain");
    }

    #[tokio::test]
    async fn a_tail_goes_on_where_an_earlier_one_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let log =
            FileAuditLog::open(dir.path(), &Options { segment_bytes: 900 }, Timestamp::default()).unwrap();
        write(&log, 1..=20).await;
        let blocks = read_all(&mut Tail::before(dir.path(), 13), 1 << 20);
        assert_eq!(blocks.first().map(|block| block.first), Some(13));
        assert_eq!(blocks.last().map(|block| block.last), Some(20));
    }
}
