//! Starting the binary, and what it said.

use std::process::{Command, Output};

/// The binary under test, with none of our variables in its environment.
pub(crate) fn pix_stream() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pix-stream"));
    command.env_clear();
    command
}

/// What a finished command wrote and how it ended, as one text.
pub(crate) fn transcript(output: &Output) -> String {
    let code = output.status.code().map_or_else(|| "signal".to_owned(), |code| code.to_string());
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("exit {code}\n--- stdout\n{out}--- stderr\n{err}")
}
