//! `admin quarantine`: what was refused from unattended intake, looked at, handed out, released or dropped.

use http::Method;
use pix_stream_ports::quarantine::EntryId;
use serde::Deserialize;
use serde_json::Value;

use crate::args::{EntriesArgs, QuarantineCommand};
use crate::failure::Failure;
use crate::out::Out;
use crate::output;
use crate::table::{List, items, read, time};

use super::client::{Ask, Client, reason as why, with_query};

pub(super) const QUARANTINE: &str = "/admin/v1/quarantine";

#[derive(Debug, Deserialize)]
struct Usage {
    entries: u64,
    bytes: u64,
    entries_max: u64,
    bytes_max: u64,
}

#[derive(Debug, Deserialize)]
struct Entry {
    id: String,
    ispb: String,
    at_unix_ms: u64,
    producer: String,
    intake: String,
    rule: String,
    findings: Vec<String>,
    bytes: u64,
    attempts: u64,
}

pub(super) async fn run(client: &mut Client, command: &QuarantineCommand, json: bool) -> Result<(), Failure> {
    match command {
        QuarantineCommand::List { participant } => {
            let ispb = participant.map(|ispb| format!("ispb={ispb}")).unwrap_or_default();
            list(client, &ispb, json).await
        }
        QuarantineCommand::Show { id } => show(&client.get(&path(id, "")).await?, json),
        QuarantineCommand::Export { id, out, force, reason } => {
            // Seen before the bytes leave the server, which is put on record.
            let mut out = Out::open(out.as_deref(), *force)?;
            let path = with_query(&path(id, "/message"), [why(reason.as_deref())]);
            let reply = client.fetch(Method::GET, &path, None).await?;
            out.put(&reply.body)?;
            out.finish()
        }
        QuarantineCommand::Release(args) => each(client, args, "/release", json).await,
        QuarantineCommand::Drop(args) => each(client, args, "/drop", json).await,
    }
}

/// All pages, line by line as they come.
async fn list(client: &mut Client, filter: &str, json: bool) -> Result<(), Failure> {
    let mut after = String::new();
    let mut count = 0;
    let usage = loop {
        let page = client.get(&format!("{QUARANTINE}?{filter}{after}")).await?;
        let entries = items(&page, "entries");
        for value in entries {
            if json {
                output::json(value)?;
                continue;
            }
            let entry: Entry = read(value)?;
            let at = time(entry.at_unix_ms);
            let first = entry.findings.first().map_or("", String::as_str);
            output::line(format_args!("{} {at} {} {} {first}", entry.id, entry.ispb, entry.rule))?;
        }
        count += entries.len();
        match page.get("next").and_then(Value::as_str) {
            Some(next) => after = format!("&after={next}"),
            None => break page.get("usage").map(read::<Usage>).transpose()?,
        }
    };
    // Of one participant's list the usage says what others leave.
    let used = usage.map_or_else(String::new, |usage| {
        let Usage { entries, bytes, entries_max, bytes_max } = usage;
        format!("; in all {entries} of {entries_max} entries, {bytes} of {bytes_max} bytes")
    });
    output::note(format_args!("{count} message{} listed{used}", if count == 1 { "" } else { "s" }));
    Ok(())
}

fn show(answer: &Value, json: bool) -> Result<(), Failure> {
    if json {
        return Ok(output::json(answer)?);
    }
    let entry: Entry = read(answer)?;
    let at = time(entry.at_unix_ms);
    let times = if entry.attempts == 1 { "time" } else { "times" };
    let mut list = List::default();
    list.put("entry", &entry.id);
    list.put("participant", &entry.ispb);
    list.put("refused", format_args!("{at}, {} {times}", entry.attempts));
    list.put("producer", format_args!("{} by {}", entry.producer, entry.intake));
    list.put("size", format_args!("{} bytes", entry.bytes));
    list.put("rule", &entry.rule);
    for finding in &entry.findings {
        list.put("finding", finding);
    }
    list.show()
}

/// One after the other; the first that is refused ends it.
async fn each(client: &mut Client, args: &EntriesArgs, verb: &str, json: bool) -> Result<(), Failure> {
    let EntriesArgs { ids, intent } = args;
    for id in ids {
        let answer = client.change(Ask::post(path(id, verb)), intent).await?;
        if json {
            output::json(&answer)?;
            continue;
        }
        let tried = if intent.dry_run { "dry run, nothing changed: " } else { "" };
        match answer.get("resource_id").and_then(Value::as_str) {
            Some(resource_id) => output::line(format_args!("{id}: published as {resource_id}"))?,
            None if verb == "/release" => output::line(format_args!("{id}: {tried}it is valid now"))?,
            None => output::line(format_args!("{id}: {tried}dropped"))?,
        }
    }
    Ok(())
}

fn path(id: &EntryId, verb: &str) -> String {
    format!("{QUARANTINE}/{id}{verb}")
}
