//! Arguments of `validate`.

use std::path::PathBuf;

use clap::Args;

/// Judges messages offline: schema and header, one verdict a file
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  pix-stream validate message.xml
  pix-stream validate outbox --schemas spi-5.13 --json

A message without a signature is not valid. Exit code 1 if any file is invalid or cannot be read. Only regular files
are read, and /dev/stdin.")]
pub struct ValidateArgs {
    /// Files with one message each; a folder stands for the *.xml files in it and its subfolders
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// XSD files of this folder and its subfolders replace the built-in schemas of their namespaces
    #[arg(long, value_name = "DIR")]
    pub schemas: Option<PathBuf>,
    /// Tells all that is wrong with a file, up to ten findings, the further ones indented
    #[arg(long, help_heading = "Output")]
    pub all: bool,
    /// Prints one JSON object a file: file, valid, type, line, column, path, reason, rule
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}
