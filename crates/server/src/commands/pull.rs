//! `pix-stream pull`: the reference consumer. A message is stored, or at least printed, before it is confirmed.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pix_stream_client::{
    Consumer, Event, FileSink, MemorySink, Message, Options, Outcome, PullNext, Sink, SinkError, Stop,
    Summary,
};
use serde::Serialize;

use crate::cli::PullArgs;
use crate::failure::Failure;
use crate::shutdown::Shutdown;
use crate::target::{self, Caller};
use crate::{advice, output};

use super::serve::runtime;

/// Messages that a run without `--save` recognises when they come again.
const REMEMBERED: usize = 100_000;
/// A wait from this length on is told about: shorter ones are nobody's concern.
const NOTABLE_WAIT: Duration = Duration::from_millis(900);

#[derive(Serialize)]
struct Line<'a> {
    resource_id: String,
    message_id: Option<&'a str>,
    bytes: usize,
}

/// Runs the command.
///
/// # Errors
/// The server cannot be found or refuses, or a message cannot be stored; nothing unstored was confirmed.
pub fn run(args: &PullArgs) -> Result<(), Failure> {
    let reached = target::find(&args.target, Caller::Participant(args.ispb))?;
    runtime()?.block_on(async {
        let shutdown = Shutdown::listen().map_err(Failure::new)?;
        if !args.end.follow {
            target::check_reachable(&reached).await?;
        }
        let consumer = Consumer::new(reached.endpoint, args.ispb, options(args));
        match &args.save {
            None => consume(consumer, MemorySink::new(REMEMBERED), args.json, &shutdown).await,
            Some(folder) => consume(consumer, open(folder).await?, args.json, &shutdown).await,
        }
    })
}

fn options(args: &PullArgs) -> Options {
    let stop = match args.end.count {
        Some(count) => Stop::Count(count),
        None if args.end.follow => Stop::Forever,
        None => Stop::FirstEmpty,
    };
    let mut options = Options::new(stop);
    options.streams = args.form.streams;
    options.multipart = !args.form.single;
    options.gzip = !args.form.no_gzip;
    options
}

async fn open(folder: &Path) -> Result<FileSink, Failure> {
    FileSink::open(folder).await.map_err(|error| {
        Failure::new(error).next("name a folder that can be written and that no other `pull` uses")
    })
}

async fn consume<S: Sink + 'static>(
    consumer: Consumer,
    store: S,
    json: bool,
    shutdown: &Shutdown,
) -> Result<(), Failure> {
    let sink = Arc::new(Printing { store, json, broken: Mutex::new(None) });
    let mut draining = shutdown.draining();
    let told = async move { draining.begun().await };
    let result = consumer.run(Arc::clone(&sink), Arc::new(tell), told).await;
    let broken = sink.broken.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(error) = broken {
        return Err(error.into());
    }
    let summary = result.map_err(|error| advice::failure(&error))?;
    output::note(sum(&summary));
    Ok(())
}

fn sum(summary: &Summary) -> String {
    let Summary { new, duplicates, confirmed, abandoned, .. } = *summary;
    let mut text = format!("{new} message{}, {confirmed} confirmed", if new == 1 { "" } else { "s" });
    if duplicates > 0 {
        text.push_str(&format!(", {duplicates} known already"));
    }
    if abandoned > 0 {
        text.push_str(&format!(
            "; {abandoned} stream{} could not be closed in time: the last batch may come again",
            if abandoned == 1 { "" } else { "s" }
        ));
    }
    text
}

/// Tells about what makes a person wonder why nothing happens.
fn tell(event: &Event<'_>) {
    match event {
        Event::Retrying { stream, why, after } if *after >= NOTABLE_WAIT => {
            output::note(format_args!("stream {stream}: {why}; again in {:.1} s", after.as_secs_f64()));
        }
        Event::Restarted { stream, why } => {
            output::note(format_args!("stream {stream}: opened anew, since {why}"));
        }
        Event::Retrying { .. }
        | Event::Opened { .. }
        | Event::BatchStored { .. }
        | Event::Empty { .. }
        | Event::Confirmed { .. }
        | Event::Closed { .. }
        | Event::Abandoned { .. } => {}
    }
}

/// Prints what a store has taken, before the server may know: whoever reads the lines loses nothing either.
struct Printing<S> {
    store: S,
    json: bool,
    /// Why nothing can be printed any more.
    broken: Mutex<Option<io::Error>>,
}

impl<S: Sink> Printing<S> {
    fn print(&self, batch: &[Message], outcomes: &[Outcome]) -> io::Result<()> {
        use std::fmt::Write as _;
        let mut text = String::new();
        for (message, _) in batch.iter().zip(outcomes).filter(|(_, outcome)| **outcome == Outcome::New) {
            let (resource_id, message_id) = (message.resource_id.to_string(), message.message_id.as_deref());
            let bytes = message.bytes.len();
            if self.json {
                text.push_str(&serde_json::to_string(&Line { resource_id, message_id, bytes })?);
                text.push('\n');
            } else {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{resource_id} {} {bytes} bytes", message_id.unwrap_or("-"));
            }
        }
        output::text(&text)
    }
}

impl<S: Sink> Sink for Printing<S> {
    async fn store_batch(&self, batch: &[Message]) -> Result<Vec<Outcome>, SinkError> {
        let outcomes = self.store.store_batch(batch).await?;
        self.print(batch, &outcomes).map_err(|error| {
            let told = SinkError::Other(error.to_string());
            self.broken.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            told
        })?;
        Ok(outcomes)
    }

    async fn save_next(&self, stream: u8, next: Option<&PullNext>) -> Result<(), SinkError> {
        self.store.save_next(stream, next).await
    }

    async fn find_next(&self, stream: u8) -> Result<Option<PullNext>, SinkError> {
        self.store.find_next(stream).await
    }
}
