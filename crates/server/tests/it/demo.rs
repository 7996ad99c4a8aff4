//! `pix-stream demo`: everything at once, in one process (cli.md; issue 4, "How it is judged").

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::expect::{pix_stream, transcript};
use crate::server::{Folder, Process, json_lines, wait_for};

const FREE_PORTS: [&str; 4] = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];

fn demo(arguments: &[&str]) -> (std::process::Command, tempfile::TempDir) {
    let temporary = tempfile::tempdir().unwrap();
    let mut command = pix_stream();
    command.env("TMPDIR", temporary.path()).arg("demo").args(FREE_PORTS).args(arguments);
    (command, temporary)
}

#[test]
fn a_demo_of_n_messages_ends_by_itself_with_all_of_them_confirmed() {
    let (mut command, _temporary) = demo(&["--messages", "200", "--json"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", transcript(&output));
    let lines: Vec<Value> = json_lines(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[0]["event"], "ready");
    assert_eq!(lines[1], json!({"event": "summary", "published": 200, "delivered": 200, "confirmed": 200}));
    let dir = std::path::Path::new(lines[0]["dir"].as_str().unwrap());
    assert!(!dir.join("data/ready.json").exists() && dir.join("pix-stream.toml").exists());
}

#[test]
fn a_demo_goes_on_with_a_folder_that_is_there_and_counts_only_its_own() {
    let folder = Folder::new();
    let server = folder.serve();
    folder.lines("publish", &["--generate", "25"]);
    server.terminate();
    let mut command = folder.command("demo");
    let output =
        command.args(FREE_PORTS).args(["--messages", "30", "--json", "--streams", "6"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", transcript(&output));
    let lines = json_lines(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(lines[1], json!({"event": "summary", "published": 30, "delivered": 30, "confirmed": 30}));
}

#[test]
fn a_demo_shows_a_curl_line_and_batches_until_it_is_interrupted() {
    let (mut command, temporary) = demo(&[]);
    let [out, err] = ["out", "err"].map(|name| temporary.path().join(name));
    let mut process = Process::spawn_into(&mut command, &out, &err);
    let shown = || std::fs::read_to_string(&out).unwrap();
    wait_for("batches", || (shown().matches("after publishing").count() >= 3).then_some(()));
    process.signal(Signal::INT);
    let status = process.end("demo");
    let shown = shown();
    assert_eq!(status.code(), Some(0), "{shown} {}", std::fs::read_to_string(&err).unwrap());
    assert!(
        shown.contains("curl -i --cacert ") && shown.contains("/api/v1/out/99999001/stream/start\n"),
        "{shown}"
    );
    assert!(shown.contains("\npublished "), "{shown}");
}

#[test]
fn a_folder_of_something_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("keys")).unwrap();
    let output = pix_stream().arg("demo").arg("--dir").arg(folder.path()).output().unwrap();
    let shown = transcript(&output);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert!(shown.contains("exists already: keys"), "{shown}");
}
