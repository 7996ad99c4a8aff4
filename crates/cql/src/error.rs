//! What a failed statement may have done. Three kinds, because a caller of conditional writes acts on no others.

use thiserror::Error as ThisError;

/// The code of [`Error::Rejected`] when an answer does not have the form that was asked for.
pub(crate) const UNEXPECTED_ANSWER: i32 = -1;

/// Why a statement gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
pub enum Error {
    /// Certainly not carried out: not sent, refused before it began, or it only reads. Says why.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// May have been carried out, or may still be: a limit of time, a connection lost after sending, an answer that
    /// the coordinator itself does not know. Says why.
    #[error("outcome unknown: {0}")]
    Unknown(String),
    /// The request itself is wrong: its syntax, its rights, the schema. Sending it again gives the same.
    #[error("rejected with code {code:#06x}: {message}")]
    Rejected {
        /// The protocol's error code (v4, section 9), or -1 when an answer has an unexpected form.
        code: i32,
        /// The server's words. They may name tables and columns.
        message: String,
    },
}

impl Error {
    pub(crate) fn column(column: &str, what: &str) -> Self {
        Self::Rejected { code: UNEXPECTED_ANSWER, message: format!("column {column} {what}") }
    }
}
