//! The names of the metrics of the intake.

/// Entries that a worker was handed.
pub const TAKEN: &str = "pix_stream_intake_taken_total";
/// Entries that were made durable as new messages.
pub const PUBLISHED: &str = "pix_stream_intake_published_total";
/// Entries that only repeated a message.
pub const REPEATED: &str = "pix_stream_intake_repeated_total";
/// Entries that went to quarantine.
pub const QUARANTINED: &str = "pix_stream_intake_quarantined_total";
/// Entries that say for nobody whom they are for.
pub const REFUSED: &str = "pix_stream_intake_refused_total";
/// Entries that were left for later, because a store was out of reach or a limit reached.
pub const LEFT: &str = "pix_stream_intake_left_total";
/// Entries that nobody was handed yet.
pub const WAITING: &str = "pix_stream_intake_waiting_entries";
/// Entries that were handed out and are not done.
pub const PENDING: &str = "pix_stream_intake_pending_entries";
