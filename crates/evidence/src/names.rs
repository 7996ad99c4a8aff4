//! The names of a log's files: `audit-<number of its first entry, 12 digits>.log`, and `chain` for the name of the chain.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pix_stream_domain::audit::ChainId;

/// The file of a folder that holds its chain's name.
pub const CHAIN_FILE: &str = "chain";

const PREFIX: &str = "audit-";
const SUFFIX: &str = ".log";

/// The file that starts with entry `n`.
#[must_use]
pub fn file_name(n: u64) -> String {
    format!("{PREFIX}{n:012}{SUFFIX}")
}

/// The number of the first entry that a file's name states.
#[must_use]
pub fn first_by_name(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let is_number = digits.len() >= 12 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}

/// The files of a folder in the order of their entries.
///
/// # Errors
/// The folder cannot be read.
pub fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if let Some(first) = first_by_name(&path) {
            files.push((first, path));
        }
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// The name of a folder's chain; `None` when it has none that can be read.
///
/// # Errors
/// The file that holds it cannot be opened.
pub fn chain_of(dir: &Path) -> io::Result<Option<ChainId>> {
    match fs::read(dir.join(CHAIN_FILE)) {
        Ok(name) => Ok(std::str::from_utf8(&name).ok().and_then(|name| name.trim_end().parse().ok())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
