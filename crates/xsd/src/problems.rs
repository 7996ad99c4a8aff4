//! What is wrong with schemas, collected: every problem of every file, in reading order, up to a maximum.

/// Why schemas do not compile, one thing of possibly many.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column} {reason}")]
pub struct Problem {
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
    /// What is wrong, and what is supported instead where that helps.
    pub reason: String,
}

/// Problems that an answer lists; the rest is counted.
pub const PROBLEMS_MAX: usize = 100;

/// Where something stands in one of the files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file: sources first, then fallback, each in the caller's order.
    pub file: usize,
    /// Line, from 1.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
}

impl Place {
    /// The first character of a file.
    pub fn start_of(file: usize) -> Self {
        Self { file, line: 1, column: 1 }
    }
}

/// The problems found so far.
#[derive(Debug, Default)]
pub struct Problems {
    found: Vec<(Place, String)>,
}

impl Problems {
    /// Adds one.
    pub fn add(&mut self, place: Place, reason: impl Into<String>) {
        self.found.push((place, reason.into()));
    }

    /// How many were found, so that a step can tell whether it found any.
    pub fn count(&self) -> usize {
        self.found.len()
    }

    /// The list for the caller; empty if all is well.
    pub fn finish(mut self, files: &[&str]) -> Vec<Problem> {
        self.found.sort();
        // A file that several namespaces include is read once for each of them.
        self.found.dedup();
        let more = self.found.len().saturating_sub(PROBLEMS_MAX);
        let told = |(place, reason): (Place, String)| Problem {
            file: files.get(place.file).copied().unwrap_or_default().to_owned(),
            line: place.line,
            column: place.column,
            reason,
        };
        let cut = (more > 0)
            .then(|| (self.found[PROBLEMS_MAX].0, format!("and {more} more problems from here on")));
        self.found.truncate(PROBLEMS_MAX);
        self.found.into_iter().chain(cut).map(told).collect()
    }
}
