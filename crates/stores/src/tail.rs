//! The end of a log file: for messages to people, and to see what a process said since it was started.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// Lines of a log that an error quotes.
const LINES: usize = 25;
/// Bytes of a log that are looked at for them.
const BYTES: u64 = 16 * 1024;

/// The last lines, indented; says so when there are none.
pub(crate) fn quote(path: &Path) -> String {
    let length = size(path);
    let text = since(path, length.saturating_sub(BYTES));
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(LINES);
    if lines.is_empty() {
        return format!("    (nothing in {})", path.display());
    }
    let quoted: Vec<String> = lines[from..].iter().map(|line| format!("    {line}")).collect();
    quoted.join("\n")
}

/// Bytes in a file; 0 when there is none.
pub(crate) fn size(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}

/// What was written after an offset; empty when nothing can be read.
pub(crate) fn since(path: &Path, offset: u64) -> String {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::Start(offset))?;
        file.read_to_end(&mut bytes)
    });
    if read.is_ok() { String::from_utf8_lossy(&bytes).into_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_quoted() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let lines: Vec<String> = (0..100).map(|n| format!("line {n}")).collect();
        std::fs::write(&path, lines.join("\n")).unwrap();
        let quoted = quote(&path);
        assert_eq!(quoted.lines().count(), LINES);
        assert!(quoted.ends_with("    line 99"), "{quoted}");
    }

    #[test]
    fn a_missing_log_is_said_to_be_empty() {
        assert!(quote(Path::new("/nowhere/log")).contains("nothing in"));
    }

    #[test]
    fn only_what_came_later_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        std::fs::write(&path, "ready\nagain\n").unwrap();
        assert_eq!(since(&path, 6), "again\n");
        assert_eq!(size(&path), 12);
    }
}
