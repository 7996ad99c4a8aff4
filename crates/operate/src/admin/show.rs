//! Participants as lines and tables; with `--json` they pass as they came.

use std::fmt::Write as _;

use pix_stream_domain::ispb::Ispb;
use serde::Deserialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::output;
use crate::table::{List, Side, Table, count, read, time};

/// A participant; the server may say more.
#[derive(Debug, Deserialize)]
struct Participant {
    ispb: String,
    #[serde(default)]
    name: String,
    created_at_unix_ms: u64,
    limits: Limits,
    #[serde(default)]
    offboarded: bool,
    #[serde(default)]
    held: bool,
    #[serde(default)]
    holds: Vec<Hold>,
    #[serde(default)]
    retention_days: Option<u64>,
    #[serde(default)]
    replay: Option<Replay>,
}

#[derive(Debug, Deserialize)]
struct Limits {
    requests_per_second: Option<u64>,
    backlog_high_water: Option<u64>,
}

/// A stretch of time under legal hold; open where an end is missing.
#[derive(Debug, Deserialize)]
struct Hold {
    #[serde(default)]
    from_unix_ms: Option<u64>,
    #[serde(default)]
    to_unix_ms: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Replay {
    #[serde(default)]
    from: Option<u64>,
    #[serde(default)]
    to: Option<u64>,
    #[serde(default)]
    expires_unix_ms: Option<u64>,
}

/// A participant with its streams.
#[derive(Debug, Deserialize)]
struct Status {
    #[serde(flatten)]
    participant: Participant,
    #[serde(default)]
    keeping: Option<Keeping>,
    paused: bool,
    cap: u64,
    streams: Vec<Stream>,
    first: u64,
    head: u64,
    watermark: u64,
    unconfirmed: u64,
    redelivery: u64,
}

/// How far the server that was asked got with what is stored and must not expire.
#[derive(Debug, Deserialize)]
struct Keeping {
    through: bool,
    left: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Stream {
    slot: u64,
    held: u64,
}

#[derive(Debug, Deserialize)]
struct Saved {
    dry_run: bool,
    #[serde(default)]
    changed: Option<bool>,
    participant: Participant,
}

#[derive(Debug, Deserialize)]
struct Changed {
    dry_run: bool,
    #[serde(default)]
    changed: Option<bool>,
    watermark_before: u64,
    watermark: u64,
    redeliver: u64,
    skipped: u64,
    participant: Status,
}

#[derive(Debug, Deserialize)]
struct Released {
    released: bool,
    redeliver: u64,
}

/// One participant with its streams.
pub(super) fn status(answer: &Value, json: bool) -> Result<(), Failure> {
    if json {
        return Ok(output::json(answer)?);
    }
    let status: Status = read(answer)?;
    let participant = &status.participant;
    let mut list = List::default();
    list.put("participant", format!("{} {}", participant.ispb, participant.name).trim_end());
    list.put("onboarded", time(participant.created_at_unix_ms));
    list.put("reads", status.reads());
    list.put("limits", limits(&participant.limits));
    properties(participant, &mut list);
    if let Some(keeping) = &status.keeping {
        list.put("stored before", kept(keeping));
    }
    list.put("messages", messages(&status));
    list.put("confirmed", format_args!("up to {}", status.watermark));
    list.put(
        "backlog",
        format_args!(
            "{} unconfirmed, {} of them to be delivered again",
            status.unconfirmed, status.redelivery
        ),
    );
    list.put("streams", format_args!("{} of {}", status.streams.len(), status.cap));
    for stream in &status.streams {
        list.put(&format!("  slot {}", stream.slot), format_args!("holds {} messages", stream.held));
    }
    list.show()
}

/// What became of messages that were stored before they were held, or kept for longer.
fn kept(keeping: &Keeping) -> String {
    match keeping {
        Keeping { through: true, .. } => "kept: none expires before its time".to_owned(),
        Keeping { left: None, .. } => "not looked at by this server yet".to_owned(),
        Keeping { left: Some(0), .. } => {
            "kept; what other servers published meanwhile follows in a minute".to_owned()
        }
        Keeping { left: Some(left), .. } => format!("{} still to be looked at", count(*left, "message")),
    }
}

/// What a participant has of its own and most have not.
fn properties(participant: &Participant, list: &mut List) {
    if let Some(days) = participant.retention_days {
        list.put("retention", count(days, "day"));
    }
    if participant.held {
        list.put("legal hold", "no message is removed");
    }
    for hold in &participant.holds {
        let end = |at: Option<u64>, open: &str| at.map_or_else(|| open.to_owned(), time);
        let (from, to) = (end(hold.from_unix_ms, "the first"), end(hold.to_unix_ms, "the last"));
        list.put("legal hold", format_args!("messages published from {from} to {to}"));
    }
    if let Some(Replay { from, to, expires_unix_ms }) = participant.replay {
        let end = |number: Option<u64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
        let until = expires_unix_ms.map(|at| format!(", until {}", time(at))).unwrap_or_default();
        list.put("replay", format_args!("{} to {}{until}", end(from), end(to)));
    }
}

/// A participant after its own properties changed.
pub(super) fn saved(answer: &Value, json: bool, done: &str) -> Result<(), Failure> {
    if json {
        return Ok(output::json(answer)?);
    }
    let Saved { dry_run, changed, participant } = read(answer)?;
    let what = match (changed, dry_run) {
        (Some(false), _) => "nothing to change, it is so already".to_owned(),
        (_, true) => format!("dry run, nothing changed: {done}"),
        (_, false) => done.to_owned(),
    };
    let limits = limits(&participant.limits);
    Ok(output::line(format_args!("{}: {what}; {limits}", participant.ispb))?)
}

/// A participant after its streams changed.
pub(super) fn changed(answer: &Value, json: bool) -> Result<(), Failure> {
    if json {
        return Ok(output::json(answer)?);
    }
    let changed: Changed = read(answer)?;
    let Status { participant, paused, cap, .. } = &changed.participant;
    let mut text = format!("{}: ", participant.ispb);
    if changed.changed == Some(false) {
        return Ok(output::line(format_args!("{text}nothing to change, it is so already"))?);
    }
    if changed.dry_run {
        text.push_str("dry run, nothing changed; it would be so: ");
    }
    let (before, after) = (changed.watermark_before, changed.watermark);
    if before != after || changed.redeliver > 0 || changed.skipped > 0 {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "watermark from {before} to {after}, {} messages to be delivered again, {} skipped",
            changed.redeliver, changed.skipped
        );
    } else if changed.dry_run {
        text.push_str("no message is concerned");
    } else {
        let reads = if *paused { "paused" } else { "open" };
        let _ = write!(text, "reads {reads}, at most {cap} streams");
    }
    Ok(output::line(text)?)
}

/// What became of a slot.
pub(super) fn released(
    answer: &Value,
    json: bool,
    (ispb, slot): (&Ispb, u8),
    dry_run: bool,
) -> Result<(), Failure> {
    if json {
        return Ok(output::json(answer)?);
    }
    let Released { released, redeliver } = read(answer)?;
    let again = count(redeliver, "message");
    let what = match (released, dry_run) {
        (false, _) => "nothing to change, no stream is live there".to_owned(),
        (true, true) => format!("dry run, nothing changed: the stream would end, {again} be delivered again"),
        (true, false) => format!("the stream has ended, {again} will be delivered again"),
    };
    Ok(output::line(format_args!("{ispb}: slot {slot}: {what}"))?)
}

/// All participants.
pub(super) fn table(answers: &[Value]) -> Result<(), Failure> {
    let mut table = Table::new([
        ("ISPB", Side::Left),
        ("READS", Side::Left),
        ("STREAMS", Side::Right),
        ("UNCONFIRMED", Side::Right),
        ("CONFIRMED TO", Side::Right),
        ("HOLD", Side::Left),
        ("NAME", Side::Left),
    ]);
    for answer in answers {
        let row: Status = read(answer)?;
        let hold = match (row.participant.held, row.participant.holds.is_empty()) {
            (true, _) => "all",
            (false, false) => "some",
            (false, true) => "",
        };
        table.push([
            row.participant.ispb.clone(),
            row.reads().to_owned(),
            format!("{}/{}", row.streams.len(), row.cap),
            row.unconfirmed.to_string(),
            row.watermark.to_string(),
            hold.to_owned(),
            row.participant.name,
        ]);
    }
    table.show()
}

impl Status {
    const fn reads(&self) -> &'static str {
        match (self.participant.offboarded, self.paused) {
            (true, _) => "offboarded",
            (false, true) => "paused",
            (false, false) => "open",
        }
    }
}

fn messages(status: &Status) -> String {
    if status.head <= status.first {
        return format!("none kept; the next one is {}", status.head);
    }
    format!("{} to {} are kept", status.first, status.head - 1)
}

fn limits(limits: &Limits) -> String {
    let own = |limit: Option<u64>, what: &str| {
        limit.map_or_else(|| format!("{what} as configured"), |limit| format!("{what} {limit}"))
    };
    let pace = own(limits.requests_per_second, "requests a second");
    format!("{pace}, {}", own(limits.backlog_high_water, "backlog high water"))
}
