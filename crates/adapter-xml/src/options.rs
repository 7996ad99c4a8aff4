//! What an operator decides about examining.

use crate::limits::Limits;

/// How messages are examined. [`Default`] is the strictest: built for tests and for looking at files.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How large and how deep a message may be.
    pub limits: Limits,
    /// What becomes of a message without a signature.
    pub unsigned: Unsigned,
    /// Message types that pass without a schema, with the rules of the header only: names (`camt.014`), types, or
    /// beginnings with `*` (`pain.*`). A type that has a schema is validated all the same.
    pub unvalidated: Vec<String>,
}

/// What becomes of a message whose `Sgntr` is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unsigned {
    /// It is refused.
    #[default]
    Refuse,
    /// It passes; so do the central bank's own examples.
    Accept,
}
