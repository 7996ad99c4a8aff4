//! Arguments of the commands for operators that need no server: `token`, `completions`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use clap_complete::Shell;

/// Looks into PI-Pull-Next tokens
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  pix-stream token inspect AQEB…
  pix-stream token inspect /api/v1/out/99999001/stream/AQEB… --config pix/pix-stream.toml")]
pub struct TokenArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: TokenCommand,
}

/// What `token` does.
#[derive(Debug, Clone, Subcommand)]
pub enum TokenCommand {
    /// Shows the claims of a token, and with --config whether its signature holds
    #[command(after_help = "Examples:
  pix-stream token inspect AQEB…
  pix-stream token inspect /api/v1/out/99999001/stream/AQEB… --config pix/pix-stream.toml --json")]
    Inspect {
        /// The token, or the whole path that carries it
        #[arg(value_name = "TOKEN")]
        token: String,
        /// The configuration that names the signing keys
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Prints one JSON object
        #[arg(long, help_heading = "Output")]
        json: bool,
    },
}

/// Prints what makes a shell complete the commands and options of this program
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  pix-stream completions bash > ~/.local/share/bash-completion/completions/pix-stream
  pix-stream completions zsh > ~/.zfunc/_pix-stream")]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}
