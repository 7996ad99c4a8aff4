//! Arguments of the commands that speak to a server's API: `publish`, `pull`.

use std::path::PathBuf;

use clap::Args;
use pix_stream_domain::ispb::Ispb;
use pix_stream_operate::args::Target;

/// Publishes messages and prints the id of each
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  pix-stream publish --dir pix --ispb 99999001 message.xml
  pix-stream publish --dir pix --ispb 99999001 --quarantine outbox-1.xml outbox-2.xml
  pix-stream publish --dir pix --ispb 99999001 --generate 1000 --type pacs.008 --rate 200 --json")]
pub struct PublishArgs {
    /// The server.
    #[command(flatten)]
    pub target: Target,
    /// The participant that the messages are for
    #[arg(long, value_name = "ISPB")]
    pub ispb: Ispb,
    /// What is published.
    #[command(flatten)]
    pub source: Source,
    /// Most messages per second [default: as fast as the server takes them]
    #[arg(long, value_name = "R", help_heading = "Messages", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// Has the server keep in its quarantine what it refuses, instead of ending there: for producers that nobody watches
    #[arg(long, help_heading = "Messages")]
    pub quarantine: bool,
    /// Prints one JSON object a message: ispb, message_id, resource_id (or quarantine_id)
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// Files, or messages made up on the spot.
#[derive(Debug, Clone, Args)]
pub struct Source {
    /// Files with one message each
    #[arg(
        value_name = "FILE",
        required_unless_present = "generate",
        conflicts_with = "generate",
        help_heading = "Messages"
    )]
    pub files: Vec<PathBuf>,
    /// Makes up so many messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Messages")]
    pub generate: Option<u64>,
    /// The type of the messages that are made up
    #[arg(
        long = "type",
        value_name = "TYPE",
        default_value = "pacs.008",
        requires = "generate",
        help_heading = "Messages"
    )]
    pub message_type: String,
    /// The same seed makes up the same messages
    #[arg(long, value_name = "S", requires = "generate", help_heading = "Messages")]
    pub seed: Option<u64>,
}

/// Reads a participant's messages as a good client does: stores, then confirms
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  pix-stream pull --dir pix --ispb 99999001 --save inbox
  pix-stream pull --url https://127.0.0.1:8443 --ca ca.pem --cert psp.pem --key psp.key --ispb 99999001 --streams 6 --follow --json

Ends at the first empty read, unless --count or --follow says otherwise.")]
pub struct PullArgs {
    /// The server.
    #[command(flatten)]
    pub target: Target,
    /// The participant whose messages are read
    #[arg(long, value_name = "ISPB")]
    pub ispb: Ispb,
    /// How much is read.
    #[command(flatten)]
    pub end: PullEnd,
    /// How it is asked for.
    #[command(flatten)]
    pub form: PullForm,
    /// Saves the exact bytes of each message, in a file named after its message id
    #[arg(long, value_name = "FOLDER", help_heading = "Output")]
    pub save: Option<PathBuf>,
    /// Prints one JSON object a message: resource_id, message_id, bytes
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// When reading ends.
#[derive(Debug, Clone, Copy, Args)]
pub struct PullEnd {
    /// Ends with the batch that reaches so many messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "follow", help_heading = "Reading")]
    pub count: Option<u64>,
    /// Reads on until interrupted
    #[arg(long, help_heading = "Reading")]
    pub follow: bool,
}

/// How messages are asked for.
#[derive(Debug, Clone, Copy, Args)]
pub struct PullForm {
    /// Streams that are opened
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=6), help_heading = "Reading")]
    pub streams: u8,
    /// Asks for one message a read
    #[arg(long, help_heading = "Reading")]
    pub single: bool,
    /// Does not ask for compression
    #[arg(long, help_heading = "Reading")]
    pub no_gzip: bool,
}
