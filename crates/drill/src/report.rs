//! What a run of drills came to, as a table.

use std::fmt::Write as _;
use std::time::Duration;

/// One drill that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// How long it took.
    pub took: Duration,
    /// What it showed, or why it failed.
    pub result: Result<String, String>,
}

/// A page in Markdown.
#[must_use]
pub fn render(entries: &[Entry]) -> String {
    let failed = entries.iter().filter(|entry| entry.result.is_err()).count();
    let mut text = format!(
        "# Drills\n\n{} drills, {failed} failed.\n\n| drill | took | result |\n|---|---|---|\n",
        entries.len()
    );
    for Entry { name, took, result } in entries {
        let (mark, what) = match result {
            Ok(what) => ("", what),
            Err(what) => ("**failed**: ", what),
        };
        let what = what.replace('|', "\\|").replace('\n', "<br>");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {name} | {:.1} s | {mark}{what} |", took.as_secs_f64());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_seen_at_once() {
        let took = Duration::from_millis(1_500);
        let entries = [
            Entry { name: "lag", took, result: Ok("9 commands".to_owned()) },
            Entry { name: "latency", took, result: Err("a|b\nc".to_owned()) },
        ];
        let text = render(&entries);
        assert!(text.contains("2 drills, 1 failed"), "{text}");
        assert!(text.contains("| latency | 1.5 s | **failed**: a\\|b<br>c |"), "{text}");
    }
}
