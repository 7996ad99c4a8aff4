//! The files of the workspace's `fixtures` folder.

use std::io;
use std::path::{Path, PathBuf};

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixture {
    /// Its folder and name below the folder that was asked for: `pacs.008/one.xml`.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The workspace's `fixtures` folder.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

/// One file below `fixtures`, such as `xml/pacs.008/one.xml`.
///
/// # Errors
/// The file cannot be read.
pub fn load(path: &str) -> io::Result<Vec<u8>> {
    std::fs::read(folder().join(path))
}

/// Every message below `fixtures/xml` that is meant to be accepted, by name.
///
/// # Errors
/// A folder or file cannot be read.
pub fn load_messages() -> io::Result<Vec<Fixture>> {
    let mut all = load_all("xml")?;
    all.retain(|fixture| !["hostile/", "invalid/"].iter().any(|folder| fixture.name.starts_with(folder)));
    Ok(all)
}

/// Every file below `fixtures/xml/hostile`, by name.
///
/// # Errors
/// A folder or file cannot be read.
pub fn load_hostile() -> io::Result<Vec<Fixture>> {
    load_all("xml/hostile")
}

/// Every `.xml` file below a folder of `fixtures`, by name.
///
/// # Errors
/// A folder or file cannot be read.
pub fn load_all(path: &str) -> io::Result<Vec<Fixture>> {
    let root = folder().join(path);
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "xml") {
                let name = path.strip_prefix(&root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
                found.push(Fixture { name, bytes: std::fs::read(&path)? });
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_and_hostile_ones_kept_apart() {
        let messages = load_messages().unwrap();
        assert!(messages.iter().any(|fixture| fixture.name == "pacs.008/one.xml"));
        assert!(messages.iter().all(|fixture| !fixture.name.contains("hostile")));
        assert!(!load_hostile().unwrap().is_empty());
    }
}
