//! `[limits]` and `[rate]`: every queue, body and wait has a named end (design, section 7).

use std::time::Duration;

use super::{MINUTE, millis, seconds};
use crate::section::section;
use crate::value::Size;

/// What a time limit may be.
const WAITS: std::ops::RangeInclusive<Duration> = millis(100)..=seconds(600);

section! {
    /// Named ends for every queue, body and wait. Reaching one is an answer and a metric.
    limits Limits {
        /// Largest published message, decompressed; a larger one is answered 413.
        message_bytes: Size = Size::kib(256), within Size::kib(1)..=Size::mib(16);
        /// Largest body of a publish request, decompressed; a larger one is answered 413.
        publish_bytes: Size = Size::mib(4), within Size::kib(1)..=Size::mib(256);
        /// Largest request head; a larger one is answered 431.
        head_bytes: Size = Size::kib(16), within Size::kib(8)..=Size::kib(256);
        /// Most TLS handshakes at a time. A client takes a turn with its first bytes, so silent sockets hold none.
        handshakes: u32 = 1_024, within 1..=100_000;
        /// Time from an accepted socket to the end of its TLS handshake, the wait for a turn included.
        handshake_timeout: Duration = seconds(10), within WAITS;
        /// Time for a complete request head, from its first byte.
        head_timeout: Duration = seconds(30), within WAITS;
        /// Time that a connection may stay without a request, and a client without taking a byte of its answer.
        idle_timeout: Duration = seconds(75), within WAITS;
        /// Time for a complete request body.
        body_timeout: Duration = seconds(30), within WAITS;
        /// Time that requests under way get when the server ends; what is left then is cut.
        drain_timeout: Duration = seconds(8), within Duration::ZERO..=seconds(9);
        /// Most connections of this node. `serve` raises its open-file limit to fit, and says so when it cannot.
        connections: u32 = 10_000, within 1..=1_000_000;
        /// Most connections of one participant; a further one is closed right after its handshake.
        connections_per_participant: u32 = 5_000, within 1..=1_000_000;
        /// Most reads waiting for messages on this node; a further one is answered 503 `overloaded`.
        waiting_reads: u32 = 5_000, within 1..=1_000_000;
        /// Unconfirmed messages of a participant from which on publishing for it is answered 503 `overloaded`.
        backlog_high_water: u32 = 200_000, within 1..=1_000_000_000;
        /// Most participants whose stream state is held in memory at a time.
        seats: u32 = 10_000, within 1..=1_000_000;
        /// Most bytes of messages held in memory by this node, ready to be sent.
        hot_bytes: Size = Size::mib(64), within Size::mib(1)..=Size::gib(256);
        /// Most of these bytes for one participant.
        hot_bytes_per_participant: Size = Size::mib(16), within Size::mib(1)..=Size::gib(64);
        /// Most audit entries waiting to be written. A full queue holds requests back; nothing is dropped.
        audit_queue: u32 = 8_192, within 1..=1_000_000;
        /// Most confirmations of a participant that no checkpoint holds yet, while the journal is out of reach;
        /// then reads are answered 503.
        checkpoint_debt: u32 = 10_000, within 1..=1_000_000;
    }
}

section! {
    /// The pace of one participant over stream and catalogue calls. The admin API can give a participant its own.
    rate Rate {
        /// Requests per second of one participant; more are answered 429 `rateLimit`.
        requests_per_second: u32 = 1_000, within 1..=1_000_000;
        /// The span that slides: `requests_per_second` × `window` requests are allowed in any span of this length.
        window: Duration = seconds(1), within millis(100)..=MINUTE;
    }
}

impl Rate {
    /// Requests that one participant may make in any span of `window` (protocol, "Pace"); at least one.
    #[must_use]
    pub fn requests_per_window(&self) -> u64 {
        let exact = u128::from(self.requests_per_second) * self.window.as_millis() / 1_000;
        u64::try_from(exact).unwrap_or(u64::MAX).max(1)
    }
}
