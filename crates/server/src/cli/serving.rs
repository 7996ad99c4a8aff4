//! Arguments of the commands that make and run a server: `demo`, `init`, `serve`, `config`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use pix_stream_domain::ispb::Ispb;

/// Addresses that override the configuration.
#[derive(Debug, Clone, Default, Args)]
pub struct ListenArgs {
    /// Address of the API; port 0 picks a free one, which the ready line reports
    #[arg(long, value_name = "ADDR:PORT", help_heading = "Listening")]
    pub listen: Option<SocketAddr>,
    /// Address of the admin listener
    #[arg(long, value_name = "ADDR:PORT", help_heading = "Listening")]
    pub admin_listen: Option<SocketAddr>,
}

/// Shows everything at work: a fresh folder, a server, a publisher and a consumer in one process
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  pix-stream demo
  pix-stream demo --listen 127.0.0.1:0 --messages 1000 --json")]
pub struct DemoArgs {
    /// The folder to make, or one made by `init` to go on with [default: a fresh one under the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Addresses.
    #[command(flatten)]
    pub listen: ListenArgs,
    /// Ends by itself after so many messages were published, delivered and confirmed
    #[arg(long, value_name = "N", help_heading = "Traffic", value_parser = clap::value_parser!(u64).range(1..))]
    pub messages: Option<u64>,
    /// Messages published per second [default: 100, with --messages as fast as the server takes them]
    #[arg(long, value_name = "R", help_heading = "Traffic", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// Streams that the consumer opens
    #[arg(long, value_name = "N", help_heading = "Traffic", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=6))]
    pub streams: u8,
    /// Prints JSON, one object a line: the ready line, then a summary
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// Makes a folder that works as it is: configuration, development CA, certificates, keys, data
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  pix-stream init --dir pix
  pix-stream init --dir pix --participant 99999001 --participant 99999A04 --listen 0.0.0.0:8443")]
pub struct InitArgs {
    /// The folder to make
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// Addresses.
    #[command(flatten)]
    pub listen: ListenArgs,
    /// A participant that gets a certificate and is onboarded; repeat for more [default: 99999001, 99999002, 9999900A]
    #[arg(long = "participant", value_name = "ISPB")]
    pub participants: Vec<Ispb>,
    /// Replaces configuration, certificates and keys that are there; data/ is kept
    #[arg(long)]
    pub force: bool,
    /// Prints one JSON object
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// Runs the server: one ready line on stdout, logs on stderr
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  pix-stream serve --config pix/pix-stream.toml
  PIX_STREAM_LOG_LEVEL=debug pix-stream serve --config pix/pix-stream.toml --listen 127.0.0.1:0

SIGTERM and SIGINT drain, a second one ends at once. SIGHUP reads certificates, trust, revocation lists, token keys and schemas again.")]
pub struct ServeArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Addresses.
    #[command(flatten)]
    pub listen: ListenArgs,
}

/// Checks the configuration, shows what is in force, describes the file
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  pix-stream config check --config pix/pix-stream.toml
  pix-stream config schema > pix-stream.schema.json")]
pub struct ConfigArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What `config` does.
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigCommand {
    /// Reports every problem at once, with file, key and hint
    #[command(after_help = "Examples:
  pix-stream config check --config pix/pix-stream.toml
  PIX_STREAM_STREAM_IDLE=30s pix-stream config check --config pix/pix-stream.toml")]
    Check(ConfigFileArgs),
    /// Prints the configuration in force as TOML, with secrets masked
    #[command(after_help = "Examples:
  pix-stream config print --config pix/pix-stream.toml
  PIX_STREAM_LIMITS_CONNECTIONS=20000 pix-stream config print --config pix/pix-stream.toml")]
    Print(ConfigFileArgs),
    /// Prints a JSON Schema of the file
    #[command(after_help = "Examples:
  pix-stream config schema
  pix-stream config schema > pix-stream.schema.json")]
    Schema(SchemaArgs),
}

/// The file that is meant.
#[derive(Debug, Clone, Args)]
pub struct ConfigFileArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// The schema is the same for every file.
#[derive(Debug, Clone, Args)]
pub struct SchemaArgs {
    /// Taken for symmetry with the others; the schema does not depend on it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}
