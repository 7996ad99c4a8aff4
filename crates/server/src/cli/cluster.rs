//! Arguments of the commands for a cluster's stores: `migrate`, `regions`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pix_stream_domain::ispb::Ispb;

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
    /// The configuration file of the servers; its section `cassandra` counts
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Prints one JSON object a line
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// Shows which region serves whom, takes participants of a lost region over and hands them back
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  pix-stream regions show --config pix/pix-stream.toml
  pix-stream regions take-over dc1 --config pix/pix-stream.toml --reason 'incident 21: dc1 has no power'

Works on Cassandra itself, with the configuration of a server of this region; no server needs to run.")]
pub struct RegionsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: RegionsCommand,
}

/// What `regions` does.
#[derive(Debug, Clone, Subcommand)]
pub enum RegionsCommand {
    /// Shows every region, who serves its participants, and in which epoch
    #[command(after_help = "Examples:
  pix-stream regions show --config pix/pix-stream.toml
  pix-stream regions show --config pix/pix-stream.toml --json")]
    Show(RegionsOptions),
    /// Takes over the participants of a region that is down; watches it for lease and margin first
    #[command(after_help = "Examples:
  pix-stream regions take-over dc1 --config pix/pix-stream.toml --reason 'incident 21'
  pix-stream regions take-over dc1 --config pix/pix-stream.toml --reason 'drill' --json")]
    TakeOver {
        /// The region that is down
        region: String,
        /// Where and why.
        #[command(flatten)]
        options: RegionsOptions,
    },
    /// Hands the participants of a region to another one, usually back to itself
    #[command(after_help = "Examples:
  pix-stream regions hand-over dc1 --to dc1 --config pix/pix-stream.toml --reason 'incident 21 is over'
  pix-stream regions hand-over dc2 --to dc1 --config pix/pix-stream.toml --json")]
    HandOver {
        /// The region whose participants they are
        region: String,
        /// Who serves them from then on
        #[arg(long, value_name = "REGION")]
        to: String,
        /// Where and why.
        #[command(flatten)]
        options: RegionsOptions,
    },
    /// Chooses the region that owns a participant, or returns it to the one that hashing gives
    #[command(after_help = "Examples:
  pix-stream regions assign 99999001 --region dc2 --config pix/pix-stream.toml
  pix-stream regions assign 99999001 --config pix/pix-stream.toml --reason 'back to the default'")]
    Assign {
        /// The participant
        ispb: Ispb,
        /// Its region; the default one when it is left out
        #[arg(long, value_name = "REGION")]
        region: Option<String>,
        /// Where and why.
        #[command(flatten)]
        options: RegionsOptions,
    },
}

/// Where the regions are written down, and why they are changed.
#[derive(Debug, Clone, Args)]
pub struct RegionsOptions {
    /// The configuration file of a server of this region
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Why; stands in the result, for whoever keeps it
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Prints one JSON object a line
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}
