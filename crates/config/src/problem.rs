//! What is wrong with a configuration: all of it at once, each with its place, its key and a hint.
//!
//! Finding problems is the business of the reader and the checks; here they are only kept and shown.

use std::fmt;
use std::path::PathBuf;

use crate::node::Position;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The file, with line and column (from 1) where they are known.
    File(PathBuf, Option<(usize, usize)>),
    /// An environment variable.
    Variable(String),
    /// A command-line flag.
    Flag(String),
    /// The built-in default.
    Default,
}

impl Origin {
    pub(crate) fn file(path: &std::path::Path, at: Option<Position>) -> Self {
        Self::File(path.to_owned(), at.map(|at| (at.line, at.column)))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, Some((line, column))) => write!(f, "{}:{line}:{column}", path.display()),
            Self::File(path, None) => write!(f, "{}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "option {name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where the value came from.
    pub origin: Origin,
    /// The key, `section.key`; empty when the file as a whole is meant.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it; empty when the message says it.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        if !self.hint.is_empty() {
            write!(f, "\n  hint: {}", self.hint)?;
        }
        Ok(())
    }
}

/// Everything that is wrong with one configuration; never empty as an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The problems, those of the file first and in its order.
    #[must_use]
    pub fn all(&self) -> &[Problem] {
        &self.0
    }

    pub(crate) fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this key already has a problem, so that no second one is made of the same mistake.
    pub(crate) fn concern(&self, key: &str) -> bool {
        self.0.iter().any(|problem| problem.key == key)
    }

    /// Whether something at this place is wrong already.
    pub(crate) fn stand_at(&self, origin: &Origin) -> bool {
        self.0.iter().any(|problem| problem.origin == *origin)
    }

    pub(crate) fn sort(&mut self) {
        self.0.sort();
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
