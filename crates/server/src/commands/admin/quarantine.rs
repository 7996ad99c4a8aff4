//! `admin quarantine`: what was refused from unattended intake, looked at, handed out, released or dropped.

use std::fs::{OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use http::Method;
use pix_stream_development::rfc3339;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::quarantine::EntryId;
use serde::Deserialize;
use serde_json::Value;

use crate::cli::{EntriesArgs, Intent, QuarantineCommand};
use crate::failure::Failure;
use crate::output;

use super::show::read;
use super::{Client, body, query};

pub(super) const QUARANTINE: &str = "/admin/v1/quarantine";
/// The mode of an exported message's file.
const OWNER_ONLY: u32 = 0o600;

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
        QuarantineCommand::Show { id } => show(&client.call(Method::GET, &path(id, ""), None).await?, json),
        QuarantineCommand::Export { id, out, force, reason } => {
            // Seen before the bytes leave the server, which is put on record.
            if let Some(file) = out.as_deref().filter(|file| !force && file.exists()) {
                return Err(there_already(file));
            }
            let intent = Intent { dry_run: false, reason: reason.clone() };
            let reason = intent.reason.is_some().then(|| body(&intent, []));
            let reply = client.fetch(Method::GET, &path(id, "/message"), reason).await?;
            write(&reply.body, out.as_deref(), *force)
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
        let page = client.call(Method::GET, &format!("{QUARANTINE}?{filter}{after}"), None).await?;
        let entries = page.get("entries").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for value in entries {
            if json {
                output::json(value)?;
                continue;
            }
            let entry: Entry = read(value)?;
            let at = rfc3339::text(Timestamp::from_unix_millis(entry.at_unix_ms));
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
    let at = rfc3339::text(Timestamp::from_unix_millis(entry.at_unix_ms));
    let mut text = format!(
        "entry        {}\nparticipant  {}\nrefused      {at}, {} time{}\nproducer     {} by {}\nsize         {} bytes\n\
         rule         {}\n",
        entry.id,
        entry.ispb,
        entry.attempts,
        if entry.attempts == 1 { "" } else { "s" },
        entry.producer,
        entry.intake,
        entry.bytes,
        entry.rule
    );
    for finding in &entry.findings {
        text.push_str(&format!("finding      {finding}\n"));
    }
    Ok(output::text(&text)?)
}

/// The exact bytes, and nothing else.
fn write(bytes: &[u8], out: Option<&Path>, force: bool) -> Result<(), Failure> {
    match out {
        Some(file) => write_file(bytes, file, force).map_err(|error| {
            let is_there = error.kind() == ErrorKind::AlreadyExists;
            if is_there {
                there_already(file)
            } else {
                Failure::new(format_args!("{}: {error}", file.display()))
            }
        }),
        None => {
            let mut out = std::io::stdout().lock();
            out.write_all(bytes)?;
            Ok(out.flush()?)
        }
    }
}

/// A message is personal data: nobody but who asked for it reads the file, also when one with more rights was there.
fn write_file(bytes: &[u8], file: &Path, force: bool) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).mode(OWNER_ONLY);
    let mut out = if force {
        let out = options.create(true).truncate(true).open(file)?;
        if out.metadata()?.is_file() {
            out.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
        }
        out
    } else {
        options.create_new(true).open(file)?
    };
    out.write_all(bytes)?;
    out.flush()
}

fn there_already(file: &Path) -> Failure {
    Failure::new(format_args!("{}: is there already", file.display()))
        .next("--force writes over it, or name another file")
}

/// One after the other; the first that is refused ends it.
async fn each(client: &mut Client, args: &EntriesArgs, verb: &str, json: bool) -> Result<(), Failure> {
    let EntriesArgs { ids, intent } = args;
    for id in ids {
        let path = query(&path(id, verb), intent);
        let answer = client.call(Method::POST, &path, Some(body(intent, []))).await?;
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
