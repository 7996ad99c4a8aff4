//! Deflates hot messages behind the requests, so that an answer never waits for a compressor.

use std::sync::Weak;

use pix_stream_ports::Ports;
use tokio::sync::mpsc;

use crate::message::Job;
/// Messages that may wait to be deflated; more are answered undeflated. All of them are hot, so it is the limits of hot
/// messages that bound the memory.
const QUEUE_MAX: usize = 65_536;
/// Messages that are deflated in one go.
const GROUP_MAX: usize = 32;
/// While fewer wait, every message is also deflated alone: it may well start a batch. Under load few do.
const ALONE_BELOW: usize = 64;

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

    /// Whether so little waits that a message may also be deflated alone.
    #[must_use]
    pub fn has_time(&self) -> bool {
        self.0.max_capacity() - self.0.capacity() < ALONE_BELOW
    }
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
