//! Opening a stream, pulling from it, closing it.

use std::sync::Arc;
use std::time::Duration;

use pix_stream_domain::audit::Event;
use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::replay;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::command::Cursor;
use pix_stream_domain::stream::{Command, Grant, Outcome, Refusal, StreamState};
use pix_stream_ports::Ports;
use pix_stream_ports::clock::Clock as _;
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, timeout_at};

use crate::api::{Answer, Read};
use crate::core::Core;
use crate::seat::Seat;
use pix_stream_calls::store::{Deadline, RETRY_AFTER};
use pix_stream_calls::{AdminRefusal, Error, Kind};

/// Read-aheads that one read may need before it is answered 503: one is normal, a few when readers race.
const LOADS_MAX: usize = 16;
/// A checkpoint that is this late means that the Journal does not take any.
const CHECKPOINT_LATE: Duration = Duration::from_secs(1);
/// When a client of a paused participant should try again.
const PAUSED_RETRY: Duration = Duration::from_secs(5);

impl<P: Ports> Core<P> {
    /// Opens a stream and reads its first batch.
    pub(crate) async fn open(self: &Arc<Self>, read: Read<'_>) -> Result<Answer, Error> {
        self.refuse_while_draining()?;
        self.pressure.admit(Kind::Pull, read.ispb, 1)?;
        let wait = self.settings.long_poll;
        self.answer_read(read, Command::Open { form: read.form, wait }, None).await
    }

    /// Confirms a token's batch and reads the next.
    pub(crate) async fn pull(self: &Arc<Self>, read: Read<'_>, token: &str) -> Result<Answer, Error> {
        let cursor = self.verify(read.ispb, token)?;
        if let Some(session) = replay::session_of(&cursor) {
            return self.pull_replay(read, (session, &cursor), token).await;
        }
        self.pressure.admit(Kind::Pull, read.ispb, 1)?;
        let wait = if self.is_draining() { Duration::ZERO } else { self.settings.long_poll };
        self.answer_read(read, Command::Pull { token: cursor, form: read.form, wait }, Some(token)).await
    }

    /// Confirms a token's batch and closes its stream.
    pub(crate) async fn close(self: &Arc<Self>, read: Read<'_>, token: &str) -> Result<(), Error> {
        let Read { ispb, request_id, .. } = read;
        let deadline = Deadline::of_read(read.spent);
        let cursor = self.verify(ispb, token)?;
        self.refuse_elsewhere(ispb)?;
        self.audit.wait_for_room(deadline.left()).await?;
        if let Some(session) = replay::session_of(&cursor) {
            self.registry.end_session(ispb, session, request_id).await?;
            let redeemed = Digest::of(token.as_bytes());
            let event = Event::Close { redeemed, confirmed: Range::EMPTY, returned: Range::EMPTY };
            self.audit.record(self.record(Some(ispb), request_id, event)).await;
            return Ok(());
        }
        let seat = self.seat(ispb);
        let outcome = seat.submit(self, Command::Close { token: cursor }, deadline).await?;
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
        let deadline = Deadline::of_read(read.spent);
        self.refuse_elsewhere(read.ispb)?;
        let seat = self.seat(read.ispb);
        seat.note_read(read.gzip);
        seat.metrics.note_read(self.ports.clock().now());
        self.refuse_over_debt(&seat)?;
        self.audit.wait_for_room(deadline.left()).await?;
        let redeemed = token.map(|token| Digest::of(token.as_bytes()));
        let (grant, deadline) = self.wait_for_batch(&seat, (read, redeemed), command, deadline).await?;
        let batch = grant.token.batch;
        let signed = self.keyring().sign(read.ispb, self.settings.region, &grant.token);
        note_metrics(&seat, &grant);
        let event = Event::Read {
            redeemed,
            issued: Digest::of(signed.as_str().as_bytes()),
            confirmed: grant.confirmed,
            batch,
            replay: grant.replay,
        };
        // Recorded before anything can fail: the cursor has moved, and the same token again gives this answer.
        self.audit.record(self.record(Some(read.ispb), read.request_id, event)).await;
        let messages = match seat.find_hot(batch) {
            Some(messages) => messages,
            None => Box::pin(self.load_batch(&seat, batch, deadline)).await?,
        };
        if read.gzip {
            messages.iter().for_each(|message| message.fix_segments());
        }
        let slot = grant.token.slot + 1;
        Ok(Answer { token: signed, slot, cap: grant.cap, form: grant.form, messages })
    }

    /// Has a read decided, waiting for a message as long as it may. After each wait it has its whole time again:
    /// returns until when it must be answered now.
    async fn wait_for_batch(
        self: &Arc<Self>,
        seat: &Arc<Seat>,
        (read, redeemed): (Read<'_>, Option<Digest>),
        mut command: Command,
        mut deadline: Deadline,
    ) -> Result<(Grant, Deadline), Error> {
        let mut place = self.find_waiting_place(seat);
        if place.is_none() {
            command = Box::pin(self.without_waiting(seat, command, deadline)).await?;
        }
        let mut waiting: Option<Waiting<'_, P>> = None;
        let mut loads = 0;
        loop {
            // Made before the decision, so that whatever happens after it wakes this read.
            let woken = seat.wake.notified();
            match seat.submit(self, command, deadline).await? {
                Outcome::Batch(grant) | Outcome::Empty(grant) => {
                    if let Some(waiting) = waiting.as_mut() {
                        waiting.finish();
                    }
                    return Ok((grant, deadline));
                }
                Outcome::Load { from } => {
                    loads += 1;
                    if loads > LOADS_MAX {
                        let limit = "loads of one read";
                        return Err(Error::Overloaded { retry_after: RETRY_AFTER, limit });
                    }
                    Box::pin(self.read_ahead(seat, from, deadline)).await?;
                }
                Outcome::Wait(grant) => {
                    self.note_redeemed(seat, read, redeemed, grant.confirmed).await;
                    let now_waiting = waiting
                        .take()
                        .unwrap_or_else(|| Waiting::begin(self, seat, &command, &grant, place.take()));
                    let rest = now_waiting.wait(woken).await;
                    waiting = Some(now_waiting);
                    deadline = Deadline::of_read(Duration::ZERO);
                    command = Command::Pull { token: grant.token, form: read.form, wait: rest };
                }
                outcome @ (Outcome::Refused(_)
                | Outcome::Closed { .. }
                | Outcome::Adjusted(_)
                | Outcome::Unchanged) => return Err(self.unexpected(outcome)),
            }
        }
    }

    /// A place among the node's waiting reads, of which one participant may take half.
    pub(crate) fn find_waiting_place(&self, seat: &Seat) -> Option<SemaphorePermit<'_>> {
        let share = self.settings.waiting_reads.div_ceil(2);
        (seat.waiting() < share).then(|| self.waiting.try_acquire().ok()).flatten()
    }

    /// The same read, to be answered at once. One that would have to wait is refused before its cursor moves.
    async fn without_waiting(
        &self,
        seat: &Seat,
        command: Command,
        deadline: Deadline,
    ) -> Result<Command, Error> {
        if seat.snapshot().is_none() {
            deadline.bound("state", self.load_state(seat, None)).await??;
        }
        if let Some((Outcome::Wait(_), _)) = seat.try_out(self, &command) {
            return Err(Error::Overloaded { retry_after: RETRY_AFTER, limit: "waiting reads" });
        }
        Ok(match command {
            Command::Open { form, .. } => Command::Open { form, wait: Duration::ZERO },
            Command::Pull { token, form, .. } => Command::Pull { token, form, wait: Duration::ZERO },
            Command::Close { .. }
            | Command::Expire
            | Command::Pause
            | Command::Resume
            | Command::SetCap { .. }
            | Command::Release { .. }
            | Command::Rewind { .. }
            | Command::Advance { .. }
            | Command::RetainFrom { .. } => command,
        })
    }

    /// Records what a read confirmed before it waits: its client may be gone when there is something to answer.
    async fn note_redeemed(&self, seat: &Seat, read: Read<'_>, redeemed: Option<Digest>, confirmed: Range) {
        let Some(redeemed) = redeemed.filter(|_| !confirmed.is_empty()) else { return };
        seat.metrics.confirmed.increment(confirmed.len());
        let event = Event::Redeem { redeemed, confirmed };
        self.audit.record(self.record(Some(read.ispb), read.request_id, event)).await;
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
            Refusal::Cap | Refusal::Slot => Error::Refused(AdminRefusal::Value(refusal.to_string())),
            Refusal::Position { first, last } => Error::Refused(AdminRefusal::Position { first, last }),
        }
    }

    /// Confirmations that no checkpoint holds may only go on for so long.
    pub(crate) fn refuse_over_debt(&self, seat: &Seat) -> Result<(), Error> {
        // Many changes between two checkpoints are no debt: that is a busy participant.
        let now = self.ports.clock().now();
        let is_late = seat.dirty_since().is_some_and(|since| now.since(since) > CHECKPOINT_LATE);
        if is_late && seat.debt() > self.settings.checkpoint_debt && !self.is_journal_full() {
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
    _place: Option<SemaphorePermit<'a>>,
}

impl<'a, P: Ports> Waiting<'a, P> {
    fn begin(
        core: &'a Arc<Core<P>>,
        seat: &'a Arc<Seat>,
        command: &Command,
        grant: &Grant,
        place: Option<SemaphorePermit<'a>>,
    ) -> Self {
        let unanswered = matches!(command, Command::Open { .. }).then_some(grant.token);
        core.waiting_reads.increment(1);
        seat.note_waiting(true);
        let deadline = Instant::now() + core.settings.long_poll;
        Self { core, seat, deadline, unanswered, _place: place }
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
        let deadline = Deadline::of_read(Duration::ZERO);
        let _idle_time_ends_it = seat.submit(&core, Command::Close { token }, deadline).await;
    });
}

fn note_metrics(seat: &Seat, grant: &Grant) {
    let metrics = &seat.metrics;
    metrics.confirmed.increment(grant.confirmed.len());
    if grant.replay {
        metrics.replays.increment(1);
    } else if !grant.token.batch.is_empty() {
        metrics.delivered.increment(grant.token.batch.len());
        metrics.redelivered.increment(grant.redelivered);
        metrics.batch_size.record(grant.token.batch.len() as f64);
    }
}
