//! Why a stack could not be started or stopped, told so that a person can act on it.

use std::io;
use std::path::{Path, PathBuf};

/// What went wrong with a stack.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A store or a process.
    #[error(transparent)]
    Store(#[from] pix_stream_stores::Error),
    /// The server could not be built.
    #[error("cannot build the server: {0}")]
    Build(String),
    /// The folder holds something else.
    #[error("{}: {why}; take another folder", .dir.display())]
    Folder {
        /// Which.
        dir: PathBuf,
        /// What it holds.
        why: String,
    },
    /// A file, folder or command.
    #[error("cannot {what} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A command of the server failed.
    #[error("{command} failed ({status}):\n{said}")]
    Command {
        /// As a person would type it.
        command: String,
        /// How it ended.
        status: String,
        /// What it said.
        said: String,
    },
    /// A server said nothing that can be understood when it was ready.
    #[error("{0} said no ready line")]
    NoReadyLine(String),
    /// Ways were asked for where clients find nodes by themselves.
    #[error("ways lead to a single Redis and one Cassandra node in each data centre, and to nothing else")]
    Ways,
    /// A thread died; it has said why.
    #[error("a thread that starts a store died")]
    Thread,
}

impl Error {
    /// Turns an error of the system into ours.
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}
