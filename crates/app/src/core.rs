//! What all use cases share: the ports, the seats, the registry, and the way to a state or a body that this
//! node does not have yet.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use pix_stream_domain::audit::{Event, Record};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::{Command, StreamState};
use pix_stream_domain::switches::Switches;
use pix_stream_domain::token::Keyring;
use pix_stream_ports::Ports;
use pix_stream_ports::clock::Clock as _;
use pix_stream_ports::codec::{Codec as _, Metadata};
use pix_stream_ports::coordinator::{Coordinator as _, Held, Swap};
use pix_stream_ports::journal::{Checkpoint, Journal as _, Stored};
use tokio::sync::Semaphore;

use crate::audit::Audit;
use crate::deflate::{Deflater, Job};
use crate::error::Error;
use crate::hot::{Budget, Hot};
use crate::message::Message;
use crate::metrics::{RECOVERIES, WAITING_READS};
use crate::seat::Seat;
use crate::settings::Settings;
use crate::store::{
    COORDINATOR_LOAD, COORDINATOR_SWAP, JOURNAL_EXTENT, JOURNAL_LOAD_CHECKPOINT, JOURNAL_RAISE_INCARNATION,
    JOURNAL_READ, JOURNAL_SAVE_CHECKPOINTS, READ_DEADLINE, RETRY_AFTER,
};

/// Messages that are read ahead of a reader that found one missing.
const READ_AHEAD: u64 = 128;
/// Bytes of XML that one read-ahead may bring.
const READ_AHEAD_BYTES: u64 = 1024 * 1024;

/// The shared heart of an [`crate::App`].
pub(crate) struct Core<P: Ports> {
    pub(crate) ports: P,
    pub(crate) settings: Settings,
    pub(crate) audit: Audit,
    pub(crate) deflater: Deflater,
    pub(crate) budget: Arc<Budget>,
    /// Places for reads that wait.
    pub(crate) waiting: Semaphore,
    pub(crate) waiting_reads: metrics::Gauge,
    draining: AtomicBool,
    /// The last checkpoint found no room.
    pub(crate) journal_full: AtomicBool,
    keyring: RwLock<Arc<Keyring>>,
    seats: RwLock<BTreeMap<Ispb, Arc<Seat>>>,
    registry: RwLock<BTreeMap<Ispb, Arc<Participant>>>,
    /// Which message types are switched on, as far as this node knows.
    pub(crate) switches: ArcSwap<Switches>,
}

impl<P: Ports> Core<P> {
    pub(crate) fn new(
        ports: P,
        keyring: Keyring,
        settings: Settings,
        audit: Audit,
        deflater: Deflater,
    ) -> Self {
        Self {
            ports,
            audit,
            deflater,
            budget: Arc::new(Budget::new(settings.hot_bytes)),
            waiting: Semaphore::new(settings.waiting_reads),
            waiting_reads: metrics::gauge!(WAITING_READS),
            draining: AtomicBool::new(false),
            journal_full: AtomicBool::new(false),
            keyring: RwLock::new(Arc::new(keyring)),
            seats: RwLock::default(),
            registry: RwLock::default(),
            switches: ArcSwap::default(),
            settings,
        }
    }

    pub(crate) fn keyring(&self) -> Arc<Keyring> {
        Arc::clone(&self.keyring.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_keyring(&self, keyring: Keyring) {
        *self.keyring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keyring);
    }

    pub(crate) fn find_participant(&self, ispb: Ispb) -> Option<Arc<Participant>> {
        self.registry.read().unwrap_or_else(PoisonError::into_inner).get(&ispb).cloned()
    }

    pub(crate) fn participants(&self) -> Vec<Arc<Participant>> {
        self.registry.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(crate) fn register(&self, participant: Participant) -> Arc<Participant> {
        let participant = Arc::new(participant);
        let mut registry = self.registry.write().unwrap_or_else(PoisonError::into_inner);
        registry.insert(participant.ispb, Arc::clone(&participant));
        participant
    }

    /// The seat of an onboarded participant; made when it is not there.
    pub(crate) fn seat(&self, ispb: Ispb) -> Arc<Seat> {
        if let Some(seat) = self.seats.read().unwrap_or_else(PoisonError::into_inner).get(&ispb) {
            return Arc::clone(seat);
        }
        let mut seats = self.seats.write().unwrap_or_else(PoisonError::into_inner);
        let hot = || Hot::new(self.settings.hot_bytes_per_participant, Arc::clone(&self.budget));
        Arc::clone(seats.entry(ispb).or_insert_with(|| Arc::new(Seat::new(ispb, hot()))))
    }

    /// The seat of a participant, if it is there.
    pub(crate) fn find_seat(&self, ispb: Ispb) -> Option<Arc<Seat>> {
        self.seats.read().unwrap_or_else(PoisonError::into_inner).get(&ispb).cloned()
    }

    /// Gives up seats that nobody uses while there are too many. What they knew is with the stores.
    pub(crate) fn drop_idle_seats(&self) {
        let mut seats = self.seats.write().unwrap_or_else(PoisonError::into_inner);
        let mut over = seats.len().saturating_sub(self.settings.seats);
        seats.retain(|_, seat| {
            // Under the write lock nobody can take a seat; one count is the map's own.
            let drops = over > 0 && Arc::strong_count(seat) == 1 && seat.is_idle();
            over -= usize::from(drops);
            !drops
        });
    }

    pub(crate) fn seats(&self) -> Vec<Arc<Seat>> {
        self.seats.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// From here on reads do not wait; those that do are woken, in the order in which they came.
    pub(crate) fn begin_drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        self.seats().iter().for_each(|seat| seat.wake.notify_waiters());
    }

    /// The newest state of a participant: the Coordinator's; or, when that is lost or older than what this node
    /// has seen (`known`), one taken over from the newest that is left.
    pub(crate) async fn load_state(
        &self,
        seat: &Seat,
        known: Option<StreamState>,
    ) -> Result<StreamState, Error> {
        // Two recoveries at once would raise two incarnations and leave checkpoints of a history that is none.
        let _one_recovers = seat.recovering.lock().await;
        let coordinator = self.ports.coordinator();
        let load = coordinator.load(seat.ispb);
        let extent = self.ports.journal().extent(seat.ispb);
        let held = COORDINATOR_LOAD.run(READ_DEADLINE, load).await?;
        // A node that knows nothing yet sees by the checkpoint that the Coordinator went back.
        let known = match (known, &held) {
            (None, Held::Current(_)) => self.load_checkpointed(seat.ispb).await,
            (known, _) => known,
        };
        let is_newest = |held: &StreamState| known.as_ref().is_none_or(|k| k.version() <= held.version());
        if let Held::Current(state) = &held
            && is_newest(state)
        {
            // The head may have been announced before this seat was there; without the Journal the next
            // announcement or sweep brings it.
            if let Ok(extent) = JOURNAL_EXTENT.run(READ_DEADLINE, extent).await {
                seat.raise_head(extent.next);
            }
            seat.learn((**state).clone(), None);
            return Ok((**state).clone());
        }
        let extent = JOURNAL_EXTENT.run(READ_DEADLINE, extent).await?;
        let newest = [known.as_ref(), held.state()].into_iter().flatten().max_by_key(|state| state.version());
        let (state, from) = self.recover_state(seat.ispb, extent.first, newest.cloned()).await?;
        let swap = coordinator.swap(seat.ispb, held.expected(), &state);
        seat.raise_head(extent.next);
        match COORDINATOR_SWAP.run(READ_DEADLINE, swap).await?.swap {
            Swap::Done => {}
            Swap::Lost(Held::Current(other)) => {
                seat.learn((*other).clone(), None);
                return Ok(*other);
            }
            Swap::Lost(Held::Nothing | Held::Old(_)) => {
                let cause = "the coordinator went away while a state was taken over".to_owned();
                return Err(Error::Unavailable { retry_after: RETRY_AFTER, cause });
            }
        }
        self.save_first(seat.ispb, &state).await;
        seat.learn(state.clone(), Some(state.version()));
        if let Some(checkpoint) = from {
            self.note_recovery(seat.ispb, &checkpoint, &state).await;
        }
        Ok(state)
    }

    /// The state of the newest checkpoint; `None` also when the Journal does not say.
    async fn load_checkpointed(&self, ispb: Ispb) -> Option<StreamState> {
        let load = self.ports.journal().load_checkpoint(ispb);
        let loaded = JOURNAL_LOAD_CHECKPOINT.run(READ_DEADLINE, load).await;
        loaded.ok().flatten().map(|checkpoint| checkpoint.state)
    }

    /// A state in a new incarnation, and what it comes from: the newest checkpoint, or what this node knows.
    async fn recover_state(
        &self,
        ispb: Ispb,
        first: Sequence,
        known: Option<StreamState>,
    ) -> Result<(StreamState, Option<Checkpoint>), Error> {
        let journal = self.ports.journal();
        let load = journal.load_checkpoint(ispb);
        let checkpoint = JOURNAL_LOAD_CHECKPOINT.run(READ_DEADLINE, load).await?;
        let known = known.map(|state| Checkpoint { state, is_last: false });
        let newest = [checkpoint, known].into_iter().flatten().max_by_key(|c| (c.state.version(), c.is_last));
        let raise = journal.raise_incarnation(ispb);
        let incarnation = JOURNAL_RAISE_INCARNATION.run(READ_DEADLINE, raise).await?;
        let now = self.ports.clock().now();
        let state = match &newest {
            None => StreamState::new(incarnation, first),
            Some(Checkpoint { state, is_last }) => {
                let settle = if *is_last { Duration::ZERO } else { self.settings.settle };
                state.clone().recover(incarnation, &self.settings.rules, now, settle)
            }
        };
        Ok((state, newest))
    }

    /// Puts a new history on record before anything happens in it. Only once it is agreed on: a checkpoint of an
    /// incarnation that lost the race would outrank those of the one that won.
    async fn save_first(&self, ispb: Ispb, state: &StreamState) {
        let checkpoint = Checkpoint { state: state.clone(), is_last: false };
        let save = self.ports.journal().save_checkpoints(vec![(ispb, checkpoint)]);
        if let Err(error) = JOURNAL_SAVE_CHECKPOINTS.run(READ_DEADLINE, save).await {
            // Without it a next crash recovers from where this one did; a full disk must not stop reads.
            tracing::warn!(%error, %ispb, "the first checkpoint of a new history could not be saved");
        }
    }

    async fn note_recovery(&self, ispb: Ispb, from: &Checkpoint, to: &StreamState) {
        metrics::counter!(RECOVERIES).increment(1);
        let detail = format!(
            "version {:?} to {:?}, watermark {}, frontier {}, {}",
            from.state.version(),
            to.version(),
            to.watermark(),
            to.frontier(),
            if from.is_last { "after a clean end" } else { "after a crash" },
        );
        tracing::info!(%ispb, detail, "took a stream state over from its checkpoint");
        let event = Event::System { command: "stream.recover".into(), detail: detail.into() };
        self.audit.record(self.record(Some(ispb), "", event)).await;
    }

    /// The messages of a batch that is not hot, from the Journal.
    pub(crate) async fn load_batch(&self, seat: &Seat, batch: Range) -> Result<Vec<Arc<Message>>, Error> {
        let read = self.ports.journal().read(seat.ispb, batch, u64::MAX);
        let stored = JOURNAL_READ.run(READ_DEADLINE, read).await?;
        if stored.len() as u64 != batch.len() {
            // Only retention takes messages away, and it spares what is leased for days.
            return Err(Error::Gone);
        }
        seat.metrics.cold.increment(batch.len());
        Ok(stored.into_iter().map(|stored| Arc::new(self.render(stored))).collect())
    }

    /// Makes messages from `from` on hot, so that they can be leased.
    pub(crate) async fn read_ahead(self: &Arc<Self>, seat: &Arc<Seat>, from: Sequence) -> Result<(), Error> {
        let _one_load = seat.loading.lock().await;
        if seat.hot().find(from).is_some() {
            return Ok(());
        }
        // Not bounded by the head that this seat knows: what returned may lie beyond it.
        let range = Range::new(from, from.plus(READ_AHEAD));
        let read = self.ports.journal().read(seat.ispb, range, READ_AHEAD_BYTES);
        let stored = JOURNAL_READ.run(READ_DEADLINE, read).await?;
        if stored.first().is_none_or(|first| first.sequence != from) {
            return self.skip_removed(seat, from).await;
        }
        seat.metrics.cold.increment(stored.len() as u64);
        let messages: Vec<_> = stored.into_iter().map(|stored| Arc::new(self.render(stored))).collect();
        self.prepare_first(seat, &messages);
        let mut hot = seat.hot();
        let Some((needed, behind)) = messages.split_first() else { return Ok(()) };
        hot.insert(needed);
        let _kept = behind.iter().take_while(|message| hot.insert_behind(message)).count();
        Ok(())
    }

    /// Messages that the stream state still wants are gone from the Journal: retention was here.
    async fn skip_removed(self: &Arc<Self>, seat: &Arc<Seat>, from: Sequence) -> Result<(), Error> {
        let extent = self.ports.journal().extent(seat.ispb);
        let extent = JOURNAL_EXTENT.run(READ_DEADLINE, extent).await?;
        if extent.first <= from {
            return Err(Error::Internal(format!("the journal has no message {from}, but says it has")));
        }
        seat.submit(self, Command::RetainFrom { first: extent.first }).await.map(|_adjusted| ())
    }

    /// Has what a reader is about to get deflated: the first batch before it is answered, the rest behind it.
    fn prepare_first(&self, seat: &Seat, messages: &[Arc<Message>]) {
        if !seat.wants_segments() {
            return;
        }
        let batch = usize::from(self.settings.rules.batch_max);
        for (index, message) in messages.iter().enumerate() {
            let previous = index.checked_sub(1).map(|before| Arc::clone(&messages[before]));
            let alone = index.is_multiple_of(batch);
            let job = Job { message: Arc::clone(message), previous, alone };
            if index < batch { job.run(self.ports.codec()) } else { self.deflater.offer(job) }
        }
    }

    pub(crate) fn render(&self, stored: Stored) -> Message {
        let Stored { sequence, resource_id, message_type, xml } = stored;
        let metadata = Metadata { message_type: message_type.into(), sequence };
        let metadata = self.settings.part_metadata.then_some(&metadata);
        Message::new(sequence, resource_id, self.ports.codec().render(resource_id, &xml, metadata))
    }

    pub(crate) fn record(&self, ispb: Option<Ispb>, request_id: &str, event: Event) -> Record {
        Record { at: self.ports.clock().now(), request_id: request_id.into(), ispb, event }
    }
}
