//! The names of the metrics of store calls, of back-pressure and of the audit queue; `core` those of the use cases.

pub mod core;

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
/// What is done about too much work, by kind of request: 0 nothing, 1 slow down, 2 shed.
pub const BACKPRESSURE_LEVEL: &str = "pix_stream_backpressure_level";
/// The larger of queue delay and store latency as a part of its threshold, by kind of request.
pub const BACKPRESSURE_PRESSURE: &str = "pix_stream_backpressure_pressure_ratio";
/// Answers that ask to slow down, by kind of request.
pub const BACKPRESSURE_SIGNALS: &str = "pix_stream_backpressure_signals_total";
/// Requests shed, by kind.
pub const BACKPRESSURE_SHED: &str = "pix_stream_backpressure_shed_total";
/// Answers 429 that were held back.
pub const BACKPRESSURE_HELD: &str = "pix_stream_backpressure_held_total";
