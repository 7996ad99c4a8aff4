//! What drifts is found, at the line where it would be mended.

use super::*;

const CATALOGUE: &str = "\
| label | values | at most |
|---|---|---|
| `ispb` | participants | P |

Owner: `run` runs it.

| metric | type | labels | unit | series | owner | alert | panel | meaning |
|---|---|---|---|---|---|---|---|---|
| `pix_stream_lag_seconds` | gauge | `ispb` | seconds | P | run | `Lag` | fleet: Lag | Age |
| `pix_stream_work_seconds` | histogram | | seconds | 1 | run | | fleet: Work | Time |
";
const RULES: &str = "\
groups:
  - name: a
    rules:
      - alert: Lag
        expr: |
          max by (job, ispb) (pix_stream_lag_seconds) > 60
        for: 15s
        labels:
          severity: page
        annotations:
          summary: \"a: b\"
          description: \"c\"
          runbook_url: docs/runbooks/lag.md
";
const TESTS: &str = "\
      - eval_time: 1m
        alertname: Lag
        exp_alerts:
          - exp_labels: {}
        alertname: Lag
        exp_alerts: []
";
const FLEET: &str = r#"{"uid": "f", "title": "F", "schemaVersion": 39,
"templating": {"list": [{"name": "datasource", "type": "datasource"}]},
"panels": [
{"id": 1, "type": "timeseries", "datasource": {"uid": "${datasource}"},
 "title": "Lag",
 "targets": [{"expr": "topk(5, pix_stream_lag_seconds{job=~\"$job\"})"}]},
{"id": 2, "type": "timeseries", "datasource": {"uid": "${datasource}"},
 "title": "Work",
 "targets": [{"expr": "histogram_quantile(0.99, sum by (le) (rate(pix_stream_work_seconds_bucket[5m])))"}]}
]}"#;

fn findings(catalogue: &str, rules: &str, tests: &str, fleet: &str) -> Vec<String> {
    let files = Files {
        catalogue: ("docs/metrics.md", catalogue),
        rules: ("rules.yml", rules),
        tests: vec![("tests.yml", tests)],
        dashboards: vec![("deploy/fleet.json", fleet)],
        runbooks: [("docs/runbooks/lag.md", "Alert: `Lag`.")].into(),
    };
    check(&files).into_iter().map(|f| format!("{}:{}: {}", f.path, f.line, f.message)).collect()
}

#[test]
fn files_that_agree_are_fine() {
    assert_eq!(findings(CATALOGUE, RULES, TESTS, FLEET), Vec::<String>::new());
}

#[test]
fn a_row_must_say_everything_and_its_labels_be_explained() {
    let row =
        CATALOGUE.replace("| seconds | P | run |", "| | | nobody |").replace("| `ispb` | s", "| `other` | s");
    let found = findings(&row.replace("gauge | `ispb`", "gauge | `other`, `ispb`"), RULES, TESTS, FLEET);
    for part in ["says nothing of its unit", "says nothing of its series", "who `nobody` is", "label `other`"]
    {
        assert!(
            found.iter().any(|f| f.starts_with("docs/metrics.md:9: ") && f.contains(part)),
            "{part} {found:?}"
        );
    }
    let short = CATALOGUE.replace("| fleet: Work | Time |", "|");
    assert!(findings(&short, RULES, TESTS, FLEET)[0].contains("a row has the cells"));
}

#[test]
fn rows_and_queries_name_each_other() {
    let found = findings(&CATALOGUE.replace("`Lag` | fleet: Lag", "| fleet: Other"), RULES, TESTS, FLEET);
    assert_eq!(
        found,
        [
            "docs/metrics.md:9: the alert `Lag` asks for `pix_stream_lag_seconds`: name it here",
            "docs/metrics.md:9: the panel `fleet: Other` does not ask for `pix_stream_lag_seconds`, or is not there",
            "docs/metrics.md:9: the panel `fleet: Lag` asks for `pix_stream_lag_seconds`: name it here",
        ]
    );
}

#[test]
fn metrics_and_labels_that_are_not_in_the_catalogue_are_found() {
    let rules = RULES
        .replace("(job, ispb)", "(job, bank)")
        .replace("lag_seconds)", "lag_seconds{kind=\"x\"} + pix_stream_gone)");
    let found = findings(CATALOGUE, &rules, TESTS, FLEET);
    assert_eq!(
        found,
        [
            "rules.yml:4: Lag: `pix_stream_lag_seconds` has no label `kind`",
            "rules.yml:4: Lag: `pix_stream_gone` is not in the catalogue",
            "rules.yml:4: Lag: nothing here has a label `bank`",
        ]
    );
    let fleet = FLEET.replace("work_seconds_bucket", "work_seconds");
    assert!(
        findings(CATALOGUE, RULES, TESTS, &fleet)[0]
            .contains("fleet.json:8: Work: `pix_stream_work_seconds` is not")
    );
}

#[test]
fn an_alert_is_whole_has_a_runbook_that_names_it_and_both_tests() {
    let rules = RULES.replace("        for: 15s\n", "").replace("page", "wake").replace("lag.md", "other.md");
    let found = findings(CATALOGUE, &rules, &TESTS.replace("[]", ""), FLEET);
    for part in [
        "has no for",
        "severity is not one of",
        "no runbook docs/runbooks/other.md",
        "one in which it does not",
    ] {
        assert!(found.iter().any(|finding| finding.contains(part)), "{part} {found:?}");
    }
}

#[test]
fn a_dashboard_is_json_with_a_data_source_to_choose_and_ids_of_its_own() {
    let found = findings(
        CATALOGUE,
        RULES,
        TESTS,
        &FLEET.replace("\"id\": 2", "\"id\": 1").replace("\"uid\": \"f\",", ""),
    );
    for part in ["Work: has no id of its own", "has no uid"] {
        assert!(found.iter().any(|finding| finding.contains(part)), "{part} {found:?}");
    }
    assert!(findings(CATALOGUE, RULES, TESTS, "{").iter().any(|finding| finding.contains("is no JSON")));
}
