//! Answers: rows, or what a refusal means. The table in [`Refusal::of_statement`] is the heart of this crate.

use cdrs_tokio::consistency::Consistency as Level;
use cdrs_tokio::frame::{Envelope, Opcode};

use crate::decode::{self, Outcome, Preparation};
use crate::error::Error;
use crate::rows::Rows;
use crate::statement::Kind;

/// Error codes of the protocol (v4, section 9; 0x1600 and 0x1700 are v5's, which servers send to v4 clients at times).
pub(crate) const BAD_CREDENTIALS: i32 = 0x0100;
const PROTOCOL: i32 = 0x000A;
const UNAVAILABLE: i32 = 0x1000;
const OVERLOADED: i32 = 0x1001;
const IS_BOOTSTRAPPING: i32 = 0x1002;
const FUNCTION_FAILURE: i32 = 0x1400;
const UNPREPARED: i32 = 0x2500;
/// Syntax, rights, invalid, configuration, exists already.
const REFUSALS_OF_REQUESTS: std::ops::RangeInclusive<i32> = 0x2000..=0x2400;

/// A role's first seconds: the node cannot read its own roles yet.
const NOT_YET: &str = "Unable to perform authentication";

/// An ERROR answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    code: i32,
    message: String,
    /// The level that could not be met, when the code is [`UNAVAILABLE`].
    level: Option<u16>,
}

impl Refusal {
    /// Reads an ERROR answer; `None` when the answer is none. By hand, as the driver's codec fails on codes it does not know.
    pub(crate) fn read(answer: &Envelope) -> Option<Self> {
        if answer.opcode != Opcode::Error {
            return None;
        }
        let mut body = answer.body.as_slice();
        let code = take::<4>(&mut body).map_or(0, i32::from_be_bytes);
        let length = take::<2>(&mut body).map_or(0, u16::from_be_bytes);
        let (message, rest) = body.split_at_checked(usize::from(length)).unwrap_or((body, &[]));
        let mut rest = rest;
        let level = (code == UNAVAILABLE).then(|| take::<2>(&mut rest).map(u16::from_be_bytes)).flatten();
        Some(Self { code, message: String::from_utf8_lossy(message).into_owned(), level })
    }

    /// Whether the node has forgotten the statement, or never knew it.
    pub(crate) const fn is_unprepared(&self) -> bool {
        self.code == UNPREPARED
    }

    /// What it means for a statement of this kind.
    pub(crate) fn of_statement(self, kind: Kind) -> Error {
        let Self { code, message, level } = self;
        let is_refused_before_it_began = match code {
            OVERLOADED | IS_BOOTSTRAPPING | UNPREPARED => true,
            // The commit of a conditional write asks for its level after the write was agreed on, and a batch
            // asks for one partition after the other.
            UNAVAILABLE => match kind {
                Kind::Conditional => level.is_some_and(is_serial),
                Kind::Batch => false,
                Kind::Read | Kind::Write | Kind::Schema => true,
            },
            PROTOCOL | BAD_CREDENTIALS | FUNCTION_FAILURE => return Error::Rejected { code, message },
            code if REFUSALS_OF_REQUESTS.contains(&code) => return Error::Rejected { code, message },
            // Timeouts and failures of reads and writes, 0x1700, what is new, and internal errors.
            _ => false,
        };
        let why = format!("{code:#06x} {message}");
        if is_refused_before_it_began || kind == Kind::Read {
            Error::Unavailable(why)
        } else {
            Error::Unknown(why)
        }
    }

    /// What it means for a handshake or a preparation, which carry nothing out.
    pub(crate) fn of_handshake(self) -> Error {
        if self.code == BAD_CREDENTIALS && self.message.contains(NOT_YET) {
            return Error::Unavailable(self.message);
        }
        self.of_statement(Kind::Read)
    }
}

fn is_serial(level: u16) -> bool {
    [Level::Serial, Level::LocalSerial].into_iter().any(|serial| i16::from(serial).cast_unsigned() == level)
}

fn take<const N: usize>(body: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = body.split_first_chunk::<N>()?;
    *body = rest;
    Some(*taken)
}

/// The rows of an answer to a statement of this kind that was carried out, as far as the answer can be read.
pub(crate) fn rows(answer: &Envelope, kind: Kind) -> Result<Rows, Error> {
    let outcome = if answer.opcode == Opcode::Result { decode::result(&answer.body) } else { None };
    match outcome {
        Some(Outcome::Rows(table)) => Ok(Rows::new(table)),
        Some(Outcome::Done | Outcome::SchemaChanged) => Ok(Rows::default()),
        Some(Outcome::Prepared(_)) | None => {
            let why = format!("an answer ({}) cannot be read", answer.opcode);
            Err(if kind == Kind::Read { Error::Unavailable(why) } else { Error::Unknown(why) })
        }
    }
}

/// Whether an answer tells of a change of the schema.
pub(crate) fn is_schema_change(answer: &Envelope) -> bool {
    answer.opcode == Opcode::Result && decode::result(&answer.body) == Some(Outcome::SchemaChanged)
}

/// The answer to a PREPARE.
pub(crate) fn prepared(answer: &Envelope) -> Result<Preparation, Error> {
    if let Some(refusal) = Refusal::read(answer) {
        return Err(refusal.of_handshake());
    }
    match decode::result(&answer.body) {
        Some(Outcome::Prepared(preparation)) if answer.opcode == Opcode::Result => Ok(preparation),
        Some(_) | None => Err(Error::Unavailable("a preparation was answered by something else".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use cdrs_tokio::frame::{Direction, Flags, Version};

    use super::*;

    fn error(code: i32, rest: &[u8]) -> Envelope {
        let body = [&code.to_be_bytes()[..], &3_u16.to_be_bytes(), b"why", rest].concat();
        Envelope::new(Version::V4, Direction::Response, Flags::empty(), Opcode::Error, 0, body, None, vec![])
    }

    fn name(kind: Kind, code: i32, rest: &[u8]) -> &'static str {
        match Refusal::read(&error(code, rest)).unwrap().of_statement(kind) {
            Error::Unavailable(_) => "unavailable",
            Error::Unknown(_) => "unknown",
            Error::Rejected { .. } => "rejected",
        }
    }

    #[test]
    fn what_may_have_been_written_is_never_called_unavailable() {
        for code in [0x0000, 0x1003, 0x1100, 0x1200, 0x1300, 0x1500, 0x1600, 0x1700, 0x7777] {
            for kind in [Kind::Write, Kind::Conditional, Kind::Batch, Kind::Schema] {
                assert_eq!(name(kind, code, &[]), "unknown", "{code:#06x} {kind:?}");
            }
            assert_eq!(name(Kind::Read, code, &[]), "unavailable", "{code:#06x}");
        }
    }

    #[test]
    fn what_was_refused_before_it_began_is_unavailable() {
        for code in [0x1001, 0x1002, 0x2500] {
            for kind in [Kind::Read, Kind::Write, Kind::Conditional, Kind::Batch] {
                assert_eq!(name(kind, code, &[]), "unavailable", "{code:#06x} {kind:?}");
            }
        }
        assert_eq!(name(Kind::Write, 0x1000, &[0, 4, 0, 0, 0, 2, 0, 0, 0, 1]), "unavailable");
    }

    #[test]
    fn a_conditional_write_is_unavailable_only_when_it_could_not_agree() {
        let of_level = |level: u8| [0, level, 0, 0, 0, 2, 0, 0, 0, 1];
        assert_eq!(name(Kind::Conditional, 0x1000, &of_level(8)), "unavailable");
        assert_eq!(name(Kind::Conditional, 0x1000, &of_level(9)), "unavailable");
        assert_eq!(name(Kind::Conditional, 0x1000, &of_level(7)), "unknown");
        assert_eq!(name(Kind::Conditional, 0x1000, &[]), "unknown");
        assert_eq!(name(Kind::Batch, 0x1000, &of_level(6)), "unknown");
    }

    #[test]
    fn a_wrong_request_is_rejected_with_its_code() {
        for code in [0x000A, 0x0100, 0x1400, 0x2000, 0x2100, 0x2200, 0x2300, 0x2400] {
            assert_eq!(name(Kind::Conditional, code, &[]), "rejected", "{code:#06x}");
        }
        let refusal = Refusal::read(&error(0x2200, &[])).unwrap();
        assert_eq!(
            refusal.of_statement(Kind::Write),
            Error::Rejected { code: 0x2200, message: "why".to_owned() }
        );
    }

    #[test]
    fn a_cut_error_is_read_as_far_as_it_goes() {
        let mut cut = error(0x1100, &[]);
        cut.body.truncate(5);
        assert!(matches!(Refusal::read(&cut).unwrap().of_statement(Kind::Conditional), Error::Unknown(_)));
        cut.body.truncate(1);
        assert!(matches!(Refusal::read(&cut).unwrap().of_statement(Kind::Write), Error::Unknown(_)));
    }
}
