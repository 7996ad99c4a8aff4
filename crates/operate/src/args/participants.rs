//! Arguments of `admin participants`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use pix_stream_domain::ispb::Ispb;

use super::{Intent, RangeArgs, TimesArgs};
use crate::moment::Span;

/// What `admin participants` does.
#[derive(Debug, Clone, Subcommand)]
pub enum ParticipantCommand {
    /// Onboards a participant; the same again changes nothing
    #[command(after_help = "Examples:
  pix-stream admin --dir pix participants create 99999001
  pix-stream admin --dir pix participants create 99999A04 --name 'Banco Invento' --reason 'contract 12'")]
    Create(CreateArgs),
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
    /// Ends a participant's service: reads and publishing are answered 404; its messages stay for their retention
    #[command(after_help = "Examples:
  pix-stream admin --dir pix participants offboard 99999001 --dry-run
  pix-stream admin --dir pix participants offboard 99999001 --reason 'contract 12 ended'")]
    Offboard {
        /// The participant
        ispb: Ispb,
        /// How it is meant.
        #[command(flatten)]
        intent: Intent,
    },
    /// Takes `offboard` back: the participant reads on where it was
    #[command(after_help = "Examples:
  pix-stream admin --dir pix participants onboard 99999001 --reason 'contract 12 goes on'
  pix-stream admin --dir pix participants onboard 99999001 --dry-run")]
    Onboard {
        /// The participant
        ispb: Ispb,
        /// How it is meant.
        #[command(flatten)]
        intent: Intent,
    },
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
    Limits(LimitsArgs),
    /// Ends streams that a client left behind
    #[command(after_help = "Examples:
  pix-stream admin --dir pix participants slot release 99999001 2 --dry-run
  pix-stream admin --dir pix participants slot release 99999001 2 --reason 'client hangs'")]
    Slot {
        /// What to do.
        #[command(subcommand)]
        command: SlotCommand,
    },
    /// Puts messages under legal hold, all or a stretch of time: none of them is removed. `participants show` tells how far that is
    #[command(after_help = "Examples:
  pix-stream admin --dir pix participants hold 99999001 --reason 'court order 0815'
  pix-stream admin --dir pix participants hold 99999001 --since 2026-11-01 --until 2026-11-08 --dry-run")]
    Hold(HoldArgs),
    /// Ends a legal hold, all or that of a stretch of time: what is past retention is removed
    #[command(after_help = "Examples:
  pix-stream admin --dir pix participants unhold 99999001 --reason 'court order 0815 is lifted'
  pix-stream admin --dir pix participants unhold 99999001 --since 2026-11-01 --until 2026-11-08 --dry-run")]
    Unhold(HoldArgs),
    /// Sets how long a participant's messages are kept, or returns it to the configured time
    #[command(after_help = "Examples:
  pix-stream admin --dir pix participants retention 99999001 90 --reason 'contract 12'
  pix-stream admin --dir pix participants retention 99999001 --default --dry-run")]
    Retention(RetentionArgs),
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
    /// Opens, shows and closes a second, read-only stream over old messages, for disputes
    #[command(after_help = "Examples:
  pix-stream admin --dir pix participants replay open 99999001 --since 2h --reason 'dispute 4'
  pix-stream admin --dir pix participants replay close 99999001")]
    Replay {
        /// What to do.
        #[command(subcommand)]
        command: ReplayCommand,
    },
    /// Hands out the digests of a stretch of messages with proof, one JSON object a line; `audit verify` checks it
    #[command(after_help = "Examples:
  pix-stream admin --dir pix participants export 99999001 --since 2026-11-01 --until 2026-11-08 --out november.ndjson
  pix-stream admin --dir pix --as auditor participants export 99999001 --from 1 --to 5000 --reason 'dispute 4'")]
    Export(ExportArgs),
}

/// Who is onboarded, and how.
#[derive(Debug, Clone, Args)]
pub struct CreateArgs {
    /// The participant
    pub ispb: Ispb,
    /// A name for people
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub name: String,
    /// Days for which its messages are kept [default: as configured]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub retention_days: Option<u16>,
    /// How it is meant.
    #[command(flatten)]
    pub intent: Intent,
}

/// A participant's own limits.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("limit").required(true).multiple(true).args(["requests_per_second", "backlog_high_water", "default"]))]
pub struct LimitsArgs {
    /// The participant
    pub ispb: Ispb,
    /// Requests per second; the other limit stays as it is
    #[arg(long, value_name = "N", conflicts_with = "default", value_parser = clap::value_parser!(u32).range(1..))]
    pub requests_per_second: Option<u32>,
    /// Unconfirmed messages from which on publishing is answered 503 `overloaded`
    #[arg(long, value_name = "N", conflicts_with = "default", value_parser = clap::value_parser!(u64).range(1..))]
    pub backlog_high_water: Option<u64>,
    /// Back to the configured limits, all of them
    #[arg(long)]
    pub default: bool,
    /// How it is meant.
    #[command(flatten)]
    pub intent: Intent,
}

/// What `admin participants slot` does.
#[derive(Debug, Clone, Subcommand)]
pub enum SlotCommand {
    /// Ends the live stream of a slot; what it held is delivered again, and its client is answered 410
    #[command(after_help = "Examples:
  pix-stream admin --dir pix participants slot release 99999001 2 --dry-run
  pix-stream admin --dir pix participants slot release 99999001 2 --reason 'client hangs'")]
    Release {
        /// The participant
        ispb: Ispb,
        /// The slot, 1 to 6, as `participants show` lists it
        #[arg(value_parser = clap::value_parser!(u8).range(1..=6))]
        slot: u8,
        /// How it is meant.
        #[command(flatten)]
        intent: Intent,
    },
}

/// What is held.
#[derive(Debug, Clone, Args)]
pub struct HoldArgs {
    /// The participant
    pub ispb: Ispb,
    /// Messages published in this time; without it, all that there are.
    #[command(flatten)]
    pub times: TimesArgs,
    /// How it is meant.
    #[command(flatten)]
    pub intent: Intent,
}

/// How long messages are kept.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("kept").required(true).args(["days", "default"]))]
pub struct RetentionArgs {
    /// The participant
    pub ispb: Ispb,
    /// Days, 1 to 3650
    #[arg(value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub days: Option<u16>,
    /// Back to `[journal] retention`
    #[arg(long)]
    pub default: bool,
    /// How it is meant.
    #[command(flatten)]
    pub intent: Intent,
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

/// What `admin participants replay` does.
#[derive(Debug, Clone, Subcommand)]
pub enum ReplayCommand {
    /// Opens a replay and prints its path: the participant reads it like a stream, and its live streams do not move
    #[command(after_help = "Examples:
  pix-stream admin --dir pix participants replay open 99999001 --from 1200 --to 1300 --reason 'dispute 4'
  pix-stream admin --dir pix participants replay open 99999001 --since 2026-11-23T10:00:00Z --until 2026-11-23T11:00:00Z --valid 2h --dry-run

One replay a participant at a time; its path is printed this once.")]
    Open(ReplayOpenArgs),
    /// Shows the replay that is open, without its token
    #[command(after_help = "Examples:
  pix-stream admin --dir pix participants replay show 99999001
  pix-stream admin --dir pix participants replay show 99999001 --json")]
    Show {
        /// The participant
        ispb: Ispb,
    },
    /// Closes the replay that is open; none is no error
    #[command(after_help = "Examples:
  pix-stream admin --dir pix participants replay close 99999001 --reason 'dispute 4 is settled'
  pix-stream admin --dir pix participants replay close 99999001 --dry-run")]
    Close {
        /// The participant
        ispb: Ispb,
        /// How it is meant.
        #[command(flatten)]
        intent: Intent,
    },
}

/// What is replayed.
#[derive(Debug, Clone, Args)]
pub struct ReplayOpenArgs {
    /// The participant
    pub ispb: Ispb,
    /// Which messages.
    #[command(flatten)]
    pub range: RangeArgs,
    /// For how long, in whole minutes up to a day
    #[arg(long, value_name = "SPAN", default_value = "60m")]
    pub valid: Span,
    /// How it is meant.
    #[command(flatten)]
    pub intent: Intent,
}

/// What is exported.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// The participant
    pub ispb: Ispb,
    /// Which messages.
    #[command(flatten)]
    pub range: RangeArgs,
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// The file to write, readable by its owner alone; without it, stdout
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub out: Option<PathBuf>,
    /// Writes over a file that is there
    #[arg(long, requires = "out", help_heading = "Output")]
    pub force: bool,
}
