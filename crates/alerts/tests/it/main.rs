//! Issue 7, item 3: Prometheus itself reads the shipped rules, and each fires when it should and not otherwise.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::process::Command;

use pix_stream_stores::install::{self, PROMTOOL};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/prometheus")
}

fn promtool(arguments: &[&str]) -> String {
    let program = install::find(PROMTOOL)
        .expect("promtool is in the package prometheus: apt-get install --no-install-recommends prometheus");
    let output = Command::new(program).current_dir(folder()).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "promtool {arguments:?}\n{said}");
    said.into_owned()
}

#[test]
fn the_rules_and_the_configuration_are_ones() {
    let said = promtool(&["check", "rules", "--lint-fatal", "rules.yml"]);
    let rules = std::fs::read_to_string(folder().join("rules.yml")).unwrap();
    let written = rules.matches("- alert: ").count();
    assert!(written > 0 && said.contains(&format!("{written} rules found")), "{said}");
    promtool(&["check", "config", "--syntax-only", "prometheus.yml"]);
}

#[test]
fn each_alert_fires_when_it_should_and_not_otherwise() {
    let tests = std::fs::read_dir(folder().join("tests")).unwrap();
    let mut tests: Vec<String> =
        tests.map(|entry| format!("tests/{}", entry.unwrap().file_name().display())).collect();
    tests.sort();
    let mut arguments = vec!["test", "rules"];
    arguments.extend(tests.iter().map(String::as_str));
    let said = promtool(&arguments);
    assert_eq!(said.matches("SUCCESS").count(), tests.len(), "{said}");
}
