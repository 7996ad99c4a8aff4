//! Audit records on their way to the log: queued by requests, written in batches by one worker.
//!
//! The queue is bounded and blocks: a request waits rather than go unrecorded.

use std::sync::Weak;
use std::time::Duration;

use pix_stream_domain::audit::Record;
use pix_stream_ports::Ports;
use pix_stream_ports::audit_log::AuditLog as _;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

use crate::core::Core;
use crate::error::Error;
use crate::metrics::AUDIT_QUEUE;
use crate::store::{READ_DEADLINE, RETRY_AFTER, WRITE_DEADLINE};

/// Records that are written in one go.
const BATCH_MAX: usize = 512;
/// How long records gather before they are written: a write and its wake-ups cost a read more than all the rest of
/// its audit (docs/PERFORMANCE.md).
const GATHER: Duration = Duration::from_millis(5);
/// How often what was written is brought to the disk.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// Between attempts to write to a log that fails.
const RETRY_EVERY: Duration = Duration::from_millis(500);

/// The way to the worker.
#[derive(Debug)]
pub(crate) struct Audit {
    queue: mpsc::Sender<Entry>,
    fault: std::sync::Arc<std::sync::Mutex<Option<String>>>,
}

/// What the worker is given.
#[derive(Debug)]
pub(crate) enum Entry {
    Record(Record),
    Flush(oneshot::Sender<()>),
}

impl Audit {
    /// The way, and the queue that [`run`] serves.
    pub(crate) fn new(queue_max: usize) -> (Self, mpsc::Receiver<Entry>) {
        let (queue, entries) = mpsc::channel(queue_max.max(1));
        (Self { queue, fault: std::sync::Arc::default() }, entries)
    }

    /// Waits until a record could be queued: asked before anything moves, so that a log that cannot be written
    /// refuses requests instead of holding them.
    pub(crate) async fn wait_for_room(&self) -> Result<(), Error> {
        if self.queue.capacity() > 0 {
            return Ok(());
        }
        match timeout(READ_DEADLINE, self.queue.reserve()).await {
            Ok(Ok(_room)) => Ok(()),
            Ok(Err(_)) | Err(_) => {
                let cause = "the audit queue is full".to_owned();
                Err(Error::Unavailable { retry_after: RETRY_AFTER, cause })
            }
        }
    }

    /// Queues a record. When the queue is full it waits, but no longer than a store may take: what the record tells
    /// of has happened, so its caller is answered, and the record goes on waiting by itself. How many may is bounded
    /// by [`Self::wait_for_room`], which refuses before anything happens.
    pub(crate) async fn record(&self, record: Record) {
        let Err(TrySendError::Full(entry)) = self.queue.try_send(Entry::Record(record)) else { return };
        let queue = self.queue.clone();
        let sending = tokio::spawn(async move { queue.send(entry).await.is_ok() });
        let _sent_later = timeout(READ_DEADLINE, sending).await;
    }

    /// Waits until everything queued so far is on the disk, but not for a log that cannot be written.
    pub(crate) async fn flush(&self) -> Result<(), Error> {
        let (done, flushed) = oneshot::channel();
        let flushing = async { self.queue.send(Entry::Flush(done)).await.is_ok() && flushed.await.is_ok() };
        match timeout(WRITE_DEADLINE, flushing).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                Err(Error::Internal("the audit worker ended before it had written everything".to_owned()))
            }
            Err(_) => {
                let cause = self.fault().unwrap_or_else(|| "the audit log is too slow".to_owned());
                Err(Error::Unavailable { retry_after: RETRY_AFTER, cause })
            }
        }
    }

    /// What keeps the log from being written, if anything does.
    pub(crate) fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    fn note_fault(&self, fault: Option<String>) {
        *self.fault.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = fault;
    }
}

/// Writes what is queued until the core is gone.
pub(crate) async fn run<P: Ports>(core: Weak<Core<P>>, mut entries: mpsc::Receiver<Entry>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    let mut synced = Instant::now();
    while entries.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let is_urgent = batch.iter().any(|entry| matches!(entry, Entry::Flush(_)));
        if !is_urgent && batch.len() < BATCH_MAX {
            sleep(GATHER).await;
            while batch.len() < BATCH_MAX
                && let Ok(entry) = entries.try_recv()
            {
                batch.push(entry);
            }
        }
        let (mut records, mut flushes) = (Vec::new(), Vec::new());
        for entry in batch.drain(..) {
            match entry {
                Entry::Record(record) => records.push(record),
                Entry::Flush(done) => flushes.push(done),
            }
        }
        if !records.is_empty() && !write(&core, records).await {
            return;
        }
        let Some(core) = core.upgrade() else { return };
        metrics::gauge!(AUDIT_QUEUE).set(core.audit.waiting() as f64);
        if !flushes.is_empty() || synced.elapsed() >= SYNC_EVERY {
            if let Err(error) = core.ports.audit_log().sync().await {
                tracing::error!(%error, "the audit log cannot be brought to the disk");
            }
            synced = Instant::now();
        }
        for done in flushes {
            let _stopped_waiting = done.send(());
        }
    }
}

/// Writes records, for as long as it takes. `false` when the core is gone.
async fn write<P: Ports>(core: &Weak<Core<P>>, records: Vec<Record>) -> bool {
    loop {
        let Some(core) = core.upgrade() else { return false };
        match core.ports.audit_log().append(records.clone()).await {
            Ok(()) => {
                core.audit.note_fault(None);
                return true;
            }
            Err(error) => {
                tracing::error!(%error, "the audit log cannot be written; requests wait when its queue is full");
                core.audit.note_fault(Some(error.to_string()));
            }
        }
        drop(core);
        sleep(RETRY_EVERY).await;
    }
}
