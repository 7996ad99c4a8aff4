//! The two streams this program writes to: results on stdout, progress on stderr. No formatting beyond a line's end.

use std::io::{self, Write as _};

/// Writes one line of result.
pub(crate) fn result(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

/// Writes one line of progress. A closed stderr is no reason to stop, so errors are dropped.
pub(crate) fn progress(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
