//! The named limits of a stream, and how they must stand to each other (design, section 7).

use std::time::Duration;

/// The most messages one response may hold.
pub const BATCH_MAX: u8 = 10;
/// The most streams one participant may hold open.
pub const STREAMS_MAX: u8 = 6;
/// The longest a read may wait for a message: a known client gives up at 7 s (protocol, section 4).
pub const LONG_POLL_MAX: Duration = Duration::from_secs(6);
/// The largest message, in bytes, unless configured otherwise.
pub const MESSAGE_BYTES: u32 = 256 * 1024;
/// The most ranges that may wait for redelivery at once. Six streams leave about a dozen; the rest is room for
/// late returns, each of which may split one in two.
pub const RETURNED_RANGES_MAX: usize = 64;
/// From this many ranges on, a late return that would split one is refused, so that returning never has to be.
pub const RETURNED_RANGES_SPLIT_MAX: usize = 48;
/// The largest encoded state, in bytes.
pub const STATE_BYTES_MAX: usize = 2048;

const _: () = {
    assert!(RETURNED_RANGES_SPLIT_MAX + 2 * STREAMS_MAX as usize <= RETURNED_RANGES_MAX);
    assert!(BATCH_MAX > 0 && STREAMS_MAX > 0);
};

/// What an operator may set for streams (`[stream]` of the configuration).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The most messages of a response, 1 to [`BATCH_MAX`].
    pub batch_max: u8,
    /// The most streams of a participant, 1 to [`STREAMS_MAX`]; a participant's own cap may be lower.
    pub streams_max: u8,
    /// The most bytes of XML of a response that holds more than one message.
    pub batch_bytes: u64,
    /// A stream without a read for this long after its last answer is abandoned.
    pub idle: Duration,
    /// A token is good for this long after it was issued.
    pub token_life: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            batch_max: BATCH_MAX,
            streams_max: STREAMS_MAX,
            batch_bytes: u64::from(BATCH_MAX) * u64::from(MESSAGE_BYTES),
            idle: Duration::from_secs(10),
            token_life: Duration::from_secs(300),
        }
    }
}
