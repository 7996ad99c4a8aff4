//! Arguments of the commands for a cluster's stores: `migrate`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Brings the schema of a cluster's Cassandra up to this build's, and says how it stands
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  pix-stream migrate status --config pix/pix-stream.toml
  pix-stream migrate up --config pix/pix-stream.toml

Forward only. Safe to run twice, at once from several places, and again after a crash half way.")]
pub struct MigrateArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: MigrateCommand,
}

/// What `migrate` does.
#[derive(Debug, Clone, Subcommand)]
pub enum MigrateCommand {
    /// Carries out the migrations that are missing; makes the keyspace where there is none
    #[command(after_help = "Examples:
  pix-stream migrate up --config pix/pix-stream.toml
  PIX_STREAM_CASSANDRA_CONTACT_POINTS=10.0.0.1:9042 pix-stream migrate up --config pix/pix-stream.toml --json")]
    Up(MigrateOptions),
    /// Shows every migration and how it stands; exit 1 when the server of this build would not start on it
    #[command(after_help = "Examples:
  pix-stream migrate status --config pix/pix-stream.toml
  pix-stream migrate status --config pix/pix-stream.toml --json")]
    Status(MigrateOptions),
    /// Checks that what is recorded as done is this build's, and that every table is there; exit 1 when not
    #[command(after_help = "Examples:
  pix-stream migrate verify --config pix/pix-stream.toml
  pix-stream migrate verify --config pix/pix-stream.toml --json")]
    Verify(MigrateOptions),
}

/// Where the schema is.
#[derive(Debug, Clone, Args)]
pub struct MigrateOptions {
    /// The configuration file of the servers; its [cassandra] counts
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Prints one JSON object a line
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}
