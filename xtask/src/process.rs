//! Child processes: which cargo, from where, for how long. What they print is not interpreted here.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use color_eyre::eyre::{Result, WrapErr as _, ensure};

use crate::flags::Profile;

/// The workspace's root: the folder above this crate.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The cargo that started us, so that the pinned toolchain stays the one in use.
pub(crate) fn cargo() -> Command {
    #[expect(clippy::disallowed_methods, reason = "cargo names itself to its children in this variable")]
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// Builds a package of ours and runs its binary in the caller's folder, with our own streams; ends as it does.
pub(crate) fn run_package(package: &str, profile: Profile, arguments: &[OsString]) -> Result<ExitCode> {
    let mut command = cargo();
    command.current_dir(".").args(["run", "--quiet", "--package", package, "--manifest-path"]);
    command.arg(root().join("Cargo.toml"));
    match profile {
        Profile::Release => _ = command.arg("--release"),
        Profile::Dev => {}
    }
    command.arg("--").args(arguments);
    let status = command.status().wrap_err_with(|| format!("cannot start {}", shown(&command)))?;
    // Ended by a signal: as a shell says it.
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
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

/// Standard output of a command that must succeed.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>> {
    let shown = shown(command);
    let output =
        command.stderr(Stdio::inherit()).output().wrap_err_with(|| format!("cannot start {shown}"))?;
    ensure!(output.status.success(), "{shown} failed ({})", output.status);
    Ok(output.stdout)
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

/// Measures what a person waits.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    pub(crate) fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "a build step's duration, shown to a person")]
        let now = Instant::now();
        Self(now)
    }

    /// Time since the start, as `83.4 s`.
    pub(crate) fn shown(&self) -> String {
        seconds(self.0.elapsed())
    }
}

fn seconds(elapsed: Duration) -> String {
    format!("{}.{} s", elapsed.as_secs(), elapsed.subsec_millis() / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_holds_the_workspace_manifest() {
        assert!(root().join("Cargo.lock").is_file());
    }

    #[test]
    fn a_command_is_shown_without_its_folder() {
        let mut command = Command::new("/somewhere/bin/cargo");
        command.args(["fmt", "--all"]);
        assert_eq!(shown(&command), "cargo fmt --all");
    }

    #[test]
    fn durations_have_one_decimal() {
        assert_eq!(seconds(Duration::from_millis(83_456)), "83.4 s");
    }
}
