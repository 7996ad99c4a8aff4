//! Statements and how one call of them is carried out. What a statement does is read off its text: whether it
//! reads, writes, writes conditionally or changes the schema decides what a failure means.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cdrs_tokio::consistency::Consistency as Wire;

/// The text of a statement, prepared on first use by each session that executes it.
///
/// Markers are positional (`?`). Name tables with their keyspace: sessions have none of their own. Texts must be few:
/// a session keeps what it has prepared.
#[derive(Clone, Debug)]
pub struct Statement {
    text: Arc<str>,
    kind: Kind,
    is_idempotent: bool,
}

impl Statement {
    /// A statement of this text. One that only reads counts as idempotent.
    #[must_use]
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let kind = Kind::of(&text);
        Self { text, kind, is_idempotent: kind == Kind::Read }
    }

    /// Declares that carrying it out twice is the same as once, so that it may be sent again elsewhere.
    ///
    /// Has no effect on a conditional write: nothing sends one twice.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.is_idempotent = true;
        self
    }

    /// The text as given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) const fn shared_text(&self) -> &Arc<str> {
        &self.text
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether it may be sent again when it may have been carried out already.
    pub(crate) const fn may_repeat(&self) -> bool {
        self.is_idempotent && !matches!(self.kind, Kind::Conditional | Kind::Schema)
    }
}

/// What a statement does, as far as failures are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Changes nothing, so it cannot have an unknown outcome.
    Read,
    Write,
    /// Several writes, of which some may have been carried out when the rest was refused.
    Batch,
    Conditional,
    /// Not prepared: its text is used once.
    Schema,
}

impl Kind {
    fn of(text: &str) -> Self {
        let mut words = words(text);
        let first = words.next().unwrap_or_default();
        let is = |word: &str| first.eq_ignore_ascii_case(word);
        if is("SELECT") {
            return Self::Read;
        }
        let is_batch = is("BEGIN");
        if !(is_batch || is("INSERT") || is("UPDATE") || is("DELETE")) {
            return Self::Schema;
        }
        if words.any(|word| word.eq_ignore_ascii_case("IF")) {
            return Self::Conditional;
        }
        if is_batch { Self::Batch } else { Self::Write }
    }
}

/// The words of a text, without what stands in quotes.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\'', '"'])
        .step_by(2)
        .flat_map(|part| part.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')))
        .filter(|word| !word.is_empty())
}

/// How one call is carried out.
#[derive(Clone, Debug)]
pub struct Options {
    /// The ordinary level; of a conditional write, the level of its commit.
    pub consistency: Consistency,
    /// The level at which a conditional write agrees. On a `SELECT`: it is read at this level instead of `consistency`.
    pub serial: Option<Serial>,
    /// Rows of an answer at most; the rest by `paging_state`. `None`: all at once.
    pub page_size: Option<u32>,
    /// Where the page before ended: [`Rows::paging_state`](crate::Rows::paging_state).
    pub paging_state: Option<PagingState>,
    /// Limit of the whole call; `None`: the session's `request_timeout`.
    pub timeout: Option<Duration>,
}

impl Options {
    /// One page, at this level, within the session's limit.
    #[must_use]
    pub const fn new(consistency: Consistency) -> Self {
        Self { consistency, serial: None, page_size: None, paging_state: None, timeout: None }
    }

    /// With this level of agreement.
    #[must_use]
    pub const fn serial(mut self, serial: Serial) -> Self {
        self.serial = Some(serial);
        self
    }

    /// At most so many rows, from where `from` ended.
    #[must_use]
    pub fn page(mut self, size: u32, from: Option<PagingState>) -> Self {
        self.page_size = Some(size);
        self.paging_state = from;
        self
    }

    /// With a limit of its own.
    #[must_use]
    pub const fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }
}

/// How many replicas must answer (CQL binary protocol v4, section 3, `[consistency]`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Consistency {
    /// Any one.
    One,
    /// One of this data centre.
    LocalOne,
    /// More than half of all.
    Quorum,
    /// More than half of this data centre's.
    LocalQuorum,
    /// More than half of each data centre's. Writes only.
    EachQuorum,
    /// Every one.
    All,
}

impl Consistency {
    pub(crate) const fn wire(self) -> Wire {
        match self {
            Self::One => Wire::One,
            Self::LocalOne => Wire::LocalOne,
            Self::Quorum => Wire::Quorum,
            Self::LocalQuorum => Wire::LocalQuorum,
            Self::EachQuorum => Wire::EachQuorum,
            Self::All => Wire::All,
        }
    }
}

/// Among whom a conditional write agrees, or a read sees what was agreed on.
///
/// Never mix the two on one table: in two data centres [`Serial::Local`] is two registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Serial {
    /// The replicas of this data centre (`LOCAL_SERIAL`).
    Local,
    /// The replicas of all data centres (`SERIAL`).
    Global,
}

impl Serial {
    pub(crate) const fn wire(self) -> Wire {
        match self {
            Self::Local => Wire::LocalSerial,
            Self::Global => Wire::Serial,
        }
    }
}

/// Where a page ended. Means something to the cluster alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagingState(pub(crate) Bytes);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_statement_does_is_read_off_its_text() {
        for (text, kind) in [
            ("SELECT a FROM k.t WHERE b = ?", Kind::Read),
            ("  select a from k.t", Kind::Read),
            ("INSERT INTO k.t (a) VALUES (?) IF NOT EXISTS", Kind::Conditional),
            ("UPDATE k.t SET a = ? WHERE b = ? IF a = ?", Kind::Conditional),
            ("UPDATE k.t SET a = ' IF ' WHERE b = ?", Kind::Write),
            ("DELETE FROM k.t WHERE b = ?", Kind::Write),
            ("BEGIN UNLOGGED BATCH INSERT INTO k.t (a) VALUES (?); APPLY BATCH", Kind::Batch),
            ("BEGIN BATCH UPDATE k.t SET h=? WHERE p=?\nIF h=?; APPLY BATCH", Kind::Conditional),
            ("CREATE TABLE IF NOT EXISTS k.t (a int primary key)", Kind::Schema),
            ("UPDATE k.gif SET verify = ? WHERE iff = ?", Kind::Write),
        ] {
            assert_eq!(Statement::new(text).kind(), kind, "{text}");
        }
    }

    #[test]
    fn a_conditional_write_is_never_repeated() {
        assert!(!Statement::new("UPDATE k.t SET a=1 WHERE b=1 IF a=0").idempotent().may_repeat());
        assert!(Statement::new("UPDATE k.t SET a=1 WHERE b=1").idempotent().may_repeat());
        assert!(!Statement::new("UPDATE k.t SET a=1 WHERE b=1").may_repeat());
        assert!(Statement::new("SELECT a FROM k.t").may_repeat());
    }
}
