//! Deflates hot messages behind the requests, so that an answer never waits for a compressor.

use std::sync::Weak;

use pix_stream_domain::sequence::Sequence;
use pix_stream_ports::Ports;
use pix_stream_ports::codec::Codec;
use tokio::sync::mpsc;

use crate::message::Job;
/// Messages that may wait to be deflated; more are answered undeflated. All of them are hot, so it is the limits of hot
/// messages that bound the memory.
const QUEUE_MAX: usize = 65_536;
/// Messages that are deflated in one go.
const GROUP_MAX: usize = 32;
/// While fewer wait, every message is also deflated alone: it may well start a batch. Under load few do.
const ALONE_BELOW: usize = 64;

/// Up to this size a message that a read waits for is deflated before the read is woken: some 80 µs.
const INLINE_MAX: usize = 8 * 1024;

/// The way to the worker.
#[derive(Debug)]
pub struct Deflater(mpsc::Sender<Job>);

impl Deflater {
    /// A deflater, and the queue that [`run`] serves.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Job>) {
        let (sender, queue) = mpsc::channel(QUEUE_MAX);
        (Self(sender), queue)
    }

    /// Leaves a message to be deflated; when too many wait it stays as it is.
    pub fn offer(&self, job: Job) {
        let _full_is_fine = self.0.try_send(job);
    }

    /// Has a fresh message deflated, alone too if it may start a batch: here and now when a read waits for it, which is
    /// answered as soon as the head rises, else by the worker.
    pub fn begin(&self, job: Job, is_awaited: bool, batch_max: u8, codec: &impl Codec) {
        let has_time = self.has_time();
        // Whoever reads a backlog takes full batches: under load, what starts one is all that is needed alone.
        let alone = has_time || starts_batch(job.message.sequence, batch_max);
        let job = Job { alone, ..job };
        if has_time && is_awaited && job.message.part.xml_len() <= INLINE_MAX {
            job.run(codec);
        } else {
            self.offer(job);
        }
    }

    /// Whether so little waits that a message may also be deflated alone.
    fn has_time(&self) -> bool {
        self.0.max_capacity() - self.0.capacity() < ALONE_BELOW
    }
}

/// Whether a message stands where a batch starts when all before it were full.
fn starts_batch(sequence: Sequence, batch_max: u8) -> bool {
    sequence.previous().value().is_multiple_of(u64::from(batch_max.max(1)))
}

/// Serves the queue until the ports are gone.
pub async fn run<P: Ports>(ports: Weak<P>, mut queue: mpsc::Receiver<Job>) {
    let mut jobs = Vec::with_capacity(GROUP_MAX);
    while queue.recv_many(&mut jobs, GROUP_MAX).await > 0 {
        let Some(ports) = ports.upgrade() else { return };
        let group = std::mem::take(&mut jobs);
        let work = tokio::task::spawn_blocking(move || group.iter().for_each(|job| job.run(ports.codec())));
        if work.await.is_err() {
            tracing::error!("a defect ended a deflate job; its messages are answered undeflated");
        }
    }
}
