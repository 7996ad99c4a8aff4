//! Names of the metrics that this crate writes (docs/metrics.md).

/// Histogram: time of one durable commit of the journal, fsync included.
pub const COMMIT_SECONDS: &str = "pix_stream_journal_commit_seconds";
/// Histogram: requests that one commit answered.
pub const GROUP_REQUESTS: &str = "pix_stream_journal_group_requests";
/// Gauge: requests that wait for the journal's writer.
pub const QUEUE_REQUESTS: &str = "pix_stream_journal_queue_requests";
/// Counter, label `kind` (`unavailable`, `full`, `damaged`): commits and reads of the journal that failed.
pub const ERRORS_TOTAL: &str = "pix_stream_journal_errors_total";
/// Counter: times the journal's file was opened again after an error.
pub const REOPENS_TOTAL: &str = "pix_stream_journal_reopens_total";
/// Gauge: length of the journal's file.
pub const FILE_BYTES: &str = "pix_stream_journal_file_bytes";
/// Histogram: time of one write of audit entries, without fsync.
pub const AUDIT_WRITE_SECONDS: &str = "pix_stream_audit_write_seconds";
/// Counter: audit entries written.
pub const AUDIT_ENTRIES_TOTAL: &str = "pix_stream_audit_entries_total";
/// Counter, label `kind` (`unavailable`, `full`, `damaged`): writes and syncs of the audit log that failed.
pub const AUDIT_ERRORS_TOTAL: &str = "pix_stream_audit_errors_total";

/// The label value of an error.
pub(crate) const fn kind(error: &pix_stream_ports::error::Error) -> &'static str {
    use pix_stream_ports::error::Error;
    match error {
        Error::Unavailable(_) => "unavailable",
        Error::Full(_) => "full",
        Error::Damaged(_) => "damaged",
    }
}
