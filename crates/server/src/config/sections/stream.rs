//! `[stream]`, `[wire]`, `[schemas]` and `[publish]`: how messages go out and come in.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::section::{Key, Section, Visitor};
use crate::config::value::{Unsigned, VerifySignature};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// `[stream]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Most messages in one read, 1 to 10.
    pub batch_max: u32,
    /// Most live streams of a participant, 1 to 6.
    pub streams_max: u32,
    /// How long a read without messages waits, 0 to 6 s.
    pub long_poll: Duration,
    /// After this long without a read a stream is abandoned.
    pub idle: Duration,
    /// How long a token can be used.
    pub token_life: Duration,
    /// The longest time between two checkpoints of an active participant.
    pub checkpoint: Duration,
    /// Whether parts carry headers of ours.
    pub part_metadata: bool,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            batch_max: 10,
            streams_max: 6,
            long_poll: Duration::from_secs(5),
            idle: Duration::from_secs(10),
            token_life: Duration::from_secs(300),
            checkpoint: Duration::from_millis(200),
            part_metadata: false,
        }
    }
}

impl Section for Stream {
    const NAME: &'static str = "stream";
    const ABOUT: &'static str = "How participants read.";

    fn visit(&mut self, visitor: &mut impl Visitor) {
        visitor.key(Key::within("batch_max", "Most messages in one read.", 1..=10), &mut self.batch_max);
        visitor.key(
            Key::within(
                "streams_max",
                "Most live streams of a participant; one more is answered 429. A participant can be given fewer by the admin API.",
                1..=6,
            ),
            &mut self.streams_max,
        );
        visitor.key(
            Key::within(
                "long_poll",
                "How long a read without messages waits before it is answered 204. `0s` answers at once. Known clients time out at 7 s.",
                Duration::ZERO..=Duration::from_secs(6),
            ),
            &mut self.long_poll,
        );
        visitor.key(
            Key::within(
                "idle",
                "After this long without a read a stream is abandoned: its slot is free, its unconfirmed messages go back.",
                Duration::from_millis(100)..=HOUR,
            ),
            &mut self.idle,
        );
        visitor.key(
            Key::within(
                "token_life",
                "How long a `PI-Pull-Next` can be used after it was issued. Longer than `idle`.",
                Duration::from_millis(200)..=DAY,
            ),
            &mut self.token_life,
        );
        visitor.key(
            Key::within(
                "checkpoint",
                "The longest time between two checkpoints of an active participant: what was confirmed since the last \
                 one may be delivered again after a crash.",
                Duration::from_millis(10)..=Duration::from_secs(10),
            ),
            &mut self.checkpoint,
        );
        visitor.key(
            Key::new(
                "part_metadata",
                "Adds headers of ours (message type, sequence, end-to-end id) to each part, after the two that clients expect.",
            ),
            &mut self.part_metadata,
        );
    }
}

/// `[wire]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wire {
    /// Whether requests are held to ICOM's header list.
    pub strict: bool,
    /// What the `type` of an error starts with.
    pub problem_type_base: String,
}

impl Default for Wire {
    fn default() -> Self {
        Self { strict: false, problem_type_base: "https://icom.pi.rsfn.net.br/api/v1/error/".to_owned() }
    }
}

impl Section for Wire {
    const NAME: &'static str = "wire";
    const ABOUT: &'static str = "How closely requests are held to ICOM, and how errors name themselves.";

    fn visit(&mut self, visitor: &mut impl Visitor) {
        visitor.key(
            Key::new("strict", "Refuses a `Host` with a port, and every header outside ICOM's list, with 400 `invalidHeader`."),
            &mut self.strict,
        );
        visitor.key(
            Key::new(
                "problem_type_base",
                "What the `type` of an error body starts with; the error's code follows. Ends with `/`.",
            ),
            &mut self.problem_type_base,
        );
    }
}

/// `[schemas]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schemas {
    /// A folder with schemas that replace the built-in ones.
    pub directory: Option<PathBuf>,
    /// What happens to messages without a signature.
    pub unsigned: Unsigned,
    /// Namespaces that are taken without validation.
    pub unvalidated: Vec<String>,
}

impl Default for Schemas {
    fn default() -> Self {
        Self { directory: None, unsigned: Unsigned::Refuse, unvalidated: Vec::new() }
    }
}

impl Section for Schemas {
    const NAME: &'static str = "schemas";
    const ABOUT: &'static str = "What a published message must look like.";

    fn visit(&mut self, visitor: &mut impl Visitor) {
        visitor.key(
            Key::new("directory", "A folder with XSD files; those replace the built-in schemas of their namespaces. Not set: built-in only."),
            &mut self.directory,
        );
        visitor.key(
            Key::new("unsigned", "What happens to a message without a signature: `refuse` or `accept`."),
            &mut self.unsigned,
        );
        visitor.key(
            Key::new(
                "unvalidated",
                "Namespaces whose messages are taken well-formed, without validation against a schema.",
            ),
            &mut self.unvalidated,
        );
    }
}

/// `[publish]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// How long a message id is remembered.
    pub idempotency: Duration,
    /// Whether signatures are verified.
    pub verify_signature: VerifySignature,
}

impl Default for Publish {
    fn default() -> Self {
        Self { idempotency: DAY, verify_signature: VerifySignature::Off }
    }
}

impl Section for Publish {
    const NAME: &'static str = "publish";
    const ABOUT: &'static str = "How producers publish.";

    fn visit(&mut self, visitor: &mut impl Visitor) {
        visitor.key(
            Key::within(
                "idempotency",
                "How long a `BizMsgIdr` is remembered: the same bytes again within this time are answered with the first id.",
                Duration::from_secs(60)..=DAY * 30,
            ),
            &mut self.idempotency,
        );
        visitor.key(
            Key::new("verify_signature", "Whether signatures are verified before a message is taken. `off`: they are carried to the reader, who verifies them."),
            &mut self.verify_signature,
        );
    }
}
