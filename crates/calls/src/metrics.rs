//! The names of the metrics of store calls and of the audit queue.

/// Latency of store calls, by store and operation.
pub const STORE_LATENCY: &str = "pix_stream_store_duration_seconds";
/// Store calls that failed, by store and operation.
pub const STORE_ERRORS: &str = "pix_stream_store_errors_total";
/// Whether a store answers, by store; only in a cluster.
pub const STORE_UP: &str = "pix_stream_store_up";
/// Whole seconds that a store did not answer, by store; only in a cluster.
pub const STORE_DEGRADED: &str = "pix_stream_store_degraded_seconds_total";
/// Audit records that wait to be written.
pub const AUDIT_QUEUE: &str = "pix_stream_audit_queue_records";
