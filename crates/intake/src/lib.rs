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
//! The order in which a participant's entries were left is kept: one node at a time holds the queue, each participant's
//! entries go one behind the other, and one that cannot be brought now keeps those behind it, of the same participant,
//! waiting. A crash hands entries out again, which makes repeats, and repeats store nothing.
//!
//! `reader` takes, `lanes` keeps the order, `hold` works on the lanes, `bring` does the work.

mod bring;
mod hold;
mod lanes;
pub mod metrics;
mod reader;

use std::sync::Arc;
use std::time::Duration;

use pix_stream_app::{App, Ports};
use pix_stream_ports::intake::Intake;
use tokio::time::timeout;

use crate::bring::Bringer;
use crate::metrics::{PENDING, WAITING};
use crate::reader::Reader;

/// How often the depth of the queue is measured.
const MEASURE_EVERY: Duration = Duration::from_secs(5);
/// How long measuring may take.
const MEASURE_DEADLINE: Duration = Duration::from_secs(1);

/// How entries are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Entries that are taken at a time, and those of one participant that are published together.
    pub batch: u32,
    /// Participants whose entries are brought at the same time.
    pub workers: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { batch: 64, workers: 64 }
    }
}

/// Takes entries until the app drains. What is under way is finished first; what is not acknowledged by then is handed
/// out again, here or elsewhere.
pub async fn run<P: Ports, I: Intake>(app: App<P>, intake: Arc<I>, settings: Settings) {
    let measuring = tokio::spawn(measure(Arc::clone(&intake)));
    Reader::new(Bringer::new(app, Arc::clone(&intake)), intake, settings).run().await;
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
