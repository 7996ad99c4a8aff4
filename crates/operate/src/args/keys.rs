//! Arguments of `keys`: the files of token keys, offline.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Lists, makes and retires the files of token keys, where no server needs to run
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  pix-stream keys list --config pix/pix-stream.toml
  pix-stream keys new --config pix/pix-stream.toml --dry-run

A server that runs takes changes at its next reload. `pix-stream admin keys` changes the files of a running server, at once
and audited.")]
pub struct KeyFilesArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: KeyFilesCommand,
}

/// What `keys` does.
#[derive(Debug, Clone, Subcommand)]
pub enum KeyFilesCommand {
    /// Lists the live keys with their ages; never a key itself
    #[command(after_help = "Examples:
  pix-stream keys list --config pix/pix-stream.toml
  pix-stream keys list --config pix/pix-stream.toml --json")]
    List(KeyFilesOptions),
    /// Makes a key that verifies, and signs only after `sign`; the first key of a folder signs at once
    #[command(after_help = "Examples:
  pix-stream keys new --config pix/pix-stream.toml
  pix-stream keys new --config pix/pix-stream.toml --sign")]
    New {
        /// Has it sign as soon as a server reads it: for a single server
        #[arg(long)]
        sign: bool,
        /// Says what would happen, and changes nothing
        #[arg(long)]
        dry_run: bool,
        /// Which keys.
        #[command(flatten)]
        options: KeyFilesOptions,
    },
    /// Has a live key sign from the next reload on
    #[command(after_help = "Examples:
  pix-stream keys sign 2 --config pix/pix-stream.toml
  pix-stream keys sign 2 --config pix/pix-stream.toml --dry-run")]
    Sign {
        /// The id of the key
        #[arg(value_parser = clap::value_parser!(u8).range(1..))]
        id: u8,
        /// Says what would happen, and changes nothing
        #[arg(long)]
        dry_run: bool,
        /// Which keys.
        #[command(flatten)]
        options: KeyFilesOptions,
    },
    /// Removes the file of a key that does not sign: its tokens are refused from the next reload on
    #[command(after_help = "Examples:
  pix-stream keys retire 1 --config pix/pix-stream.toml
  pix-stream keys retire 1 --config pix/pix-stream.toml --dry-run")]
    Retire {
        /// The id of the key
        #[arg(value_parser = clap::value_parser!(u8).range(1..))]
        id: u8,
        /// Says what would happen, and changes nothing
        #[arg(long)]
        dry_run: bool,
        /// Which keys.
        #[command(flatten)]
        options: KeyFilesOptions,
    },
}

/// Which keys, and how they are shown.
#[derive(Debug, Clone, Args)]
pub struct KeyFilesOptions {
    /// The configuration file; its section `keys` counts
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Prints one JSON object
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}
