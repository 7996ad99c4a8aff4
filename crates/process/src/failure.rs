//! How a command ends: exit codes and the message of a failure (cli.md, "Habits of every command").

use std::fmt::Display;
use std::io;
use std::process::ExitCode;

use crate::output;

/// Why a command did not do what was asked: what went wrong, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// What went wrong; empty when everything was said already.
    pub message: String,
    /// What to do next; empty when the message says it.
    pub next: String,
}

/// The exit codes that scripts rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done. As a failure: whoever read our output has gone, which is no mistake of anybody.
    Done,
    /// 1: failed.
    Failed,
    /// 2: wrong usage.
    Usage,
    /// 130: interrupted.
    Interrupted,
}

impl Exit {
    /// The code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Interrupted => 130,
        }
    }
}

impl Failure {
    /// A failure with a message, exit 1.
    pub fn new(message: impl Display) -> Self {
        Self { exit: Exit::Failed, message: message.to_string(), next: String::new() }
    }

    /// The same, and what to do next.
    #[must_use]
    pub fn next(mut self, next: impl Display) -> Self {
        self.next = next.to_string();
        self
    }

    /// A failure of which everything was said already, exit 1.
    #[must_use]
    pub const fn silent() -> Self {
        Self { exit: Exit::Failed, message: String::new(), next: String::new() }
    }

    /// Wrong usage that the command line's parser could not see, exit 2.
    pub fn usage(message: impl Display) -> Self {
        Self { exit: Exit::Usage, ..Self::new(message) }
    }

    /// The user interrupted, exit 130.
    #[must_use]
    pub const fn interrupted() -> Self {
        Self { exit: Exit::Interrupted, message: String::new(), next: String::new() }
    }
}

/// Writing to stdout failed.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { exit: Exit::Done, message: String::new(), next: String::new() };
        }
        Self::new(format_args!("cannot write the result: {error}"))
    }
}

/// Shows the failure, if there is one, and says how the process ends.
#[must_use]
pub fn exit_code(result: Result<(), Failure>) -> ExitCode {
    let Err(failure) = result else { return ExitCode::SUCCESS };
    if !failure.message.is_empty() {
        output::error(&failure.message);
    }
    if !failure.next.is_empty() {
        output::hint(&failure.next);
    }
    ExitCode::from(failure.exit.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_went_away_is_not_a_failure() {
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)).exit.code(), 0);
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::StorageFull)).exit.code(), 1);
    }
}
