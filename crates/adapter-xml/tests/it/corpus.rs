//! Whole files: our own fixtures, and the gathered samples of real messages where they are at hand (C.2).

use std::path::{Path, PathBuf};

use crate::message::examined;

/// Where the gathered samples lie beside a checkout; they are not part of the repository.
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/spi-samples");
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/xml");
/// The first catalogue named its messages by other namespaces, which nothing uses any more.
const OBSOLETE: &str = "official-2020-catalog-1.1";

fn files_below(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "xml") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn has_folder(path: &Path, name: &str) -> bool {
    path.components().any(|c| c.as_os_str() == name)
}

/// The samples, or none with a line that nobody overlooks.
pub(crate) fn samples() -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(SAMPLES);
    if !root.is_dir() {
        println!("SKIPPED: the gathered samples are not beside this checkout; only fixtures were tried");
        return Vec::new();
    }
    files_below(root).into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn gathered_samples_are_accepted_but_for_the_obsolete_catalogue() {
    let samples = samples();
    let (mut accepted, mut refused) = (0, 0);
    for (path, xml) in &samples {
        match (examined(xml), has_folder(path, OBSOLETE)) {
            (Ok(told), false) => {
                let name = told.message_type.split(".spi.").next().unwrap();
                let file = path.file_name().unwrap().to_str().unwrap();
                assert!(file.starts_with(name), "{file} is told to be {}", told.message_type);
                accepted += 1;
            }
            (Err(invalid), true) => {
                assert_eq!(invalid.reason, "the namespace is not that of a known message");
                refused += 1;
            }
            (answer, _) => panic!("{}: {answer:?}", path.display()),
        }
    }
    println!("{accepted} samples accepted, {refused} refused");
    assert!(samples.is_empty() || (accepted > 100 && refused == 5));
}

#[test]
fn fixtures_are_accepted_but_for_the_hostile() {
    let root = Path::new(FIXTURES);
    assert!(root.is_dir(), "fixtures/xml is part of the repository");
    for path in files_below(root) {
        let answer = examined(std::fs::read(&path).unwrap());
        let hostile = has_folder(&path, "hostile");
        assert_eq!(answer.is_err(), hostile, "{}: {answer:?}", path.display());
    }
}
