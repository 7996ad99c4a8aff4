//! The names of the exporter's metrics. What is dropped is counted by `pix-stream-telemetry`'s name, by reason.

/// Spans that the collector took.
pub const SPANS_EXPORTED: &str = "pix_stream_trace_spans_exported_total";
