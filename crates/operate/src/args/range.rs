//! Stretches of a participant's messages, by sequence number or by time.

use clap::{ArgGroup, Args};
use pix_stream_domain::time::Timestamp;

use crate::failure::Failure;
use crate::moment::Moment;

/// A stretch of time; without both, all of it.
#[derive(Debug, Clone, Default, Args)]
pub struct TimesArgs {
    /// From when on: 2026-11-23T10:00:00Z, 2026-11-23, or how long ago: 15m, 2h, 30d
    #[arg(long, value_name = "TIME", requires = "until", help_heading = "Range")]
    pub since: Option<Moment>,
    /// Up to when, that moment not included; may lie ahead
    #[arg(long, value_name = "TIME", requires = "since", help_heading = "Range")]
    pub until: Option<Moment>,
}

/// A stretch of messages: by sequence number, both ends included, or by time.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("stretch").required(true).args(["from", "since"]))]
pub struct RangeArgs {
    /// The sequence number of the first message
    #[arg(long, value_name = "SEQUENCE", requires = "to", help_heading = "Range")]
    pub from: Option<u64>,
    /// The sequence number of the last message
    #[arg(long, value_name = "SEQUENCE", requires = "from", help_heading = "Range")]
    pub to: Option<u64>,
    /// From when on: 2026-11-23T10:00:00Z, 2026-11-23, or how long ago: 15m, 2h, 30d
    #[arg(long, value_name = "TIME", help_heading = "Range")]
    pub since: Option<Moment>,
    /// Up to when, that moment not included [default: now]
    #[arg(long, value_name = "TIME", requires = "since", help_heading = "Range")]
    pub until: Option<Moment>,
}

/// A stretch with its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// By sequence number, both ends included.
    Sequences(u64, u64),
    /// By time, the end excluded.
    Times(Timestamp, Timestamp),
}

impl TimesArgs {
    /// Its ends, as seen from `now`.
    ///
    /// # Errors
    /// It ends before it begins.
    pub fn ends(&self, now: Timestamp) -> Result<(Option<Timestamp>, Option<Timestamp>), Failure> {
        let (since, until) = (self.since.map(|m| m.at(now)), self.until.map(|m| m.at(now)));
        match (since, until) {
            (Some(since), Some(until)) if since >= until => Err(backwards()),
            ends => Ok(ends),
        }
    }
}

impl RangeArgs {
    /// Its ends, as seen from `now`.
    ///
    /// # Errors
    /// It ends before it begins.
    pub fn range(&self, now: Timestamp) -> Result<Range, Failure> {
        let range = match (self.from, self.to, self.since) {
            (Some(from), Some(to), _) => Range::Sequences(from, to),
            (_, _, Some(since)) => Range::Times(since.at(now), self.until.map_or(now, |until| until.at(now))),
            _ => return Err(Failure::usage("name a range: --from and --to, or --since")),
        };
        match range {
            Range::Sequences(from, to) if from > to => {
                Err(Failure::usage(format_args!("--from {from} is after --to {to}")))
            }
            Range::Times(since, until) if since >= until => Err(backwards()),
            Range::Sequences(..) | Range::Times(..) => Ok(range),
        }
    }
}

fn backwards() -> Failure {
    Failure::usage("--until is not after --since; a bare 2h means two hours ago")
}
