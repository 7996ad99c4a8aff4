//! Opening a stream, pulling from it, closing it.

use std::sync::Arc;
use std::time::Duration;

use pix_stream_domain::audit::Event;
use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::command::Cursor;
use pix_stream_domain::stream::{Command, Grant, Outcome, Refusal, StreamState};
use pix_stream_ports::Ports;
use pix_stream_ports::clock::Clock as _;
use tokio::time::{Instant, timeout_at};

use crate::api::{Answer, Read};
use crate::core::Core;
use crate::error::{AdminRefusal, Error};
use crate::seat::Seat;
use crate::store::RETRY_AFTER;

/// Read-aheads that one read may need before it is answered 503: one is normal, a few when readers race.
const LOADS_MAX: usize = 16;
/// When a client of a paused participant should try again.
const PAUSED_RETRY: Duration = Duration::from_secs(5);

impl<P: Ports> Core<P> {
    /// Opens a stream and reads its first batch.
    pub(crate) async fn open(self: &Arc<Self>, read: Read<'_>) -> Result<Answer, Error> {
        self.refuse_while_draining()?;
        let wait = self.settings.long_poll;
        self.answer_read(read, Command::Open { form: read.form, wait }, None).await
    }

    /// Confirms a token's batch and reads the next.
    pub(crate) async fn pull(self: &Arc<Self>, read: Read<'_>, token: &str) -> Result<Answer, Error> {
        let cursor = self.verify(read.ispb, token)?;
        let wait = if self.is_draining() { Duration::ZERO } else { self.settings.long_poll };
        self.answer_read(read, Command::Pull { token: cursor, form: read.form, wait }, Some(token)).await
    }

    /// Confirms a token's batch and closes its stream.
    pub(crate) async fn close(
        self: &Arc<Self>,
        ispb: Ispb,
        token: &str,
        request_id: &str,
    ) -> Result<(), Error> {
        let cursor = self.verify(ispb, token)?;
        self.audit.wait_for_room().await?;
        let seat = self.seat(ispb);
        let outcome = seat.submit(self, Command::Close { token: cursor }).await?;
        let Outcome::Closed { confirmed, returned } = outcome else {
            return Err(self.unexpected(outcome));
        };
        seat.metrics.confirmed.increment(confirmed.len());
        let event = Event::Close { redeemed: Digest::of(token.as_bytes()), confirmed, returned };
        self.audit.record(self.record(Some(ispb), request_id, event)).await;
        Ok(())
    }

    /// The claims of a token that is ours and of this participant.
    fn verify(&self, ispb: Ispb, token: &str) -> Result<Cursor, Error> {
        let claims = self.keyring().verify(token).map_err(|_| Error::InvalidCursor)?;
        if claims.ispb == ispb { Ok(claims.cursor) } else { Err(Error::InvalidCursor) }
    }

    fn refuse_while_draining(&self) -> Result<(), Error> {
        if self.is_draining() {
            return Err(Error::Overloaded { retry_after: RETRY_AFTER, limit: "draining" });
        }
        Ok(())
    }

    async fn answer_read(
        self: &Arc<Self>,
        read: Read<'_>,
        command: Command,
        token: Option<&str>,
    ) -> Result<Answer, Error> {
        let seat = self.seat(read.ispb);
        seat.note_coding(read.gzip);
        self.refuse_over_debt(&seat)?;
        self.audit.wait_for_room().await?;
        let (grant, confirmed) = self.wait_for_batch(&seat, command).await?;
        let batch = grant.token.batch;
        let messages = if batch.is_empty() { Vec::new() } else { self.load_batch(&seat, batch).await? };
        let signed = self.keyring().sign(read.ispb, self.settings.region, &grant.token);
        note_metrics(&seat, &grant, confirmed.len());
        let event = Event::Read {
            redeemed: token.map(|token| Digest::of(token.as_bytes())),
            issued: Digest::of(signed.as_str().as_bytes()),
            confirmed,
            batch,
            replay: grant.replay,
        };
        self.audit.record(self.record(Some(read.ispb), read.request_id, event)).await;
        let slot = grant.token.slot + 1;
        Ok(Answer { token: signed, slot, cap: grant.cap, form: grant.form, messages })
    }

    /// Has a read decided, waiting for a message as long as it may. Returns what to answer and what was
    /// confirmed on the way.
    async fn wait_for_batch(
        self: &Arc<Self>,
        seat: &Arc<Seat>,
        mut command: Command,
    ) -> Result<(Grant, Range), Error> {
        let mut confirmed = Range::EMPTY;
        let mut waiting: Option<Waiting<'_, P>> = None;
        let mut loads = 0;
        loop {
            // Made before the decision, so that whatever happens after it wakes this read.
            let woken = seat.wake.notified();
            let outcome = seat.submit(self, command).await?;
            match outcome {
                Outcome::Batch(grant) | Outcome::Empty(grant) => {
                    if let Some(waiting) = waiting.as_mut() {
                        waiting.finish();
                    }
                    confirmed = if confirmed.is_empty() { grant.confirmed } else { confirmed };
                    return Ok((grant, confirmed));
                }
                Outcome::Load { from } => {
                    loads += 1;
                    if loads > LOADS_MAX {
                        let limit = "loads of one read";
                        return Err(Error::Overloaded { retry_after: RETRY_AFTER, limit });
                    }
                    self.read_ahead(seat, from).await?;
                }
                Outcome::Wait(grant) => {
                    confirmed = if confirmed.is_empty() { grant.confirmed } else { confirmed };
                    let now_waiting = match waiting.take() {
                        Some(waiting) => waiting,
                        None => Waiting::begin(self, seat, &command, &grant)?,
                    };
                    let rest = now_waiting.wait(woken).await;
                    waiting = Some(now_waiting);
                    command = Command::Pull { token: grant.token, form: grant_form(&command), wait: rest };
                }
                Outcome::Refused(_) | Outcome::Closed { .. } | Outcome::Adjusted(_) | Outcome::Unchanged => {
                    return Err(self.unexpected(outcome));
                }
            }
        }
    }

    /// A refusal as an error; anything else here is a defect.
    pub(crate) fn unexpected(&self, outcome: Outcome) -> Error {
        let Outcome::Refused(refusal) = outcome else {
            return Error::Internal(format!("a command came to {outcome:?}"));
        };
        match refusal {
            Refusal::Gone => Error::Gone,
            Refusal::Paused => Error::Paused { retry_after: PAUSED_RETRY },
            Refusal::ThreadLimit { used, cap, free_at } => {
                let retry_after = free_at.since(self.ports.clock().now());
                Error::ThreadLimit { used, cap, retry_after }
            }
            Refusal::Cap => Error::Refused(AdminRefusal::Value(refusal.to_string())),
            Refusal::Position { first, last } => Error::Refused(AdminRefusal::Position { first, last }),
        }
    }

    /// Confirmations that no checkpoint holds may only go on for so long.
    fn refuse_over_debt(&self, seat: &Seat) -> Result<(), Error> {
        if seat.debt() > self.settings.checkpoint_debt && !self.ports_are_full() {
            let cause = "too many confirmations wait for a checkpoint".to_owned();
            return Err(Error::Unavailable { retry_after: RETRY_AFTER, cause });
        }
        Ok(())
    }
}

/// A read that waits: its place among the waiting, its deadline, and what to undo when its client goes away.
struct Waiting<'a, P: Ports> {
    core: &'a Arc<Core<P>>,
    seat: &'a Arc<Seat>,
    deadline: Instant,
    /// The stream of a start that was not answered: nobody knows its token, so it must not keep its slot.
    unanswered: Option<Cursor>,
    _place: tokio::sync::SemaphorePermit<'a>,
}

impl<'a, P: Ports> Waiting<'a, P> {
    fn begin(
        core: &'a Arc<Core<P>>,
        seat: &'a Arc<Seat>,
        command: &Command,
        grant: &Grant,
    ) -> Result<Self, Error> {
        let unanswered = matches!(command, Command::Open { .. }).then_some(grant.token);
        let Ok(place) = core.waiting.try_acquire() else {
            abandon(core, seat, unanswered);
            return Err(Error::Overloaded { retry_after: RETRY_AFTER, limit: "waiting reads" });
        };
        core.waiting_reads.increment(1);
        seat.note_waiting(true);
        let deadline = Instant::now() + core.settings.long_poll;
        Ok(Self { core, seat, deadline, unanswered, _place: place })
    }

    /// Waits for a wake-up, the end of settling, the deadline or a drain. Returns how long the read may wait on.
    async fn wait(&self, woken: impl Future<Output = ()>) -> Duration {
        let now = self.core.ports.clock().now();
        let look = |state: &StreamState, head: Sequence| {
            (state.settling_until(now), state.next_start() < head.max(state.frontier()))
        };
        let until = match self.seat.with_state(look) {
            Some((Some(end), _)) => self.deadline.min(Instant::now() + end.since(now)),
            // What this read was told to wait for came to pass before the decision was agreed on.
            Some((None, true)) => Instant::now(),
            Some((None, false)) | None => self.deadline,
        };
        // A drain that began before `woken` was made shows here, a later one wakes. Either way: ask again.
        if !self.core.is_draining() {
            let _elapsed = timeout_at(until, woken).await;
        }
        if self.core.is_draining() {
            Duration::ZERO
        } else {
            self.deadline.saturating_duration_since(Instant::now())
        }
    }

    fn finish(&mut self) {
        self.unanswered = None;
    }
}

impl<P: Ports> Drop for Waiting<'_, P> {
    fn drop(&mut self) {
        self.core.waiting_reads.decrement(1);
        self.seat.note_waiting(false);
        abandon(self.core, self.seat, self.unanswered);
    }
}

/// Closes the stream of a start whose answer nobody will see.
fn abandon<P: Ports>(core: &Arc<Core<P>>, seat: &Arc<Seat>, token: Option<Cursor>) {
    let (Some(token), Ok(runtime)) = (token, tokio::runtime::Handle::try_current()) else { return };
    let (core, seat) = (Arc::clone(core), Arc::clone(seat));
    runtime.spawn(async move {
        // When it fails the stream ends by its idle time.
        let _idle_time_ends_it = seat.submit(&core, Command::Close { token }).await;
    });
}

fn grant_form(command: &Command) -> pix_stream_domain::stream::Form {
    match command {
        Command::Open { form, .. } | Command::Pull { form, .. } => *form,
        Command::Close { .. }
        | Command::Expire
        | Command::Pause
        | Command::Resume
        | Command::SetCap { .. }
        | Command::Rewind { .. }
        | Command::Advance { .. }
        | Command::RetainFrom { .. } => pix_stream_domain::stream::Form::Multipart,
    }
}

fn note_metrics(seat: &Seat, grant: &Grant, confirmed: u64) {
    let metrics = &seat.metrics;
    metrics.confirmed.increment(confirmed);
    if grant.replay {
        metrics.replays.increment(1);
    } else if !grant.token.batch.is_empty() {
        metrics.delivered.increment(grant.token.batch.len());
        metrics.redelivered.increment(grant.redelivered);
        metrics.batch_size.record(grant.token.batch.len() as f64);
    }
}
