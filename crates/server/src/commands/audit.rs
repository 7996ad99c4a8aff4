//! `pix-stream audit verify`: checks the chain of an audit log with nothing but its files.

use std::fmt::Write as _;
use std::path::Path;

use pix_stream_adapter_embedded::audit_log::{Verified, VerifyError, verify};
use pix_stream_domain::digest::Digest;
use serde::Serialize;

use crate::cli::{AuditArgs, AuditCommand};
use crate::failure::Failure;
use crate::output;

#[derive(Debug, Serialize)]
struct Whole {
    ok: bool,
    files: usize,
    entries: u64,
    first: u64,
    last: u64,
    before: String,
    head: String,
    unfinished_bytes: u64,
}

#[derive(Debug, Serialize)]
struct BrokenAt<'a> {
    ok: bool,
    file: &'a Path,
    line: u64,
    entry: Option<u64>,
    reason: &'a str,
}

/// Runs the command.
///
/// # Errors
/// The chain does not hold, or a file cannot be read.
pub fn run(args: &AuditArgs) -> Result<(), Failure> {
    let AuditCommand::Verify { paths, json } = &args.command;
    match verify(paths) {
        Ok(verified) => report(&Whole::of(&verified), *json),
        Err(VerifyError::Broken(broken)) if *json => {
            let (line, entry) = (broken.line, broken.entry);
            output::json(&BrokenAt { ok: false, file: &broken.file, line, entry, reason: &broken.reason })?;
            Err(Failure::silent())
        }
        Err(VerifyError::Broken(broken)) => Err(Failure::new(format_args!("the chain is broken: {broken}"))
            .next(
                "keep the files as they are: everything before this entry holds, nothing after it is certain",
            )),
        Err(error @ VerifyError::Nothing) => {
            Err(Failure::new(error).next("name the files, or their folder, such as DIR/data/audit"))
        }
        Err(error @ VerifyError::Unreadable { .. }) => Err(Failure::new(error)),
    }
}

fn report(whole: &Whole, json: bool) -> Result<(), Failure> {
    if json {
        output::json(whole)?;
        return Ok(());
    }
    output::line(format_args!(
        "the chain holds: {} entries ({} to {}) in {} file{}",
        whole.entries,
        whole.first,
        whole.last,
        whole.files,
        if whole.files == 1 { "" } else { "s" }
    ))?;
    output::line(format_args!("head {}", whole.head))?;
    if whole.first > 1 {
        output::note(format_args!(
            "note: entries before {} are not among these files; the one before it must have hash {}",
            whole.first, whole.before
        ));
    }
    if whole.unfinished_bytes > 0 {
        output::note(format_args!(
            "note: {} bytes at the end are an entry under way, or one that a killed process left",
            whole.unfinished_bytes
        ));
    }
    output::note(
        "note: keep the head where the log's writer cannot reach it: it shows later whether the end was cut off",
    );
    Ok(())
}

impl Whole {
    fn of(verified: &Verified) -> Self {
        Self {
            ok: true,
            files: verified.files,
            entries: verified.entries,
            first: verified.first,
            last: verified.last,
            before: hex(&verified.before),
            head: hex(&verified.head),
            unfinished_bytes: verified.unfinished_bytes,
        }
    }
}

fn hex(digest: &Digest) -> String {
    digest.0.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
