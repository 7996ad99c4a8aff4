//! `cargo xtask migrate`: hands on to `pix-stream migrate`. What a migration is, is the server's business.

use std::ffi::OsString;
use std::process::ExitCode;

use color_eyre::eyre::Result;

use crate::flags::{HandedOn, Profile};
use crate::process;

/// Runs it, from the caller's own folder; ends as it does.
pub(crate) fn run(flags: &HandedOn) -> Result<ExitCode> {
    // Building is what takes the time: a debug build will do, unless there is an optimised one.
    let is_released = process::root().join("target").join("release").join("pix-stream").is_file();
    let profile = if is_released { Profile::Release } else { Profile::Dev };
    process::run_package("pix-stream-server", profile, &arguments(&flags.arguments))
}

/// The folder's own configuration is meant where nobody names one.
fn arguments(given: &[OsString]) -> Vec<OsString> {
    let mut arguments = vec!["migrate".into()];
    arguments.extend_from_slice(given);
    let is_named = |argument: &OsString| argument.to_string_lossy().starts_with("--config");
    let is_help = |argument: &OsString| argument == "--help" || argument == "-h" || argument == "help";
    if !given.is_empty() && !given.iter().any(|argument| is_named(argument) || is_help(argument)) {
        arguments.extend(["--config".into(), "pix-stream.toml".into()]);
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_the_folders_own_unless_named() {
        let line = |given: &[&str]| arguments(&given.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(line(&["up"]), ["migrate", "up", "--config", "pix-stream.toml"]);
        assert_eq!(line(&["status", "--config=a"]), ["migrate", "status", "--config=a"]);
        assert_eq!(line(&["verify", "--config", "a"]), ["migrate", "verify", "--config", "a"]);
        assert_eq!(line(&["--help"]), ["migrate", "--help"]);
    }
}
