//! What a node remembers of the ends of participants' streams between two looks: which bucket was the last one, and
//! where the messages start.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pix_stream_domain::ispb::Ispb;
use tokio::time::Instant;

/// How long the start is taken for granted: only removal moves it, and only upwards.
const FIRST_FRESH: Duration = Duration::from_secs(10);
/// Participants that are remembered; then all are read again.
const ENDS_MAX: usize = 100_000;
/// How often a participant's removed rows are looked at: each look costs a few reads.
const SWEEP_PAUSE: Duration = Duration::from_secs(600);

/// By participant.
#[derive(Debug, Default)]
pub(crate) struct Ends(Mutex<HashMap<Ispb, End>>);

#[derive(Debug, Clone, Copy, Default)]
struct End {
    bucket: Option<u64>,
    first: u64,
    first_read: Option<Instant>,
    swept: Option<Instant>,
}

impl Ends {
    fn of(&self) -> MutexGuard<'_, HashMap<Ispb, End>> {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ends.len() >= ENDS_MAX {
            ends.clear();
        }
        ends
    }

    /// A bucket that was the last one.
    pub(crate) fn bucket(&self, ispb: Ispb) -> Option<u64> {
        self.of().get(&ispb)?.bucket
    }

    pub(crate) fn learn_bucket(&self, ispb: Ispb, bucket: u64) {
        let mut ends = self.of();
        let end = ends.entry(ispb).or_default();
        end.bucket = end.bucket.max(Some(bucket));
    }

    /// Where the messages start, if that was read lately.
    pub(crate) fn first(&self, ispb: Ispb) -> Option<u64> {
        let ends = self.of();
        let end = ends.get(&ispb)?;
        end.first_read.is_some_and(|at| at.elapsed() < FIRST_FRESH).then_some(end.first)
    }

    pub(crate) fn learn_first(&self, ispb: Ispb, first: u64) {
        let mut ends = self.of();
        let end = ends.entry(ispb).or_default();
        end.first = end.first.max(first);
        end.first_read = Some(Instant::now());
    }

    /// Whether removed rows were not looked at for a while; they are from now on.
    pub(crate) fn is_sweep_due(&self, ispb: Ispb) -> bool {
        let mut ends = self.of();
        let end = ends.entry(ispb).or_default();
        let is_due = end.swept.is_none_or(|at| at.elapsed() >= SWEEP_PAUSE);
        if is_due {
            end.swept = Some(Instant::now());
        }
        is_due
    }
}
