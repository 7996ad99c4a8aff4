//! `fixtures/xml/invalid`: one file for each kind of fault, with every finding as its README lists it (issue 5).
//!
//! The table is the golden: `file`, `line:column`, path, rule, reason, refused text. A file with several findings has
//! several rows, in the order in which they are told.

use pix_stream_ports::codec::{Codec as _, FINDINGS_MAX, Finding, UNKNOWN_NAME};

use crate::message::{fixture, lenient, strictest};

/// The participant that every file is published for.
const RECIPIENT: &str = "99999003";

/// A finding as a row of the table.
fn row(file: &str, finding: &Finding) -> String {
    let Finding { line, column, path, rule, reason, value } = finding;
    let cell =
        |text: &str| if text.is_empty() { String::new() } else { format!("`{}`", text.replace('|', "\\|")) };
    let value =
        value.as_deref().map(|value| if value.is_empty() { "(nothing)".to_owned() } else { cell(value) });
    let cells = [
        cell(file),
        format!("{line}:{column}"),
        cell(path),
        cell(rule.code()),
        reason.replace('|', "\\|"),
        value.unwrap_or_default(),
    ];
    format!("| {} |", cells.join(" | ")).replace("|  |", "| |")
}

/// The findings of a file, as rows.
fn rows(file: &str) -> Vec<String> {
    let xml = fixture(&format!("invalid/{file}"));
    let invalid = strictest().examine(xml.as_bytes(), RECIPIENT.parse().ok()).expect_err(file);
    invalid.findings().map(|finding| row(file, finding)).collect()
}

fn files() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/xml/invalid");
    let names =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = names.filter(|name| name.ends_with(".xml")).collect();
    files.sort();
    files
}

#[test]
fn every_invalid_fixture_has_the_findings_that_its_readme_lists() {
    let readme = fixture("invalid/README.md");
    let listed: Vec<&str> =
        readme.lines().filter(|line| line.starts_with("| `") && line.contains(".xml` | ")).collect();
    let (mut listed_findings, told): (Vec<&str>, Vec<String>) = (
        listed.into_iter().filter(|line| line.split(" | ").count() > 3).collect(),
        files().iter().flat_map(|file| rows(file)).collect(),
    );
    listed_findings.sort_by_key(|line| line.split(" | ").next().map(str::to_owned));
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    assert_eq!(listed_findings, told, "\n{}", told.join("\n"));
}

#[test]
fn what_is_refused_stands_in_the_value_and_nowhere_else() {
    for file in files() {
        let xml = fixture(&format!("invalid/{file}"));
        let Err(invalid) = lenient().examine(xml.as_bytes(), RECIPIENT.parse().ok()) else { continue };
        assert!(invalid.findings().count() <= FINDINGS_MAX, "{file}");
        for finding in invalid.findings() {
            let Some(value) = finding.value.as_deref().filter(|value| value.len() > 1) else { continue };
            if let Some(before) = finding.path.strip_suffix(UNKNOWN_NAME) {
                assert_eq!(finding.path_with_value(), format!("{before}{value}"), "{file}");
                assert_eq!(finding.reason_with_value(), finding.reason, "{file}");
                assert!(!finding.path.contains(value), "{file}: {finding}");
                continue;
            }
            assert!(
                !finding.reason.contains(value) && !finding.to_string().contains(value),
                "{file}: {finding}"
            );
            assert!(finding.reason_with_value().starts_with(&format!("{value:?} ")), "{file}");
        }
    }
}
