//! The answers of the admin API as lines and tables; with `--json` they pass as they came.

use std::fmt::Write as _;

use pix_stream_development::rfc3339;
use pix_stream_domain::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::output;

/// A participant; the server may say more.
#[derive(Debug, Deserialize)]
struct Participant {
    ispb: String,
    #[serde(default)]
    name: String,
    created_at_unix_ms: u64,
    limits: Limits,
    #[serde(default)]
    held: bool,
}

#[derive(Debug, Deserialize)]
struct Limits {
    requests_per_second: Option<u64>,
    backlog_high_water: Option<u64>,
}

/// A participant with its streams.
#[derive(Debug, Deserialize)]
struct Status {
    #[serde(flatten)]
    participant: Participant,
    paused: bool,
    cap: u64,
    streams: Vec<Stream>,
    first: u64,
    head: u64,
    watermark: u64,
    unconfirmed: u64,
    redelivery: u64,
}

#[derive(Debug, Deserialize)]
struct Stream {
    slot: u64,
    held: u64,
}

#[derive(Debug, Deserialize)]
struct Saved {
    dry_run: bool,
    participant: Participant,
}

#[derive(Debug, Deserialize)]
struct Changed {
    dry_run: bool,
    watermark_before: u64,
    watermark: u64,
    redeliver: u64,
    skipped: u64,
    participant: Status,
}

/// One participant with its streams.
pub(super) fn status(answer: &Value, json: bool) -> Result<(), Failure> {
    if json {
        return Ok(output::json(answer)?);
    }
    let status: Status = read(answer)?;
    let mut text = String::new();
    let mut put = |name: &str, value: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<12} {value}");
    };
    let participant = &status.participant;
    put("participant", format!("{} {}", participant.ispb, participant.name).trim_end().to_owned());
    put("onboarded", rfc3339::text(Timestamp::from_unix_millis(participant.created_at_unix_ms)));
    put("reads", if status.paused { "paused".to_owned() } else { "open".to_owned() });
    put("limits", limits(&participant.limits));
    if participant.held {
        put("legal hold", "no message is removed".to_owned());
    }
    put("messages", messages(&status));
    put("confirmed", format!("up to {}", status.watermark));
    put(
        "backlog",
        format!("{} unconfirmed, {} of them to be delivered again", status.unconfirmed, status.redelivery),
    );
    put("streams", format!("{} of {}", status.streams.len(), status.cap));
    for stream in &status.streams {
        put(&format!("  slot {}", stream.slot), format!("holds {} messages", stream.held));
    }
    Ok(output::text(&text)?)
}

/// A participant after its own properties changed.
pub(super) fn saved(answer: &Value, json: bool, done: &str) -> Result<(), Failure> {
    if json {
        return Ok(output::json(answer)?);
    }
    let Saved { dry_run, participant } = read(answer)?;
    let tried = if dry_run { "dry run, nothing changed: " } else { "" };
    let limits = limits(&participant.limits);
    Ok(output::line(format_args!("{}: {tried}{done}; {limits}", participant.ispb))?)
}

/// A participant after its streams changed.
pub(super) fn changed(answer: &Value, json: bool) -> Result<(), Failure> {
    if json {
        return Ok(output::json(answer)?);
    }
    let changed: Changed = read(answer)?;
    let Status { participant, paused, cap, .. } = &changed.participant;
    let mut text = format!("{}: ", participant.ispb);
    if changed.dry_run {
        text.push_str("dry run, nothing changed; it would be so: ");
    }
    let (before, after) = (changed.watermark_before, changed.watermark);
    if before != after || changed.redeliver > 0 || changed.skipped > 0 {
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

/// All participants.
pub(super) fn table(answers: &[Value]) -> Result<(), Failure> {
    let rows = answers.iter().map(read::<Status>).collect::<Result<Vec<_>, _>>()?;
    let head = format!(
        "{:<10}{:<8}{:>9}{:>14}{:>14}  NAME",
        "ISPB", "READS", "STREAMS", "UNCONFIRMED", "CONFIRMED TO"
    );
    output::line(output::paint(output::Style::Strong, &head, output::stdout_has_color()))?;
    for row in rows {
        let streams = format!("{}/{}", row.streams.len(), row.cap);
        let reads = if row.paused { "paused" } else { "open" };
        output::line(
            format!(
                "{:<10}{reads:<8}{streams:>9}{:>14}{:>14}  {}",
                row.participant.ispb, row.unconfirmed, row.watermark, row.participant.name
            )
            .trim_end(),
        )?;
    }
    Ok(())
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

pub(super) fn read<'a, T: Deserialize<'a>>(answer: &'a Value) -> Result<T, Failure> {
    T::deserialize(answer).map_err(|error| {
        Failure::new(format_args!("the server's answer is not understood: {error}"))
            .next("is it of the same version?")
    })
}
