//! The names of the metrics of the intake.

/// Entries that were taken.
pub const TAKEN: &str = "pix_stream_intake_taken_total";
/// Entries that were made durable as new messages.
pub const PUBLISHED: &str = "pix_stream_intake_published_total";
/// Entries that only repeated a message.
pub const REPEATED: &str = "pix_stream_intake_repeated_total";
/// Entries that went to quarantine.
pub const QUARANTINED: &str = "pix_stream_intake_quarantined_total";
/// Entries that say for nobody whom they are for.
pub const REFUSED: &str = "pix_stream_intake_refused_total";
/// Entries that were tried and left for later, each time, because a store was out of reach or a limit reached.
pub const LEFT: &str = "pix_stream_intake_left_total";
/// Entries that nobody took yet.
pub const WAITING: &str = "pix_stream_intake_waiting_entries";
/// Entries that were taken and are not done.
pub const PENDING: &str = "pix_stream_intake_pending_entries";
