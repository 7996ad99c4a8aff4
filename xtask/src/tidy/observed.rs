//! What operators look at: alerts, dashboards and the catalogue of metrics agree. What that means is
//! `pix-stream-alerts`'; here are the places.

use pix_stream_alerts::{Files, check as compare};

use crate::tidy::Problem;
use crate::tidy::tree::Tree;

const METRICS: &str = "docs/metrics.md";
const RULES: &str = "deploy/prometheus/rules.yml";
const TESTS: &str = "deploy/prometheus/tests/";
const DASHBOARDS: &str = "deploy/grafana/dashboards/";
const RUNBOOKS: &str = "docs/runbooks/";

/// Compares them; a tree without alerts is one of a test.
pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let Some(rules) = tree.find(RULES) else { return Vec::new() };
    let below = |folder: &'static str| tree.files().filter(move |(path, _)| path.starts_with(folder));
    let files = Files {
        catalogue: (METRICS, tree.find(METRICS).unwrap_or_default()),
        rules: (RULES, rules),
        tests: below(TESTS).collect(),
        dashboards: below(DASHBOARDS).filter(|(path, _)| path.ends_with(".json")).collect(),
        runbooks: below(RUNBOOKS).collect(),
    };
    let findings = compare(&files);
    findings.into_iter().map(|found| Problem::new(&found.path, found.line, found.message)).collect()
}
