//! The shipped Prometheus rules with all times scaled by one factor, so that ten minutes pass in half a one.
//!
//! Windows in brackets, `for`, `interval` and `offset` are scaled as they are found. A threshold that is itself a time,
//! or counts over a window, is named by who runs the rules, and must be found: a changed rule is then noticed.

use color_eyre::eyre::{Result, bail, ensure};

/// A threshold of an alert that goes with the times: as it is written in the rule, and as it shall be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    /// The alert.
    pub alert: &'static str,
    /// What stands in its rule, such as `> 60`.
    pub from: &'static str,
    /// The number in it, which is multiplied with the factor.
    pub value: f64,
}

const UNITS: [(&str, f64); 7] =
    [("ms", 1.0), ("s", 1e3), ("m", 6e4), ("h", 36e5), ("d", 864e5), ("w", 6048e5), ("y", 31_536e6)];
/// Keys whose whole value is a duration.
const KEYS: [&str; 3] = ["for:", "interval:", "keep_firing_for:"];

/// The rules, with all durations multiplied.
///
/// # Errors
/// A threshold is not where it is said to be.
pub fn scale(text: &str, factor: f64, thresholds: &[Threshold]) -> Result<String> {
    let mut blocks: Vec<String> = vec![String::new()];
    for line in text.lines() {
        if line.trim_start().starts_with("- alert:") || line.trim_start().starts_with("- record:") {
            blocks.push(String::new());
        }
        if let Some(block) = blocks.last_mut() {
            block.push_str(&scale_line(line, factor));
            block.push('\n');
        }
    }
    for threshold in thresholds {
        let head = format!("- alert: {}\n", threshold.alert);
        let Some(block) = blocks.iter_mut().find(|block| block.trim_start().starts_with(&head)) else {
            bail!("there is no alert {}", threshold.alert);
        };
        ensure!(
            block.contains(threshold.from),
            "{} has no `{}` to be scaled",
            threshold.alert,
            threshold.from
        );
        let sign = threshold.from.split_whitespace().next().unwrap_or(">");
        *block = block.replacen(threshold.from, &format!("{sign} {}", threshold.value * factor), 1);
    }
    Ok(blocks.concat())
}

fn scale_line(line: &str, factor: f64) -> String {
    let content = line.trim_start().trim_start_matches("- ");
    if let Some(key) = KEYS.iter().find(|key| content.starts_with(**key)) {
        let value = content[key.len()..].trim();
        if let Some(scaled) = scaled(value, factor) {
            return line.replacen(value, &scaled, 1);
        }
    }
    let mut result = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('[') {
        result.push_str(before);
        result.push('[');
        let Some((inside, behind)) = after.split_once(']') else {
            rest = after;
            continue;
        };
        let parts: Option<Vec<String>> = inside.split(':').map(|part| scaled(part, factor)).collect();
        result.push_str(&parts.map_or_else(|| inside.to_owned(), |parts| parts.join(":")));
        result.push(']');
        rest = behind;
    }
    result.push_str(rest);
    scale_offsets(&result, factor)
}

fn scale_offsets(line: &str, factor: f64) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut is_offset = false;
    for word in line.split(' ') {
        let next = match (is_offset, scaled(word, factor)) {
            (true, Some(scaled)) => scaled,
            (true, None) | (false, _) => word.to_owned(),
        };
        is_offset = word == "offset";
        words.push(next);
    }
    words.join(" ")
}

/// A duration such as `10m` or `1h30m`, multiplied; not below a millisecond.
fn scaled(text: &str, factor: f64) -> Option<String> {
    let mut rest = text.trim();
    let mut millis = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: f64 = rest[..end].parse().ok()?;
        let after = &rest[end..];
        // `ms` before `m`.
        let (unit, size) = UNITS.iter().find(|(unit, _)| after.starts_with(unit))?;
        millis += number * size;
        rest = &after[unit.len()..];
    }
    (!text.trim().is_empty()).then(|| format!("{}ms", (millis * factor).round().max(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "groups:\n  - name: a\n    interval: 20s\n    rules:\n      - alert: A\n        expr: sum by (ispb) (increase(x[10m])) > 50\n        for: 1m\n      - alert: B\n        expr: |\n          y{a=\"[b]\"} offset 5m > 60\n        for: 0m\n";

    #[test]
    fn windows_and_delays_are_multiplied_and_labels_are_not() {
        let text = scale(RULES, 0.05, &[]).unwrap();
        for part in [
            "interval: 1000ms",
            "x[30000ms]",
            "for: 3000ms",
            "y{a=\"[b]\"} offset 15000ms",
            "> 50",
            "for: 1ms",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn a_named_threshold_is_multiplied_and_one_that_is_gone_is_noticed() {
        let of = |from, value| Threshold { alert: "A", from, value };
        assert!(scale(RULES, 0.1, &[of("> 50", 50.0)]).unwrap().contains("> 5\n"));
        assert!(scale(RULES, 0.1, &[of("> 60", 60.0)]).is_err());
    }

    #[test]
    fn durations_are_read_whole() {
        assert_eq!(scaled("1h30m", 0.001).as_deref(), Some("5400ms"));
        assert_eq!(scaled("500ms", 0.5).as_deref(), Some("250ms"));
        assert_eq!(scaled("b", 1.0), None);
        assert_eq!(scaled("10", 1.0), None);
    }
}
