//! The operator's use cases that concern streams: look, pause, resume, cap, slot release, rewind, advance, offboard.
//! What concerns a participant's record alone is `pix-stream-registry`'s.

use std::sync::Arc;
use std::time::Duration;

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::limits::STREAMS_MAX;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::stream::{Adjustment, Command, Outcome, StreamState};
use pix_stream_ports::Ports;
use pix_stream_ports::journal::{Extent, Journal as _};

use crate::api::{Change, Changed, Status, StreamStatus};
use crate::core::Core;
use crate::seat::Seat;
use pix_stream_calls::store::{Deadline, JOURNAL_EXTENT, READ_DEADLINE};
use pix_stream_calls::{AdminRefusal, Error};
use pix_stream_registry::{Actor, Recorded};

impl<P: Ports> Core<P> {
    /// Says that a participant may neither read nor be published for, and ends its streams; what they held is delivered
    /// when it is onboarded again. The same again ends what another node opened meanwhile.
    pub(crate) async fn offboard(
        self: &Arc<Self>,
        ispb: Ispb,
        dry_run: bool,
        actor: Actor<'_>,
    ) -> Result<Recorded, Error> {
        let recorded = self.registry.set_offboarded(ispb, true, dry_run, actor).await?;
        if !dry_run {
            self.end_streams(ispb).await;
        }
        Ok(recorded)
    }

    /// Ends the live streams of a participant, as far as the stores are within reach. Those that are missed end by
    /// their idle time, since nobody can read on.
    async fn end_streams(self: &Arc<Self>, ispb: Ispb) {
        if !self.is_here(ispb) {
            return;
        }
        let seat = self.seat(ispb);
        let ended = async {
            self.state_of(&seat).await?;
            for slot in 0..STREAMS_MAX {
                seat.submit(self, Command::Release { slot }, Deadline::of_read(Duration::ZERO)).await?;
            }
            self.save_now(&seat).await
        };
        if let Err(error) = ended.await {
            tracing::warn!(%error, %ispb, "the streams of an offboarded participant end by their idle time");
        }
        seat.metrics.rest();
    }

    /// A participant with the state of its streams.
    pub(crate) async fn status(&self, ispb: Ispb) -> Result<Status, Error> {
        let participant = self.registry.look_up(ispb).await?.ok_or(Error::NotOnboarded)?;
        self.refuse_elsewhere(ispb)?;
        let seat = self.seat(ispb);
        let state = self.state_of(&seat).await?;
        let extent = self.extent_of(&seat).await?;
        Ok(self.status_of(&participant, &state, extent))
    }

    fn status_of(&self, participant: &Participant, state: &StreamState, extent: Extent) -> Status {
        let stream = |(index, stream): (usize, &pix_stream_domain::stream::Stream)| StreamStatus {
            slot: u8::try_from(index + 1).unwrap_or(u8::MAX),
            pull: stream.pull,
            held: if stream.held { stream.batch.len() } else { 0 },
            deadline_unix_ms: stream.deadline.unix_millis(),
        };
        Status {
            participant: participant.clone(),
            keeping: self.registry.keeping(participant),
            paused: state.is_paused(),
            cap: state.cap(),
            streams: state.live().map(stream).collect(),
            first: extent.first,
            head: extent.next,
            frontier: state.frontier(),
            watermark: state.watermark(),
            unconfirmed: state.unconfirmed(extent.next),
            redelivery: state.returned().len(),
        }
    }

    /// Changes what a participant's streams do, or says what that would come to.
    pub(crate) async fn change(
        self: &Arc<Self>,
        ispb: Ispb,
        change: Change,
        dry_run: bool,
        actor: Actor<'_>,
    ) -> Result<Changed, Error> {
        let participant = self.registry.look_up(ispb).await?.ok_or(Error::NotOnboarded)?;
        self.refuse_elsewhere(ispb)?;
        self.audit.wait_for_room(READ_DEADLINE).await?;
        let seat = self.seat(ispb);
        let before = self.state_of(&seat).await?;
        let extent = self.extent_of(&seat).await?;
        seat.raise_head(extent.next);
        let (name, command) = command(change);
        let outcome = match change {
            Change::Rewind(to) => match self.refuse_removed(&participant, extent, to).await {
                Ok(()) => self.do_or_try(&seat, &command, dry_run).await,
                Err(refused) => Err(refused),
            },
            Change::Advance(_) | Change::Pause | Change::Resume | Change::Cap(_) | Change::Release(_) => {
                self.do_or_try(&seat, &command, dry_run).await
            }
        };
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                let told = format!("{}{change:?}: {error}", tried(dry_run));
                self.registry.note(Some(ispb), name, Err(&told), actor).await;
                return Err(error);
            }
        };
        if !dry_run {
            // Done is done, and so it is recorded, also when the Journal cannot say yet that it will last.
            let saved = self.save_now(&seat).await;
            let lasts =
                saved.as_ref().map_or_else(|error| format!("; not saved yet: {error}"), |()| String::new());
            let detail = format!("{}{lasts}", told(change, &before, &outcome));
            self.registry.note(Some(ispb), name, Ok(&detail), actor).await;
            saved?;
        }
        let state = self.state_of(&seat).await?;
        let changed = changes(change, &before, &outcome);
        let Adjustment { watermark_before, watermark, released, redeliver, skipped, .. } = outcome;
        let status = self.status_of(&participant, &state, extent);
        Ok(Changed { dry_run, changed, watermark_before, watermark, released, redeliver, skipped, status })
    }

    /// Refuses to deliver again what is gone. Where parts of the old messages are kept because they are held, only what
    /// is within retention is whole; the rest is for replay sessions and exports.
    async fn refuse_removed(
        &self,
        participant: &Participant,
        extent: Extent,
        to: Sequence,
    ) -> Result<(), Error> {
        let first = if participant.holds.is_empty() {
            extent.first
        } else {
            self.registry.first_retained(participant).await?.max(extent.first)
        };
        if to >= first {
            return Ok(());
        }
        let seat = self.seat(participant.ispb);
        let last = seat.with_state(|state, _| state.frontier()).unwrap_or(extent.next);
        Err(Error::Refused(AdminRefusal::Position { first, last }))
    }

    async fn do_or_try(
        self: &Arc<Self>,
        seat: &Arc<Seat>,
        command: &Command,
        dry_run: bool,
    ) -> Result<Adjustment, Error> {
        let outcome = if dry_run {
            seat.try_out(self, command).map_or(Outcome::Unchanged, |(outcome, _)| outcome)
        } else {
            seat.submit(self, *command, Deadline::of_read(Duration::ZERO)).await?
        };
        match outcome {
            Outcome::Adjusted(adjustment) => Ok(adjustment),
            Outcome::Unchanged => Ok(Adjustment::default()),
            Outcome::Refused(_)
            | Outcome::Batch(_)
            | Outcome::Empty(_)
            | Outcome::Wait(_)
            | Outcome::Load { .. }
            | Outcome::Closed { .. } => Err(self.unexpected(outcome)),
        }
    }

    async fn state_of(&self, seat: &Seat) -> Result<StreamState, Error> {
        match seat.snapshot() {
            Some(state) => Ok(state),
            None => Deadline::of_read(Duration::ZERO).bound("state", self.load_state(seat, None)).await?,
        }
    }

    async fn extent_of(&self, seat: &Seat) -> Result<Extent, Error> {
        let extent = self.ports.journal().extent(seat.ispb);
        Ok(JOURNAL_EXTENT.run(READ_DEADLINE, extent).await?)
    }
}

/// What the audit log says in front of a command that was only tried.
pub(crate) const fn tried(dry_run: bool) -> &'static str {
    if dry_run { "dry run: " } else { "" }
}

fn command(change: Change) -> (&'static str, Command) {
    match change {
        Change::Pause => ("participant.pause", Command::Pause),
        Change::Resume => ("participant.resume", Command::Resume),
        Change::Cap(cap) => ("participant.cap", Command::SetCap { cap }),
        Change::Rewind(to) => ("participant.rewind", Command::Rewind { to }),
        Change::Advance(to) => ("participant.advance", Command::Advance { to }),
        // Slot 0 is none, and so is refused by the domain as slot 256 would be.
        Change::Release(slot) => ("participant.release", Command::Release { slot: slot.wrapping_sub(1) }),
    }
}

/// Whether a change makes a difference.
fn changes(change: Change, before: &StreamState, outcome: &Adjustment) -> bool {
    let Adjustment { watermark_before, watermark, released, redeliver, skipped, .. } = outcome;
    match change {
        Change::Pause => !before.is_paused(),
        Change::Resume => before.is_paused(),
        Change::Cap(cap) => before.cap() != cap,
        Change::Rewind(_) | Change::Advance(_) => redeliver + skipped > 0 || watermark_before != watermark,
        Change::Release(_) => *released,
    }
}

/// What a change did, for the audit log: what it was about, before and after.
fn told(change: Change, before: &StreamState, outcome: &Adjustment) -> String {
    let Adjustment { watermark_before, watermark, released, redeliver, skipped, .. } = outcome;
    let moved = || format!("watermark {watermark_before} -> {watermark}");
    match change {
        Change::Pause => format!("paused {} -> true", before.is_paused()),
        Change::Resume => format!("paused {} -> false", before.is_paused()),
        Change::Cap(cap) => format!("cap {} -> {cap}", before.cap()),
        Change::Rewind(to) => format!("to {to}: {}; {redeliver} messages are delivered again", moved()),
        Change::Advance(to) => format!("to {to}: {}; {skipped} messages are skipped", moved()),
        Change::Release(slot) => {
            let stream = if *released { "a live stream" } else { "no stream" };
            format!("slot {slot}: {stream} -> free; {redeliver} messages are delivered again")
        }
    }
}
