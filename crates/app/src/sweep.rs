//! The sweeper: frees abandoned streams, finds heads that were not announced, measures lag, removes what is past
//! retention, keeps from expiring what must stay, follows the switches of message types.

use std::sync::{Arc, Weak};
use std::time::Duration;

use pix_stream_domain::audit::Event;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::{Command, Outcome};
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::Ports;
use pix_stream_ports::clock::Clock as _;
use pix_stream_ports::journal::Journal as _;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::core::Core;
use crate::metrics::{HOT_BYTES, LAG_MESSAGES, SEATS, UNKEPT};
use crate::seat::Seat;
use pix_stream_calls::Error;
use pix_stream_calls::store::{
    Deadline, JOURNAL_EXTENT, JOURNAL_LOAD_CHECKPOINT, JOURNAL_READ, READ_DEADLINE,
};

/// How often abandoned streams are looked for; waiting reads get their messages this much late at most.
const EXPIRE_EVERY: Duration = Duration::from_millis(100);
/// How often heads are compared with the Journal's, and lag is measured (design, section 3).
const COMPARE_EVERY: Duration = Duration::from_secs(1);
/// In a cluster, every so many rounds participants are compared that nobody reads or publishes for on this node.
const COMPARE_ALL_ROUNDS: u64 = 10;
/// Participants that are compared side by side in a cluster.
const COMPARE_WIDTH: usize = 16;
/// How often switches of message types that other nodes changed are looked for, and the quarantine is measured.
const FOLLOW_EVERY: Duration = Duration::from_secs(5);
/// How often messages and entries of the quarantine past retention are removed.
const RETAIN_EVERY: Duration = Duration::from_secs(60);
/// How often some messages are looked at that must not expire.
const KEEP_EVERY: Duration = Duration::from_secs(5);
/// In a cluster, every so many rounds what lies between held messages is looked at: that costs a question for each
/// bucket, and most of it expires by itself.
const REMOVE_BETWEEN_ROUNDS: u64 = 10;

/// Starts what goes on until the core is gone: each on its own, so that none waits for a store that another one needs.
pub(crate) fn start<P: Ports>(core: &Arc<Core<P>>) {
    let weak = || Arc::downgrade(core);
    tokio::spawn(every(EXPIRE_EVERY, weak(), async |core, _| {
        core.leave_elsewhere();
        core.free_abandoned().await;
    }));
    tokio::spawn(every(COMPARE_EVERY, weak(), async |core, round| core.compare_heads(round).await));
    tokio::spawn(every(FOLLOW_EVERY, weak(), async |core, _| core.follow().await));
    tokio::spawn(every(KEEP_EVERY, weak(), async |core, _| {
        let unkept = core.registry.keep_round(|ispb| core.is_here(ispb)).await;
        metrics::gauge!(UNKEPT).set(unkept as f64);
    }));
    tokio::spawn(every(RETAIN_EVERY, weak(), async |core, round| {
        core.remove_expired(round).await;
        core.remove_outlived().await;
    }));
}

/// Does something again and again, never twice at once, beginning after the first span.
async fn every<P: Ports, F>(span: Duration, core: Weak<Core<P>>, work: F)
where
    F: AsyncFn(Arc<Core<P>>, u64),
{
    let mut ticks = interval_at(Instant::now() + span, span);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for round in 1.. {
        ticks.tick().await;
        let Some(core) = core.upgrade() else { return };
        work(core, round).await;
    }
}

impl<P: Ports> Core<P> {
    /// Gives up the seats of participants that another region serves now. What they had is saved if it can be.
    fn leave_elsewhere(self: &Arc<Self>) {
        for seat in self.seats() {
            if seat.is_blank() || self.is_here(seat.ispb) {
                continue;
            }
            tracing::info!(ispb = %seat.ispb, "the participant is not served in this region any more");
            let unsaved = seat.unsaved();
            seat.leave();
            if let Some(state) = unsaved {
                let core = Arc::clone(self);
                tokio::spawn(async move { core.save_left(seat.ispb, state).await });
            }
        }
    }

    async fn free_abandoned(self: &Arc<Self>) {
        let now = self.ports.clock().now();
        for seat in self.seats() {
            let due = seat.with_state(|state, _| state.next_deadline().is_some_and(|at| at <= now));
            if due != Some(true) {
                continue;
            }
            match seat.submit(self, Command::Expire, Deadline::of_read(Duration::ZERO)).await {
                Ok(Outcome::Adjusted(adjustment)) => {
                    seat.metrics.abandoned.increment(adjustment.abandoned.into());
                    tracing::info!(
                        ispb = %seat.ispb,
                        streams = adjustment.abandoned,
                        messages = adjustment.redeliver,
                        "abandoned streams were freed; what they held is delivered again"
                    );
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, ispb = %seat.ispb, "abandoned streams stay for now");
                    if matches!(error, Error::Unavailable { .. }) {
                        return;
                    }
                }
            }
        }
    }

    async fn compare_heads(self: &Arc<Self>, round: u64) {
        metrics::gauge!(HOT_BYTES).set(self.budget.used() as f64);
        self.drop_idle_seats();
        self.clear_unread();
        let seats = self.seats();
        metrics::gauge!(SEATS).set(seats.len() as f64);
        seats.iter().for_each(|seat| seat.note_second());
        let offboarded = self.participants().into_iter().filter(|participant| participant.offboarded);
        offboarded.filter_map(|gone| self.find_seat(gone.ispb)).for_each(|seat| seat.metrics.rest());
        let serving = |participant: &Arc<Participant>| (!participant.offboarded).then_some(participant.ispb);
        let mut due: Vec<Ispb> = self.participants().iter().filter_map(serving).collect();
        // In a cluster each question costs a round trip: who reads and publishes nothing here is asked for rarely.
        let is_due = |ispb: &Ispb| self.find_seat(*ispb).is_some_and(|seat| seat.is_active());
        if self.is_shared && !round.is_multiple_of(COMPARE_ALL_ROUNDS) {
            due.retain(is_due);
        }
        due.retain(|ispb| self.is_here(*ispb));
        let width = if self.is_shared { COMPARE_WIDTH } else { 1 };
        for group in due.chunks(width) {
            if !self.compare_group(group).await {
                return;
            }
        }
    }

    /// Compares some participants side by side. `false`: the Journal is out of reach, and the rest can wait.
    async fn compare_group(self: &Arc<Self>, group: &[Ispb]) -> bool {
        if let [ispb] = group {
            return self.compare(*ispb).await;
        }
        let mut compared = tokio::task::JoinSet::new();
        for &ispb in group {
            let core = Arc::clone(self);
            compared.spawn(async move { core.compare(ispb).await });
        }
        compared.join_all().await.into_iter().all(|is_reached| is_reached)
    }

    async fn compare(self: &Arc<Self>, ispb: Ispb) -> bool {
        let compared = match self.find_seat(ispb) {
            Some(seat) => self.compare_head(&seat).await,
            None => self.measure_unread(ispb).await,
        };
        let Err(error) = compared else { return true };
        tracing::debug!(%error, %ispb, "the head could not be compared with the journal's");
        !matches!(error, Error::Unavailable { .. })
    }

    async fn compare_head(self: &Arc<Self>, seat: &Arc<Seat>) -> Result<(), Error> {
        let extent = self.ports.journal().extent(seat.ispb);
        let extent = JOURNAL_EXTENT.run(READ_DEADLINE, extent).await?;
        seat.raise_head(extent.next);
        let lag = || seat.with_state(|state, head| (state.watermark().plus(1), state.unconfirmed(head)));
        if self.is_shared && !seat.is_read_here() && lag().is_some_and(|(_, lag)| lag > 0) {
            // Read on other nodes, there may be less than this one knows.
            let _known_holds = self.load_state(seat, seat.snapshot()).await;
        }
        let Some((oldest, lag)) = lag() else {
            return Ok(());
        };
        seat.metrics.lag_messages.set(lag as f64);
        let age = if lag == 0 { Duration::ZERO } else { self.age_of(seat, oldest).await? };
        seat.metrics.lag_seconds.set(age.as_secs_f64());
        Ok(())
    }

    /// Gives the memory of those who read nothing to those who do, once it is getting short.
    fn clear_unread(&self) {
        if !self.budget.is_half_used() {
            return;
        }
        for seat in self.seats() {
            let has_streams = seat.with_state(|state, _| state.live_count() > 0).unwrap_or(false);
            if !has_streams || (self.is_shared && !seat.is_read_here()) {
                seat.hot().clear();
            }
        }
    }

    /// The lag of a participant that nobody reads or publishes for on this node.
    async fn measure_unread(&self, ispb: Ispb) -> Result<(), Error> {
        let journal = self.ports.journal();
        let extent = JOURNAL_EXTENT.run(READ_DEADLINE, journal.extent(ispb)).await?;
        let load = journal.load_checkpoint(ispb);
        let checkpoint = JOURNAL_LOAD_CHECKPOINT.run(READ_DEADLINE, load).await?;
        let unconfirmed = match checkpoint {
            Some(checkpoint) => checkpoint.state.unconfirmed(extent.next),
            None => extent.next.distance_from(extent.first),
        };
        metrics::gauge!(LAG_MESSAGES, "ispb" => ispb.to_string()).set(unconfirmed as f64);
        Ok(())
    }

    async fn age_of(&self, seat: &Seat, sequence: Sequence) -> Result<Duration, Error> {
        let now = self.ports.clock().now();
        let hot = seat.hot().find(sequence).map(|message| message.resource_id);
        let published_at: Option<Timestamp> = match hot {
            Some(id) => Some(id.published_at()),
            None => {
                let one = Range::new(sequence, sequence.plus(1));
                let read = self.ports.journal().read(seat.ispb, one, u64::MAX);
                let stored = JOURNAL_READ.run(READ_DEADLINE, read).await?;
                stored.first().map(|stored| stored.resource_id.published_at())
            }
        };
        Ok(published_at.map_or(Duration::ZERO, |at| now.since(at)))
    }

    async fn follow(&self) {
        if self.is_shared {
            self.registry.follow().await;
        } else if let Err(error) = self.registry.load_switches(READ_DEADLINE).await {
            tracing::debug!(%error, "the switches of message types could not be read; the known ones hold");
        }
        self.measure_quarantine().await;
    }

    async fn remove_expired(self: &Arc<Self>, round: u64) {
        let between = !self.is_shared || round % REMOVE_BETWEEN_ROUNDS == 1;
        for participant in self.participants() {
            if participant.held || !self.is_here(participant.ispb) {
                continue;
            }
            let seat = self.seat(participant.ispb);
            if let Err(error) = self.remove_expired_of(&seat, &participant, between).await {
                tracing::warn!(%error, ispb = %seat.ispb, "messages past retention could not be removed");
            }
        }
    }

    /// Removes a participant's messages that are past retention: first from what may be delivered, then, but for those
    /// that are held, for good.
    async fn remove_expired_of(
        self: &Arc<Self>,
        seat: &Arc<Seat>,
        participant: &Participant,
        between: bool,
    ) -> Result<(), Error> {
        let extent = JOURNAL_EXTENT.run(READ_DEADLINE, self.ports.journal().extent(seat.ispb)).await?;
        let first = self.registry.first_retained(participant).await?;
        if first <= extent.first {
            return Ok(());
        }
        let retain = Command::RetainFrom { first };
        let outcome = seat.submit(self, retain, Deadline::of_read(Duration::ZERO)).await?;
        let skipped = if let Outcome::Adjusted(adjustment) = outcome { adjustment.skipped } else { 0 };
        let outlived = Range::new(extent.first, first);
        let removed = self.registry.remove_outlived(participant, outlived, between).await?;
        if removed == 0 && skipped == 0 {
            // Another node was here, or what is left is held.
            return Ok(());
        }
        seat.metrics.expired.increment(removed);
        let detail =
            format!("removed {removed} messages below {first}; {skipped} of them were never confirmed");
        tracing::info!(ispb = %seat.ispb, detail, "retention ended for messages");
        let event = Event::System { command: "retention.expire".into(), detail: detail.into() };
        self.audit.record(self.record(Some(seat.ispb), "", event)).await;
        Ok(())
    }
}
