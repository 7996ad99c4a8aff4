//! `[limits]` and `[rate]`: every queue, body and wait has a named end (design, section 7).

use std::time::Duration;

use crate::config::section::{Key, Section, Visitor};
use crate::config::value::Size;

/// `[limits]`. Reaching one is an answer (429, 431, 413, 503) and a metric, never unbounded memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Largest published message, decompressed.
    pub message_bytes: Size,
    /// Largest publish body, decompressed.
    pub publish_bytes: Size,
    /// Largest request head.
    pub head_bytes: Size,
    /// Time for a TLS handshake.
    pub handshake_timeout: Duration,
    /// Time for a complete request head; also ends idle connections.
    pub head_timeout: Duration,
    /// Time for a complete body.
    pub body_timeout: Duration,
    /// Time for requests under way when the server ends.
    pub drain_timeout: Duration,
    /// Most connections of a node.
    pub connections: u32,
    /// Most connections of one participant.
    pub connections_per_participant: u32,
    /// Most waiting reads of a node.
    pub waiting_reads: u32,
    /// Most participants whose state is held in memory.
    pub seats: u32,
    /// Most bytes of messages held in memory by a node.
    pub hot_bytes: Size,
    /// Most of them for one participant.
    pub hot_bytes_per_participant: Size,
    /// Unconfirmed messages of a participant from which on publishing is refused.
    pub backlog_high_water: u32,
    /// Most audit entries waiting to be written.
    pub audit_queue: u32,
    /// Most confirmations of a participant that are not yet in a checkpoint.
    pub checkpoint_debt: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: Size::kib(256),
            publish_bytes: Size::mib(4),
            head_bytes: Size::kib(16),
            handshake_timeout: Duration::from_secs(3),
            head_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(8),
            connections: 10_000,
            connections_per_participant: 5_000,
            waiting_reads: 5_000,
            seats: 10_000,
            hot_bytes: Size::mib(64),
            hot_bytes_per_participant: Size::mib(16),
            backlog_high_water: 200_000,
            audit_queue: 8_192,
            checkpoint_debt: 10_000,
        }
    }
}

impl Section for Limits {
    const NAME: &'static str = "limits";
    const ABOUT: &'static str =
        "Named ends for every queue, body and wait. Reaching one is an answer and a metric.";

    fn visit(&mut self, visitor: &mut impl Visitor) {
        self.visit_requests(visitor);
        self.visit_load(visitor);
        self.visit_memory(visitor);
    }
}

impl Limits {
    fn visit_requests(&mut self, visitor: &mut impl Visitor) {
        visitor.key(
            Key::within(
                "message_bytes",
                "Largest published message, decompressed; a larger one is answered 413.",
                Size::kib(1)..=Size::mib(16),
            ),
            &mut self.message_bytes,
        );
        visitor.key(
            Key::within(
                "publish_bytes",
                "Largest body of a publish request, decompressed; a larger one is answered 413.",
                Size::kib(1)..=Size::mib(256),
            ),
            &mut self.publish_bytes,
        );
        visitor.key(
            Key::within(
                "head_bytes",
                "Largest request head; a larger one is answered 431.",
                Size::kib(8)..=Size::kib(256),
            ),
            &mut self.head_bytes,
        );
        let wait = || Duration::from_millis(100)..=Duration::from_secs(600);
        visitor.key(
            Key::within("handshake_timeout", "Time for a TLS handshake.", wait()),
            &mut self.handshake_timeout,
        );
        visitor.key(
            Key::within(
                "head_timeout",
                "Time for a complete request head. An idle connection is closed after it too.",
                wait(),
            ),
            &mut self.head_timeout,
        );
        visitor.key(
            Key::within("body_timeout", "Time for a complete request body.", wait()),
            &mut self.body_timeout,
        );
        visitor.key(
            Key::within(
                "drain_timeout",
                "Time that requests under way get when the server ends; what is left then is cut.",
                Duration::ZERO..=Duration::from_secs(9),
            ),
            &mut self.drain_timeout,
        );
    }

    fn visit_load(&mut self, visitor: &mut impl Visitor) {
        visitor.key(
            Key::within(
                "connections",
                "Most connections of this node. `serve` raises its open-file limit to fit, and says so when it cannot.",
                1..=1_000_000,
            ),
            &mut self.connections,
        );
        visitor.key(
            Key::within(
                "connections_per_participant",
                "Most connections of one participant; a further one is closed right after its handshake.",
                1..=1_000_000,
            ),
            &mut self.connections_per_participant,
        );
        visitor.key(
            Key::within(
                "waiting_reads",
                "Most reads waiting for messages on this node; a further one is answered 503 `overloaded`.",
                1..=1_000_000,
            ),
            &mut self.waiting_reads,
        );
        visitor.key(
            Key::within(
                "backlog_high_water",
                "Unconfirmed messages of a participant from which on publishing for it is answered 503 `overloaded`.",
                1..=1_000_000_000,
            ),
            &mut self.backlog_high_water,
        );
    }

    fn visit_memory(&mut self, visitor: &mut impl Visitor) {
        visitor.key(
            Key::within(
                "seats",
                "Most participants whose stream state is held in memory at a time.",
                1..=1_000_000,
            ),
            &mut self.seats,
        );
        visitor.key(
            Key::within(
                "hot_bytes",
                "Most bytes of messages held in memory by this node, ready to be sent.",
                Size::mib(1)..=Size::gib(256),
            ),
            &mut self.hot_bytes,
        );
        visitor.key(
            Key::within(
                "hot_bytes_per_participant",
                "Most of these bytes for one participant.",
                Size::mib(1)..=Size::gib(64),
            ),
            &mut self.hot_bytes_per_participant,
        );
        visitor.key(
            Key::within("audit_queue", "Most audit entries waiting to be written. A full queue holds requests back; nothing is dropped.", 1..=1_000_000),
            &mut self.audit_queue,
        );
        visitor.key(
            Key::within(
                "checkpoint_debt",
                "Most confirmations of a participant that no checkpoint holds yet, while the journal is out of reach; then reads are answered 503.",
                1..=1_000_000,
            ),
            &mut self.checkpoint_debt,
        );
    }
}

/// `[rate]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// Requests per second of one participant.
    pub requests_per_second: u32,
    /// The span over which they are counted.
    pub window: Duration,
}

impl Rate {
    /// Requests that one participant may make in any span of `window` (protocol, "Pace"); at least one.
    #[must_use]
    pub fn requests_per_window(&self) -> u64 {
        let exact = u128::from(self.requests_per_second) * self.window.as_millis() / 1_000;
        u64::try_from(exact).unwrap_or(u64::MAX).max(1)
    }
}

impl Default for Rate {
    fn default() -> Self {
        Self { requests_per_second: 1_000, window: Duration::from_secs(1) }
    }
}

impl Section for Rate {
    const NAME: &'static str = "rate";
    const ABOUT: &'static str = "The pace of one participant over stream and catalogue calls. A participant can be given its own by the admin API.";

    fn visit(&mut self, visitor: &mut impl Visitor) {
        visitor.key(
            Key::within(
                "requests_per_second",
                "Requests per second of one participant; more are answered 429 `rateLimit`.",
                1..=1_000_000,
            ),
            &mut self.requests_per_second,
        );
        visitor.key(
            Key::within(
                "window",
                "The span that slides: `requests_per_second` × `window` requests are allowed in any span of this length.",
                Duration::from_millis(100)..=Duration::from_secs(60),
            ),
            &mut self.window,
        );
    }
}
