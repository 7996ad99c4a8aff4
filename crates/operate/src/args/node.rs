//! Arguments of what concerns a node as a whole: `admin keys`, `admin audit`, `admin log`.

use clap::{Args, Subcommand};
use pix_stream_domain::resource_id::ResourceId;

use super::Intent;
use crate::moment::Span;

/// What `admin keys` does.
#[derive(Debug, Clone, Subcommand)]
pub enum KeysCommand {
    /// Lists the live keys with their ages; never a key itself
    #[command(after_help = "Examples:
  pix-stream admin --dir pix keys list
  pix-stream admin --dir pix keys list --json")]
    List,
    /// Makes a new key; tokens of the one before stay good until it is retired
    #[command(after_help = "Examples:
  pix-stream admin --dir pix keys rotate --reason quarterly
  pix-stream admin --dir pix keys rotate --stage --dry-run")]
    Rotate {
        /// Only makes it: it signs after `keys sign`, once all nodes of a cluster have its file
        #[arg(long)]
        stage: bool,
        /// How it is meant.
        #[command(flatten)]
        intent: Intent,
    },
    /// Has a live key sign from now on
    #[command(after_help = "Examples:
  pix-stream admin --dir pix keys sign 2 --reason quarterly
  pix-stream admin --dir pix keys sign 2 --dry-run")]
    Sign {
        /// The id of the key, as `keys list` shows it
        #[arg(value_parser = clap::value_parser!(u8).range(1..))]
        id: u8,
        /// How it is meant.
        #[command(flatten)]
        intent: Intent,
    },
    /// Removes a key that does not sign: its tokens are refused from now on
    #[command(after_help = "Examples:
  pix-stream admin --dir pix keys retire 1 --reason quarterly
  pix-stream admin --dir pix keys retire 1 --dry-run

Wait until stream.token_life (5m) has passed since another key signs: then no client holds a token of it any more.")]
    Retire {
        /// The id of the key, as `keys list` shows it
        #[arg(value_parser = clap::value_parser!(u8).range(1..))]
        id: u8,
        /// How it is meant.
        #[command(flatten)]
        intent: Intent,
    },
}

/// What `admin audit` does.
#[derive(Debug, Clone, Subcommand)]
pub enum EvidenceCommand {
    /// Follows a message: who published it and when, which tokens carried it, when it was confirmed, chain verified
    #[command(after_help = "Examples:
  pix-stream admin --dir pix audit show UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur
  pix-stream admin --dir pix --as auditor audit show UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur --json --reason 'dispute 4'

Exit code 1 if the chain does not hold around what is told.")]
    Show {
        /// The PI-ResourceId of the message
        #[arg(value_name = "RESOURCE_ID", value_parser = resource_id)]
        id: ResourceId,
        /// Why, for the audit log
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Shows where the audit chain ends, and which end of it the Journal holds
    #[command(after_help = "Examples:
  pix-stream admin --dir pix audit head
  pix-stream admin --dir pix audit head --json")]
    Head,
    /// Reads the whole chain of this node and compares it with its anchors
    #[command(after_help = "Examples:
  pix-stream admin --dir pix audit verify
  pix-stream admin --dir pix --as auditor audit verify --json

Exit code 1 if it does not hold. `pix-stream audit verify` does the same to files, without a server.")]
    Verify,
}

pub(super) fn resource_id(text: &str) -> Result<ResourceId, String> {
    text.parse().map_err(|error| format!("{error}, as `pull --json` and `publish` show it"))
}

/// What `admin log` does.
#[derive(Debug, Clone, Subcommand)]
pub enum LogCommand {
    /// Shows what is logged, and until when
    #[command(after_help = "Examples:
  pix-stream admin --dir pix log show
  pix-stream admin --dir pix log show --json")]
    Show,
    /// Logs more or less for a while, then as configured again
    #[command(after_help = "Examples:
  pix-stream admin --dir pix log set debug --for 5m --reason 'incident 17'
  pix-stream admin --dir pix log set info,pix_stream_app=debug --dry-run")]
    Set(LogSetArgs),
}

/// What is logged for a while.
#[derive(Debug, Clone, Args)]
pub struct LogSetArgs {
    /// error, warn, info, debug, trace or off; also by module, such as info,pix_stream_app=debug
    pub level: String,
    /// For how long, in whole minutes up to a day
    #[arg(long = "for", value_name = "SPAN", default_value = "15m")]
    pub span: Span,
    /// How it is meant.
    #[command(flatten)]
    pub intent: Intent,
}
