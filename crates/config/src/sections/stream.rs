//! `[stream]`, `[wire]`, `[schemas]` and `[publish]`: how messages go out and come in.

use std::path::PathBuf;
use std::time::Duration;

use super::{DAY, HOUR, MINUTE, millis, seconds};
use crate::section::section;
use crate::value::{Unsigned, VerifySignature};

section! {
    /// How participants read.
    stream Stream {
        /// Most messages in one read.
        batch_max: u32 = 10, within 1..=10;
        /// Most live streams of a participant; one more is answered 429. The admin API can give a participant fewer.
        streams_max: u32 = 6, within 1..=6;
        /// How long a read without messages waits before it is answered 204. `0s` answers at once. Known clients
        /// time out at 7 s.
        long_poll: Duration = seconds(5), within Duration::ZERO..=seconds(6);
        /// After this long without a read a stream is abandoned: its slot is free, its unconfirmed messages go back.
        idle: Duration = seconds(10), within millis(100)..=HOUR;
        /// How long a `PI-Pull-Next` can be used after it was issued. Longer than `idle`.
        token_life: Duration = seconds(300), within millis(200)..=DAY;
        /// The longest time between two checkpoints of an active participant: what was confirmed since the last
        /// one may be delivered again after a crash.
        checkpoint: Duration = millis(200), within millis(10)..=seconds(10);
        /// Adds headers of ours (message type, sequence) to each part, after the two that clients expect.
        part_metadata: bool = false;
    }
}

section! {
    /// How closely requests are held to ICOM, and how errors name themselves.
    wire Wire {
        /// Refuses a `Host` with a port, and every header outside ICOM's list, with 400 `invalidHeader`.
        strict: bool = false;
        /// What the `type` of an error body starts with; the error's code follows. Ends with `/`.
        problem_type_base: String = "https://icom.pi.rsfn.net.br/api/v1/error/".to_owned();
    }
}

section! {
    /// What a published message must look like. This version checks well-formedness, header and namespace; these
    /// keys are read and checked, and come into effect with validation against schemas.
    schemas Schemas {
        /// A folder with XSD files; those replace the built-in schemas of their namespaces. Not set: built-in only.
        directory: Option<PathBuf> = None;
        /// What happens to a message without a signature: `refuse` or `accept`.
        unsigned: Unsigned = Unsigned::Refuse;
        /// Namespaces whose messages are taken well-formed, without validation against a schema.
        unvalidated: Vec<String> = Vec::new();
    }
}

section! {
    /// How producers publish.
    publish Publish {
        /// How long a `BizMsgIdr` is remembered: the same bytes again within this time are answered with the
        /// first id.
        idempotency: Duration = DAY, within MINUTE..=30 * DAY;
        /// Whether signatures are verified before a message is taken. `off`: they are carried to the reader, who
        /// verifies them.
        verify_signature: VerifySignature = VerifySignature::Off;
    }
}
