//! What can go wrong with a store, in the terms a caller decides on.

/// A store did not do what was asked. Nothing is known to be half done unless the method says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Out of reach or too slow; the same request may succeed later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// No room left; reading goes on.
    #[error("the store is full: {0}")]
    Full(String),
    /// What was read cannot be right; a person must look.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

impl Error {
    /// Whether the same request may succeed later without anybody's help.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Full(_) => true,
            Self::Damaged(_) => false,
        }
    }
}
