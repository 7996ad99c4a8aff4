//! Names of the metrics that this crate writes (docs/metrics.md).

/// Counter: rounds in which a node read and renewed what the regions hold, by `outcome`: `ok`, `failed`.
pub const REGION_ROUNDS: &str = "pix_stream_cassandra_region_rounds_total";

/// Counter: regions that this node took over because they were silent.
pub const REGION_TAKEOVERS: &str = "pix_stream_cassandra_region_takeovers_total";

/// Gauge: regions whose participants this node serves for certain.
pub const REGIONS_HELD: &str = "pix_stream_cassandra_regions_held";
