//! The server's binary, built with cargo.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use color_eyre::eyre::{OptionExt as _, Result, WrapErr as _, ensure};
use serde::Deserialize;
use tokio::process::Command;

use crate::flags::Profile;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Builds the server as users build it; where its binary is.
pub(crate) async fn build(profile: Profile) -> Result<PathBuf> {
    #[derive(Deserialize)]
    struct Built {
        executable: Option<PathBuf>,
    }
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root()).args([
        "build",
        "--quiet",
        "--profile",
        profile.name(),
        "--package",
        "pix-stream-server",
        "--bin",
    ]);
    cargo.args(["pix-stream", "--message-format", "json-render-diagnostics"]).stderr(Stdio::inherit());
    let output = cargo.output().await.wrap_err("cannot start cargo")?;
    ensure!(output.status.success(), "the server cannot be built");
    let built = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Built>(line).ok());
    built.filter_map(|built| built.executable).next_back().ok_or_eyre("cargo names no binary")
}
