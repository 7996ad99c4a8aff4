//! Golden files of good and bad configurations (A.4): each `NAME.toml` beside what the command says about it.

use std::path::{Path, PathBuf};

use crate::expect::{assert_golden, pix_stream, transcript};

fn cases(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/config").join(kind);
    let mut cases: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "no {kind} case");
    cases
}

/// Runs `config WHAT --config NAME.toml` in the file's folder, so that messages do not depend on the machine.
fn run(what: &str, case: &Path) -> std::process::Output {
    let name = case.file_name().unwrap();
    let folder = case.parent().unwrap();
    pix_stream().current_dir(folder).args(["config", what, "--config"]).arg(name).output().unwrap()
}

#[test]
fn bad_files_are_refused_with_every_problem() {
    for case in cases("bad") {
        let output = run("check", &case);
        assert_eq!(output.status.code(), Some(1), "{}", case.display());
        assert_golden(&case.with_extension("expect"), &transcript(&output));
    }
}

#[test]
fn good_files_are_accepted() {
    for case in cases("good") {
        let output = run("check", &case);
        let name = case.file_name().unwrap().to_string_lossy();
        assert_eq!(output.status.code(), Some(0), "{}", transcript(&output));
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{name}: ok\n"));
    }
}

#[test]
fn good_files_print_what_is_in_force() {
    for case in cases("good") {
        let folder = case.parent().unwrap().display().to_string();
        let shown = transcript(&run("print", &case)).replace(&folder, "FOLDER");
        assert_golden(&case.with_extension("expect"), &shown);
    }
}

#[test]
fn what_is_printed_is_a_good_file_itself() {
    let folder = tempfile::tempdir().unwrap();
    for case in cases("good") {
        let first = run("print", &case);
        let copy = folder.path().join("copy.toml");
        std::fs::write(&copy, &first.stdout).unwrap();
        assert_eq!(run("print", &copy).stdout, first.stdout, "{}", case.display());
    }
}

#[test]
fn the_environment_is_part_of_what_is_checked() {
    let [case, ..] = &cases("good")[..] else { panic!("no case") };
    let mut command = pix_stream();
    command.env("PIX_STREAM_STREAM_LONG_POLL", "1m").args(["config", "check", "--config"]).arg(case);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let shown = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        shown.contains("PIX_STREAM_STREAM_LONG_POLL: stream.long_poll: takes \"0s\" to \"6s\""),
        "{shown}"
    );
}

#[test]
fn a_missing_file_says_what_writes_one() {
    let output = pix_stream().args(["config", "check", "--config", "nowhere.toml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("pix-stream init"));
}

#[test]
fn the_schema_is_json_and_needs_no_file() {
    let output = pix_stream().args(["config", "schema"]).output().unwrap();
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schema["properties"]["stream"]["properties"]["streams_max"]["maximum"], 6);
}
