//! The names of the metrics of traces.

/// Spans that were lost, by reason: `queue` (nobody took them in time), `export` (the collector did not take them),
/// `full` (more than a trace may hold).
pub const SPANS_DROPPED: &str = "pix_stream_trace_spans_dropped_total";
