//! The metrics of the core: names, and the handles that the hot path writes to without looking anything up.

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::time::Timestamp;

/// Messages made durable, by participant.
pub const PUBLISHED: &str = "pix_stream_messages_published_total";
/// Messages handed out, replays not counted, by participant.
pub const DELIVERED: &str = "pix_stream_messages_delivered_total";
/// Messages confirmed, by participant.
pub const CONFIRMED: &str = "pix_stream_messages_confirmed_total";
/// Messages handed out that had been handed out before, by participant.
pub const REDELIVERED: &str = "pix_stream_messages_redelivered_total";
/// Answers that repeat an earlier one, by participant.
pub const REPLAYS: &str = "pix_stream_read_replays_total";
/// Advances of the watermark, by participant.
pub const ADVANCES: &str = "pix_stream_cursor_advances_total";
/// Streams found abandoned, by participant.
pub const ABANDONED: &str = "pix_stream_streams_abandoned_total";
/// Messages that are not confirmed, by participant.
pub const LAG_MESSAGES: &str = "pix_stream_lag_messages";
/// Age of the oldest message that is not confirmed, by participant.
pub const LAG_SECONDS: &str = "pix_stream_lag_seconds";
/// Live streams, by participant.
pub const SLOTS_LIVE: &str = "pix_stream_slots_live";
/// When a participant last read, by participant.
pub const LAST_READ: &str = "pix_stream_last_read_seconds";
/// Messages in an answer.
pub const BATCH_SIZE: &str = "pix_stream_batch_messages";
/// Reads that wait for a message.
pub const WAITING_READS: &str = "pix_stream_reads_waiting";
/// Bytes of hot messages.
pub const HOT_BYTES: &str = "pix_stream_hot_bytes";
/// Seats held.
pub const SEATS: &str = "pix_stream_seats";
/// Age of the oldest change that no checkpoint holds.
pub const CHECKPOINT_AGE: &str = "pix_stream_checkpoint_age_seconds";
/// Swaps lost to another node or a newer state.
pub const SWAPS_LOST: &str = "pix_stream_swaps_lost_total";
/// States taken over from a checkpoint.
pub const RECOVERIES: &str = "pix_stream_recoveries_total";
/// Messages removed because their retention ended, by participant.
pub const EXPIRED: &str = "pix_stream_messages_expired_total";
/// Participants of which something that is stored may expire before its time.
pub const UNKEPT: &str = "pix_stream_participants_unkept";
/// Messages read from the Journal because they were not hot, by participant.
pub const COLD_READS: &str = "pix_stream_messages_cold_total";
/// Messages taken from chunks that other nodes announced, by participant.
pub const FETCHED: &str = "pix_stream_messages_fetched_total";
/// Chunks of fresh messages announced to other nodes.
pub const CHUNKS_ANNOUNCED: &str = "pix_stream_chunks_announced_total";
/// Chunks that were announced and then not to be had, or not readable: the Journal is asked instead.
pub const CHUNKS_MISSED: &str = "pix_stream_chunks_missed_total";
/// Messages refused at publish, by the rule that they break first.
pub const REFUSED: &str = "pix_stream_publish_refused_messages_total";
/// Messages published without a schema, because the configuration lets their type pass, by message.
pub const UNVALIDATED: &str = "pix_stream_publish_unvalidated_messages_total";
/// Refused messages put into quarantine; the same bytes again do not count.
pub const QUARANTINED: &str = "pix_stream_quarantine_messages_total";
/// Entries of the quarantine.
pub const QUARANTINE_ENTRIES: &str = "pix_stream_quarantine_entries";
/// Bytes of the messages in the quarantine.
pub const QUARANTINE_BYTES: &str = "pix_stream_quarantine_bytes";
/// Most entries that the quarantine keeps.
pub const QUARANTINE_ENTRIES_MAX: &str = "pix_stream_quarantine_entries_max";
/// Most bytes of messages that the quarantine keeps.
pub const QUARANTINE_BYTES_MAX: &str = "pix_stream_quarantine_bytes_max";

/// The handles of one participant.
#[derive(Debug)]
pub struct SeatMetrics {
    /// Messages made durable.
    pub published: Counter,
    /// Messages handed out.
    pub delivered: Counter,
    /// Messages confirmed.
    pub confirmed: Counter,
    /// Messages handed out once more.
    pub redelivered: Counter,
    /// Answers that repeat an earlier one.
    pub replays: Counter,
    /// Advances of the watermark.
    pub advances: Counter,
    /// Streams found abandoned.
    pub abandoned: Counter,
    /// Messages removed because their retention ended.
    pub expired: Counter,
    /// Messages read from the Journal.
    pub cold: Counter,
    /// Messages taken from chunks.
    pub fetched: Counter,
    /// Messages that are not confirmed.
    pub lag_messages: Gauge,
    /// Age of the oldest of them.
    pub lag_seconds: Gauge,
    /// Live streams.
    pub slots_live: Gauge,
    /// When it last read.
    pub last_read: Gauge,
    /// Messages in an answer.
    pub batch_size: Histogram,
}

impl SeatMetrics {
    /// The handles of this participant.
    #[must_use]
    pub fn new(ispb: Ispb) -> Self {
        let ispb = ispb.to_string();
        Self {
            published: counter!(PUBLISHED, "ispb" => ispb.clone()),
            delivered: counter!(DELIVERED, "ispb" => ispb.clone()),
            confirmed: counter!(CONFIRMED, "ispb" => ispb.clone()),
            redelivered: counter!(REDELIVERED, "ispb" => ispb.clone()),
            replays: counter!(REPLAYS, "ispb" => ispb.clone()),
            advances: counter!(ADVANCES, "ispb" => ispb.clone()),
            abandoned: counter!(ABANDONED, "ispb" => ispb.clone()),
            expired: counter!(EXPIRED, "ispb" => ispb.clone()),
            cold: counter!(COLD_READS, "ispb" => ispb.clone()),
            fetched: counter!(FETCHED, "ispb" => ispb.clone()),
            lag_messages: gauge!(LAG_MESSAGES, "ispb" => ispb.clone()),
            lag_seconds: gauge!(LAG_SECONDS, "ispb" => ispb.clone()),
            slots_live: gauge!(SLOTS_LIVE, "ispb" => ispb.clone()),
            last_read: gauge!(LAST_READ, "ispb" => ispb),
            batch_size: histogram!(BATCH_SIZE),
        }
    }

    /// The participant reads.
    pub fn note_read(&self, now: Timestamp) {
        self.last_read.set(now.unix_millis() as f64 / 1_000.0);
    }

    /// Nobody is behind, and nobody is missed: the participant is offboarded.
    pub fn rest(&self) {
        self.lag_messages.set(0.0);
        self.lag_seconds.set(0.0);
        // Not a number is no time ago, and no alert.
        self.last_read.set(f64::NAN);
    }
}
