//! `[stream]`, `[wire]`, `[schemas]`, `[publish]` and `[quarantine]`: how messages go out and come in.

use std::path::PathBuf;
use std::time::Duration;

use super::{DAY, HOUR, MINUTE, millis, seconds};
use crate::section::section;
use crate::value::{Size, Unsigned, VerifySignature};

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
    /// What a published message must look like: its schema, and what passes without one.
    schemas Schemas {
        /// A folder with XSD files, read with its subfolders, one namespace a file; each replaces the built-in schema
        /// of its namespace. Not set: built-in only. SIGHUP and the admin API read it again; a folder that does not
        /// compile is refused with every problem, and the schemas in force stay.
        directory: Option<PathBuf> = None;
        /// What happens to a message whose `Sgntr` is empty, as in the central bank's examples: `refuse` or `accept`.
        /// With `[publish] verify_signature` other than `off` it is refused, whatever stands here.
        unsigned: Unsigned = Unsigned::Refuse;
        /// Messages that pass without a schema, with the rules of the header alone: `camt.014`, one version of it as
        /// `camt.014.spi.1.5`, or `pain.*` for all of a group. They are counted in a metric. Where a schema is loaded
        /// it is used all the same.
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
        /// verifies them. `digest`: the digests of the signed parts must recompute. `full`: the signature must hold,
        /// too, by a certificate of `certificates`. Both refuse a message without a signature, whatever `[schemas]
        /// unsigned` says.
        verify_signature: VerifySignature = VerifySignature::Off;
        /// Folder with the certificates of signers, PEM or DER, found by issuer and serial number. `full` needs it.
        /// SIGHUP and the admin API read it again.
        certificates: Option<PathBuf> = None;
    }
}

section! {
    /// Messages of unattended intake that were refused. They wait here for an operator, who releases or drops them.
    quarantine Quarantine {
        /// How long an entry is kept.
        retention: Duration = 30 * DAY, within HOUR..=3650 * DAY;
        /// Most entries. When they are reached, further refused messages are answered 503 `overloaded`.
        entries: u32 = 100_000, within 1..=10_000_000;
        /// Most bytes of messages in it; the same holds.
        bytes: Size = Size::mib(256), within Size::mib(1)..=Size::gib(64);
    }
}
