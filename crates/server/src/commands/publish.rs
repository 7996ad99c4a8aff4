//! `pix-stream publish`: files, or made-up messages, with one line for each that is durable.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use pix_stream_client::{Taken, find_message_id};
use pix_stream_development::generate::Generator;
use pix_stream_domain::ispb::Ispb;

use serde::Serialize;
use tokio::time::{Instant, sleep_until};

use crate::cli::PublishArgs;
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::publishing::{Done, Outcome, Piece, Plan, Publishing, Source};
use crate::shutdown::Shutdown;
use crate::system::SystemEntropy;
use crate::target::{self, Caller};

use super::serve::runtime;

/// Requests under way at a time when the order does not matter.
const WORKERS: usize = 4;
/// How long an end waits for requests under way, so that what they stored is printed.
const END_GRACE: Duration = Duration::from_secs(2);
/// A seed of its own choice stays short enough to be typed again.
const SEED_LIMIT: u64 = 1_000_000_000;

#[derive(Serialize)]
struct Line<'a> {
    ispb: &'a str,
    message_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantine_id: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// The server cannot be found, a message is refused (by name, with the server's reason), or an interrupt.
pub fn run(args: &PublishArgs) -> Result<(), Failure> {
    let source = source(args)?;
    let reached = target::find(&args.target, Caller::Producer)?;
    let is_ordered = args.source.generate.is_none();
    let plan = Plan {
        endpoint: reached.endpoint.clone(),
        ispb: args.ispb,
        rate: args.rate,
        workers: if is_ordered { 1 } else { WORKERS },
        quarantine: args.quarantine,
    };
    let total = args.source.generate.unwrap_or(args.source.files.len() as u64);
    let printer =
        Printer { ispb: args.ispb, json: args.json, total, published: 0, quarantined: 0, refused: 0 };
    runtime()?.block_on(async {
        let shutdown = Shutdown::listen().map_err(Failure::new)?;
        target::check_reachable(&reached).await?;
        publish(Publishing::start(&plan, source), printer, &shutdown).await
    })
}

async fn publish(
    mut publishing: Publishing,
    mut printer: Printer,
    shutdown: &Shutdown,
) -> Result<(), Failure> {
    let mut draining = shutdown.draining();
    let mut progress = Progress::new();
    let mut end: Option<(Failure, Instant)> = None;
    loop {
        let deadline = end.as_ref().map(|(_, at)| *at);
        tokio::select! {
            result = publishing.next() => match result {
                None => break,
                Some(Ok(done)) => printer.print(&done)?,
                Some(Err(failure)) => {
                    publishing.stop();
                    end.get_or_insert_with(|| (failure, Instant::now() + END_GRACE));
                }
            },
            () = draining.begun(), if end.is_none() => {
                publishing.stop();
                end = Some((Failure::interrupted(), Instant::now() + END_GRACE));
            }
            () = at(deadline) => break,
            () = sleep_until(progress.next) => printer.show(&mut progress),
        }
    }
    progress.clear();
    if printer.quarantined > 0 {
        output::note(format_args!(
            "{} of {} messages went into quarantine",
            printer.quarantined, printer.total
        ));
    }
    if printer.refused > 0 {
        output::note(format_args!(
            "{} of {} messages were neither published nor put into quarantine",
            printer.refused, printer.total
        ));
    }
    match end {
        None if printer.refused > 0 => Err(Failure::silent()),
        None => Ok(()),
        Some((failure, _)) => {
            output::note(format_args!("{} of {} messages were published", printer.published, printer.total));
            Err(failure)
        }
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn source(args: &PublishArgs) -> Result<Source, Failure> {
    let Some(count) = args.source.generate else {
        // All are looked at first: a misspelt name should not be found after half of them are published.
        for file in &args.source.files {
            std::fs::metadata(file).map_err(|error| unreadable(file, &error))?;
        }
        let mut files = args.source.files.clone().into_iter();
        return Ok(Box::new(move || files.next().map(|file| read(&file))));
    };
    let seed = args.source.seed.unwrap_or_else(|| {
        let seed = SystemEntropy::new().number() % SEED_LIMIT;
        output::note(format_args!("seed {seed}: --seed {seed} makes the same messages"));
        seed
    });
    let generator = Generator::new(&args.source.message_type, args.ispb, seed).map_err(Failure::usage)?;
    let mut messages = generator.zip(1..=count);
    Ok(Box::new(move || {
        messages.next().map(|(message, number)| {
            let label = format!("message {number} ({})", message.message_id);
            Ok(Piece { label, message_id: Some(message.message_id), bytes: message.bytes })
        })
    }))
}

fn read(file: &PathBuf) -> Result<Piece, Failure> {
    let bytes: Bytes = std::fs::read(file).map_err(|error| unreadable(file, &error))?.into();
    Ok(Piece { label: file.display().to_string(), message_id: find_message_id(&bytes), bytes })
}

fn unreadable(file: &std::path::Path, error: &std::io::Error) -> Failure {
    Failure::new(format_args!("{}: {error}", file.display()))
}

/// Writes a line a message.
struct Printer {
    ispb: Ispb,
    json: bool,
    total: u64,
    published: u64,
    quarantined: u64,
    refused: u64,
}

impl Printer {
    fn show(&self, progress: &mut Progress) {
        let (done, total) = (self.published + self.quarantined + self.refused, self.total);
        let rate = progress.rate(done);
        progress.show(format_args!("published {done} of {total} ({rate}/s)"));
    }

    fn print(&mut self, done: &[Done]) -> std::io::Result<()> {
        use std::fmt::Write as _;
        let mut text = String::new();
        for one in done {
            let (ispb, message_id) = (self.ispb.as_str(), one.message_id.as_deref());
            let (kept, id) = match &one.outcome {
                Outcome::Taken(Taken::Published(id)) => {
                    self.published += 1;
                    ("", id.to_string())
                }
                Outcome::Taken(Taken::Quarantined(id)) => {
                    self.quarantined += 1;
                    ("quarantined ", id.to_string())
                }
                Outcome::Refused(failure) => {
                    self.refused += 1;
                    output::error(&failure.message);
                    continue;
                }
            };
            if self.quarantined == 1 && !kept.is_empty() {
                output::hint(format_args!("see why: pix-stream admin --dir DIR quarantine show {id}"));
            }
            if self.json {
                let [resource_id, quarantine_id] =
                    if kept.is_empty() { [Some(id), None] } else { [None, Some(id)] };
                text.push_str(&serde_json::to_string(&Line {
                    ispb,
                    message_id,
                    resource_id,
                    quarantine_id,
                })?);
                text.push('\n');
            } else {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{ispb} {} {kept}{id}", message_id.unwrap_or("-"));
            }
        }
        output::text(&text)
    }
}
