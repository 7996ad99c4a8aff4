//! Habits of every command (cli.md): help with examples, exit codes, and no stack trace for a mistake of the user.

use crate::expect::{pix_stream, transcript};

const COMMANDS: [&[&str]; 21] = [
    &[],
    &["demo"],
    &["init"],
    &["serve"],
    &["config"],
    &["config", "check"],
    &["config", "print"],
    &["config", "schema"],
    &["publish"],
    &["pull"],
    &["token"],
    &["token", "inspect"],
    &["audit", "verify"],
    &["admin"],
    &["admin", "participants"],
    &["admin", "participants", "replay", "open"],
    &["admin", "keys", "rotate"],
    &["admin", "log", "set"],
    &["audit", "show"],
    &["keys", "new"],
    &["completions"],
];

#[test]
fn every_help_has_two_examples() {
    for command in COMMANDS {
        let output = pix_stream().args(command).arg("--help").output().unwrap();
        let shown = transcript(&output);
        assert!(output.status.success() && output.stderr.is_empty(), "{command:?}: {shown}");
        let (_, examples) = shown.split_once("Examples:\n").unwrap_or_else(|| panic!("{command:?}: {shown}"));
        assert!(examples.matches("pix-stream ").count() >= 2, "{command:?}: {shown}");
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let output = pix_stream().arg("--version").output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!("pix-stream {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn wrong_usage_exits_with_2_and_says_nothing_on_stdout() {
    let target = ["--url", "https://127.0.0.1:1", "--ca", "c", "--cert", "c", "--key", "k"];
    for line in [
        "publish --dir d --ispb short f.xml",
        "pull --dir d --ispb short",
        "publish --dir d --ispb 99999001 --generate 3 --type pacs.999",
        "pull --ispb 99999001",
        "admin participants list",
        "admin --dir d participants cap 99999001 9",
        "admin --dir d participants hold 99999001 --since soon",
        "admin --dir d participants export 99999001",
        "admin --dir d --as nobody keys list",
        "audit export d --since 1h --until 2h",
        "keys list",
        "completions tcsh",
        "serve",
        "nonsense",
    ] {
        let output = pix_stream().args(line.split(' ')).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}: {}", transcript(&output));
        assert!(output.stdout.is_empty(), "{line}");
    }
    let output =
        pix_stream().args(["admin", "--dir", "d", "participants", "list"]).args(target).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", transcript(&output));
}

#[test]
fn a_mistake_gets_a_message_and_a_next_step_without_a_stack_trace() {
    let folder = tempfile::tempdir().unwrap();
    for (line, said) in [
        ("pull --dir nowhere --ispb 99999001", "pix-stream init --dir nowhere"),
        ("serve --config nowhere.toml", "pix-stream init --dir DIR"),
        ("publish --dir nowhere --ispb 99999001 missing.xml", "missing.xml: "),
        ("audit verify nowhere", "nowhere cannot be read"),
        ("audit show UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur nowhere", "nowhere cannot be read"),
        ("audit export nowhere --since 1h", "nowhere cannot be read"),
        ("keys list --config nowhere.toml", "nowhere.toml"),
        ("admin --dir nowhere keys list", "pix-stream init --dir nowhere"),
        ("token inspect abc", "this is not a token"),
    ] {
        let output = pix_stream().current_dir(folder.path()).args(line.split(' ')).output().unwrap();
        let shown = transcript(&output);
        assert_eq!(output.status.code(), Some(1), "{line}: {shown}");
        assert!(
            shown.contains(said) && !shown.contains("panicked") && output.stdout.is_empty(),
            "{line}: {shown}"
        );
    }
}

#[test]
fn every_shell_is_given_completions_of_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = pix_stream().args(["completions", shell]).output().unwrap();
        let shown = transcript(&output);
        assert!(output.status.success() && output.stderr.is_empty(), "{shell}: {shown}");
        for word in ["quarantine", "rewind", "completions", "retention"] {
            assert!(shown.contains(word), "{shell}: {word}");
        }
    }
}
