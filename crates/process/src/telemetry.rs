//! Logs: one line an event on stderr, JSON in a pipe and readable on a terminal, written by a thread of its own.
//!
//! A slow or stuck reader of stderr never slows a request: the queue is bounded, and what does not fit is counted and
//! reported when there is room again. What must not be dropped belongs in the audit log.
//!
//! A line that is written while a request is worked for carries that request's trace and span id (see
//! `pix-stream-telemetry`). What is logged can be changed for a while, by [`Filter`].

mod filter;

use std::io::{self, IsTerminal as _, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use pix_stream_config::LogFormat;
use pix_stream_config::sections::Log;
use pix_stream_telemetry::{SpanId, TraceId};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::output;

pub use filter::{Filter, FilterState, SetError};

/// Most log lines that wait to be written.
const QUEUE_LINES: usize = 8_192;
/// How long the end of the process waits for the last lines.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Why logging could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The level is not one.
    #[error("log.level: {0}")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    /// No thread could be started.
    #[error("cannot start the log's writer: {0}")]
    Thread(#[source] io::Error),
    /// Logging was started before.
    #[error("logging was started before")]
    Twice,
}

/// Keeps the log's writer alive. Dropping it writes what is still queued, waiting at most a second.
#[derive(Debug)]
#[must_use = "dropping the guard ends the log"]
pub struct Guard {
    queue: Queue,
    ended: Receiver<()>,
    writer: Option<JoinHandle<()>>,
}

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Text,
}

/// Starts logging for this process; with the guard comes what changes the level later.
///
/// # Errors
/// The level cannot be read, or logging was started before.
pub fn start(log: &Log) -> Result<(Guard, Filter), Error> {
    let filter = EnvFilter::try_new(&log.level)?;
    let form = match log.format {
        LogFormat::Json => Form::Json,
        LogFormat::Human => Form::Text,
        LogFormat::Auto if io::stderr().is_terminal() => Form::Text,
        LogFormat::Auto => Form::Json,
    };
    let (queue, guard) = start_writer(io::stderr(), form)?;
    let (filter, handle) = reload::Layer::new(filter);
    tracing_subscriber::registry()
        .with(lines(form, queue))
        .with(filter)
        .try_init()
        .map_err(|_| Error::Twice)?;
    log_panics();
    Ok((guard, Filter::new(&log.level, move |filter| handle.reload(filter))))
}

/// Formats events. The span under way is in every line.
fn lines(form: Form, queue: Queue) -> Box<dyn Layer<Registry> + Send + Sync> {
    let lines = tracing_subscriber::fmt::layer().with_writer(queue);
    match form {
        Form::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
        Form::Text => lines.with_ansi(output::stderr_has_color()).boxed(),
    }
}

/// A panic is a defect of ours: it becomes a log line like any other, with its place and without its message, which
/// can quote what was being worked on (slicing a text does).
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
    }));
}

/// Where lines are queued. Cheap to clone.
#[derive(Debug, Clone)]
struct Queue {
    lines: SyncSender<Item>,
    dropped: Arc<AtomicU64>,
    form: Form,
}

#[derive(Debug)]
enum Item {
    Line(Vec<u8>),
    End,
}

impl Form {
    /// The line that tells of lines that were dropped.
    fn loss(self, count: u64) -> String {
        match self {
            Self::Json => {
                format!("{{\"level\":\"WARN\",\"message\":\"log lines dropped\",\"count\":{count}}}\n")
            }
            Self::Text => format!("WARN log lines dropped count={count}\n"),
        }
    }

    /// A line with the ids of the request that it was written for, if there is one.
    fn with_ids(self, line: &[u8]) -> Vec<u8> {
        let (end, form): (&[u8], _) = match self {
            Self::Json => (b"}\n", ids_as_json as fn(TraceId, SpanId) -> String),
            Self::Text => (b"\n", ids_as_text as fn(TraceId, SpanId) -> String),
        };
        let ids = pix_stream_telemetry::ids_of_current();
        match (ids, line.strip_suffix(end)) {
            (Some((trace, span)), Some(body)) => [body, form(trace, span).as_bytes(), end].concat(),
            (Some(_) | None, _) => line.to_vec(),
        }
    }
}

fn ids_as_json(trace: TraceId, span: SpanId) -> String {
    format!(",\"trace_id\":\"{trace}\",\"span_id\":\"{span}\"")
}

fn ids_as_text(trace: TraceId, span: SpanId) -> String {
    format!(" trace_id={trace} span_id={span}")
}

fn start_writer(mut target: impl Write + Send + 'static, form: Form) -> Result<(Queue, Guard), Error> {
    let (lines, received) = sync_channel(QUEUE_LINES);
    let (end, ended) = sync_channel(1);
    let dropped = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&dropped);
    let writer = std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || {
            write_all(&received, &mut target, &counter, form);
            // Nobody waits when the guard gave up.
            let _ = end.send(());
        })
        .map_err(Error::Thread)?;
    let queue = Queue { lines, dropped, form };
    Ok((queue.clone(), Guard { queue, ended, writer: Some(writer) }))
}

fn write_all(received: &Receiver<Item>, target: &mut impl Write, dropped: &AtomicU64, form: Form) {
    while let Ok(Item::Line(line)) = received.recv() {
        // A closed stderr is no reason to stop serving.
        let _ = target.write_all(&line);
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = target.write_all(form.loss(lost).as_bytes());
        }
    }
    let _ = target.flush();
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Err(TrySendError::Full(end)) = self.queue.lines.try_send(Item::End) {
            // Behind a stuck reader there is never room: the thread that waits for it ends with the process.
            let lines = self.queue.lines.clone();
            std::thread::spawn(move || lines.send(end));
        }
        match self.ended.recv_timeout(FLUSH_TIMEOUT) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                if let Some(writer) = self.writer.take() {
                    let _ = writer.join();
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// The formatter writes each event as one piece.
impl Write for &Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.lines.try_send(Item::Line(self.form.with_ids(line))) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
