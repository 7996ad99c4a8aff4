//! Child processes: which cargo, and whether they succeed. What they print is not interpreted here.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use color_eyre::eyre::{Result, WrapErr as _};

/// The cargo that started us, so that the pinned toolchain stays the one in use.
pub(crate) fn cargo() -> Command {
    #[expect(clippy::disallowed_methods, reason = "cargo names itself to its children in this variable")]
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    // The folder of this crate: below the workspace's root, whichever folder the caller is in.
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// Runs to the end with our own streams; true when it succeeded.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool> {
    let status = command.status().wrap_err_with(|| format!("cannot start {}", shown(command)))?;
    Ok(status.success())
}

/// Runs to the end without a word; true when it could be started and succeeded.
pub(crate) fn succeeds_quietly(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The command as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut text = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}
