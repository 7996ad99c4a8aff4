//! Alerts and dashboards as files, held against the catalogue of metrics (issue 7, item 3): for `cargo xtask tidy`.
//!
//! Whether a metric is in the code is not checked here, nor whether a rule fires when it should: that is `promtool`'s
//! with the tests beside the rules. Nothing is read from the disk.

mod catalogue;
mod dashboards;
mod query;
mod rules;

use std::collections::BTreeMap;

use catalogue::Catalogue;

/// Something that does not fit, where a person would mend it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// What does not fit.
    pub message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: String) -> Self {
        Self { path: path.to_owned(), line, message }
    }
}

/// A file: its path in the repository, and its text.
pub type File<'a> = (&'a str, &'a str);

/// What is compared.
#[derive(Debug, Default)]
pub struct Files<'a> {
    /// The catalogue of metrics.
    pub catalogue: File<'a>,
    /// The rules of Prometheus.
    pub rules: File<'a>,
    /// Their tests.
    pub tests: Vec<File<'a>>,
    /// The dashboards of Grafana; the name of the file without its end is the name of the dashboard.
    pub dashboards: Vec<File<'a>>,
    /// The runbooks, by path.
    pub runbooks: BTreeMap<&'a str, &'a str>,
}

/// Compares them all with each other.
#[must_use]
pub fn check(files: &Files<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let catalogue = Catalogue::read(files.catalogue, &mut findings);
    let alerts = rules::check(files, &catalogue, &mut findings);
    let panels = dashboards::check(&files.dashboards, &catalogue, &mut findings);
    catalogue.check_named(&alerts, &panels, &mut findings);
    findings
}

/// Which metrics something asks for: an alert, or a panel as `dashboard: title`.
type Uses = BTreeMap<String, Vec<String>>;

#[cfg(test)]
mod tests;
