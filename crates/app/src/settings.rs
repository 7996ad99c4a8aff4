//! What the core is told by the configuration. Plain values; reading files is `server`'s business.

use std::time::Duration;

use pix_stream_calls::PressureSettings;
use pix_stream_domain::limits::Rules;
use pix_stream_ports::quarantine::Limits;

/// Settings of the core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Rules of streams: batch, idle time, token life.
    pub rules: Rules,
    /// How long a read waits for a message, 0 to 6 s.
    pub long_poll: Duration,
    /// The longest time between a change of a participant's state and its checkpoint.
    pub checkpoint: Duration,
    /// Changes of a participant's state that no checkpoint may hold while the Journal fails; then reads answer
    /// 503. A full Journal does not count: reads go on.
    pub checkpoint_debt: u64,
    /// Participants whose state is held in memory at a time.
    pub seats: usize,
    /// After a crash, how long a participant's returning tokens go before new batches.
    pub settle: Duration,
    /// Whether parts carry message type and sequence.
    pub part_metadata: bool,
    /// Bytes of hot messages on this node.
    pub hot_bytes: u64,
    /// Bytes of hot messages of one participant.
    pub hot_bytes_per_participant: u64,
    /// Reads that may wait on this node.
    pub waiting_reads: usize,
    /// Unconfirmed messages of a participant from which on publishing answers 503.
    pub backlog_high_water: u64,
    /// Requests a second of a participant.
    pub requests_per_second: u32,
    /// The window over which requests are counted.
    pub rate_window: Duration,
    /// From which delays on participants are slowed down, and what is above their fair share is shed; `None`: never.
    pub pressure: Option<PressureSettings>,
    /// How long a business id is remembered.
    pub idempotency: Duration,
    /// How long messages are kept.
    pub retention: Duration,
    /// Audit records that may wait to be written; a full queue blocks requests.
    pub audit_queue: usize,
    /// The region that tokens name; zero on one machine.
    pub region: u16,
    /// What is kept of refused messages.
    pub quarantine: QuarantineSettings,
}

/// How long and how much the quarantine keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineSettings {
    /// How long an entry is kept.
    pub retention: Duration,
    /// How many entries and bytes; whatever would exceed them is refused.
    pub limits: Limits,
}

impl Default for QuarantineSettings {
    fn default() -> Self {
        Self {
            retention: Duration::from_secs(30 * 24 * 3600),
            limits: Limits { entries: 100_000, bytes: 256 * 1024 * 1024 },
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            long_poll: Duration::from_secs(5),
            checkpoint: Duration::from_millis(200),
            checkpoint_debt: 10_000,
            seats: 10_000,
            settle: Duration::from_millis(300),
            part_metadata: false,
            hot_bytes: 64 * 1024 * 1024,
            hot_bytes_per_participant: 16 * 1024 * 1024,
            waiting_reads: 5_000,
            backlog_high_water: 200_000,
            requests_per_second: 1_000,
            rate_window: Duration::from_secs(1),
            pressure: None,
            idempotency: Duration::from_secs(24 * 3600),
            retention: Duration::from_secs(30 * 24 * 3600),
            audit_queue: 8_192,
            region: 0,
            quarantine: QuarantineSettings::default(),
        }
    }
}
