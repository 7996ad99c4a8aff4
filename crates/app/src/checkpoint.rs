//! Checkpoints: the stream states that changed, saved to the Journal in the background and once more at the end.

use std::sync::Weak;
use std::sync::atomic::Ordering;

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::stream::StreamState;
use pix_stream_ports::Ports;
use pix_stream_ports::clock::Clock as _;
use pix_stream_ports::error::Error as StoreError;
use pix_stream_ports::journal::{Checkpoint, Journal as _};
use tokio::time::{MissedTickBehavior, interval};

use crate::core::Core;
use crate::metrics::CHECKPOINT_AGE;
use crate::seat::Seat;
use pix_stream_calls::Error;
use pix_stream_calls::store::{JOURNAL_SAVE_CHECKPOINTS, READ_DEADLINE, WRITE_DEADLINE};

/// Saves until the core is gone.
pub(crate) async fn run<P: Ports>(core: Weak<Core<P>>) {
    let Some(every) = core.upgrade().map(|core| core.settings.checkpoint) else { return };
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(core) = core.upgrade() else { return };
        if let Err(error) = core.save_changed().await {
            tracing::warn!(%error, "checkpoints could not be saved; after a crash more is delivered again");
        }
        let now = core.ports.clock().now();
        let oldest = core.seats().iter().filter_map(|seat| seat.dirty_since()).min();
        metrics::gauge!(CHECKPOINT_AGE).set(oldest.map_or(0.0, |since| now.since(since).as_secs_f64()));
    }
}

impl<P: Ports> Core<P> {
    /// Saves every state that changed since its last checkpoint.
    pub(crate) async fn save_changed(&self) -> Result<(), Error> {
        let unsaved = |seat: std::sync::Arc<Seat>| seat.unsaved().map(|state| (seat, state));
        let changed: Vec<_> = self.seats().into_iter().filter_map(unsaved).collect();
        let checkpoint = |state: &_| Checkpoint { state: Clone::clone(state), is_last: false };
        self.save(changed.iter().map(|(seat, state)| (&**seat, checkpoint(state))).collect()).await
    }

    /// Saves one participant's state now: an operator's change must not wait.
    pub(crate) async fn save_now(&self, seat: &Seat) -> Result<(), Error> {
        let Some(state) = seat.unsaved() else { return Ok(()) };
        self.save(vec![(seat, Checkpoint { state, is_last: false })]).await
    }

    /// Saves the last state of a participant that another region serves now. Whatever that region did already outranks
    /// it: it began a history of its own first.
    pub(crate) async fn save_left(&self, ispb: Ispb, state: StreamState) {
        let checkpoint = Checkpoint { state, is_last: false };
        let save = self.ports.journal().save_checkpoints(vec![(ispb, checkpoint)]);
        if let Err(error) = JOURNAL_SAVE_CHECKPOINTS.run(READ_DEADLINE, save).await {
            tracing::warn!(%error, %ispb, "the last checkpoint was not saved; more is delivered again");
        }
    }

    /// Saves the last word of every state; nothing changes them any more.
    pub(crate) async fn save_last(&self) -> Result<(), Error> {
        let seats = self.seats();
        let mut last = Vec::with_capacity(seats.len());
        for seat in &seats {
            if let Some(state) = seat.close().await {
                // Where other nodes go on, it is not the last word.
                last.push((&**seat, Checkpoint { state, is_last: !self.is_shared }));
            }
        }
        self.save(last).await
    }

    async fn save(&self, checkpoints: Vec<(&Seat, Checkpoint)>) -> Result<(), Error> {
        if checkpoints.is_empty() {
            return Ok(());
        }
        let versions: Vec<_> = checkpoints.iter().map(|(seat, c)| (*seat, c.state.version())).collect();
        let saved = checkpoints.into_iter().map(|(seat, checkpoint)| (seat.ispb, checkpoint)).collect();
        let save = self.ports.journal().save_checkpoints(saved);
        // Where a store may hang, the next attempt shall not wait long for this one.
        let deadline = if self.is_shared { READ_DEADLINE } else { WRITE_DEADLINE };
        let result: Result<(), StoreError> = JOURNAL_SAVE_CHECKPOINTS.run(deadline, save).await;
        // A full disk must not stop reads, so its debt does not count.
        self.journal_full.store(matches!(result, Err(StoreError::Full(_))), Ordering::Relaxed);
        result?;
        let now = self.ports.clock().now();
        versions.into_iter().for_each(|(seat, version)| seat.note_saved(version, now));
        Ok(())
    }

    /// Whether the last checkpoint found no room.
    pub(crate) fn is_journal_full(&self) -> bool {
        self.journal_full.load(Ordering::Relaxed)
    }
}
