//! `pix-stream publish`: files, or made-up messages, with one line for each that is durable.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use pix_stream_client::find_message_id;
use pix_stream_domain::ispb::Ispb;

use serde::Serialize;
use tokio::time::{Instant, sleep_until};

use crate::cli::PublishArgs;
use crate::failure::Failure;
use crate::generate::Generator;
use crate::output;
use crate::publishing::{Done, Piece, Plan, Publishing, Source};
use crate::shutdown::Shutdown;
use crate::system::SystemEntropy;
use crate::target::{self, Caller};

use super::serve::runtime;

/// Requests under way at a time when the order does not matter.
const WORKERS: usize = 4;
/// How long an end waits for requests under way, so that what they stored is printed.
const END_GRACE: Duration = Duration::from_secs(2);
/// From when on progress is shown, and how often.
const PROGRESS_AFTER: Duration = Duration::from_secs(2);
const PROGRESS_EVERY: Duration = Duration::from_millis(200);
/// A seed of its own choice stays short enough to be typed again.
const SEED_LIMIT: u64 = 1_000_000_000;

#[derive(Serialize)]
struct Line<'a> {
    ispb: &'a str,
    message_id: Option<&'a str>,
    resource_id: String,
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
    };
    let total = args.source.generate.unwrap_or(args.source.files.len() as u64);
    let printer = Printer { ispb: args.ispb, json: args.json, total, published: 0 };
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
    let began = Instant::now();
    let mut draining = shutdown.draining();
    let mut progress = Progress::new(began);
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
            () = sleep_until(progress.next) => progress.show(&printer),
        }
    }
    progress.clear();
    match end {
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
}

impl Printer {
    fn print(&mut self, done: &[Done]) -> std::io::Result<()> {
        use std::fmt::Write as _;
        let mut text = String::new();
        for one in done {
            let (message_id, resource_id) = (one.message_id.as_deref(), one.resource_id.to_string());
            if self.json {
                text.push_str(&serde_json::to_string(&Line {
                    ispb: self.ispb.as_str(),
                    message_id,
                    resource_id,
                })?);
                text.push('\n');
            } else {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{} {} {resource_id}", self.ispb, message_id.unwrap_or("-"));
            }
        }
        self.published += done.len() as u64;
        output::text(&text)
    }
}

/// A line that moves, on a terminal that nothing else is written to.
struct Progress {
    is_wanted: bool,
    began: Instant,
    next: Instant,
    is_shown: bool,
}

impl Progress {
    fn new(began: Instant) -> Self {
        let is_wanted = output::stderr_is_terminal() && !std::io::stdout().is_terminal();
        // Far enough to never come.
        let first = if is_wanted { PROGRESS_AFTER } else { Duration::from_secs(30 * 86_400) };
        Self { is_wanted, began, next: began + first, is_shown: false }
    }

    fn show(&mut self, printer: &Printer) {
        let now = Instant::now();
        self.next = now + PROGRESS_EVERY;
        let millis = u64::try_from((now - self.began).as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = printer.published.saturating_mul(1_000) / millis;
        output::live(format_args!("published {} of {} ({rate}/s)", printer.published, printer.total));
        self.is_shown = true;
    }

    fn clear(&self) {
        if self.is_wanted && self.is_shown {
            output::live("");
        }
    }
}
