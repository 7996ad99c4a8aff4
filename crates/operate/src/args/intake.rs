//! Arguments of what has to do with messages that are refused: `admin quarantine`, `admin catalog`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pix_stream_domain::ispb::Ispb;
use pix_stream_ports::quarantine::EntryId;

use super::Intent;

/// What `admin quarantine` does.
#[derive(Debug, Clone, Subcommand)]
pub enum QuarantineCommand {
    /// Lists refused messages, oldest first, each with its first finding
    #[command(after_help = "Examples:
  pix-stream admin --dir pix quarantine list
  pix-stream admin --dir pix quarantine list --participant 99999001 --json")]
    List {
        /// Those for this participant alone
        #[arg(long, value_name = "ISPB")]
        participant: Option<Ispb>,
    },
    /// Shows what is known of a refused message, with all findings
    #[command(after_help = "Examples:
  pix-stream admin --dir pix quarantine show UEkBbgR78VqKK_uvuq9O0r9bqXyBH9Ur
  pix-stream admin --dir pix quarantine show UEkBbgR78VqKK_uvuq9O0r9bqXyBH9Ur --json")]
    Show {
        /// The id of the entry
        #[arg(value_parser = entry_id)]
        id: EntryId,
    },
    /// Hands out the exact bytes of a refused message; audited
    #[command(after_help = "Examples:
  pix-stream admin --dir pix quarantine export UEkBbgR78VqKK_uvuq9O0r9bqXyBH9Ur --out refused.xml
  pix-stream admin --dir pix quarantine export UEkBbgR78VqKK_uvuq9O0r9bqXyBH9Ur | pix-stream validate --all /dev/stdin")]
    Export {
        /// The id of the entry
        #[arg(value_parser = entry_id)]
        id: EntryId,
        /// The file to write, readable by its owner alone; without it, stdout
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Writes over a file that is there
        #[arg(long, requires = "out")]
        force: bool,
        /// Why, for the audit log
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Examines refused messages again, and publishes those that are valid now
    #[command(after_help = "Examples:
  pix-stream admin --dir pix quarantine release UEkBbgR78VqKK_uvuq9O0r9bqXyBH9Ur --dry-run
  pix-stream admin --dir pix quarantine release UEkBbgR78VqKK_uvuq9O0r9bqXyBH9Ur --reason 'schema 1.17 is loaded'")]
    Release(EntriesArgs),
    /// Removes refused messages for good
    #[command(after_help = "Examples:
  pix-stream admin --dir pix quarantine drop UEkBbgR78VqKK_uvuq9O0r9bqXyBH9Ur --dry-run
  pix-stream admin --dir pix quarantine drop UEkBbgR78VqKK_uvuq9O0r9bqXyBH9Ur --reason 'sent again as M9'")]
    Drop(EntriesArgs),
}

/// Entries to be released or dropped.
#[derive(Debug, Clone, Args)]
pub struct EntriesArgs {
    /// The ids of the entries, taken one after the other
    #[arg(value_name = "ID", required = true, value_parser = entry_id)]
    pub ids: Vec<EntryId>,
    /// How it is meant.
    #[command(flatten)]
    pub intent: Intent,
}

fn entry_id(text: &str) -> Result<EntryId, &'static str> {
    text.parse().map_err(
        |_| "the id of an entry is 32 of A-Z, a-z, 0-9, - and _, as `admin quarantine list` shows it",
    )
}

/// What `admin catalog` does.
#[derive(Debug, Clone, Subcommand)]
pub enum CatalogCommand {
    /// Lists the message types that are loaded or switched, and for whom they are on
    #[command(after_help = "Examples:
  pix-stream admin --dir pix catalog list
  pix-stream admin --dir pix catalog list --json")]
    List,
    /// Switches a message type on: messages of it are taken
    #[command(after_help = "Examples:
  pix-stream admin --dir pix catalog enable pacs.008.spi.1.17
  pix-stream admin --dir pix catalog enable pacs.008.spi.1.17 --participant 99999001 --reason pilot")]
    Enable(SwitchArgs),
    /// Switches a message type off: messages of it are refused
    #[command(after_help = "Examples:
  pix-stream admin --dir pix catalog disable pacs.008.spi.1.15 --dry-run
  pix-stream admin --dir pix catalog disable pacs.008.spi.1.15 --participant 99999001 --reason 'change 12'")]
    Disable(SwitchArgs),
    /// Takes a switch away: a participant's falls back to the one for all, that one to on
    #[command(after_help = "Examples:
  pix-stream admin --dir pix catalog clear pacs.008.spi.1.15
  pix-stream admin --dir pix catalog clear pacs.008.spi.1.15 --participant 99999001")]
    Clear(SwitchArgs),
}

/// A message type's switch.
#[derive(Debug, Clone, Args)]
pub struct SwitchArgs {
    /// The message type, such as pacs.008.spi.1.16
    #[arg(value_name = "TYPE")]
    pub message_type: String,
    /// For this participant alone; without it, for all that have no switch of their own
    #[arg(long, value_name = "ISPB")]
    pub participant: Option<Ispb>,
    /// How it is meant.
    #[command(flatten)]
    pub intent: Intent,
}
