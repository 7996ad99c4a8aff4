//! `[journal]`, `[coordinator]`, `[keys]` and `[audit]`: where things are kept.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::section::{Key, Section, Visitor};
use crate::config::value::{CoordinatorKind, JournalKind, Size};

const DAY: Duration = Duration::from_secs(86_400);

/// `[journal]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// Which store.
    pub kind: JournalKind,
    /// The folder of the embedded journal.
    pub directory: PathBuf,
    /// How long confirmed messages are kept.
    pub retention: Duration,
    /// Memory for pages of the embedded journal.
    pub cache_bytes: Size,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            kind: JournalKind::Embedded,
            directory: PathBuf::from("data"),
            retention: DAY * 30,
            cache_bytes: Size::mib(16),
        }
    }
}

impl Section for Journal {
    const NAME: &'static str = "journal";
    const ABOUT: &'static str = "What must never be lost: messages, their order, checkpoints.";

    fn visit(&mut self, visitor: &mut impl Visitor) {
        visitor.key(
            Key::new("kind", "The store: `embedded` is one file on this machine; `cassandra` comes with the cluster build."),
            &mut self.kind,
        );
        visitor.key(
            Key::new("directory", "Folder of the embedded journal. One process at a time; back it up only while the server is stopped."),
            &mut self.directory,
        );
        visitor.key(
            Key::within(
                "retention",
                "How long messages are kept after they were published.",
                Duration::from_secs(3600)..=DAY * 3650,
            ),
            &mut self.retention,
        );
        visitor.key(
            Key::within(
                "cache_bytes",
                "Memory that the embedded journal uses for pages of its file.",
                Size::mib(1)..=Size::gib(256),
            ),
            &mut self.cache_bytes,
        );
    }
}

/// `[coordinator]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coordinator {
    /// Which store.
    pub kind: CoordinatorKind,
}

impl Default for Coordinator {
    fn default() -> Self {
        Self { kind: CoordinatorKind::Local }
    }
}

impl Section for Coordinator {
    const NAME: &'static str = "coordinator";
    const ABOUT: &'static str =
        "What nodes must agree on right now: stream states, fresh messages, wake-ups.";

    fn visit(&mut self, visitor: &mut impl Visitor) {
        visitor.key(
            Key::new(
                "kind",
                "The store: `local` is the memory of this process; `redis` comes with the cluster build.",
            ),
            &mut self.kind,
        );
    }
}

/// `[keys]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// The folder with the token signing keys.
    pub directory: PathBuf,
}

impl Default for Keys {
    fn default() -> Self {
        Self { directory: PathBuf::from("keys") }
    }
}

impl Section for Keys {
    const NAME: &'static str = "keys";
    const ABOUT: &'static str = "The keys that sign tokens.";

    fn visit(&mut self, visitor: &mut impl Visitor) {
        visitor.key(
            Key::new(
                "directory",
                "Folder with one or two files `token-<id>.key`, id 1 to 255, each one line of 64 hexadecimal digits \
                 (32 random bytes), readable by the server alone. The highest id signs, the other one still verifies. \
                 To rotate: add the next id, SIGHUP, and remove the older file once `token_life` has passed.",
            ),
            &mut self.directory,
        );
    }
}

/// `[audit]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// The folder of the audit log.
    pub directory: PathBuf,
    /// The size from which on a new file is begun.
    pub rotate_bytes: Size,
}

impl Default for Audit {
    fn default() -> Self {
        Self { directory: PathBuf::from("data/audit"), rotate_bytes: Size::mib(64) }
    }
}

impl Section for Audit {
    const NAME: &'static str = "audit";
    const ABOUT: &'static str = "The hash-chained log of tokens, publishing and admin commands.";

    fn visit(&mut self, visitor: &mut impl Visitor) {
        visitor.key(
            Key::new("directory", "Folder of the audit log. `pix-stream audit verify` checks it offline."),
            &mut self.directory,
        );
        visitor.key(
            Key::within(
                "rotate_bytes",
                "Size from which on a new file is begun. Old files are never deleted by the server.",
                Size::mib(1)..=Size::gib(16),
            ),
            &mut self.rotate_bytes,
        );
    }
}
