//! What the program says: progress on stderr, results on stdout, words or JSON.

use std::io::{self, IsTerminal as _, Write as _};

use serde_json::{Value, json};

use crate::scenario;

/// Where words go.
pub(crate) struct Output {
    is_json: bool,
    is_terminal: bool,
}

impl Output {
    pub(crate) fn new(is_json: bool) -> Self {
        Self { is_json, is_terminal: io::stderr().is_terminal() }
    }

    /// Something for people.
    pub(crate) fn say(&self, text: &str) {
        if !self.is_json {
            let line = if self.is_terminal { "\r\x1b[K" } else { "" };
            let _closed = writeln!(io::stderr(), "{line}[soak] {text}");
        }
    }

    /// How it goes: one line that is written over on a terminal, otherwise a line now and then.
    pub(crate) fn progress(&self, second: u64, text: &str, event: &Value) {
        if self.is_json {
            if second.is_multiple_of(5) {
                self.event(event);
            }
        } else if self.is_terminal {
            let _closed = write!(io::stderr(), "\r\x1b[K[soak] {text}");
        } else if second.is_multiple_of(10) {
            let _closed = writeln!(io::stderr(), "[soak] {text}");
        }
    }

    /// One JSON object on a line of stdout, when JSON is wanted.
    pub(crate) fn event(&self, event: &Value) {
        if self.is_json {
            let _closed = writeln!(io::stdout(), "{event}");
        }
    }

    /// The result.
    pub(crate) fn result(&self, text: &str, event: &Value) {
        self.event(event);
        if !self.is_json {
            self.say("done");
            let _closed = writeln!(io::stdout(), "{text}");
        }
    }
}

/// Why there was no run.
pub(crate) fn fail(why: &str) -> io::Result<()> {
    writeln!(io::stderr(), "[soak] {why}")
}

/// Names the scenarios.
pub(crate) fn list() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for scenario in scenario::ALL {
        writeln!(out, "{:<13} {:>4} min  {}", scenario.name, scenario.minutes, scenario.about)?;
    }
    Ok(())
}

/// The first line of a run.
pub(crate) fn begin(scenario: &str, seed: u64, minutes: f64) -> Value {
    json!({"event": "begin", "scenario": scenario, "seed": seed, "minutes": minutes})
}
