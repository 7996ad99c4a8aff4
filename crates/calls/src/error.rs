//! Why a use case did not do what was asked, in the terms of protocol section 6.

use std::time::Duration;

use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::codec::Invalid;

/// A refusal or a failure. No error moves a cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The token is malformed, tampered with, signed by an unknown key, or of another ISPB: 400 `invalidCursor`.
    #[error("the token is not one of ours for this participant")]
    InvalidCursor,
    /// The stream is closed, abandoned or past this token: 410 `streamGone`.
    #[error("the stream is closed, expired, or past this token")]
    Gone,
    /// As many streams are open as may be: 429 `threadLimit`.
    #[error("{used} of {cap} streams are open")]
    ThreadLimit {
        /// Streams that are open.
        used: u8,
        /// Streams that may be.
        cap: u8,
        /// When to try again.
        retry_after: Duration,
    },
    /// The operator paused the participant: 503 `paused`.
    #[error("the participant's streams are paused")]
    Paused {
        /// When to try again.
        retry_after: Duration,
    },
    /// A store is down or full: 503 `unavailable`. The cause is for the log, never for the client.
    #[error("a store is unavailable: {cause}")]
    Unavailable {
        /// When to try again.
        retry_after: Duration,
        /// What failed.
        cause: String,
    },
    /// A limit of this node or of the participant's backlog is reached, or the node drains: 503 `overloaded`.
    #[error("overloaded: {limit}")]
    Overloaded {
        /// When to try again.
        retry_after: Duration,
        /// Which limit.
        limit: &'static str,
    },
    /// The participant is not onboarded: 404 `notFound`.
    #[error("the participant is not onboarded")]
    NotOnboarded,
    /// The quarantine has no such entry: 404 `notFound`.
    #[error("the quarantine has no such entry")]
    NoEntry,
    /// A published message is not valid: 400 `invalidMessage`. `part` counts from 1.
    #[error("part {part}: {fault}")]
    InvalidMessage {
        /// The part of the request.
        part: usize,
        /// What is wrong with it, and where.
        fault: Box<Invalid>,
    },
    /// A published business id is known with other bytes: 409 `conflict`. `part` counts from 1.
    #[error("part {part}: its BizMsgIdr is known with other bytes")]
    Conflict {
        /// The part of the request.
        part: usize,
    },
    /// An operator's command is outside what is possible: 400 or 409 of the admin API.
    #[error("{0}")]
    Refused(AdminRefusal),
    /// A defect: 500 `internal`.
    #[error("a defect: {0}")]
    Internal(String),
}

/// Why an operator's command is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdminRefusal {
    /// The participant exists already with other properties.
    #[error("the participant is onboarded already")]
    Exists,
    /// A value is outside its bounds.
    #[error("{0}")]
    Value(String),
    /// Somebody else changed the participant, or the switches of message types, at the same time.
    #[error("somebody else changed it at the same time: look again, then repeat the command")]
    Raced,
    /// A replay session of another range is open.
    #[error("a replay session is open until {} (Unix milliseconds): close it first", expires_at.unix_millis())]
    SessionOpen {
        /// Until when, unless it is closed.
        expires_at: Timestamp,
    },
    /// A position outside what can be delivered.
    #[error("the position must lie between {first} and {last}")]
    Position {
        /// The lowest position possible.
        first: Sequence,
        /// The highest position possible.
        last: Sequence,
    },
}
