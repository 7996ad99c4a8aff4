//! Arguments of the commands for operators: `token`, `audit`, `admin`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pix_stream_domain::ispb::Ispb;

use super::messages::Target;

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

/// Works with the audit log
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  pix-stream audit verify pix/data/audit
  pix-stream audit verify audit-000001.log audit-000002.log --json")]
pub struct AuditArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: AuditCommand,
}

/// What `audit` does.
#[derive(Debug, Clone, Subcommand)]
pub enum AuditCommand {
    /// Checks the chain offline and names the first broken entry
    #[command(after_help = "Examples:
  pix-stream audit verify pix/data/audit
  pix-stream audit verify audit-000001.log audit-000002.log --json")]
    Verify {
        /// Files of the log, or folders with them
        #[arg(value_name = "PATH", required = true)]
        paths: Vec<PathBuf>,
        /// Prints one JSON object
        #[arg(long, help_heading = "Output")]
        json: bool,
    },
}

/// Operates a running server through its admin listener
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  pix-stream admin participants --dir pix list
  pix-stream admin participants --dir pix rewind 99999001 --to 1200 --dry-run")]
pub struct AdminArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: AdminCommand,
}

/// What `admin` operates on.
#[derive(Debug, Clone, Subcommand)]
pub enum AdminCommand {
    /// Onboards, shows and changes participants
    #[command(after_help = "Examples:
  pix-stream admin participants --dir pix show 99999001
  pix-stream admin participants --dir pix cap 99999001 3")]
    Participants {
        /// The server; with --url, that of the admin listener.
        #[command(flatten)]
        target: Target,
        /// Prints one JSON object a line
        #[arg(long, help_heading = "Output")]
        json: bool,
        /// What to do.
        #[command(subcommand)]
        command: ParticipantCommand,
    },
}

/// What `admin participants` does.
#[derive(Debug, Clone, Subcommand)]
pub enum ParticipantCommand {
    /// Onboards a participant
    Create {
        /// The participant
        ispb: Ispb,
    },
    /// Shows one participant with its streams and backlog
    Show {
        /// The participant
        ispb: Ispb,
    },
    /// Lists all participants
    List,
    /// Answers a participant's reads 503 `paused`
    Pause {
        /// The participant
        ispb: Ispb,
    },
    /// Ends a pause
    Resume {
        /// The participant
        ispb: Ispb,
    },
    /// Sets how many live streams a participant may have
    Cap {
        /// The participant
        ispb: Ispb,
        /// Streams
        #[arg(value_parser = clap::value_parser!(u8).range(1..=6))]
        streams: u8,
    },
    /// Sets a participant's own pace, or returns it to the configured one
    Limits {
        /// The participant
        ispb: Ispb,
        /// Requests per second
        #[arg(long, value_name = "N", required_unless_present = "default", conflicts_with = "default", value_parser = clap::value_parser!(u32).range(1..))]
        requests_per_second: Option<u32>,
        /// Back to the configured pace
        #[arg(long)]
        default: bool,
    },
    /// Moves the confirmed watermark back, so that messages are delivered again
    Rewind(PositionArgs),
    /// Moves the confirmed watermark forward, so that messages are skipped
    Advance(PositionArgs),
}

/// Whose watermark goes where.
#[derive(Debug, Clone, Args)]
pub struct PositionArgs {
    /// The participant
    pub ispb: Ispb,
    /// The last sequence number that counts as confirmed
    #[arg(long, value_name = "SEQUENCE")]
    pub to: u64,
    /// Says what would happen, and changes nothing
    #[arg(long)]
    pub dry_run: bool,
}
