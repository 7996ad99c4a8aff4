//! The committed corpus of the fuzz targets, replayed: no panic, and verdicts that agree (issue 5, "How it is judged").
//!
//! A crash that a fuzzer finds becomes a file of the corpus, and with that a test (`docs/FUZZING.md`).

use std::path::Path;

use crate::fuzz_checks::{Check, TARGETS};

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus");

/// Replays one target's files; gives how many there are.
fn replayed(target: &str, check: Check) -> usize {
    let folder = Path::new(CORPUS).join(target);
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in &files {
        let bytes = std::fs::read(file).unwrap();
        if let Err(panic) = std::panic::catch_unwind(|| check(&bytes)) {
            println!("the target {target} fails on {}", file.display());
            std::panic::resume_unwind(panic);
        }
    }
    files.len()
}

fn replays(name: &str) {
    let (target, check) = *TARGETS.iter().find(|(target, _)| *target == name).unwrap();
    let files = replayed(target, check);
    println!("{target}: {files} files");
    assert!(files >= 10, "the corpus of {target} is there");
}

#[test]
fn corpus_of_examine_holds() {
    replays("examine");
}

#[test]
fn corpus_of_mutated_holds() {
    replays("mutated");
}

#[test]
fn corpus_of_schema_load_holds() {
    replays("schema_load");
}

#[test]
fn corpus_of_pattern_holds() {
    replays("pattern");
}

#[test]
fn corpus_of_signature_holds() {
    replays("signature");
}

#[test]
fn corpus_of_segments_holds() {
    replays("segments");
}

#[test]
fn every_folder_of_the_corpus_is_replayed() {
    let mut folders: Vec<_> = std::fs::read_dir(CORPUS)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let mut targets = TARGETS.map(|(target, _)| target.to_owned());
    targets.sort();
    assert_eq!(folders, targets);
}

/// The edited and the rewritten messages are of use only if the message they start from is accepted, its digests too.
#[test]
fn unedited_fixtures_are_read_to_their_end() {
    for fixture in 0..16 {
        assert!(crate::fuzz_checks::starts_from_a_good_message(fixture), "fixture {fixture}");
    }
}
