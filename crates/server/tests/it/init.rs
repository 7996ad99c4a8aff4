//! `pix-stream init` from outside (cli.md).

use crate::expect::{pix_stream, transcript};

#[test]
fn init_says_what_it_made_and_the_next_command() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("d");
    let output = pix_stream().args(["init", "--dir"]).arg(&dir).output().unwrap();
    let shown = transcript(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(
        shown.contains(&format!("next: pix-stream serve --config {}", dir.join("pix-stream.toml").display())),
        "{shown}"
    );
    assert!(output.stderr.is_empty(), "{shown}");
}

#[test]
fn init_refuses_to_overwrite_and_says_how_to() {
    let parent = tempfile::tempdir().unwrap();
    std::fs::write(parent.path().join("pix-stream.toml"), "mine").unwrap();
    let output = pix_stream().args(["init", "--dir"]).arg(parent.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let shown = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(shown.contains("exists already: pix-stream.toml") && shown.contains("--force"), "{shown}");
    assert_eq!(std::fs::read_to_string(parent.path().join("pix-stream.toml")).unwrap(), "mine");
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1);
}

#[test]
fn init_as_json_is_one_object() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("d");
    let arguments = ["init", "--json", "--participant", "99999A04", "--dir"];
    let output = pix_stream().args(arguments).arg(&dir).output().unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["participants"], serde_json::json!(["99999A04"]));
    assert_eq!(summary["dir"], dir.display().to_string());
}

#[test]
fn a_malformed_participant_is_wrong_usage() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("d");
    let output = pix_stream().args(["init", "--participant", "short", "--dir"]).arg(&dir).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(!dir.exists());
}
