//! Deflates hot messages behind the requests, so that an answer never waits for a compressor.

use std::sync::{Arc, Weak};

use pix_stream_domain::sequence::Sequence;
use pix_stream_hot::{Job, Message};
use pix_stream_ports::Ports;
use tokio::sync::mpsc;

use crate::core::Core;
use crate::seat::Seat;

/// Messages that may wait to be deflated; more are answered undeflated. All of them are hot, so it is the limits of hot
/// messages that bound the memory.
const QUEUE_MAX: usize = 65_536;
/// Messages that are deflated in one go.
const GROUP_MAX: usize = 32;
/// While fewer wait, every message is also deflated alone: it may well start a batch. Under load few do.
const ALONE_BELOW: usize = 64;
/// Up to this size a message that a read waits for is deflated before the read is woken: some 80 µs.
const DEFLATE_INLINE_MAX: usize = 8 * 1024;

/// The way to the worker.
#[derive(Debug)]
pub(crate) struct Deflater(mpsc::Sender<Job>);

impl Deflater {
    /// A deflater, and the queue that [`run`] serves.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Job>) {
        let (sender, queue) = mpsc::channel(QUEUE_MAX);
        (Self(sender), queue)
    }

    /// Leaves a message to be deflated; when too many wait it stays as it is.
    pub(crate) fn offer(&self, job: Job) {
        let _full_is_fine = self.0.try_send(job);
    }

    /// Whether so little waits that a message may also be deflated alone.
    pub(crate) fn has_time(&self) -> bool {
        self.0.max_capacity() - self.0.capacity() < ALONE_BELOW
    }
}

impl<P: Ports> Core<P> {
    /// Has a message that was just kept deflated, as far as its readers want that.
    pub(crate) fn deflate_kept(&self, seat: &Seat, message: Arc<Message>) {
        if !seat.wants_segments() {
            return;
        }
        let previous = seat.hot().find(message.sequence.previous()).cloned();
        let has_time = self.deflater.has_time();
        // Whoever reads a backlog takes full batches: under load, what starts one is all that is needed alone.
        let alone = has_time || starts_batch(message.sequence, self.settings.rules.batch_max);
        let job = Job { message, previous, alone };
        // A waiting read is answered as soon as the head rises, before the worker could be done.
        let is_small = job.message.part.xml_len() <= DEFLATE_INLINE_MAX;
        if has_time && is_small && seat.waiting() > 0 {
            job.run(self.ports.codec());
        } else {
            self.deflater.offer(job);
        }
    }
}

/// Whether a message stands where a batch starts when all before it were full.
fn starts_batch(sequence: Sequence, batch_max: u8) -> bool {
    sequence.previous().value().is_multiple_of(u64::from(batch_max.max(1)))
}

/// Serves the queue until the core is gone.
pub(crate) async fn run<P: Ports>(core: Weak<Core<P>>, mut queue: mpsc::Receiver<Job>) {
    let mut jobs = Vec::with_capacity(GROUP_MAX);
    while queue.recv_many(&mut jobs, GROUP_MAX).await > 0 {
        let Some(core) = core.upgrade() else { return };
        let group = std::mem::take(&mut jobs);
        let work =
            tokio::task::spawn_blocking(move || group.iter().for_each(|job| job.run(core.ports.codec())));
        if work.await.is_err() {
            tracing::error!("a defect ended a deflate job; its messages are answered undeflated");
        }
    }
}
