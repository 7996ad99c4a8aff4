//! Logs: one line an event on stderr, JSON in a pipe and readable on a terminal, written by a thread of its own.
//!
//! A slow or stuck reader of stderr never slows a request: the queue is bounded, and what does not fit is counted and
//! reported when there is room again. What must not be dropped belongs in the audit log.

use std::io::{self, IsTerminal as _, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use pix_stream_config::LogFormat;
use pix_stream_config::sections::Log;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::output;

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

/// Starts logging for this process.
///
/// # Errors
/// The level cannot be read, or logging was started before.
pub fn start(log: &Log) -> Result<Guard, Error> {
    let filter = EnvFilter::try_new(&log.level)?;
    let is_json = match log.format {
        LogFormat::Json => true,
        LogFormat::Human => false,
        LogFormat::Auto => !io::stderr().is_terminal(),
    };
    let (queue, guard) = start_writer(io::stderr(), if is_json { loss_as_json } else { loss_as_text })?;
    let lines = lines(is_json, queue);
    tracing_subscriber::registry().with(lines).with(filter).try_init().map_err(|_| Error::Twice)?;
    log_panics();
    Ok(guard)
}

/// Formats events. The span under way is in every line, so that the request id is.
fn lines(is_json: bool, queue: Queue) -> Box<dyn Layer<Registry> + Send + Sync> {
    let lines = tracing_subscriber::fmt::layer().with_writer(queue);
    if is_json {
        lines.json().flatten_event(true).with_span_list(false).boxed()
    } else {
        lines.with_ansi(output::stderr_has_color()).boxed()
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
}

#[derive(Debug)]
enum Item {
    Line(Vec<u8>),
    End,
}

fn loss_as_json(count: u64) -> String {
    format!("{{\"level\":\"WARN\",\"message\":\"log lines dropped\",\"count\":{count}}}\n")
}

fn loss_as_text(count: u64) -> String {
    format!("WARN log lines dropped count={count}\n")
}

fn start_writer(
    mut target: impl Write + Send + 'static,
    loss: fn(u64) -> String,
) -> Result<(Queue, Guard), Error> {
    let (lines, received) = sync_channel(QUEUE_LINES);
    let (end, ended) = sync_channel(1);
    let dropped = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&dropped);
    let writer = std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || {
            write_all(&received, &mut target, &counter, loss);
            // Nobody waits when the guard gave up.
            let _ = end.send(());
        })
        .map_err(Error::Thread)?;
    let queue = Queue { lines, dropped };
    Ok((queue.clone(), Guard { queue, ended, writer: Some(writer) }))
}

fn write_all(
    received: &Receiver<Item>,
    target: &mut impl Write,
    dropped: &AtomicU64,
    loss: fn(u64) -> String,
) {
    while let Ok(Item::Line(line)) = received.recv() {
        // A closed stderr is no reason to stop serving.
        let _ = target.write_all(&line);
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = target.write_all(loss(lost).as_bytes());
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
        match self.lines.try_send(Item::Line(line.to_vec())) {
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
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A target that is stuck until it is let go.
    struct Stuck(Receiver<()>, Memory);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_json_line_carries_fields_and_the_request_of_its_span() {
        let memory = Memory::default();
        let (queue, guard) = start_writer(memory.clone(), loss_as_json).unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines(true, queue)), || {
            tracing::info_span!("request", request_id = "abc")
                .in_scope(|| tracing::info!(status = 200, "answered"));
        });
        drop(guard);
        let line: serde_json::Value = serde_json::from_slice(&memory.0.lock().unwrap()).unwrap();
        assert_eq!((&line["message"], &line["level"]), (&"answered".into(), &"INFO".into()));
        assert_eq!((&line["status"], &line["span"]["request_id"]), (&200.into(), &"abc".into()));
    }

    #[test]
    fn dropping_the_guard_writes_what_is_queued() {
        let memory = Memory::default();
        let (queue, guard) = start_writer(memory.clone(), loss_as_json).unwrap();
        for _ in 0..1000 {
            (&queue).write_all(b"line\n").unwrap();
        }
        drop(guard);
        assert_eq!(memory.0.lock().unwrap().len(), 5_000);
    }

    #[test]
    fn a_stuck_reader_costs_lines_and_never_time() {
        let memory = Memory::default();
        let (let_go, held) = sync_channel(0);
        let (queue, guard) = start_writer(Stuck(held, memory.clone()), loss_as_json).unwrap();
        let surplus = 100;
        for _ in 0..QUEUE_LINES + surplus {
            (&queue).write_all(b"line\n").unwrap();
        }
        // One line at most is in the writer's hand; the others that did not fit are counted.
        let dropped = queue.dropped.load(Ordering::Relaxed);
        assert!((surplus as u64 - 1..=surplus as u64).contains(&dropped), "{dropped}");
        drop(let_go);
        drop(guard);
        let text = String::from_utf8(memory.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains(&format!("\"count\":{dropped}")), "the loss is reported");
    }
}
