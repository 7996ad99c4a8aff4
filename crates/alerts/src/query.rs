//! Which metrics and labels a query asks for. No parser of PromQL: names, what stands in braces behind them, and what is
//! grouped by.

use std::collections::BTreeSet;

/// What our metrics' names begin with.
const PREFIX: &str = "pix_stream_";
/// Words in front of a list of labels.
const GROUPINGS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// What a query asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    /// Each metric with the labels that it is chosen by.
    pub(crate) metrics: Vec<(String, BTreeSet<String>)>,
    /// What is grouped by, or matched on.
    pub(crate) grouped: BTreeSet<String>,
}

impl Query {
    pub(crate) fn read(text: &str) -> Self {
        let mut query = Self::default();
        let mut rest = text;
        while let Some(start) = rest.find(|c: char| is_start(c) || c == '"') {
            rest = &rest[start..];
            if rest.starts_with('"') {
                rest = behind_text(rest);
                continue;
            }
            // A variable of Grafana begins with `$`.
            let end = rest[1..].find(|c: char| !is_within(c)).map_or(rest.len(), |end| end + 1);
            let (name, behind) = rest.split_at(end);
            rest = behind;
            let next = rest.trim_start();
            if name.starts_with(PREFIX) {
                let labels = next.strip_prefix('{').map(|inside| chosen_by(inside, &mut rest));
                query.metrics.push((name.to_owned(), labels.unwrap_or_default()));
            } else if let Some(inside) = next.strip_prefix('(').filter(|_| GROUPINGS.contains(&name)) {
                let (inside, behind) = inside.split_once(')').unwrap_or((inside, ""));
                query
                    .grouped
                    .extend(inside.split(',').map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned));
                rest = behind;
            }
        }
        query
    }
}

/// The labels between braces; `rest` goes on behind them.
fn chosen_by<'a>(inside: &'a str, rest: &mut &'a str) -> BTreeSet<String> {
    let mut labels = BTreeSet::new();
    let mut left = inside;
    while let Some(start) = left.find(|c: char| is_start(c) || c == '}' || c == '"') {
        left = &left[start..];
        if left.starts_with('"') {
            left = behind_text(left);
        } else if let Some(behind) = left.strip_prefix('}') {
            *rest = behind;
            return labels;
        } else {
            let end = left[1..].find(|c: char| !is_within(c)).map_or(left.len(), |end| end + 1);
            labels.insert(left[..end].to_owned());
            left = &left[end..];
        }
    }
    *rest = "";
    labels
}

/// What follows a text in quotes.
fn behind_text(text: &str) -> &str {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return &text[at + 1..],
            _ => {}
        }
    }
    ""
}

fn is_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || c == '$'
}

fn is_within(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(of: &[&str]) -> BTreeSet<String> {
        of.iter().map(|label| (*label).to_owned()).collect()
    }

    #[test]
    fn metrics_come_with_the_labels_that_choose_them_and_groups_apart() {
        let query = Query::read(
            "sum by (job, ispb) (rate(pix_stream_a_total{code=\"x}y\", route=~\"pix_stream_no|b\"}[5m])) / on (job) \
             pix_stream_b > 0.5 and $__rate_interval",
        );
        let expected = [
            ("pix_stream_a_total".to_owned(), labels(&["code", "route"])),
            ("pix_stream_b".to_owned(), labels(&[])),
        ];
        assert_eq!((query.metrics, query.grouped), (expected.into(), labels(&["ispb", "job"])));
    }

    #[test]
    fn a_query_that_breaks_off_ends() {
        for text in ["pix_stream_a{b=\"", "sum by (job", "pix_stream_a{", "\"\\"] {
            assert!(Query::read(text).metrics.len() <= 1, "{text}");
        }
    }
}
