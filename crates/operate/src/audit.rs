//! `pix-stream audit`: what the files of audit logs prove, with nothing but them.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Write};
use std::path::{Path, PathBuf};

use pix_stream_domain::audit::Message;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::Range;
use pix_stream_evidence::export::{Exporter, Period, Stored};
use pix_stream_evidence::files::{self, ChainFiles, Verified, VerifyError};
use pix_stream_evidence::journey::{Journey, Place};
use pix_stream_evidence::proof::{self, ProofError, Proved};
use pix_stream_evidence::report::{self, ChainReport, Walked};
use pix_stream_ports::anchors::Anchor;
use pix_stream_ports::clock::Clock as _;
use pix_stream_process::system::SystemClock;
use serde::Serialize;

use crate::args::{AuditArgs, AuditCommand, PeriodArgs};
use crate::failure::Failure;
use crate::out::Out;
use crate::output;
use crate::table::{List, count};

/// How much of a file is looked at to tell what it is.
const START: u64 = 64;

#[derive(Debug, Serialize)]
struct Whole {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    chain: Option<String>,
    files: usize,
    entries: u64,
    first: u64,
    last: u64,
    before: String,
    head: String,
    unfinished_bytes: u64,
}

#[derive(Debug, Serialize)]
struct WholeExport<'a> {
    ok: bool,
    export: &'a Path,
    #[serde(flatten)]
    proved: Proved,
}

#[derive(Debug, Serialize)]
struct BrokenAt<'a> {
    ok: bool,
    file: &'a Path,
    line: u64,
    entry: Option<u64>,
    reason: &'a str,
}

/// Runs the command.
///
/// # Errors
/// A chain does not hold, a file cannot be read, or a message is not known.
pub fn run(args: &AuditArgs) -> Result<(), Failure> {
    match &args.command {
        AuditCommand::Verify { paths, json } => verify(paths, *json),
        AuditCommand::Show { id, paths, json } => show(*id, paths, *json),
        AuditCommand::Export(args) => export(args),
    }
}

/// Everything that was named, also behind something that does not hold.
fn verify(paths: &[PathBuf], json: bool) -> Result<(), Failure> {
    let (exports, logs): (Vec<_>, Vec<_>) = paths.iter().cloned().partition(|path| is_export(path));
    let mut broken = Ok(());
    for path in &exports {
        broken = broken.and(verify_export(path, json));
    }
    if !logs.is_empty() {
        for chain in files::chains(&logs).map_err(unreadable)? {
            broken = broken.and(verify_chain(&chain, json));
        }
    }
    broken
}

fn is_export(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(START).read_to_end(&mut start));
    read.is_ok() && proof::is_export(&start)
}

fn verify_chain(chain: &ChainFiles, json: bool) -> Result<(), Failure> {
    let broken = match files::verify(&chain.paths) {
        Ok(verified) => return whole(chain, &verified, json),
        Err(VerifyError::Broken(broken)) => broken,
        Err(error @ (VerifyError::Nothing | VerifyError::Unreadable { .. })) => {
            return Err(unreadable(error));
        }
    };
    if json {
        let (line, entry) = (broken.line, broken.entry);
        output::json(&BrokenAt { ok: false, file: &broken.file, line, entry, reason: &broken.reason })?;
        return Err(Failure::silent());
    }
    let failure = Failure::new(format_args!("the chain is broken: {broken}"));
    Err(failure
        .next("keep the files as they are: everything before this entry holds, nothing after it is certain"))
}

fn whole(chain: &ChainFiles, verified: &Verified, json: bool) -> Result<(), Failure> {
    let Verified { files, entries, first, last, unfinished_bytes, .. } = *verified;
    let (before, head) = (verified.before.to_string(), verified.head.to_string());
    if json {
        let chain = chain.chain.map(|chain| chain.to_string());
        let whole = Whole { ok: true, chain, files, entries, first, last, before, head, unfinished_bytes };
        return Ok(output::json(&whole)?);
    }
    let name = chain.chain.map(|chain| format!(" {chain}")).unwrap_or_default();
    output::line(format_args!(
        "the chain{name} holds: {entries} entries ({first} to {last}) in {}",
        count(files as u64, "file")
    ))?;
    output::line(format_args!("head {head}"))?;
    if first > 1 {
        output::note(format_args!(
            "note: entries before {first} are not among these files; the one before it must have hash {before}"
        ));
    }
    if unfinished_bytes > 0 {
        output::note(format_args!(
            "note: {unfinished_bytes} bytes at the end are an entry under way, or one that a killed process left"
        ));
    }
    output::note(
        "note: the files alone do not show whether their end was cut off; compare the head with the anchor: \
         pix-stream admin --dir DIR audit head",
    );
    Ok(())
}

fn verify_export(path: &Path, json: bool) -> Result<(), Failure> {
    let checked = match File::open(path) {
        Ok(file) => proof::check(BufReader::new(file)),
        Err(error) => Err(ProofError::Unreadable(error)),
    };
    let proved = match checked {
        Ok(proved) => proved,
        Err(ProofError::Broken { line, reason }) if json => {
            output::json(&BrokenAt { ok: false, file: path, line, entry: None, reason: &reason })?;
            return Err(Failure::silent());
        }
        Err(error) => {
            return Err(Failure::new(format_args!("{}: {error}", path.display()))
                .next("ask for the export again; as it is, it proves nothing"));
        }
    };
    if json {
        return Ok(output::json(&WholeExport { ok: true, export: path, proved })?);
    }
    let of = proved.header.ispb.as_ref().map(|ispb| format!(" of {ispb}")).unwrap_or_default();
    let messages = count(proved.messages, "message");
    let (since, until) = (&proved.header.since, &proved.header.until);
    output::line(format_args!("{}: holds: {messages}{of}, {since} to {until}", path.display()))?;
    for section in &proved.sections {
        let end = &section.end;
        let covers = |is: bool| if is { "yes" } else { "no: the log had no more" };
        output::line(format_args!(
            "chain {}: entries {} to {}, from before the period: {}, beyond it: {}, head {}",
            end.section_end,
            end.first,
            end.last,
            covers(section.covers_since),
            covers(section.covers_until),
            end.head
        ))?;
    }
    Ok(())
}

fn show(id: ResourceId, paths: &[PathBuf], json: bool) -> Result<(), Failure> {
    let walked = report::walk_files(&chains(paths)?, id).map_err(unreadable)?;
    if json {
        output::json(&walked)?;
    } else if let Some(journey) = &walked.journey {
        list(journey, &walked).show()?;
    }
    if !walked.verified {
        let findings = walked.chains.iter().flat_map(|chain| &chain.findings);
        return Err(does_not_hold(findings));
    }
    match walked.journey {
        Some(_) => Ok(()),
        None => Err(Failure::new(format_args!("no entry names {id}")).next(
            "name the logs of all nodes, and those that were shipped or moved away; the message may be of another system",
        )),
    }
}

fn list(journey: &Journey, walked: &Walked) -> List {
    let at = |place: &Place| format!("{} (chain {}, entry {})", place.at, place.chain, place.entry);
    let mut list = List::default();
    list.put("message", &journey.resource_id);
    list.put("participant", &journey.ispb);
    list.put("sequence", journey.sequence);
    list.put("sha-256", journey.sha256.as_deref().unwrap_or("not known"));
    for publishing in &journey.published {
        let again = if publishing.repeat { ", a repeat" } else { "" };
        let (at, who) = (at(&publishing.place), &publishing.publisher);
        list.put("published", format_args!("{at} by {who}{again}"));
    }
    for carried in &journey.carried {
        let how = match (carried.session, carried.replay) {
            (Some(session), _) => format!(" in replay session {session}"),
            (None, true) => ", a repeated answer".to_owned(),
            (None, false) => String::new(),
        };
        list.put("delivered", format_args!("{}{how}, token {}", at(&carried.place), carried.token_sha256));
    }
    for confirmed in &journey.confirmed {
        let (at, by) = (at(&confirmed.place), confirmed.by);
        list.put("confirmed", format_args!("{at} by {by}, token {}", confirmed.token_sha256));
    }
    for returned in &journey.returned {
        list.put("returned", format_args!("{}, token {}", at(&returned.place), returned.token_sha256));
    }
    for moved in &journey.moved {
        let (at, who) = (at(&moved.place), &moved.actor);
        list.put("moved", format_args!("{at} by {who}: {} {}", moved.command, moved.detail));
    }
    if journey.unread_entries > 0 {
        list.put("left out", format_args!("{} of newer builds", count(journey.unread_entries, "entry")));
    }
    for ChainReport { chain, holds, entries, .. } in &walked.chains {
        let verdict = if *holds { "holds" } else { "does not hold" };
        list.put("chain", format_args!("{chain} {verdict}, {entries} entries read"));
    }
    list
}

/// Nothing is left of a file when a chain does not hold.
fn export(args: &PeriodArgs) -> Result<(), Failure> {
    let now = SystemClock.now();
    let (since, until) = (args.since.at(now), args.until.at(now));
    if since >= until {
        return Err(Failure::usage("--until is not after --since; a bare 2h means two hours ago"));
    }
    let chains = chains(&args.paths)?;
    let period = Period { since, until, ispb: args.ispb, sequences: Range::EMPTY };
    let out = Writer(Out::open(args.out.as_deref(), args.force)?);
    // The files know nothing of what the Journal has.
    let mut exporter = Exporter::begin(out, period, now, |_: Ispb, _: &Message| None::<Stored>)?;
    for chain in &chains {
        exporter.begin_chain(&report::label(&chain.0))?;
        let mut written = Ok(());
        let reports = report::read_files(std::slice::from_ref(chain), None, |_, line| {
            if written.is_ok() {
                written = exporter.see(line);
            }
        });
        let reports = reports.map_err(unreadable)?;
        written?;
        if !reports.iter().all(|report| report.holds) {
            return Err(does_not_hold(reports.iter().flat_map(|report| &report.findings)));
        }
        exporter.end_chain(None)?;
    }
    let (out, end) = exporter.finish()?;
    out.0.finish()?;
    let (messages, entries) = (count(end.messages, "message"), end.entries);
    output::note(format_args!("{messages}, {entries} entries of {}", count(chains.len() as u64, "chain")));
    Ok(())
}

/// [`Out`] for those who write.
struct Writer(Out);

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.put(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The chains that were named; their anchors are in the Journal, which is not here.
fn chains(paths: &[PathBuf]) -> Result<Vec<(ChainFiles, Vec<Anchor>)>, Failure> {
    let chains = files::chains(paths).map_err(unreadable)?;
    Ok(chains.into_iter().map(|chain| (chain, Vec::new())).collect())
}

fn does_not_hold<'a>(findings: impl Iterator<Item = &'a String>) -> Failure {
    let findings: String = findings.map(|finding| format!("\n  {finding}")).collect();
    Failure::new(format_args!("the audit chain does not hold:{findings}"))
        .next("keep the files as they are: everything before the first broken entry holds")
}

fn unreadable(error: VerifyError) -> Failure {
    match error {
        VerifyError::Nothing => {
            Failure::new(error).next("name the files, or their folder, such as DIR/data/audit")
        }
        VerifyError::Broken(_) | VerifyError::Unreadable { .. } => Failure::new(error),
    }
}
