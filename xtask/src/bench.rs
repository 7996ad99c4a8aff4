//! `cargo xtask bench`: builds `pix-stream-bench` as a release and hands on to it. Everything else is there.

use std::process::ExitCode;

use color_eyre::eyre::Result;

use crate::flags::{HandedOn, Profile};
use crate::process;

/// Runs it, from the caller's own folder; ends as it does.
pub(crate) fn run(flags: &HandedOn) -> Result<ExitCode> {
    process::run_package("pix-stream-bench", Profile::Release, &flags.arguments)
}
