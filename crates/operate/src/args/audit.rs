//! Arguments of `audit`: the files of audit logs, offline.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id::ResourceId;

use super::node::resource_id;
use crate::moment::Moment;

/// Works with the audit log
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  pix-stream audit verify pix/data/audit
  pix-stream audit show UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur node-1/audit node-2/audit

Every node of a cluster writes a chain of its own: name the folders of all of them. No server needs to run.")]
pub struct AuditArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: AuditCommand,
}

/// What `audit` does.
#[derive(Debug, Clone, Subcommand)]
pub enum AuditCommand {
    /// Checks chains, and exports of periods, offline and names the first broken entry
    #[command(after_help = "Examples:
  pix-stream audit verify pix/data/audit
  pix-stream audit verify audit-000000000001.log audit-000000052417.log --json
  pix-stream audit verify november.ndjson

Exit code 1 if any of it does not hold.")]
    Verify {
        /// Files of one log, folders with a log each, or files made by `audit export`
        #[arg(value_name = "PATH", required = true)]
        paths: Vec<PathBuf>,
        /// Prints one JSON object a chain or export
        #[arg(long, help_heading = "Output")]
        json: bool,
    },
    /// Follows a message: who published it and when, which tokens carried it, when it was confirmed, chains verified
    #[command(after_help = "Examples:
  pix-stream audit show UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur pix/data/audit
  pix-stream audit show UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur node-1/audit node-2/audit --json

Exit code 1 if a chain does not hold, or no entry names the message.")]
    Show {
        /// The PI-ResourceId of the message
        #[arg(value_name = "RESOURCE_ID", value_parser = resource_id)]
        id: ResourceId,
        /// Folders with a log each, or files of one log
        #[arg(value_name = "PATH", required = true)]
        paths: Vec<PathBuf>,
        /// Prints one JSON object
        #[arg(long, help_heading = "Output")]
        json: bool,
    },
    /// Hands out the entries of a period with proof, one JSON object a line; `audit verify` checks it
    #[command(after_help = "Examples:
  pix-stream audit export --since 2026-11-01 --until 2026-12-01 --out november.ndjson pix/data/audit
  pix-stream audit export --ispb 99999001 --since 30d node-1/audit node-2/audit | gzip > period.ndjson.gz

With --ispb, entries about others are given by their place in the chain alone.")]
    Export(PeriodArgs),
}

/// What is exported.
#[derive(Debug, Clone, Args)]
pub struct PeriodArgs {
    /// Folders with a log each, or files of one log
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// One participant's messages alone
    #[arg(long, value_name = "ISPB")]
    pub ispb: Option<Ispb>,
    /// From when on: 2026-11-23T10:00:00Z, 2026-11-23, or how long ago: 15m, 2h, 30d
    #[arg(long, value_name = "TIME")]
    pub since: Moment,
    /// Up to when, that moment not included
    #[arg(long, value_name = "TIME", default_value = "now")]
    pub until: Moment,
    /// The file to write, readable by its owner alone; without it, stdout
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub out: Option<PathBuf>,
    /// Writes over a file that is there
    #[arg(long, requires = "out", help_heading = "Output")]
    pub force: bool,
}
