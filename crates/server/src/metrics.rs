//! Metrics of the process as a whole. What they mean: docs/metrics.md.

/// Bytes that this process may still write to the disk of a directory.
pub const DISK_FREE: &str = "pix_stream_disk_free_bytes";
/// Whether the audit log was found not to hold its anchor at this start.
pub const ANCHOR_BROKEN: &str = "pix_stream_audit_anchor_broken";
/// Age of the token key that signs.
pub const KEY_AGE: &str = "pix_stream_key_age_seconds";
