//! The report of a run: one HTML file that opens offline.

use std::fmt::Write as _;
use std::time::Duration;

use crate::book::Finished;
use crate::chart::{self, Line, Mark, escape};
use crate::masking::Looked;
use crate::sample::Sample;
use crate::series::Second;
use crate::verdict::Trend;

const MIB: f64 = 1024.0 * 1024.0;
const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1f2328}\
table{border-collapse:collapse;margin:.6rem 0}td,th{padding:.15rem .8rem .15rem 0;text-align:left;vertical-align:top}\
td.n{text-align:right;font-variant-numeric:tabular-nums}figure{margin:1.2rem 0}figcaption{font-weight:600}\
figcaption small,.legend{color:#57606a;font-weight:400}svg{width:100%;height:auto}polyline{fill:none;stroke-width:1.3}\
.grid{stroke:#d0d7de;stroke-width:.6}.fault{fill:#cf222e;opacity:.16}text{font-size:11px;fill:#57606a}\
.left{text-anchor:end}.below{text-anchor:middle}.good{color:#1a7f37}.bad{color:#cf222e}pre{white-space:pre-wrap;font-size:12px}";

/// All that a report tells.
pub(crate) struct Run<'a> {
    pub(crate) scenario: &'a str,
    pub(crate) about: &'a str,
    pub(crate) seed: u64,
    pub(crate) replay: &'a str,
    pub(crate) ran: Duration,
    pub(crate) finished: &'a Finished,
    pub(crate) samples: &'a [Sample],
    pub(crate) trends: &'a [Trend],
    /// Of each server that answered: its name and its metrics.
    pub(crate) metrics: &'a [(String, String)],
    /// What was looked through for what must never leave the messages.
    pub(crate) looked: &'a Looked,
}

/// Writes it.
pub(crate) fn render(run: &Run<'_>) -> String {
    let violations = &run.finished.violations;
    let verdict = if violations.is_empty() {
        "<p class=\"good\"><b>No invariant was violated.</b></p>".to_owned()
    } else {
        format!("<p class=\"bad\"><b>{} violations.</b></p>", violations.len())
    };
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>soak {0}</title><style>{STYLE}</style>\
        <h1>Soak: {0}</h1><p>{1}</p>{verdict}<p>Again: <code>{2}</code></p>",
        escape(run.scenario),
        escape(run.about),
        escape(run.replay),
    );
    for violation in violations {
        let _ = write!(html, "<pre class=\"bad\">{}</pre>", escape(violation));
    }
    html.push_str(&summary(run));
    html.push_str(&charts(run));
    html.push_str(&tables(run));
    for (name, metrics) in run.metrics {
        let _ = write!(
            html,
            "<details><summary>Metrics of {} at the end</summary><pre>{}</pre></details>",
            escape(name),
            escape(metrics)
        );
    }
    html.push_str("</html>\n");
    html
}

fn row(html: &mut String, name: &str, value: &str) {
    let _ = write!(html, "<tr><td>{}<td class=\"n\">{}", escape(name), escape(value));
}

fn summary(run: &Run<'_>) -> String {
    let counts = &run.finished.counts;
    let millis =
        |quantile| run.finished.series.quantile(quantile).map_or("–".to_owned(), |ms| format!("{ms} ms"));
    let mut html = String::from("<table>");
    row(&mut html, "seed", &run.seed.to_string());
    row(&mut html, "time", &format!("{:.0} s", run.ran.as_secs_f64()));
    row(&mut html, "published", &counts.published.to_string());
    row(&mut html, "repeats of these, answered with the same id", &counts.repeated.to_string());
    row(&mut html, "refused by their schema", &counts.refused.to_string());
    row(&mut html, "delivered", &counts.delivered.to_string());
    let redelivered = format!("{} of at most {}", counts.redelivered, run.finished.bound);
    row(&mut html, "redelivered, of what faults and clients account for", &redelivered);
    row(&mut html, "of these, confirmed before a fault", &counts.confirmed_again.to_string());
    row(&mut html, "repeated answers, by message", &counts.replayed.to_string());
    row(&mut html, "states taken over", &counts.histories.to_string());
    row(&mut html, "streams that clients left", &counts.abandoned.to_string());
    row(&mut html, "published to delivered, p50", &millis(0.5));
    row(&mut html, "published to delivered, p99", &millis(0.99));
    row(&mut html, "published to delivered, the longest", &millis(1.0));
    let looked = run.looked;
    let masked = format!(
        "{} leaks of {} values, in {} outputs with {:.1} MiB",
        looked.leaks.len(),
        looked.values,
        looked.outputs,
        looked.bytes as f64 / MIB
    );
    row(
        &mut html,
        "names, CPF and CNPJ, accounts, messages, tokens and keys in logs, metrics, errors, audit",
        &masked,
    );
    html.push_str("</table>");
    html
}

fn charts(run: &Run<'_>) -> String {
    let seconds = run.ran.as_secs_f64();
    let marks = marks(run);
    let seconds_of = run.finished.series.seconds();
    let line = |name: &str, value: fn(&Second) -> Option<f64>| Line {
        name: name.to_owned(),
        points: (0..).zip(seconds_of).filter_map(|(at, s)| Some((f64::from(at), value(s)?))).collect(),
    };
    let mut html = String::new();
    let throughput =
        [line("published", |s| Some(s.published as f64)), line("delivered", |s| Some(s.delivered as f64))];
    html += &chart::draw("Throughput", "messages a second", seconds, &throughput, &marks);
    let latency =
        [line("p50", |s| s.quantile(0.5).map(f64::from)), line("p99", |s| s.quantile(0.99).map(f64::from))];
    html += &chart::draw("From the request to publish to the delivery", "ms", seconds, &latency, &marks);
    let trouble = [
        line("redelivered messages", |s| Some(s.redelivered as f64)),
        line("requests refused or not answered", |s| Some(s.failed as f64)),
    ];
    html += &chart::draw("Trouble", "a second", seconds, &trouble, &marks);
    let of_samples = |value: fn(&Sample) -> f64| lines(run.samples, value);
    html +=
        &chart::draw("Memory", "MiB resident", seconds, &of_samples(|s| s.rss_bytes as f64 / MIB), &marks);
    html += &chart::draw("File descriptors", "open", seconds, &of_samples(|s| s.fds as f64), &marks);
    html += &chart::draw("Processor", "% of one core", seconds, &processor(run.samples), &marks);
    html
}

fn marks(run: &Run<'_>) -> Vec<Mark> {
    let mark = |fault: &crate::book::Fault| Mark {
        name: fault.name.clone(),
        from: fault.from.as_secs_f64(),
        until: fault.until.unwrap_or(run.ran).as_secs_f64(),
    };
    run.finished.faults.iter().map(mark).collect()
}

fn names(samples: &[Sample]) -> Vec<&str> {
    let mut names: Vec<&str> = samples.iter().map(|sample| sample.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn lines(samples: &[Sample], value: fn(&Sample) -> f64) -> Vec<Line> {
    let line = |name: &str| Line {
        name: name.to_owned(),
        points: samples.iter().filter(|s| s.name == name).map(|s| (s.at.as_secs_f64(), value(s))).collect(),
    };
    names(samples).into_iter().map(line).collect()
}

fn processor(samples: &[Sample]) -> Vec<Line> {
    let line = |name: &str| {
        let own: Vec<&Sample> = samples.iter().filter(|s| s.name == name).collect();
        let share = |pair: &[&Sample]| {
            let (before, after) = (pair[0], pair[1]);
            let passed = after.at.saturating_sub(before.at).as_secs_f64();
            let used = after.cpu.checked_sub(before.cpu)?.as_secs_f64();
            (passed > 0.0).then(|| (after.at.as_secs_f64(), 100.0 * used / passed))
        };
        Line { name: name.to_owned(), points: own.windows(2).filter_map(share).collect() }
    };
    names(samples).into_iter().map(line).collect()
}

fn tables(run: &Run<'_>) -> String {
    let mut html = String::new();
    if !run.trends.is_empty() {
        html.push_str("<h2>Trends</h2><table><tr><th>process<th>memory a minute<th>descriptors a minute");
        for trend in run.trends {
            let (name, rss) = (escape(&trend.name), trend.rss / MIB);
            let _ =
                write!(html, "<tr><td>{name}<td class=\"n\">{rss:+.2} MiB<td class=\"n\">{:+.2}", trend.fds);
        }
        html.push_str("</table>");
    }
    html.push_str("<h2>Faults</h2><table><tr><th>from<th>until<th>without a delivery<th>what");
    for fault in &run.finished.faults {
        let until = fault.until.map_or("–".to_owned(), |until| format!("{:.1} s", until.as_secs_f64()));
        let (from, silence) = (fault.from.as_secs_f64(), fault.silence.as_secs_f64());
        let name = escape(&fault.name);
        let _ = write!(
            html,
            "<tr><td class=\"n\">{from:.1} s<td class=\"n\">{until}<td class=\"n\">{silence:.1} s<td>{name}"
        );
    }
    html.push_str("</table><h2>Requests that failed</h2><table>");
    for (what, count) in &run.finished.counts.failures {
        row(&mut html, what, &count.to_string());
    }
    html.push_str("</table>");
    html
}
