//! Why a request is asked again ([`Failure`]), and why the client gives up ([`Error`]).

use std::time::Duration;

use crate::batch;
use crate::channel;
use crate::refusal::Refusal;
use crate::sink::SinkError;

/// One request that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No whole answer came.
    #[error(transparent)]
    Connection(channel::Error),
    /// The server said no.
    #[error("the server answered {0}")]
    Refused(Box<Refusal>),
    /// A whole answer came and cannot be read.
    #[error("the answer cannot be read: {0}")]
    Malformed(#[from] batch::Error),
}

/// Why the client stopped. Nothing was confirmed that was not stored before.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An option or argument out of its range.
    #[error("{0}")]
    Usage(String),
    /// The server refused in a way that asking again does not change.
    #[error("the server answered {0}")]
    Refused(Box<Refusal>),
    /// One side does not accept the other's certificate.
    #[error("the certificates do not fit: {0}")]
    Untrusted(#[source] channel::Error),
    /// The server's answers cannot be read, several times over.
    #[error("the server's answer cannot be read: {0}")]
    Malformed(#[from] batch::Error),
    /// It failed for longer than the client's patience.
    #[error("no success for {} s; the last failure: {last}", waited.as_secs())]
    GaveUp {
        /// How long it was tried.
        waited: Duration,
        /// What happened last.
        last: Failure,
    },
    /// The messages could not be stored, so they were not confirmed and will be delivered again.
    #[error("the messages could not be stored: {0}")]
    Sink(#[from] SinkError),
    /// A stream's task ended without a result: a defect, or the runtime is shutting down.
    #[error("a stream ended without a result: {0}")]
    Task(#[from] tokio::task::JoinError),
}
