//! Names of the metrics that this crate writes (docs/metrics.md).

/// Histogram: messages that one conditional batch stored.
pub const GROUP_MESSAGES: &str = "pix_stream_cassandra_group_messages";
/// Histogram: time of one conditional batch that was carried out at the first answer.
pub const COMMIT_SECONDS: &str = "pix_stream_cassandra_commit_seconds";
/// Counter: batches that were refused because others had appended first.
pub const ATTEMPTS_LOST_TOTAL: &str = "pix_stream_cassandra_attempts_lost_total";
/// Counter, label `settled` (`stored`, `not_stored`, `unsettled`): batches without an answer, and what became of them.
pub const UNKNOWN_OUTCOMES_TOTAL: &str = "pix_stream_cassandra_unknown_outcomes_total";
/// Counter: batches without an answer that were kept from being carried out later.
pub const FENCES_TOTAL: &str = "pix_stream_cassandra_fences_total";
/// Gauge: participants that publish through this node now.
pub const LANES: &str = "pix_stream_cassandra_lanes";
/// Gauge: fingerprints of business ids that room is taken for.
pub const FINGERPRINTS: &str = "pix_stream_cassandra_fingerprints";
/// Counter: groups and starts of lanes that were refused because the limit of fingerprints was reached.
pub const FINGERPRINTS_REFUSED_TOTAL: &str = "pix_stream_cassandra_fingerprints_refused_total";
/// Counter: blocks of fingerprints that were missing and made again from the messages.
pub const BLOCKS_REBUILT_TOTAL: &str = "pix_stream_cassandra_blocks_rebuilt_total";
/// Counter: reads that found a gap and were repeated at LOCAL_SERIAL.
pub const SERIAL_REREADS_TOTAL: &str = "pix_stream_cassandra_serial_rereads_total";
/// Counter, label `outcome` (`ok`, `failed`): questions to all data centres for what may not have come here yet.
pub const REGION_READS_TOTAL: &str = "pix_stream_cassandra_region_reads_total";
/// Counter, label `reason` (`reach`, `clock`): appends that were refused behind what another region stored.
pub const REGION_REFUSALS_TOTAL: &str = "pix_stream_cassandra_region_refusals_total";
