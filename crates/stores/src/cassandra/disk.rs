//! What a file system can do.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

use crate::Error;

/// Whether files of a folder can be written past the page cache; not every file system in memory can, nor every one
/// that comes over a network. Cassandra does not try before it begins to log that way, and then ends.
///
/// # Errors
/// The folder cannot be made.
pub(super) fn takes_direct_writes(folder: &Path) -> Result<bool, Error> {
    fs::create_dir_all(folder).map_err(Error::io(format!("make {}", folder.display())))?;
    let probe = folder.join(".direct");
    let flags = i32::try_from(OFlags::DIRECT.bits()).unwrap_or_default();
    let opened = OpenOptions::new().write(true).create(true).truncate(true).custom_flags(flags).open(&probe);
    let _ = fs::remove_file(&probe);
    Ok(opened.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_own_folder_takes_none_and_nothing_is_left_of_the_question() {
        let folder = tempfile::tempdir().unwrap();
        // Whatever the answer is here.
        takes_direct_writes(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(takes_direct_writes(Path::new("/proc")).ok(), Some(false));
    }
}
