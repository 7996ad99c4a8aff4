//! Why a store could not be started, signalled or asked, told so that a person can act on it.

use std::io;
use std::time::Duration;

/// What went wrong with a store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program is not there and could not be installed.
    #[error("{program} is missing: {hint}")]
    Missing {
        /// Which program.
        program: String,
        /// What to install, and how.
        hint: String,
    },
    /// A file, folder, port or process of ours.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// The process ended before it was ready.
    #[error("{name} ended before it was ready ({status}); its log ends with:\n{log}")]
    Died {
        /// Which process.
        name: String,
        /// How it ended.
        status: String,
        /// The last lines of its log.
        log: String,
    },
    /// The process lives, but does not answer.
    #[error("{name} was not ready after {waited:?}; its log ends with:\n{log}")]
    Late {
        /// Which process.
        name: String,
        /// How long it was given.
        waited: Duration,
        /// The last lines of its log.
        log: String,
    },
    /// The jars of Cassandra could not be fetched.
    #[error("cannot fetch Cassandra by Maven: {0}")]
    Fetch(String),
    /// The store answered with an error, or with something else than was asked for.
    #[error("{name} answered {answer}")]
    Answer {
        /// Which store, or which command to it.
        name: String,
        /// What it said.
        answer: String,
    },
    /// The options contradict each other or ask for what does not exist.
    #[error("{0}")]
    Options(String),
}

impl Error {
    /// Turns an error of the system into ours.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
