//! Unattended intake from a queue (requirement B.5): workers take entries, publish them like any producer would, and
//! acknowledge what is durable - as a message, or in quarantine with the reason.
//!
//! What happens to an entry:
//!
//! | entry | becomes |
//! |---|---|
//! | valid and new, or a repeat by `BizMsgIdr` | a message; acknowledged once it is durable |
//! | not valid, or in conflict with a stored message | quarantined, then acknowledged |
//! | of a participant that is not onboarded | quarantined: an operator releases it after onboarding |
//! | without a readable ISPB | refused: put aside in the queue's own store |
//! | while a store or limit says no | left: the queue hands it out again |
//!
//! Entries that one worker was handed together keep their order a participant: when one is left, so are those behind
//! it. Between workers, and for entries that were left, there is no order. A crash hands entries out again, which makes
//! repeats, and repeats store nothing.

pub mod metrics;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use pix_stream_app::{App, Ports};
use pix_stream_ports::intake::Intake;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::metrics::{PENDING, WAITING};
use crate::worker::Worker;

/// How often the depth of the queue is measured.
const MEASURE_EVERY: Duration = Duration::from_secs(5);
/// How long measuring may take.
const MEASURE_DEADLINE: Duration = Duration::from_secs(1);

/// How entries are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Entries that a worker takes at a time.
    pub batch: u32,
    /// Workers of this node.
    pub workers: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { batch: 64, workers: 4 }
    }
}

/// Takes entries until the app drains. What is under way is finished first; what is not acknowledged by then is handed
/// out again, here or elsewhere.
pub async fn run<P: Ports, I: Intake>(app: App<P>, intake: Arc<I>, settings: Settings) {
    let mut workers = JoinSet::new();
    for _ in 0..settings.workers.max(1) {
        let worker = Worker::new(app.clone(), Arc::clone(&intake), settings.batch.max(1));
        workers.spawn(worker.run());
    }
    let measuring = tokio::spawn(measure(intake));
    while let Some(ended) = workers.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a defect ended a worker of the intake");
        }
    }
    measuring.abort();
}

async fn measure<I: Intake>(intake: Arc<I>) {
    loop {
        if let Ok(Ok(depth)) = timeout(MEASURE_DEADLINE, intake.depth()).await {
            ::metrics::gauge!(WAITING).set(depth.waiting as f64);
            ::metrics::gauge!(PENDING).set(depth.pending as f64);
        }
        tokio::time::sleep(MEASURE_EVERY).await;
    }
}
