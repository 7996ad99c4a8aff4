//! Many files judged at once: every core takes the next file, verdicts come out in the order of the files.
//!
//! What a verdict looks like on a terminal is `commands::validate`'s.

use std::collections::VecDeque;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};

use pix_stream_adapter_xml::{Limits, XmlCodec};
use pix_stream_ports::codec::{Codec as _, Invalid};

use crate::folder::read_up_to;

/// Files that may be ahead of the one whose verdict is due: this many verdicts are held at most.
const AHEAD: usize = 1_024;

/// What became of one file.
#[derive(Debug)]
pub enum Verdict {
    /// It is a valid message of this type.
    Valid(String),
    /// It is not.
    Invalid(Invalid),
    /// It could not be read.
    Unreadable(std::io::Error),
}

/// A file that waits, and where its verdict goes.
type Job = (PathBuf, mpsc::SyncSender<(PathBuf, Verdict)>);

/// Judges files until they end, `stop` is set, or `show` fails.
///
/// # Errors
/// What `show` says.
pub fn run<E>(
    codec: &XmlCodec,
    files: impl IntoIterator<Item = PathBuf>,
    stop: &AtomicBool,
    mut show: impl FnMut(&Path, Verdict) -> Result<(), E>,
) -> Result<(), E> {
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
    let (jobs, queue) = mpsc::channel::<Job>();
    let queue = Mutex::new(queue);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| work(codec, &queue, stop));
        }
        // Moved here, so that every way out of the scope ends the workers.
        let jobs = jobs;
        let mut due = VecDeque::new();
        let mut next = |due: &mut VecDeque<mpsc::Receiver<(PathBuf, Verdict)>>| {
            // Nothing comes from a worker that was stopped.
            let verdict = due.pop_front().and_then(|verdict| verdict.recv().ok());
            let shown = verdict.map_or(Ok(()), |(file, verdict)| show(&file, verdict));
            // What the workers have not begun, they leave.
            shown.inspect_err(|_| stop.store(true, Ordering::Relaxed))
        };
        for file in files {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            if due.len() == AHEAD {
                next(&mut due)?;
            }
            let (answer, verdict) = mpsc::sync_channel(1);
            // The workers hold the other end until this scope is left.
            let _ = jobs.send((file, answer));
            due.push_back(verdict);
        }
        while !due.is_empty() && !stop.load(Ordering::Relaxed) {
            next(&mut due)?;
        }
        Ok(())
    })
}

fn work(codec: &XmlCodec, queue: &Mutex<mpsc::Receiver<Job>>, stop: &AtomicBool) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((file, answer)) = job else { return };
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let verdict = judge(codec, &file);
        // Nobody waits any more when the verdicts before it could not be shown.
        let _ = answer.send((file, verdict));
    }
}

/// Refuses what would be waited for, such as a FIFO, but for what the caller handed over open.
fn check_regular(file: &Path) -> std::io::Result<()> {
    let is_open = file == Path::new("/dev/stdin") || file.starts_with("/dev/fd");
    if is_open || std::fs::metadata(file)?.is_file() {
        return Ok(());
    }
    Err(std::io::Error::other("is not a regular file"))
}

fn judge(codec: &XmlCodec, file: &Path) -> Verdict {
    // One byte over the limit is enough to be refused for it.
    let bytes_max = u64::try_from(Limits::default().message_bytes).unwrap_or(u64::MAX).saturating_add(1);
    match check_regular(file).and_then(|()| read_up_to(file, bytes_max)) {
        Err(error) => Verdict::Unreadable(error),
        Ok(xml) => match codec.examine(&xml, None) {
            Ok(examined) => Verdict::Valid(examined.message_type),
            Err(invalid) => Verdict::Invalid(invalid),
        },
    }
}
