//! What went wrong inside the journal, and what that means to a caller.

use pix_stream_ports::error::Error;

use crate::fault::{is_damage, is_full};

/// A failure of the file or of what it holds.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// redb or the operating system failed.
    #[error(transparent)]
    Store(redb::Error),
    /// A record cannot be right.
    #[error("{0}")]
    Record(String),
    /// redb gave up on what it read.
    #[error("the file holds something that cannot be: {0}")]
    Panicked(String),
    /// The file could not be opened again after an earlier failure.
    #[error("the journal's file is closed after an earlier error")]
    Closed,
}

impl From<redb::StorageError> for Fault {
    fn from(error: redb::StorageError) -> Self {
        Self::Store(error.into())
    }
}

impl From<redb::TableError> for Fault {
    fn from(error: redb::TableError) -> Self {
        Self::Store(error.into())
    }
}

impl From<redb::TransactionError> for Fault {
    fn from(error: redb::TransactionError) -> Self {
        Self::Store(error.into())
    }
}

impl From<redb::CommitError> for Fault {
    fn from(error: redb::CommitError) -> Self {
        Self::Store(error.into())
    }
}

impl From<redb::CompactionError> for Fault {
    fn from(error: redb::CompactionError) -> Self {
        Self::Store(error.into())
    }
}

impl Fault {
    /// Whether the open database is of no more use: redb refuses everything after its first I/O error.
    pub(crate) fn needs_reopening(&self) -> bool {
        match self {
            Self::Store(error) => !matches!(error, redb::Error::Corrupted(_)),
            Self::Panicked(_) | Self::Closed => true,
            Self::Record(_) => false,
        }
    }

    /// Whether there was no room.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, Self::Store(redb::Error::Io(error)) if is_full(error))
    }

    /// Whether there was no room, and more room on the disk helps. Nothing helps against the file's own limit.
    pub(crate) fn is_disk_full(&self) -> bool {
        let is_limit = matches!(
            self,
            Self::Store(redb::Error::Io(error)) if error.kind() == std::io::ErrorKind::FileTooLarge
        );
        self.is_full() && !is_limit
    }

    /// The fault in the terms of the port.
    pub(crate) fn to_error(&self) -> Error {
        match self {
            fault if fault.is_full() => Error::Full(fault.to_string()),
            Self::Store(redb::Error::Io(error)) if is_damage(error) => Error::Damaged(error.to_string()),
            Self::Store(redb::Error::Corrupted(detail)) => Error::Damaged(detail.clone()),
            Self::Record(_) | Self::Panicked(_) => Error::Damaged(self.to_string()),
            Self::Store(_) | Self::Closed => Error::Unavailable(self.to_string()),
        }
    }
}
