//! `[journal]`, `[coordinator]`, `[keys]`, `[audit]` and `[log]`: where things are kept, and what operators see.

use std::path::PathBuf;
use std::time::Duration;

use super::{DAY, HOUR};
use crate::section::section;
use crate::value::{CoordinatorKind, Fallback, JournalKind, LogFormat, Size};

section! {
    /// What must never be lost: messages, their order, checkpoints.
    journal Journal {
        /// The store: `embedded` is one file on this machine, for one server; `cassandra` is the one of `[cassandra]`,
        /// for any number of servers, with `[coordinator] kind = "redis"`.
        kind: JournalKind = JournalKind::Embedded;
        /// Folder of the embedded journal. One process at a time; back it up only while the server is stopped.
        directory: PathBuf = PathBuf::from("data");
        /// How long messages are kept after they were published. Every server of a cluster has the same.
        retention: Duration = 30 * DAY, within HOUR..=3650 * DAY;
        /// Memory that the embedded journal uses for pages of its file.
        cache_bytes: Size = Size::mib(16), within Size::mib(1)..=Size::gib(256);
    }
}

section! {
    /// What nodes must agree on right now: stream states, fresh messages, wake-ups.
    coordinator Coordinator {
        /// The store: `local` is the memory of this process, for one server; `redis` is the one of `[redis]`, for any
        /// number of servers, with `[journal] kind = "cassandra"`.
        kind: CoordinatorKind = CoordinatorKind::Local;
        /// What reads go on with while Redis is out of reach: `journal` agrees through Cassandra, slower and still
        /// right; `none` answers 503 until Redis is back. The same on every node: those of a cluster must agree on
        /// where they agree.
        fallback: Fallback = Fallback::Journal;
    }
}

section! {
    /// The keys that sign tokens.
    keys Keys {
        /// Folder with one or two files `token-<id>.key`, id 1 to 255, each one line of 64 hexadecimal digits
        /// (32 random bytes) and perhaps a second one `created=<Unix milliseconds>`, readable by the server alone. The
        /// file `signing` holds the id of the key that signs; without it the highest id does. The other key still
        /// verifies. Change them with `pix-stream admin keys rotate|sign|retire`, or while no server runs with
        /// `pix-stream keys`; files changed by hand are read at SIGHUP. A key should sign for 90 days at most, from
        /// then on the log says so every day. All servers of a cluster have the same files: any of them may be asked
        /// to go on with a token.
        directory: PathBuf = PathBuf::from("keys");
    }
}

section! {
    /// The hash-chained log of tokens, publishing and admin commands.
    audit Audit {
        /// Folder of the audit log. `pix-stream audit verify` checks it offline.
        directory: PathBuf = PathBuf::from("data/audit");
        /// Size from which on a new file is begun. Old files are never deleted by the server.
        rotate_bytes: Size = Size::mib(64), within Size::mib(1)..=Size::gib(16);
    }
}

section! {
    /// Logs go to stderr. They hold no message content, no personal data and no whole token.
    log Log {
        /// `error`, `warn`, `info`, `debug`, `trace` or `off`; also by module, such as `info,pix_stream_app=debug`.
        level: String = "info".to_owned();
        /// `json` is one object a line, `human` is for people, `auto` is `human` on a terminal and `json` elsewhere.
        format: LogFormat = LogFormat::Auto;
        /// A request has a line when it failed or was slow. Of so many of the others, one has a line too; 0 for none.
        sample: u32 = 1_000, within 0..=1_000_000_000;
    }
}
