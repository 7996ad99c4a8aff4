//! The list of resource ids stored so far: an append-only file, one id a line, and the same in memory.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use pix_stream_domain::resource_id::{ResourceId, TEXT_LEN};

/// How far before the median of the known ids an id is remembered, at least: five days longer than a server keeps
/// messages by default, so nothing that may still be delivered is forgotten.
pub const REMEMBERED: Duration = Duration::from_secs(35 * 24 * 60 * 60);

#[derive(Debug)]
pub(super) struct Index {
    file: File,
    known: HashSet<ResourceId>,
}

impl Index {
    /// Loads the list. A last line that a crash tore is cut off, lines that are no ids are skipped.
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        let lines = bytes[..whole].split(|&b| b == b'\n');
        let mut known: HashSet<ResourceId> =
            lines.filter_map(|line| std::str::from_utf8(line).ok()?.parse().ok()).collect();
        let loaded = known.len();
        forget_old(&mut known);
        // Worth a rewrite from a quarter on; more than half never goes at once, since the median stays.
        let shrinks = known.len() < loaded / 4 * 3;
        if shrinks {
            rewrite(&path, &known)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        if !shrinks {
            file.set_len(whole as u64)?;
        }
        file.sync_all()?;
        Ok(Self { file, known })
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn contains(&self, id: &ResourceId) -> bool {
        self.known.contains(id)
    }

    /// Adds ids, durably.
    pub(super) fn append(&mut self, ids: &[ResourceId]) -> io::Result<()> {
        let mut lines = Vec::with_capacity(ids.len() * (TEXT_LEN + 1));
        for id in ids {
            lines.extend_from_slice(&id.to_text());
            lines.push(b'\n');
        }
        let length = self.file.metadata()?.len();
        if let Err(error) = self.file.write_all(&lines).and_then(|()| self.file.sync_data()) {
            // A torn line in the middle would swallow the next id; a failure here is found at the next start.
            self.file.set_len(length)?;
            return Err(error);
        }
        self.known.extend(ids);
        Ok(())
    }
}

/// Age is counted from the median id, not from a clock: a folder that lay still forgets nothing, and a few ids
/// with a wrong time, however wrong, move nothing. At a steady rate it comes to twice [`REMEMBERED`].
fn forget_old(known: &mut HashSet<ResourceId>) {
    let published = |id: &ResourceId| id.published_at().unix_millis();
    let mut times: Vec<u64> = known.iter().map(published).collect();
    if times.is_empty() {
        return;
    }
    let middle = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(middle);
    let remembered = u64::try_from(REMEMBERED.as_millis()).unwrap_or(u64::MAX);
    let oldest = median.saturating_sub(remembered);
    known.retain(|id| published(id) >= oldest);
}

fn rewrite(path: &Path, known: &HashSet<ResourceId>) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = File::create(&temporary)?;
    let lines: String = known.iter().map(|id| format!("{id}\n")).collect();
    file.write_all(lines.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use pix_stream_domain::time::Timestamp;

    use super::*;

    fn id(day: u64, number: u8) -> ResourceId {
        ResourceId::new(Timestamp::from_unix_millis(day * 86_400_000), [number; 16])
    }

    #[test]
    fn a_torn_last_line_and_garbage_are_survived() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seen");
        let mut index = Index::open(path.clone()).unwrap();
        index.append(&[id(1, 1), id(1, 2)]).unwrap();
        drop(index);
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend_from_slice(b"\0\0garbage\xff\n");
        bytes.extend_from_slice(&id(1, 3).to_text()[..20]);
        fs::write(&path, &bytes).unwrap();

        let mut index = Index::open(path.clone()).unwrap();
        assert_eq!(index.len(), 2);
        index.append(&[id(1, 4)]).unwrap();
        drop(index);
        let index = Index::open(path).unwrap();
        assert!(index.contains(&id(1, 1)) && index.contains(&id(1, 2)) && index.contains(&id(1, 4)));
        assert!(!index.contains(&id(1, 3)));
    }

    #[test]
    fn ids_long_before_the_others_are_dropped_and_the_file_shrinks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seen");
        let lengths = |days: &[u64]| {
            let ids: Vec<_> = days.iter().zip(0..).map(|(&day, number)| id(day, number)).collect();
            drop(fs::remove_file(&path));
            Index::open(path.clone()).unwrap().append(&ids).unwrap();
            (Index::open(path.clone()).unwrap().len(), fs::read(&path).unwrap().len() / (TEXT_LEN + 1))
        };
        assert_eq!(lengths(&[1, 1, 36, 36, 36]), (5, 5));
        assert_eq!(lengths(&[1, 1, 37, 37, 37]), (3, 5));
        // One id from far in the future makes nothing forgotten.
        assert_eq!(lengths(&[1, 2, 3, 100_000]), (4, 4));
        let days = [[1; 40].as_slice(), &[200; 60]].concat();
        assert_eq!(lengths(&days), (60, 60));
    }
}
