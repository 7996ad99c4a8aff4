//! The server's binary: built with cargo, as users build it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use color_eyre::eyre::{OptionExt as _, Result, WrapErr as _, ensure};
use serde::Deserialize;

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Builds the server in a profile of cargo's; where its binary is.
///
/// # Errors
/// It does not build.
pub fn build(profile: &str) -> Result<PathBuf> {
    #[derive(Deserialize)]
    struct Built {
        executable: Option<PathBuf>,
    }
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root()).args([
        "build",
        "--quiet",
        "--profile",
        profile,
        "--package",
        "pix-stream-server",
    ]);
    cargo.args(["--bin", "pix-stream", "--message-format", "json-render-diagnostics"]);
    let output =
        cargo.stdin(Stdio::null()).stderr(Stdio::inherit()).output().wrap_err("cannot start cargo")?;
    ensure!(output.status.success(), "the server cannot be built");
    let lines = output.stdout.split(|byte| *byte == b'\n');
    let built = lines.filter_map(|line| serde_json::from_slice::<Built>(line).ok());
    built.filter_map(|built| built.executable).next_back().ok_or_eyre("cargo names no binary")
}
