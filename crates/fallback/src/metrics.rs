//! Names of the metrics that this crate writes (docs/metrics.md).

/// Gauge: 1 while this node cannot reach the Coordinator.
pub const ACTIVE: &str = "pix_stream_fallback_active";
/// Gauge: participants whose state this node knows to be kept by serial writes.
pub const PARTICIPANTS: &str = "pix_stream_fallback_participants";
/// Counter, label `to` (`serial`, `primary`): histories that this node began on the other side.
pub const SWITCHES_TOTAL: &str = "pix_stream_fallback_switches_total";
/// Counter, label `outcome` (`done`, `lost`, `failed`): swaps by serial writes.
pub const SWAPS_TOTAL: &str = "pix_stream_fallback_swaps_total";
