//! The name of the chain of a folder: made once, and kept beside its files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pix_stream_domain::audit::ChainId;
use pix_stream_evidence::names;

/// The file that names the chain of a folder.
pub(crate) fn file(dir: &Path) -> PathBuf {
    dir.join(names::CHAIN_FILE)
}

/// The name of a folder's chain: `fresh`, which is written down, when it has none that can be read.
pub(crate) fn of(dir: &Path, fresh: ChainId) -> io::Result<ChainId> {
    match names::chain_of(dir)? {
        Some(name) => Ok(name),
        None => write(dir, fresh).map(|()| fresh),
    }
}

/// Writes a name down, whole or not at all.
pub(crate) fn write(dir: &Path, name: ChainId) -> io::Result<()> {
    let aside = dir.join("chain.new");
    fs::write(&aside, name.to_string())?;
    fs::File::open(&aside)?.sync_all()?;
    fs::rename(aside, file(dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_keeps_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let fresh = ChainId([7; 8]);
        assert_eq!(of(folder.path(), fresh).unwrap().to_string(), "0707070707070707");
        assert_eq!(of(folder.path(), ChainId([8; 8])).unwrap(), fresh);
        fs::write(file(folder.path()), "00000000000000ff").unwrap();
        assert_eq!(of(folder.path(), fresh).unwrap().to_string(), "00000000000000ff");
        fs::write(file(folder.path()), "torn").unwrap();
        assert_eq!(of(folder.path(), fresh).unwrap(), fresh);
    }
}
