//! The schemas that messages are held to: the built-in ones, and those of a folder in their place.
//!
//! What an XSD file means is not known here; folders are read, that is all.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use pix_stream_adapter_xml::{SchemaFile, Schemas};

/// The largest XSD file; those of the catalogue have 60 kB.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// What files with certificates are called.
const CERTIFICATE_EXTENSIONS: [&str; 4] = ["pem", "crt", "cer", "der"];
/// Most XSD files of a folder: far more than there are messages and versions of them.
const FILES_MAX: usize = 2_000;

/// The built-in schemas, with those of a folder, if one is named, in place of those of the same namespaces.
///
/// # Errors
/// Everything that is wrong with the folder, one line each.
pub fn load(directory: Option<&Path>) -> Result<Schemas, Vec<String>> {
    let Some(directory) = directory else { return Ok(Schemas::built_in()) };
    let mut problems = Vec::new();
    let paths = find_files(directory, "xsd", &mut problems);
    if problems.is_empty() && paths.is_empty() {
        problems.push(format!("{}: holds no XSD files", directory.display()));
    }
    if paths.len() > FILES_MAX {
        problems.push(format!("{}: holds more than {FILES_MAX} XSD files", directory.display()));
        return Err(problems);
    }
    let files = paths.iter().filter_map(|path| {
        let read = read_up_to(path, FILE_BYTES_MAX + 1).and_then(|bytes| {
            let is_whole = bytes.len() as u64 <= FILE_BYTES_MAX;
            if is_whole { Ok(bytes) } else { Err(std::io::Error::other("is too large for an XSD file")) }
        });
        match read {
            Ok(bytes) => Some(SchemaFile { name: path.display().to_string(), bytes }),
            Err(error) => {
                problems.push(format!("{}: {error}", path.display()));
                None
            }
        }
    });
    let files: Vec<SchemaFile> = files.collect();
    let compiled = Schemas::with_folder(&files);
    match compiled {
        Ok(schemas) if problems.is_empty() => Ok(schemas),
        Ok(_) => Err(problems),
        Err(more) => Err(problems.into_iter().chain(more.iter().map(ToString::to_string)).collect()),
    }
}

/// The files of a folder of certificates, whatever their names, each with its bytes.
///
/// # Errors
/// Everything that cannot be read, one line each.
pub fn certificates(directory: &Path) -> Result<Vec<(String, Vec<u8>)>, Vec<String>> {
    let mut problems = Vec::new();
    let mut files = Vec::new();
    for extension in CERTIFICATE_EXTENSIONS {
        files.extend(find_files(directory, extension, &mut problems));
    }
    if files.is_empty() && problems.is_empty() {
        problems.push(format!(
            "{}: holds no certificates ({})",
            directory.display(),
            CERTIFICATE_EXTENSIONS.join(", ")
        ));
    }
    if files.len() > FILES_MAX {
        problems.push(format!("{}: holds more than {FILES_MAX} certificates", directory.display()));
        return Err(problems);
    }
    let mut read = Vec::with_capacity(files.len());
    for path in files {
        match read_up_to(&path, FILE_BYTES_MAX) {
            Ok(bytes) => read.push((path.display().to_string(), bytes)),
            Err(error) => problems.push(format!("{}: {error}", path.display())),
        }
    }
    if problems.is_empty() { Ok(read) } else { Err(problems) }
}

/// The files of a folder and its subfolders whose name ends so, in the order of their paths. Folders behind links
/// are left out: they could lead in circles.
pub fn find_files(directory: &Path, extension: &str, problems: &mut Vec<String>) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                problems.push(format!("{}: {error}", folder.display()));
                continue;
            }
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let is_wanted = path.extension().is_some_and(|end| end.eq_ignore_ascii_case(extension));
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if is_wanted && path.is_file() {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The first bytes of a file.
///
/// # Errors
/// It cannot be read.
pub fn read_up_to(path: &Path, bytes_max: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_in_subfolders_in_order() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("b")).unwrap();
        for name in ["c.xsd", "b/a.XSD", "b/readme.md", "a.xsd"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::os::unix::fs::symlink(folder.path(), folder.path().join("b/round")).unwrap();
        let mut problems = Vec::new();
        let found = find_files(folder.path(), "xsd", &mut problems);
        assert_eq!(found, ["a.xsd", "b/a.XSD", "c.xsd"].map(|name| folder.path().join(name)));
        assert!(problems.is_empty(), "{problems:?}");
    }

    #[test]
    fn a_folder_that_is_missing_or_empty_is_a_problem() {
        let folder = tempfile::tempdir().unwrap();
        let problems = load(Some(folder.path())).map(drop).unwrap_err();
        assert!(problems[0].contains("holds no XSD files"), "{problems:?}");
        let problems = load(Some(&folder.path().join("nowhere"))).map(drop).unwrap_err();
        assert!(problems[0].contains("nowhere: "), "{problems:?}");
    }
}
