//! The names of this crate's metrics.

/// Whether a connection stands, by `connection`: `commands`, `news`, `intake`, `intake_reads`.
pub const UP: &str = "pix_stream_redis_up";
/// Connections made, the first and each after one broke, by `connection`.
pub const CONNECTS: &str = "pix_stream_redis_connects_total";
/// Calls refused because too many waited for Redis already.
pub const REFUSED: &str = "pix_stream_redis_refused_calls_total";
/// Calls that were not sent because the server does not answer.
pub const HELD_BACK: &str = "pix_stream_redis_held_back_calls_total";
/// Servers met for the first time: at start, and whenever one restarted or was promoted.
pub const REIGNS: &str = "pix_stream_redis_reigns_total";
/// States found that are from before a restart or a fail-over.
pub const STATES_OLD: &str = "pix_stream_redis_states_old_total";
/// Swaps that were found done by an earlier attempt, whose answer was lost.
pub const SWAPS_REPEATED: &str = "pix_stream_redis_swaps_repeated_total";
/// Bytes of fresh messages written for other nodes.
pub const FRESH_BYTES: &str = "pix_stream_redis_fresh_bytes_total";
/// Chunks of fresh messages not written because the participant had its share.
pub const FRESH_SKIPPED: &str = "pix_stream_redis_fresh_skipped_total";
/// News heard from other nodes.
pub const NEWS: &str = "pix_stream_redis_news_total";
/// Times that news may have been missed: the connection was gone, or this node was too slow.
pub const NEWS_MISSED: &str = "pix_stream_redis_news_missed_total";
/// Exchanges of request counts, by `outcome`: `ok`, `failed`.
pub const RATE_REPORTS: &str = "pix_stream_rate_reports_total";
/// Requests that had to wait for such an exchange.
pub const RATE_WAITS: &str = "pix_stream_rate_waits_total";
/// Requests decided by what this node knows alone, because Redis did not answer.
pub const RATE_ALONE: &str = "pix_stream_rate_alone_total";
/// Entries of the intake that were taken over, not finished, by a node that begins to take them.
pub const INTAKE_CLAIMED: &str = "pix_stream_intake_claimed_total";
/// Times that the intake's consumer group was made, because it was not there.
pub const INTAKE_GROUPS: &str = "pix_stream_intake_groups_made_total";
