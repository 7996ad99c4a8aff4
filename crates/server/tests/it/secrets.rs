//! What is secret is in no output: not when it is printed, not when something is wrong with it or beside it (A.4, 4.4).

use std::process::{Command, Output};

use crate::expect::{pix_stream, transcript};
use crate::server::Folder;

/// Must never be seen again.
const SECRET: &str = "hunter2-must-not-be-seen";

/// All places of secrets that the environment can fill.
const PLACES: [&str; 4] = [
    "CASSANDRA_PASSWORD_SECRET",
    "REDIS_PASSWORD_SECRET",
    "REDIS_SENTINEL_PASSWORD_SECRET",
    "TRACES_HEADERS_SECRET",
];

fn with_secrets<'c>(command: &'c mut Command, folder: &Folder) -> &'c mut Command {
    for place in PLACES {
        command.env(format!("PIX_STREAM_{place}"), SECRET);
    }
    command.env("PIX_STREAM_CASSANDRA_USERNAME", "pix_stream");
    command.env("PIX_STREAM_REDIS_USERNAME", "pix_stream");
    command.arg("--config").arg(folder.dir().join("pix-stream.toml"))
}

/// What it said, after a look for the secret.
fn said(output: &Output) -> String {
    let said = transcript(output);
    assert!(!said.contains("hunter2"), "{said}");
    said
}

#[test]
fn a_printed_configuration_has_stars_in_place_of_every_secret() {
    let folder = Folder::new();
    let output = with_secrets(pix_stream().args(["config", "print"]), &folder).output().unwrap();
    let shown = said(&output);
    assert!(output.status.success(), "{shown}");
    assert_eq!(shown.matches("_secret = \"***\"").count(), PLACES.len(), "{shown}");
}

#[test]
fn problems_beside_a_secret_are_told_without_it() {
    let folder = Folder::new();
    let mut command = pix_stream();
    with_secrets(command.args(["config", "check"]), &folder);
    // Two passwords for one store, and nonsense elsewhere.
    command.env("PIX_STREAM_REDIS_PASSWORD_FILE", folder.beside("nowhere"));
    command.env("PIX_STREAM_LIMITS_CONNECTIONS", SECRET.len().to_string() + "x");
    let output = command.output().unwrap();
    let shown = said(&output);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert!(shown.contains("redis.password_file") && shown.contains("limits.connections"), "{shown}");
}

#[test]
fn a_server_that_cannot_start_says_why_without_its_secrets() {
    let folder = Folder::new();
    let mut command = pix_stream();
    with_secrets(command.arg("serve"), &folder);
    command.env("PIX_STREAM_JOURNAL_KIND", "cassandra").env("PIX_STREAM_COORDINATOR_KIND", "redis");
    // Nobody listens on port 1.
    command.env("PIX_STREAM_CASSANDRA_CONTACT_POINTS", "127.0.0.1:1");
    command.env("PIX_STREAM_CASSANDRA_REPLICATION", "dc1:1");
    let output = command.output().unwrap();
    let shown = said(&output);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert!(shown.contains("127.0.0.1:1"), "{shown}");
}

#[test]
fn files_that_are_no_keys_are_named_and_not_quoted() {
    for (file, told) in [("keys/token-1.key", "token-1.key"), ("tls/server.key", "server.key")] {
        let folder = Folder::new();
        std::fs::write(folder.dir().join(file), format!("{SECRET}\n")).unwrap();
        let output = folder.serve_command().output().unwrap();
        let shown = said(&output);
        assert_eq!(output.status.code(), Some(1), "{shown}");
        assert!(shown.contains(told), "{shown}");
    }
    // A password file with two lines is some other file.
    let folder = Folder::new();
    let file = folder.beside("password");
    std::fs::write(&file, format!("{SECRET}\n{SECRET}\n")).unwrap();
    let mut command = folder.serve_command();
    command.env("PIX_STREAM_JOURNAL_KIND", "cassandra").env("PIX_STREAM_COORDINATOR_KIND", "redis");
    command.env("PIX_STREAM_CASSANDRA_USERNAME", "app").env("PIX_STREAM_CASSANDRA_PASSWORD_FILE", &file);
    let output = command.output().unwrap();
    let shown = said(&output);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert!(shown.contains("cassandra.password_file"), "{shown}");
}
