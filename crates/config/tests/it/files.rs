//! Golden files of good and bad configurations (A.4): each `NAME.toml` beside what is in force, or wrong with it.

use std::path::{Path, PathBuf};

use pix_stream_config::{Config, Environment, Flags, Problems, load};

use crate::expect::assert_golden;

fn cases(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/files").join(kind);
    let mut cases: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "no {kind} case");
    cases
}

fn read(case: &Path) -> Result<Config, Problems> {
    load(case, &Environment::default(), Flags::default())
}

/// The text with the case's folder named `FOLDER`, so that it does not depend on the machine.
fn anywhere(case: &Path, text: &str) -> String {
    text.replace(&case.parent().unwrap().display().to_string(), "FOLDER")
}

#[test]
fn bad_files_are_refused_with_every_problem() {
    for case in cases("bad") {
        let problems = read(&case).expect_err(&case.display().to_string());
        assert_golden(&case.with_extension("expect"), &anywhere(&case, &format!("{problems}\n")));
    }
}

#[test]
fn good_files_print_what_is_in_force() {
    for case in cases("good") {
        let config = read(&case).unwrap_or_else(|problems| panic!("{problems}"));
        assert_golden(&case.with_extension("expect"), &anywhere(&case, &config.to_masked_toml()));
    }
}

#[test]
fn what_is_printed_is_a_good_file_itself() {
    let folder = tempfile::tempdir().unwrap();
    for case in cases("good") {
        let first = read(&case).unwrap_or_else(|problems| panic!("{problems}"));
        let copy = folder.path().join("copy.toml");
        std::fs::write(&copy, first.to_masked_toml()).unwrap();
        let second = read(&copy).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(second.to_masked_toml(), first.to_masked_toml(), "{}", case.display());
    }
}
