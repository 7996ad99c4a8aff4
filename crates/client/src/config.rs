//! Every limit and waiting time of the client, by name. No behaviour lives here.

use std::time::Duration;

/// Streams a participant may hold open at once (protocol, section 4).
pub const STREAMS_MAX: u8 = 6;
/// Messages in one batch (protocol, section 2); more in one answer is an error.
pub const BATCH_MAX: usize = 10;
/// Bytes of one message (protocol, section 8).
pub const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// Bytes of one answer's body, on the wire and again after decompression: a full batch and its part headers.
pub const BODY_BYTES_MAX: usize = BATCH_MAX * MESSAGE_BYTES_MAX + 64 * 1024;
/// Complete answers that cannot be read, for one and the same request, before the client stops asking.
pub const MALFORMED_TRIES: u32 = 3;
/// How long a `stream/start` in flight may still answer once the consumer was told to end: without the answer
/// there is no token, and without a token the slot stays taken until the server finds it idle.
pub const START_GRACE: Duration = Duration::from_millis(1500);
/// How long closing one stream may take, retries included, when the consumer ends by itself.
pub const CLOSE_BUDGET: Duration = Duration::from_secs(30);
/// The same when it was told to end; with [`START_GRACE`] it keeps a shutdown under 5 s.
pub const CLOSE_BUDGET_SHUTDOWN: Duration = Duration::from_secs(3);
/// How long a failing server is asked again, by default, when the consumer is meant to end by itself.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The longest a server may hold a read (protocol, section 4).
const LONG_POLL_MAX: Duration = Duration::from_secs(6);
const _: () = assert!(READ_DEADLINE.as_millis() > LONG_POLL_MAX.as_millis());
const _: () = assert!(START_GRACE.as_millis() + CLOSE_BUDGET_SHUTDOWN.as_millis() < 5_000);
const READ_DEADLINE: Duration = Duration::from_secs(8);

/// Deadlines and waits; [`Timing::default`] suits the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// TCP connection and TLS handshake together: 3 s.
    pub connect: Duration,
    /// From a read's request to its answer's head, and again to the end of its body: 8 s, above the longest
    /// long poll of 6 s.
    pub read: Duration,
    /// The same for a DELETE: 2 s.
    pub close: Duration,
    /// The same for publishing and for calls of [`crate::Api`]: 15 s.
    pub call: Duration,
    /// The first wait after a failure without `Retry-After`, doubled at each further one: 50 ms.
    pub backoff_first: Duration,
    /// The longest such wait: 5 s.
    pub backoff_max: Duration,
    /// The longest `Retry-After` that is honoured: 60 s.
    pub retry_after_max: Duration,
    /// At most this is added to a `Retry-After`, so that clients told the same do not return together: 250 ms.
    pub retry_after_jitter: Duration,
    /// The first pause between requests when the server asks to slow down, doubled with each answer that asks again and
    /// halved with each that does not: 100 ms.
    pub slow_first: Duration,
    /// The longest such pause: 2 s, well below the time after which a stream counts as abandoned.
    pub slow_max: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            read: READ_DEADLINE,
            close: Duration::from_secs(2),
            call: Duration::from_secs(15),
            backoff_first: Duration::from_millis(50),
            backoff_max: Duration::from_secs(5),
            retry_after_max: Duration::from_secs(60),
            retry_after_jitter: Duration::from_millis(250),
            slow_first: Duration::from_millis(100),
            slow_max: Duration::from_secs(2),
        }
    }
}
