//! Names of the metrics that this crate writes (docs/metrics.md).

/// Histogram: messages that one conditional batch stored.
pub const GROUP_MESSAGES: &str = "pix_stream_cassandra_group_messages";
