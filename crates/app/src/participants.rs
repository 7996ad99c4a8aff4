//! The operator's use cases: onboard, look, pause, resume, cap, limits, hold, rewind, advance.

use std::sync::{Arc, Weak};
use std::time::Duration;

use pix_stream_domain::audit::Event;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::{Limits, NAME_MAX, Participant};
use pix_stream_domain::stream::{Adjustment, Command, Outcome, StreamState};
use pix_stream_ports::Ports;
use pix_stream_ports::clock::Clock as _;
use pix_stream_ports::error::Error as StoreError;
use pix_stream_ports::journal::{Extent, Journal as _};
use tokio::time::Instant;

use crate::api::{Actor, Change, Changed, Status, StreamStatus};
use crate::core::Core;
use crate::seat::Seat;
use pix_stream_calls::store::{
    Deadline, JOURNAL_EXTENT, JOURNAL_KEEP, JOURNAL_PARTICIPANTS, JOURNAL_SAVE_PARTICIPANT, READ_DEADLINE,
    WRITE_DEADLINE,
};
use pix_stream_calls::{AdminRefusal, Error};

/// The highest request rate that a participant may be given, a second.
pub const REQUESTS_PER_SECOND_MAX: u32 = 100_000;
/// How often a participant that nobody knows is looked for, at most.
const LOOK_UP_EVERY: Duration = Duration::from_secs(1);
/// A hold rewrites what is stored: that takes as long as there is much. When the time is over, the same again goes on.
const KEEP_DEADLINE: Duration = Duration::from_secs(30);
/// After a hold began, how long other nodes may still append on the old terms: until they look at participants, and an
/// append takes its time.
const KEEP_AGAIN_AFTER: Duration = Duration::from_secs(15);

impl<P: Ports> Core<P> {
    /// Reads all participants from the Journal.
    pub(crate) async fn load_participants(&self, deadline: Duration) -> Result<(), Error> {
        let load = self.ports.journal().participants();
        let participants = JOURNAL_PARTICIPANTS.run(deadline, load).await?;
        participants.into_iter().for_each(|participant| drop(self.register(participant)));
        Ok(())
    }

    /// Looks for participants and switches that another node changed.
    pub(crate) async fn follow_registry(&self) {
        let (participants, switches) =
            (self.load_participants(READ_DEADLINE), self.load_switches(READ_DEADLINE));
        let (participants, switches) = tokio::join!(participants, switches);
        if let Err(error) = participants.and(switches) {
            tracing::debug!(%error, "participants and switches could not be read; the known ones hold");
        }
    }

    /// A participant, also one that another node has just onboarded.
    pub(crate) async fn look_up(&self, ispb: Ispb) -> Result<Option<Arc<Participant>>, Error> {
        let known = self.find_participant(ispb);
        if known.is_some() || !self.is_shared {
            return Ok(known);
        }
        let deadline = Deadline::of_read(Duration::ZERO);
        let mut looked_up = deadline.bound("turn to look for a participant", self.looked_up.lock()).await?;
        // Whoever waited for the lock may find what the one before it looked for.
        if let Some(known) = self.find_participant(ispb) {
            return Ok(Some(known));
        }
        if looked_up.is_none_or(|at| at.elapsed() >= LOOK_UP_EVERY) {
            self.load_participants(deadline.left()).await?;
            *looked_up = Some(Instant::now());
        }
        Ok(self.find_participant(ispb))
    }

    /// Onboards a participant. The same again changes nothing. Returns whether it is new.
    pub(crate) async fn onboard(
        self: &Arc<Self>,
        ispb: Ispb,
        (name, limits): (String, Limits),
        dry_run: bool,
        actor: Actor<'_>,
    ) -> Result<(Arc<Participant>, bool), Error> {
        self.audit.wait_for_room(READ_DEADLINE).await?;
        check_limits(&limits)?;
        if name.chars().count() > NAME_MAX {
            return Err(refused(format!("name: at most {NAME_MAX} characters")));
        }
        if let Some(known) = self.look_up(ispb).await? {
            let is_same = known.name == name && known.limits == limits;
            return if is_same { Ok((known, false)) } else { Err(Error::Refused(AdminRefusal::Exists)) };
        }
        let now = self.ports.clock().now();
        let participant = Participant { name, limits, ..Participant::new(ispb, now) };
        if dry_run {
            return Ok((Arc::new(participant), true));
        }
        let detail = format!("limits {limits:?}");
        let participant = self.save_participant(participant).await?;
        self.note_admin(Some(ispb), "participant.create", Ok(&detail), actor).await;
        Ok((participant, true))
    }

    /// Replaces a participant's own limits.
    pub(crate) async fn set_limits(
        self: &Arc<Self>,
        ispb: Ispb,
        limits: Limits,
        dry_run: bool,
        actor: Actor<'_>,
    ) -> Result<Arc<Participant>, Error> {
        self.audit.wait_for_room(READ_DEADLINE).await?;
        check_limits(&limits)?;
        let known = self.look_up(ispb).await?.ok_or(Error::NotOnboarded)?;
        if known.limits == limits || dry_run {
            return Ok(known);
        }
        let detail = format!("from {:?} to {limits:?}", known.limits);
        let changed = Participant { limits, revision: known.revision + 1, ..(*known).clone() };
        let participant = self.save_participant(changed).await?;
        self.note_admin(Some(ispb), "participant.limits", Ok(&detail), actor).await;
        Ok(participant)
    }

    /// Puts a participant's messages under legal hold, or ends that. The same again is carried out again, as far as it
    /// was not.
    pub(crate) async fn set_hold(
        self: &Arc<Self>,
        ispb: Ispb,
        held: bool,
        dry_run: bool,
        actor: Actor<'_>,
    ) -> Result<Arc<Participant>, Error> {
        self.audit.wait_for_room(READ_DEADLINE).await?;
        let known = self.look_up(ispb).await?.ok_or(Error::NotOnboarded)?;
        if dry_run || (known.held == held && !held) {
            return Ok(known);
        }
        let command = if held { "participant.hold" } else { "participant.unhold" };
        let done = self.hold(&known, held).await;
        match &done {
            Ok(_) => self.note_admin(Some(ispb), command, Ok(""), actor).await,
            Err(error) => self.note_admin(Some(ispb), command, Err(&error.to_string()), actor).await,
        }
        done
    }

    /// First the participant, so that what is appended from here on is kept; then what is stored already.
    async fn hold(self: &Arc<Self>, known: &Participant, held: bool) -> Result<Arc<Participant>, Error> {
        let participant = if known.held == held {
            Arc::new(known.clone())
        } else {
            let revision = known.revision + 1;
            self.save_participant(Participant { held, revision, ..known.clone() }).await?
        };
        if held {
            self.keep(known.ispb).await?;
            if self.is_shared {
                let (core, ispb) = (Arc::downgrade(self), known.ispb);
                tokio::spawn(keep_again(core, ispb));
            }
        }
        Ok(participant)
    }

    async fn keep(&self, ispb: Ispb) -> Result<(), StoreError> {
        JOURNAL_KEEP.run(KEEP_DEADLINE, self.ports.journal().keep(ispb)).await
    }

    async fn save_participant(self: &Arc<Self>, participant: Participant) -> Result<Arc<Participant>, Error> {
        let save = self.ports.journal().save_participant(participant.clone());
        if JOURNAL_SAVE_PARTICIPANT.run(WRITE_DEADLINE, save).await? {
            let participant = self.register(participant);
            self.tell_registry();
            return Ok(participant);
        }
        // Another node was faster: know what it did before anybody decides again.
        self.load_participants(READ_DEADLINE).await?;
        Err(Error::Refused(AdminRefusal::Raced))
    }

    /// A participant with the state of its streams.
    pub(crate) async fn status(&self, ispb: Ispb) -> Result<Status, Error> {
        let participant = self.look_up(ispb).await?.ok_or(Error::NotOnboarded)?;
        self.refuse_elsewhere(ispb)?;
        let seat = self.seat(ispb);
        let state = self.state_of(&seat).await?;
        let extent = self.extent_of(&seat).await?;
        Ok(status(&participant, &state, extent))
    }

    /// Changes what a participant's streams do, or says what that would come to.
    pub(crate) async fn change(
        self: &Arc<Self>,
        ispb: Ispb,
        change: Change,
        dry_run: bool,
        actor: Actor<'_>,
    ) -> Result<Changed, Error> {
        let participant = self.look_up(ispb).await?.ok_or(Error::NotOnboarded)?;
        self.refuse_elsewhere(ispb)?;
        self.audit.wait_for_room(READ_DEADLINE).await?;
        let seat = self.seat(ispb);
        self.state_of(&seat).await?;
        let extent = self.extent_of(&seat).await?;
        seat.raise_head(extent.next);
        let (name, command) = command(change);
        let outcome = match change {
            Change::Rewind(to) if to < extent.first => {
                let last = seat.with_state(|state, _| state.frontier()).unwrap_or(extent.next);
                Err(Error::Refused(AdminRefusal::Position { first: extent.first, last }))
            }
            Change::Rewind(_) | Change::Advance(_) | Change::Pause | Change::Resume | Change::Cap(_) => {
                self.do_or_try(&seat, &command, dry_run).await
            }
        };
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                let told = format!("{}{change:?}: {error}", tried(dry_run));
                self.note_admin(Some(ispb), name, Err(&told), actor).await;
                return Err(error);
            }
        };
        if !dry_run {
            // Done is done, and so it is recorded, also when the Journal cannot say yet that it will last.
            let saved = self.save_now(&seat).await;
            let lasts =
                saved.as_ref().map_or_else(|error| format!("; not saved yet: {error}"), |()| String::new());
            let detail = format!("{change:?}: {outcome:?}{lasts}");
            self.note_admin(Some(ispb), name, Ok(&detail), actor).await;
            saved?;
        }
        let state = self.state_of(&seat).await?;
        let Adjustment { watermark_before, watermark, redeliver, skipped, .. } = outcome;
        let status = status(&participant, &state, extent);
        Ok(Changed { dry_run, watermark_before, watermark, redeliver, skipped, status })
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

    pub(crate) async fn note_admin(
        &self,
        ispb: Option<Ispb>,
        command: &str,
        result: Result<&str, &str>,
        actor: Actor<'_>,
    ) {
        let (detail, done) = result.map_or_else(|refused| (refused, false), |done| (done, true));
        let reason =
            if actor.reason.is_empty() { String::new() } else { format!("; reason: {}", actor.reason) };
        tracing::info!(
            actor = actor.name,
            command,
            detail,
            done,
            request_id = actor.request_id,
            "operator's command"
        );
        let event = Event::Admin {
            actor: actor.name.into(),
            command: command.into(),
            detail: format!("{detail}{reason}").into(),
            done,
        };
        self.audit.record(self.record(ispb, actor.request_id, event)).await;
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

/// Keeps, once every node knows of a hold, what those who did not know yet appended on other terms.
async fn keep_again<P: Ports>(core: Weak<Core<P>>, ispb: Ispb) {
    loop {
        tokio::time::sleep(KEEP_AGAIN_AFTER).await;
        let Some(core) = core.upgrade() else { return };
        let is_held = core.find_participant(ispb).is_some_and(|participant| participant.held);
        if !is_held || core.keep(ispb).await.is_ok() {
            return;
        }
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
    }
}

fn status(participant: &Participant, state: &StreamState, extent: Extent) -> Status {
    let stream = |(index, stream): (usize, &pix_stream_domain::stream::Stream)| StreamStatus {
        slot: u8::try_from(index + 1).unwrap_or(u8::MAX),
        pull: stream.pull,
        held: if stream.held { stream.batch.len() } else { 0 },
        deadline_unix_ms: stream.deadline.unix_millis(),
    };
    Status {
        participant: participant.clone(),
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

fn check_limits(limits: &Limits) -> Result<(), Error> {
    if limits.requests_per_second.is_some_and(|rate| !(1..=REQUESTS_PER_SECOND_MAX).contains(&rate)) {
        return Err(refused(format!("requests_per_second: from 1 to {REQUESTS_PER_SECOND_MAX}")));
    }
    if limits.backlog_high_water == Some(0) {
        return Err(refused("backlog_high_water: at least 1".to_owned()));
    }
    Ok(())
}

fn refused(why: String) -> Error {
    Error::Refused(AdminRefusal::Value(why))
}
