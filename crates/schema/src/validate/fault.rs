//! What is wrong with a document.

/// How many characters of a refused text are kept.
const VALUE_CHARS_MAX: usize = 64;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it is seen.
    pub at: At,
    /// The attribute it is about, if it is about one.
    pub attribute: Option<String>,
    /// What is wrong, in the schema's words; never the document's text.
    pub reason: String,
    /// The text that was refused, if one was: its first characters.
    pub value: Option<String>,
}

/// Where it is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The tag that opened the element which is open, or has just been closed.
    Open,
    /// Where the reader is.
    Here,
}

impl Fault {
    pub(super) fn new(at: At, reason: impl Into<String>) -> Self {
        Self { at, attribute: None, reason: reason.into(), value: None }
    }

    pub(super) fn with_value(self, value: &str) -> Self {
        Self { value: Some(value.chars().take(VALUE_CHARS_MAX).collect()), ..self }
    }

    pub(super) fn of_attribute(self, local: &str) -> Self {
        Self { attribute: Some(local.to_owned()), ..self }
    }
}
