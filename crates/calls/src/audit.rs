//! Audit records on their way to the log: queued by requests, written in batches by one worker.
//!
//! The queue is bounded and blocks: a request waits rather than go unrecorded. What is on the disk is anchored in the
//! Journal's store every few seconds, so that a log whose end was cut off is known for it.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use pix_stream_domain::audit::{Head, Record};
use pix_stream_ports::Ports;
use pix_stream_ports::anchors::{Anchor, Anchors as _};
use pix_stream_ports::audit_log::AuditLog as _;
use pix_stream_ports::clock::Clock as _;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::error::Error;
use crate::metrics::AUDIT_QUEUE;
use crate::store::{ANCHORS_SAVE, READ_DEADLINE, RETRY_AFTER, WRITE_DEADLINE};

/// Records that are written in one go.
const BATCH_MAX: usize = 512;
/// How long records gather before they are written: a write and its wake-ups cost a read more than all the rest of
/// its audit (docs/PERFORMANCE.md).
const GATHER: Duration = Duration::from_millis(5);
/// How often what was written is brought to the disk.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// How often what is on the disk is anchored: what is cut off the end shows from then on.
const ANCHOR_EVERY: Duration = Duration::from_secs(10);
/// Between attempts to write to a log that fails.
const RETRY_EVERY: Duration = Duration::from_millis(500);

/// The way to the worker.
#[derive(Debug)]
pub struct Audit {
    queue: mpsc::Sender<Entry>,
    fault: Fault,
}

/// What [`run`] serves.
#[derive(Debug)]
pub struct Queue {
    entries: mpsc::Receiver<Entry>,
    fault: Fault,
}

/// What keeps the log from being written.
#[derive(Debug, Clone, Default)]
struct Fault(Arc<Mutex<Option<String>>>);

impl Fault {
    fn set(&self, fault: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}

/// What the worker is given.
#[derive(Debug)]
enum Entry {
    Record(Record),
    Flush(oneshot::Sender<()>),
}

impl Audit {
    /// The way, and the queue that [`run`] serves.
    #[must_use]
    pub fn new(queue_max: usize) -> (Self, Queue) {
        let (queue, entries) = mpsc::channel(queue_max.max(1));
        let fault = Fault::default();
        (Self { queue, fault: fault.clone() }, Queue { entries, fault })
    }

    /// Waits until a record could be queued, but no longer than `limit`: asked before anything moves, so that a log that cannot be written
    /// refuses requests instead of holding them.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn wait_for_room(&self, limit: Duration) -> Result<(), Error> {
        if self.queue.capacity() > 0 {
            return Ok(());
        }
        match timeout(limit, self.queue.reserve()).await {
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
    pub async fn record(&self, record: Record) {
        let Err(TrySendError::Full(entry)) = self.queue.try_send(Entry::Record(record)) else { return };
        let queue = self.queue.clone();
        let sending = tokio::spawn(async move { queue.send(entry).await.is_ok() });
        let _sent_later = timeout(READ_DEADLINE, sending).await;
    }

    /// Waits until everything queued so far is on the disk, but not for a log that cannot be written.
    ///
    /// # Errors
    /// `Unavailable` when the log cannot be written, `Internal` when its worker ended.
    pub async fn flush(&self) -> Result<(), Error> {
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
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.fault.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Writes what is queued until the ports are gone, or the way to here is.
pub async fn run<P: Ports>(ports: Weak<P>, queue: Queue) {
    let Queue { mut entries, fault } = queue;
    let mut batch = Vec::with_capacity(BATCH_MAX);
    let mut synced = Synced::new();
    while synced.receive(&mut entries, &mut batch).await {
        let is_urgent = batch.iter().any(|entry| matches!(entry, Entry::Flush(_)));
        if !is_urgent && !batch.is_empty() && batch.len() < BATCH_MAX {
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
        synced.is_behind |= !records.is_empty();
        if !records.is_empty() && !write(&ports, &fault, records).await {
            return;
        }
        let Some(ports) = ports.upgrade() else { return };
        metrics::gauge!(AUDIT_QUEUE).set(entries.len() as f64);
        if !flushes.is_empty() || synced.is_due() {
            synced.sync(&*ports, !flushes.is_empty()).await;
        }
        for done in flushes {
            let _stopped_waiting = done.send(());
        }
    }
}

/// What of the log is on the disk, and what of that is anchored.
struct Synced {
    at: Instant,
    /// Whether something was written since.
    is_behind: bool,
    anchored: Head,
    anchored_at: Instant,
}

impl Synced {
    fn new() -> Self {
        let now = Instant::now();
        Self { at: now, is_behind: false, anchored: Head::default(), anchored_at: now }
    }

    fn is_due(&self) -> bool {
        self.is_behind && self.at.elapsed() >= SYNC_EVERY
    }

    /// Waits for entries, but no longer than until what was written must be brought to the disk. `false` when none
    /// will come any more.
    async fn receive(&self, entries: &mut mpsc::Receiver<Entry>, batch: &mut Vec<Entry>) -> bool {
        let receive = entries.recv_many(batch, BATCH_MAX);
        if !self.is_behind {
            return receive.await > 0;
        }
        timeout_at(self.at + SYNC_EVERY, receive).await.map_or(true, |received| received > 0)
    }

    /// Brings what was written to the disk, and anchors it when that is due or `is_last`.
    async fn sync<P: Ports>(&mut self, ports: &P, is_last: bool) {
        self.at = Instant::now();
        let head = match ports.audit_log().sync().await {
            Ok(head) => head,
            Err(error) => {
                tracing::error!(%error, "the audit log cannot be brought to the disk");
                return;
            }
        };
        self.is_behind = false;
        let is_due =
            is_last || self.anchored == Head::default() || self.anchored_at.elapsed() >= ANCHOR_EVERY;
        if !is_due || head.entry <= self.anchored.entry {
            return;
        }
        self.anchored_at = Instant::now();
        let anchor =
            Anchor { chain: ports.audit_log().chain(), head, at: ports.clock().now(), broken_at: None };
        match ANCHORS_SAVE.run(READ_DEADLINE, ports.anchors().save_anchor(anchor)).await {
            Ok(()) => self.anchored = head,
            Err(error) => tracing::warn!(%error, "the end of the audit log is not anchored for now"),
        }
    }
}

/// Writes records, for as long as it takes. `false` when the ports are gone.
async fn write<P: Ports>(ports: &Weak<P>, fault: &Fault, records: Vec<Record>) -> bool {
    loop {
        let Some(ports) = ports.upgrade() else { return false };
        match ports.audit_log().append(records.clone()).await {
            Ok(()) => {
                fault.set(None);
                return true;
            }
            Err(error) => {
                tracing::error!(%error, "the audit log cannot be written; requests wait when its queue is full");
                fault.set(Some(error.to_string()));
            }
        }
        drop(ports);
        sleep(RETRY_EVERY).await;
    }
}
