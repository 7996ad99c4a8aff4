//! The catalogue: one row a metric, in `docs/metrics.md`.

use std::collections::{BTreeMap, BTreeSet};

use crate::query::Query;
use crate::{File, Finding, Uses};

/// The cells of a row.
const COLUMNS: [&str; 9] =
    ["metric", "type", "labels", "unit", "series", "owner", "alert", "panel", "meaning"];
/// Labels that Prometheus gives.
const OF_TARGETS: [&str; 2] = ["job", "instance"];
/// What a histogram's series end with.
const OF_HISTOGRAMS: [&str; 3] = ["_bucket", "_count", "_sum"];

/// The catalogue as far as it was read.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    path: String,
    rows: BTreeMap<String, Row>,
}

#[derive(Debug)]
struct Row {
    line: usize,
    is_histogram: bool,
    labels: BTreeSet<String>,
    alerts: BTreeSet<String>,
    panels: BTreeSet<String>,
}

impl Catalogue {
    pub(crate) fn read((path, text): File<'_>, findings: &mut Vec<Finding>) -> Self {
        let mut catalogue = Self { path: path.to_owned(), rows: BTreeMap::new() };
        let explained = explained(text);
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| line.starts_with("| `pix_stream_")) {
            let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
            let mut report = |message: String| findings.push(Finding::new(path, number, message));
            let Ok(cells) = <[&str; COLUMNS.len()]>::try_from(cells) else {
                report(format!("a row has the cells {}", COLUMNS.join(", ")));
                continue;
            };
            let [name, kind, labels, unit, series, owner, alerts, panels, meaning] = cells;
            let must = [(1, kind), (3, unit), (4, series), (5, owner), (7, panels), (8, meaning)];
            for (column, _) in must.iter().filter(|(_, cell)| cell.is_empty()) {
                report(format!("{name} says nothing of its {}", COLUMNS[*column]));
            }
            if !text.contains(&format!("`{owner}` ")) {
                report(format!("who `{owner}` is, is not said"));
            }
            let labels = backticked(labels);
            for label in labels.difference(&explained) {
                report(format!("the label `{label}` is not in the table of labels"));
            }
            let panels =
                panels.split(';').map(str::trim).filter(|panel| !panel.is_empty()).map(str::to_owned);
            let row = Row {
                line: number,
                is_histogram: kind == "histogram",
                labels,
                alerts: backticked(alerts),
                panels: panels.collect(),
            };
            catalogue.rows.insert(name.trim_matches('`').to_owned(), row);
        }
        catalogue
    }

    /// What is wrong with a query, and the metrics that it asks for.
    pub(crate) fn check_query(&self, text: &str) -> (Vec<String>, BTreeSet<String>) {
        let query = Query::read(text);
        let (mut faults, mut asked) = (Vec::new(), BTreeSet::new());
        let mut known: BTreeSet<&str> = OF_TARGETS.into();
        for (series, chosen) in &query.metrics {
            let Some((name, row)) = self.find(series) else {
                faults.push(format!("`{series}` is not in the catalogue"));
                continue;
            };
            known.extend(row.labels.iter().map(String::as_str));
            let is_bucket = row.is_histogram && series.ends_with("_bucket");
            known.extend(is_bucket.then_some("le"));
            let is_known = |label: &&String| {
                row.labels.contains(*label)
                    || OF_TARGETS.contains(&label.as_str())
                    || (is_bucket && *label == "le")
            };
            for label in chosen.iter().filter(|label| !is_known(label)) {
                faults.push(format!("`{name}` has no label `{label}`"));
            }
            asked.insert(name.to_owned());
        }
        for label in query.grouped.iter().filter(|label| !known.contains(label.as_str())) {
            faults.push(format!("nothing here has a label `{label}`"));
        }
        if query.metrics.is_empty() {
            faults.push("asks for no metric of ours".to_owned());
        }
        (faults, asked)
    }

    /// The row of a series.
    fn find(&self, series: &str) -> Option<(&str, &Row)> {
        let found = |name: &str, is_histogram: bool| {
            let (name, row) = self.rows.get_key_value(name)?;
            (row.is_histogram == is_histogram).then_some((name.as_str(), row))
        };
        let of_histogram = || {
            let name = OF_HISTOGRAMS.iter().find_map(|end| series.strip_suffix(end))?;
            found(name, true)
        };
        found(series, false).or_else(of_histogram)
    }

    /// Compares what rows name with what asks for them, both ways.
    pub(crate) fn check_named(&self, alerts: &Uses, panels: &Uses, findings: &mut Vec<Finding>) {
        for (name, row) in &self.rows {
            for (what, named, uses) in [("alert", &row.alerts, alerts), ("panel", &row.panels, panels)] {
                let mut report = |message: String| findings.push(Finding::new(&self.path, row.line, message));
                let asking =
                    |(of, metrics): (&String, &Vec<String>)| metrics.contains(name).then(|| of.clone());
                let asking: BTreeSet<String> = uses.iter().filter_map(asking).collect();
                for other in named.difference(&asking) {
                    report(format!("the {what} `{other}` does not ask for `{name}`, or is not there"));
                }
                for other in asking.difference(named) {
                    report(format!("the {what} `{other}` asks for `{name}`: name it here"));
                }
            }
        }
    }
}

/// Labels that the table of labels explains.
fn explained(text: &str) -> BTreeSet<String> {
    let rows = text.lines().skip_while(|line| !line.starts_with("| label |")).skip(2);
    let cells = rows.take_while(|line| line.starts_with('|')).filter_map(|line| line.split('|').nth(1));
    cells.flat_map(backticked).collect()
}

fn backticked(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
