//! What the oracle says when an invariant broke.

use std::fmt;

/// An invariant of design, section 6, that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Violation {
    /// Its number.
    pub invariant: u8,
    /// What happened.
    pub what: String,
    /// What the oracle knows of the message that it happened to, oldest first.
    pub history: Vec<String>,
}

impl Violation {
    pub(super) fn new(invariant: u8, what: String, history: Vec<String>) -> Self {
        Self { invariant, what, history }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invariant {}: {}", self.invariant, self.what)?;
        self.history.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}
