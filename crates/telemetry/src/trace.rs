//! A finished trace: the steps of one request on this node, ready to be told to a collector.

use std::time::SystemTime;

use crate::context::{SpanId, TraceId};

/// Steps that one request may leave; more are counted as dropped.
pub(crate) const SPANS_MAX: usize = 64;

/// A store that requests wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// Stream states, rate windows, news.
    Coordinator,
    /// Messages and checkpoints.
    Journal,
    /// What was refused.
    Quarantine,
}

impl Store {
    /// All of them, in the order of [`Request::waited`](crate::Request::waited).
    pub const ALL: [Self; 3] = [Self::Coordinator, Self::Journal, Self::Quarantine];

    /// Its name, as in the metrics.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Coordinator => "coordinator",
            Self::Journal => "journal",
            Self::Quarantine => "quarantine",
        }
    }
}

/// What a step is in its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A request was answered.
    Server,
    /// Something within the process.
    Internal,
    /// Another system was asked.
    Client,
}

/// What a step tells of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// One of our own words.
    Word(&'static str),
    /// A name from outside that is no secret and nobody's personal data: an ISPB, a request id.
    Name(String),
    /// A number.
    Number(i64),
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its id.
    pub id: SpanId,
    /// The step it is part of, if any.
    pub parent: Option<SpanId>,
    /// Whether that step is the client's.
    pub is_parent_remote: bool,
    /// What it is.
    pub kind: Kind,
    /// What was done, in a few fixed words.
    pub name: String,
    /// When it began.
    pub began: SystemTime,
    /// When it ended.
    pub ended: SystemTime,
    /// What it tells of itself, by OpenTelemetry's names where there is one.
    pub attributes: Vec<(&'static str, Value)>,
    /// Whether it failed; why is in the attributes of the request and in the log.
    pub has_failed: bool,
}

/// The steps of one request on this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The trace.
    pub id: TraceId,
    /// Its steps here; the request itself is the first.
    pub spans: Vec<Span>,
}
