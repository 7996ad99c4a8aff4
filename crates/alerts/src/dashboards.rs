//! The dashboards: files of Grafana whose panels ask for metrics that exist.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::catalogue::Catalogue;
use crate::{File, Finding, Uses};

/// Checks all dashboards; which metrics each panel asks for.
pub(crate) fn check(dashboards: &[File<'_>], catalogue: &Catalogue, findings: &mut Vec<Finding>) -> Uses {
    let mut uses = Uses::new();
    for (path, text) in dashboards {
        let dashboard: Value = match serde_json::from_str(text) {
            Ok(dashboard) => dashboard,
            Err(error) => {
                findings.push(Finding::new(path, error.line(), format!("is no JSON: {error}")));
                continue;
            }
        };
        let name = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".json");
        check_frame(path, &dashboard, findings);
        let mut ids = BTreeSet::new();
        for panel in dashboard["panels"].as_array().into_iter().flatten() {
            let title = panel["title"].as_str().unwrap_or_default();
            let line = line_of(text, title);
            let mut report =
                |message: String| findings.push(Finding::new(path, line, format!("{title}: {message}")));
            if !panel["id"].as_i64().is_some_and(|id| ids.insert(id)) {
                report("has no id of its own".to_owned());
            }
            if panel["type"] == "row" {
                continue;
            }
            if panel["datasource"]["uid"] != "${datasource}" {
                report("does not ask the chosen data source".to_owned());
            }
            let mut asked = BTreeSet::new();
            for target in panel["targets"].as_array().into_iter().flatten() {
                let (faults, metrics) = catalogue.check_query(target["expr"].as_str().unwrap_or_default());
                faults.into_iter().for_each(&mut report);
                asked.extend(metrics);
            }
            if title.is_empty() || asked.is_empty() {
                report("has no title, or asks for nothing".to_owned());
            }
            if uses.insert(format!("{name}: {title}"), asked.into_iter().collect()).is_some() {
                report("is there twice".to_owned());
            }
        }
    }
    uses
}

/// What Grafana needs around the panels.
fn check_frame(path: &str, dashboard: &Value, findings: &mut Vec<Finding>) {
    let has_source = dashboard["templating"]["list"].as_array().is_some_and(|list| {
        list.iter().any(|variable| variable["name"] == "datasource" && variable["type"] == "datasource")
    });
    for (is_there, what) in [
        (dashboard["uid"].is_string(), "uid"),
        (dashboard["title"].is_string(), "title"),
        (dashboard["schemaVersion"].is_u64(), "schemaVersion"),
        (has_source, "variable `datasource`"),
    ] {
        if !is_there {
            findings.push(Finding::new(path, 1, format!("has no {what}")));
        }
    }
}

fn line_of(text: &str, title: &str) -> usize {
    let quoted = format!("\"title\": \"{title}\"");
    (1..).zip(text.lines()).find(|(_, line)| line.contains(&quoted)).map_or(1, |(number, _)| number)
}
