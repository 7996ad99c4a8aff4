//! What commands take: the fields of their JSON bodies, beside the `reason` that every change takes.
//!
//! The schemas of these types are what bodies are held against, and what the document shows.

use pix_stream_app::REQUESTS_PER_SECOND_MAX;
use pix_stream_domain::limits::STREAMS_MAX;
use pix_stream_domain::participant::{NAME_MAX, RETENTION_MAX};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::parameters::NUMBER_MAX;

/// The longest reason, in characters.
pub(crate) const REASON_MAX: u64 = 1024;

/// The most days for which messages may be kept.
pub(crate) const DAYS_MAX: u64 = RETENTION_MAX.as_secs() / crate::views::DAY_S;
/// The latest time, in milliseconds since 1970: what fits the 48 bits of the stores.
pub(crate) const TIME_MAX: u64 = (1 << 48) - 1;

/// Nothing but a reason.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoFields {}

/// A participant to be onboarded.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewParticipant {
    /// Its ISPB.
    #[schemars(regex(pattern = "^[0-9A-Z]{8}$"))]
    pub(crate) ispb: String,
    /// A name for people.
    #[schemars(length(max = NAME_MAX), regex(pattern = r"^[^\x00-\x1f\x7f-\x9f]*$"))]
    pub(crate) name: Option<String>,
    /// Limits of its own.
    pub(crate) limits: Option<Limits>,
    /// For how many days its messages are kept, if not as long as is configured.
    #[schemars(range(min = 1, max = DAYS_MAX))]
    pub(crate) retention_days: Option<u32>,
}

/// Limits of a participant's own; one that is missing or null is the configuration's.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    /// Requests a second, on average over the rate window.
    #[schemars(range(min = 1, max = REQUESTS_PER_SECOND_MAX))]
    pub(crate) requests_per_second: Option<u32>,
    /// Unconfirmed messages from which on publishing is refused.
    #[schemars(range(min = 1, max = NUMBER_MAX))]
    pub(crate) backlog_high_water: Option<u64>,
}

/// A cap on open streams.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cap {
    /// How many streams the participant may hold open.
    #[schemars(range(min = 1, max = STREAMS_MAX))]
    pub(crate) cap: u8,
}

/// A place in a participant's stream.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Position {
    /// A sequence number.
    #[schemars(range(min = 0, max = NUMBER_MAX))]
    pub(crate) to: u64,
}

/// Times of publishing, in milliseconds since 1970; all of them without either, else both.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Period {
    /// From here on.
    #[schemars(range(min = 0, max = TIME_MAX))]
    pub(crate) from_unix_ms: Option<u64>,
    /// Up to, not including, this.
    #[schemars(range(min = 0, max = TIME_MAX))]
    pub(crate) to_unix_ms: Option<u64>,
}

/// How long messages are kept.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retention {
    /// For how many days; null or nothing is as configured.
    #[schemars(range(min = 1, max = DAYS_MAX))]
    pub(crate) days: Option<u32>,
}

/// What a replay session reads: `from` and `to`, or `since_unix_ms` and `until_unix_ms`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replay {
    /// The first sequence number.
    #[schemars(range(min = 1, max = NUMBER_MAX))]
    pub(crate) from: Option<u64>,
    /// The last sequence number.
    #[schemars(range(min = 1, max = NUMBER_MAX))]
    pub(crate) to: Option<u64>,
    /// From this time of publishing on, in milliseconds since 1970.
    #[schemars(range(min = 0, max = TIME_MAX))]
    pub(crate) since_unix_ms: Option<u64>,
    /// Up to, not including, this time.
    #[schemars(range(min = 0, max = TIME_MAX))]
    pub(crate) until_unix_ms: Option<u64>,
    /// For how many minutes the session is open; 60 without it.
    #[schemars(range(min = 1, max = 1440))]
    pub(crate) valid_minutes: Option<u32>,
}

/// For whom a message type is switched.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Switch {
    /// One participant; without it, all those that have no switch of their own.
    #[schemars(regex(pattern = "^[0-9A-Z]{8}$"))]
    pub(crate) participant: Option<String>,
}

/// How a new key begins.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    /// Whether the key only verifies at first, until it is told to sign: for clusters, whose nodes must all know it.
    pub(crate) stage: Option<bool>,
}

/// A key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyNumber {
    /// Its number.
    pub(crate) id: u8,
}

/// A filter for the log.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Level {
    /// A filter, like `info,pix_stream_app=debug`.
    #[schemars(length(min = 1, max = 1000), regex(pattern = r"^[^\x00-\x1f\x7f-\x9f]*$"))]
    pub(crate) level: String,
    /// For how many minutes; 15 without it.
    #[schemars(range(min = 1, max = 1440))]
    pub(crate) minutes: Option<u32>,
}
