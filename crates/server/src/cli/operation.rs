//! Arguments of the commands for operators: `token`, `audit`, `admin`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use pix_stream_domain::ispb::Ispb;

use super::intake::{CatalogCommand, QuarantineCommand};
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
  pix-stream audit verify audit-000000000001.log audit-000000052417.log --json")]
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
  pix-stream audit verify audit-000000000001.log audit-000000052417.log --json")]
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
  pix-stream admin --dir pix participants list
  pix-stream admin --dir pix participants rewind 99999001 --to 1200 --dry-run")]
pub struct AdminArgs {
    /// The server; with --url, that of the admin listener.
    #[command(flatten)]
    pub target: AdminTarget,
    /// Prints one JSON object a line
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: AdminCommand,
}

/// The same as [`Target`], at any place of the line: which of them go together is checked by [`Self::to_target`].
#[derive(Debug, Clone, Args)]
pub struct AdminTarget {
    /// A folder made by `init`: finds the running server, its CA and the certificate
    #[arg(long, global = true, value_name = "DIR", help_heading = "Connection")]
    pub dir: Option<PathBuf>,
    /// The admin listener, such as https://127.0.0.1:9443
    #[arg(long, global = true, value_name = "URL", help_heading = "Connection")]
    pub url: Option<String>,
    /// The authority of the server's certificate, PEM
    #[arg(long, global = true, value_name = "FILE", help_heading = "Connection")]
    pub ca: Option<PathBuf>,
    /// The client certificate, PEM
    #[arg(long, global = true, value_name = "FILE", help_heading = "Connection")]
    pub cert: Option<PathBuf>,
    /// The client certificate's private key, PEM
    #[arg(long, global = true, value_name = "FILE", help_heading = "Connection")]
    pub key: Option<PathBuf>,
}

impl AdminTarget {
    /// The target, if the arguments make one.
    ///
    /// # Errors
    /// What is missing or too much.
    pub fn to_target(&self) -> Result<Target, &'static str> {
        let Self { dir, url, ca, cert, key } = self.clone();
        let by_hand = [url.is_some(), ca.is_some(), cert.is_some(), key.is_some()];
        match (dir.is_some(), by_hand) {
            (true, [false, false, false, false]) | (false, [true, true, true, true]) => {
                Ok(Target { dir, url, ca, cert, key })
            }
            (true, _) => Err("--dir cannot be used with --url, --ca, --cert or --key"),
            (false, _) => Err("name a server: --dir DIR, or --url URL with --ca, --cert and --key"),
        }
    }
}

/// What `admin` operates on.
#[derive(Debug, Clone, Subcommand)]
pub enum AdminCommand {
    /// Onboards, shows and changes participants
    #[command(after_help = "Examples:
  pix-stream admin --dir pix participants show 99999001
  pix-stream admin --dir pix participants cap 99999001 3 --reason 'incident 17'")]
    Participants {
        /// What to do.
        #[command(subcommand)]
        command: ParticipantCommand,
    },
    /// Shows and switches the message types that are taken
    #[command(after_help = "Examples:
  pix-stream admin --dir pix catalog list
  pix-stream admin --dir pix catalog disable pacs.008.spi.1.15 --reason 'change 12'")]
    Catalog {
        /// What to do.
        #[command(subcommand)]
        command: CatalogCommand,
    },
    /// Lists, shows, hands out, releases and drops messages that were refused
    #[command(after_help = "Examples:
  pix-stream admin --dir pix quarantine list
  pix-stream admin --dir pix quarantine release UEkBbgR78VqKK_uvuq9O0r9bqXyBH9Ur --dry-run")]
    Quarantine {
        /// What to do.
        #[command(subcommand)]
        command: QuarantineCommand,
    },
    /// Has the server read certificates, trust, revocation lists, token keys and schemas again, as SIGHUP does
    #[command(after_help = "Examples:
  pix-stream admin --dir pix reload
  pix-stream admin --dir pix reload --reason 'catalogue 5.14' --json")]
    Reload {
        /// Why, for the server's log
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
}

/// What `admin participants` does.
#[derive(Debug, Clone, Subcommand)]
pub enum ParticipantCommand {
    /// Onboards a participant; the same again changes nothing
    #[command(after_help = "Examples:
  pix-stream admin --dir pix participants create 99999001
  pix-stream admin --dir pix participants create 99999A04 --name 'Banco Invento' --reason 'contract 12'")]
    Create {
        /// The participant
        ispb: Ispb,
        /// A name for people
        #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
        name: String,
        /// How it is meant.
        #[command(flatten)]
        intent: Intent,
    },
    /// Shows one participant with its streams and backlog
    #[command(after_help = "Examples:
  pix-stream admin --dir pix participants show 99999001
  pix-stream admin --dir pix participants show 99999001 --json")]
    Show {
        /// The participant
        ispb: Ispb,
    },
    /// Lists all participants; the table also shows their streams and backlogs
    #[command(after_help = "Examples:
  pix-stream admin --dir pix participants list
  pix-stream admin --dir pix participants list --json")]
    List,
    /// Answers a participant's reads 503 `paused`, until `resume`; publishing goes on
    #[command(after_help = "Examples:
  pix-stream admin --dir pix participants pause 99999001 --reason 'incident 17'
  pix-stream admin --dir pix participants pause 99999001 --dry-run")]
    Pause {
        /// The participant
        ispb: Ispb,
        /// How it is meant.
        #[command(flatten)]
        intent: Intent,
    },
    /// Ends a pause
    #[command(after_help = "Examples:
  pix-stream admin --dir pix participants resume 99999001 --reason 'incident 17 is over'
  pix-stream admin --dir pix participants resume 99999001 --dry-run")]
    Resume {
        /// The participant
        ispb: Ispb,
        /// How it is meant.
        #[command(flatten)]
        intent: Intent,
    },
    /// Sets how many live streams a participant may have
    #[command(after_help = "Examples:
  pix-stream admin --dir pix participants cap 99999001 3 --reason 'incident 17'
  pix-stream admin --dir pix participants cap 99999001 6 --dry-run")]
    Cap {
        /// The participant
        ispb: Ispb,
        /// How many, 1 to 6; streams over it live on until they end
        #[arg(value_parser = clap::value_parser!(u8).range(1..=6))]
        streams: u8,
        /// How it is meant.
        #[command(flatten)]
        intent: Intent,
    },
    /// Sets a participant's own limits, or returns it to the configured ones
    #[command(after_help = "Examples:
  pix-stream admin --dir pix participants limits 99999001 --requests-per-second 200
  pix-stream admin --dir pix participants limits 99999001 --default --dry-run")]
    #[command(group = ArgGroup::new("limit").required(true).multiple(true).args(["requests_per_second", "backlog_high_water", "default"]))]
    Limits {
        /// The participant
        ispb: Ispb,
        /// Requests per second; the other limit stays as it is
        #[arg(long, value_name = "N", conflicts_with = "default", value_parser = clap::value_parser!(u32).range(1..))]
        requests_per_second: Option<u32>,
        /// Unconfirmed messages from which on publishing is answered 503 `overloaded`
        #[arg(long, value_name = "N", conflicts_with = "default", value_parser = clap::value_parser!(u64).range(1..))]
        backlog_high_water: Option<u64>,
        /// Back to the configured limits, all of them
        #[arg(long)]
        default: bool,
        /// How it is meant.
        #[command(flatten)]
        intent: Intent,
    },
    /// Puts a participant's messages under legal hold: none is removed, however old. After a failure, run it again
    #[command(after_help = "Examples:
  pix-stream admin --dir pix participants hold 99999001 --reason 'court order 0815'
  pix-stream admin --dir pix participants hold 99999001 --dry-run")]
    Hold {
        /// The participant
        ispb: Ispb,
        /// How it is meant.
        #[command(flatten)]
        intent: Intent,
    },
    /// Ends a legal hold: what is past retention is removed
    #[command(after_help = "Examples:
  pix-stream admin --dir pix participants unhold 99999001 --reason 'court order 0815 is lifted'
  pix-stream admin --dir pix participants unhold 99999001 --dry-run")]
    Unhold {
        /// The participant
        ispb: Ispb,
        /// How it is meant.
        #[command(flatten)]
        intent: Intent,
    },
    /// Delivers messages again, from --to on
    #[command(after_help = "Examples:
  pix-stream admin --dir pix participants rewind 99999001 --to 1200 --dry-run
  pix-stream admin --dir pix participants rewind 99999001 --to 1200 --reason 'restored from a backup'")]
    Rewind(RewindArgs),
    /// Skips the messages below --to: they are never delivered
    #[command(after_help = "Examples:
  pix-stream admin --dir pix participants advance 99999001 --to 5000 --dry-run
  pix-stream admin --dir pix participants advance 99999001 --to 5000 --reason 'settled by hand'")]
    Advance(AdvanceArgs),
}

/// How a change is meant.
#[derive(Debug, Clone, Default, Args)]
pub struct Intent {
    /// Says what would happen, and changes nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// From where on messages are delivered again.
#[derive(Debug, Clone, Args)]
pub struct RewindArgs {
    /// The participant
    pub ispb: Ispb,
    /// The sequence number of the first message that is delivered again
    #[arg(long, value_name = "SEQUENCE")]
    pub to: u64,
    /// How it is meant.
    #[command(flatten)]
    pub intent: Intent,
}

/// Up to where messages are skipped.
#[derive(Debug, Clone, Args)]
pub struct AdvanceArgs {
    /// The participant
    pub ispb: Ispb,
    /// The sequence number of the first message that is not skipped
    #[arg(long, value_name = "SEQUENCE")]
    pub to: u64,
    /// How it is meant.
    #[command(flatten)]
    pub intent: Intent,
}
