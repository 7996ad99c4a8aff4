//! `pix-stream config` as a user has it (A.4). What is read and refused is the business of the crate `config`.

use std::path::PathBuf;
use std::process::Output;

use tempfile::TempDir;

use crate::expect::{pix_stream, transcript};

/// A folder with this text in `f.toml`.
fn folder_with(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f.toml");
    std::fs::write(&file, text).unwrap();
    (folder, file)
}

/// Runs `config WHAT --config f.toml` in the folder.
fn run(what: &str, folder: &TempDir) -> Output {
    pix_stream().current_dir(folder).args(["config", what, "--config", "f.toml"]).output().unwrap()
}

#[test]
fn a_bad_file_is_refused_with_all_its_problems_on_stderr() {
    let (folder, _) = folder_with("[stream]\nidel = \"1s\"\nlong_poll = \"7s\"\n");
    for what in ["check", "print"] {
        let shown = transcript(&run(what, &folder));
        assert!(
            shown.starts_with("exit 1\n--- stdout\n--- stderr\nf.toml:2:1: stream.idel: unknown key"),
            "{shown}"
        );
        assert!(shown.contains("f.toml:3:13: stream.long_poll: takes"), "{shown}");
        assert!(shown.ends_with("f.toml: 2 problems\n"), "{shown}");
    }
}

#[test]
fn a_good_file_is_accepted_and_files_that_are_missing_are_noted() {
    let (folder, _) = folder_with("[listen]\napi = \"127.0.0.1:0\"\n");
    let output = run("check", &folder);
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"f.toml: ok\n"[..]));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("note: tls.ca: "), "{said}");
}

#[test]
fn what_is_printed_is_a_good_file_itself() {
    let (folder, file) = folder_with("[stream]\nlong_poll = \"3s\"\n");
    let first = run("print", &folder);
    assert_eq!(first.status.code(), Some(0), "{}", transcript(&first));
    std::fs::write(file, &first.stdout).unwrap();
    assert_eq!(run("print", &folder).stdout, first.stdout);
}

#[test]
fn the_environment_is_part_of_what_is_checked() {
    let (_folder, file) = folder_with("");
    let mut command = pix_stream();
    command.env("PIX_STREAM_STREAM_LONG_POLL", "1m").args(["config", "check", "--config"]).arg(file);
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
