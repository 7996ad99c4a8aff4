//! Arguments of the operators' commands, with help and examples (cli.md). No command runs here.

mod audit;
mod intake;
mod keys;
mod node;
mod participants;
mod range;

use std::path::PathBuf;

use clap::{Args, Subcommand};

pub use audit::{AuditArgs, AuditCommand, PeriodArgs};
pub use intake::{CatalogCommand, EntriesArgs, QuarantineCommand, SwitchArgs};
pub use keys::{KeyFilesArgs, KeyFilesCommand, KeyFilesOptions};
pub use node::{EvidenceCommand, KeysCommand, LogCommand, LogSetArgs};
pub use participants::{
    AdvanceArgs, CreateArgs, ExportArgs, HoldArgs, LimitsArgs, ParticipantCommand, ReplayCommand,
    ReplayOpenArgs, RetentionArgs, RewindArgs, SlotCommand,
};
pub use range::{Range, RangeArgs, TimesArgs};

/// Which server, and who asks: a folder of `init`, or everything by hand.
#[derive(Debug, Clone, Args)]
pub struct Target {
    /// A folder made by `init`: finds the running server, its CA and the certificate
    #[arg(long, value_name = "DIR", required_unless_present = "url", conflicts_with_all = ["url", "ca", "cert", "key"], help_heading = "Connection")]
    pub dir: Option<PathBuf>,
    /// The server, such as https://127.0.0.1:8443
    #[arg(long, value_name = "URL", requires_all = ["ca", "cert", "key"], help_heading = "Connection")]
    pub url: Option<String>,
    /// The authority of the server's certificate, PEM
    #[arg(long, value_name = "FILE", requires = "url", help_heading = "Connection")]
    pub ca: Option<PathBuf>,
    /// The client certificate, PEM
    #[arg(long, value_name = "FILE", requires = "url", help_heading = "Connection")]
    pub cert: Option<PathBuf>,
    /// The client certificate's private key, PEM
    #[arg(long, value_name = "FILE", requires = "url", help_heading = "Connection")]
    pub key: Option<PathBuf>,
}

/// Operates a running server through its admin listener
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  pix-stream admin --dir pix participants list
  pix-stream admin --dir pix participants rewind 99999001 --to 1200 --dry-run

Every change takes --reason, which goes to the audit log, and --dry-run, which changes nothing. The same again is no error.")]
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
    /// With --dir, whose certificate is shown: admin, operator or auditor [default: admin]
    #[arg(long = "as", global = true, value_name = "WHO", value_parser = ["admin", "operator", "auditor"], help_heading = "Connection")]
    pub who: Option<String>,
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
        let Self { dir, who, url, ca, cert, key } = self.clone();
        let by_hand = [url.is_some(), ca.is_some(), cert.is_some(), key.is_some()];
        if who.is_some() && dir.is_none() {
            return Err(
                "--as chooses among the certificates of --dir; with --url, name one with --cert and --key",
            );
        }
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
    /// Shows and changes the keys that sign tokens
    #[command(after_help = "Examples:
  pix-stream admin --dir pix keys list
  pix-stream admin --dir pix keys rotate --reason 'quarterly'

On one node `rotate` is all. In a cluster: `rotate --stage` on one, copy the folder of [keys] to all, `reload` each, then
`sign` on each; `retire` the old key once stream.token_life has passed.")]
    Keys {
        /// What to do.
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Follows a message through the audit log, and checks the log itself
    #[command(after_help = "Examples:
  pix-stream admin --dir pix audit show UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur
  pix-stream admin --dir pix audit verify")]
    Audit {
        /// What to do.
        #[command(subcommand)]
        command: EvidenceCommand,
    },
    /// Lists the latest slow requests of this node
    #[command(after_help = "Examples:
  pix-stream admin --dir pix slow
  pix-stream admin --dir pix slow --json")]
    Slow,
    /// Shows and changes what this node logs
    #[command(after_help = "Examples:
  pix-stream admin --dir pix log show
  pix-stream admin --dir pix log set info,pix_stream_app=debug --for 15m --reason 'incident 17'")]
    Log {
        /// What to do.
        #[command(subcommand)]
        command: LogCommand,
    },
    /// Has this node end in order, as SIGTERM does: waiting reads are answered, last checkpoints are saved
    #[command(after_help = "Examples:
  pix-stream admin --dir pix drain --reason 'kernel update'
  pix-stream admin --dir pix drain --dry-run")]
    Drain {
        /// How it is meant.
        #[command(flatten)]
        intent: Intent,
    },
    /// Shows this node: version, region, how long it runs, its configuration with secrets masked
    #[command(after_help = "Examples:
  pix-stream admin --dir pix node
  pix-stream admin --dir pix node --json")]
    Node,
    /// Has the server read certificates, trust, revocation lists, token keys and schemas again, as SIGHUP does
    #[command(after_help = "Examples:
  pix-stream admin --dir pix reload
  pix-stream admin --dir pix reload --dry-run
  pix-stream admin --dir pix reload --reason 'catalogue 5.14' --json")]
    Reload {
        /// How it is meant.
        #[command(flatten)]
        intent: Intent,
    },
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
