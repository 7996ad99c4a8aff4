//! The alerts: each whole, with a runbook that knows it, and with tests of both outcomes.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalogue::Catalogue;
use crate::{File, Files, Finding, Uses};

/// What every alert has.
const KEYS: [&str; 6] = ["expr", "for", "severity", "summary", "description", "runbook_url"];
/// What becomes of an alert.
const SEVERITIES: [&str; 2] = ["page", "ticket"];

/// An alert as it is written.
#[derive(Debug, Default)]
struct Alert {
    name: String,
    line: usize,
    values: BTreeMap<String, String>,
}

/// Checks all alerts; which metrics each asks for.
pub(crate) fn check(files: &Files<'_>, catalogue: &Catalogue, findings: &mut Vec<Finding>) -> Uses {
    let (path, text) = files.rules;
    let (fires, rests) = tested(&files.tests);
    let mut uses = Uses::new();
    for alert in read(text) {
        let name = alert.name.as_str();
        let mut report =
            |message: String| findings.push(Finding::new(path, alert.line, format!("{name}: {message}")));
        for key in KEYS.iter().filter(|key| !alert.values.contains_key(**key)) {
            report(format!("has no {key}"));
        }
        let value = |key: &str| alert.values.get(key).map(String::as_str).unwrap_or_default();
        if !SEVERITIES.contains(&value("severity")) {
            report(format!("its severity is not one of {}", SEVERITIES.join(", ")));
        }
        match files.runbooks.get(value("runbook_url")) {
            None => report(format!("there is no runbook {}", value("runbook_url"))),
            Some(page) if !page.contains(name) => {
                report(format!("{} does not name it", value("runbook_url")))
            }
            Some(_) => {}
        }
        if !fires.contains(name) || !rests.contains(name) {
            report("needs a test in which it fires and one in which it does not".to_owned());
        }
        let (faults, asked) = catalogue.check_query(value("expr"));
        faults.into_iter().for_each(report);
        if uses.insert(alert.name.clone(), asked.into_iter().collect()).is_some() {
            findings.push(Finding::new(path, alert.line, format!("{}: is there twice", alert.name)));
        }
    }
    uses
}

/// The alerts of a file that is written as ours is: a key and its value a line, or a block below `|`.
fn read(text: &str) -> Vec<Alert> {
    let mut alerts: Vec<Alert> = Vec::new();
    let mut block: Option<(String, usize)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let depth = line.len() - line.trim_start().len();
        let content = line.trim();
        if let Some((key, of)) = &block {
            if depth > *of {
                if let Some(alert) = alerts.last_mut() {
                    let value = alert.values.entry(key.clone()).or_default();
                    value.push_str(content);
                    value.push('\n');
                }
                continue;
            }
            block = None;
        }
        if let Some(name) = content.strip_prefix("- alert:") {
            alerts.push(Alert { name: name.trim().to_owned(), line: number, values: BTreeMap::new() });
        } else if let Some((key, value)) =
            content.split_once(':').filter(|_| !content.starts_with(['#', '-']))
        {
            let value = value.trim();
            if value == "|" {
                block = Some((key.to_owned(), depth));
            } else if let Some(alert) = alerts.last_mut().filter(|_| !value.is_empty()) {
                alert.values.insert(key.to_owned(), value.trim_matches('"').to_owned());
            }
        }
    }
    alerts
}

/// Alerts that fire in a test, and those that do not.
fn tested<'a>(tests: &[File<'a>]) -> (BTreeSet<&'a str>, BTreeSet<&'a str>) {
    let (mut fires, mut rests) = (BTreeSet::new(), BTreeSet::new());
    for (_, text) in tests {
        let mut name = "";
        for line in text.lines().map(str::trim) {
            if let Some(alert) = line.strip_prefix("alertname:") {
                name = alert.trim();
            } else if let Some(expected) = line.strip_prefix("exp_alerts:") {
                _ = if expected.trim() == "[]" { rests.insert(name) } else { fires.insert(name) };
            }
        }
    }
    (fires, rests)
}
