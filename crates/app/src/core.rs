//! What all use cases share: the ports, the seats, the registry.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use pix_stream_domain::audit::{Event, Record};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::token::Keyring;
use pix_stream_hot::{Budget, Hot, Outbox};
use pix_stream_ports::Ports;
use pix_stream_ports::clock::Clock as _;
use pix_stream_ports::coordinator::Coordinator as _;
use pix_stream_ports::regions::{Regions as _, Sequencing};
use tokio::sync::{Notify, Semaphore};

use crate::metrics::WAITING_READS;
use crate::seat::Seat;
use crate::settings::Settings;
use pix_stream_calls::Error;
use pix_stream_calls::Health;
use pix_stream_calls::Pressure;
use pix_stream_calls::audit::Audit;
use pix_stream_calls::store::RETRY_AFTER;
use pix_stream_hot::Deflater;
use pix_stream_registry::Registry;

/// Bytes of fresh messages, over all participants, that may wait to be told to other nodes.
const OUTBOX_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// KiB of messages on their way to the Journal; more are refused. Reaching it means that the Journal hangs.
const APPENDING_KIB_MAX: usize = 128 * 1024;

/// The shared heart of an [`crate::App`].
pub(crate) struct Core<P: Ports> {
    pub(crate) ports: Arc<P>,
    pub(crate) settings: Settings,
    pub(crate) audit: Arc<Audit>,
    pub(crate) deflater: Deflater,
    pub(crate) budget: Arc<Budget>,
    /// Places for reads that wait.
    pub(crate) waiting: Semaphore,
    pub(crate) waiting_reads: metrics::Gauge,
    /// Other nodes share the Coordinator.
    pub(crate) is_shared: bool,
    /// Room for messages on their way to the Journal, in KiB.
    pub(crate) appending: Arc<Semaphore>,
    pub(crate) health: Arc<Health>,
    pub(crate) pressure: Arc<Pressure>,
    /// Another node changed participants or switches.
    pub(crate) registry_changed: Arc<Notify>,
    outbox_budget: Arc<Budget>,
    draining: AtomicBool,
    /// The last checkpoint found no room.
    pub(crate) journal_full: AtomicBool,
    keyring: RwLock<Arc<Keyring>>,
    seats: RwLock<BTreeMap<Ispb, Arc<Seat>>>,
    /// Participants, and which message types are switched on, as far as this node knows.
    pub(crate) registry: Arc<Registry<P>>,
}

impl<P: Ports> Core<P> {
    pub(crate) fn new(
        ports: P,
        keyring: Keyring,
        settings: Settings,
        audit: Audit,
        deflater: Deflater,
    ) -> Self {
        let (ports, audit) = (Arc::new(ports), Arc::new(audit));
        let registry = Registry::new(Arc::clone(&ports), Arc::clone(&audit), settings.retention);
        Self {
            is_shared: ports.coordinator().is_shared(),
            appending: Arc::new(Semaphore::new(APPENDING_KIB_MAX)),
            health: Arc::default(),
            pressure: Pressure::new(settings.pressure),
            registry_changed: Arc::default(),
            outbox_budget: Arc::new(Budget::new(OUTBOX_BYTES_MAX)),
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
            registry: Arc::new(registry),
            settings,
        }
    }

    pub(crate) fn keyring(&self) -> Arc<Keyring> {
        Arc::clone(&self.keyring.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_keyring(&self, keyring: Keyring) {
        *self.keyring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keyring);
    }

    /// A participant as this node knows it, also one that is offboarded.
    pub(crate) fn find_participant(&self, ispb: Ispb) -> Option<Arc<Participant>> {
        self.registry.find(ispb)
    }

    /// A participant that may read and be published for, also one that another node has just onboarded.
    pub(crate) async fn look_up(&self, ispb: Ispb) -> Result<Option<Arc<Participant>>, Error> {
        Ok(self.registry.look_up(ispb).await?.filter(|participant| !participant.offboarded))
    }

    pub(crate) fn participants(&self) -> Vec<Arc<Participant>> {
        self.registry.participants()
    }

    /// The seat of an onboarded participant; made when it is not there.
    pub(crate) fn seat(&self, ispb: Ispb) -> Arc<Seat> {
        if let Some(seat) = self.seats.read().unwrap_or_else(PoisonError::into_inner).get(&ispb) {
            return Arc::clone(seat);
        }
        let mut seats = self.seats.write().unwrap_or_else(PoisonError::into_inner);
        let hot = || Hot::new(self.settings.hot_bytes_per_participant, Arc::clone(&self.budget));
        let outbox = || Outbox::new(Arc::clone(&self.outbox_budget));
        let seat = seats.entry(ispb).or_insert_with(|| {
            let seat = Seat::new(ispb, hot(), outbox());
            // Nobody is missed before they had the time to come.
            seat.metrics.note_read(self.ports.clock().now());
            Arc::new(seat)
        });
        Arc::clone(seat)
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

    /// Refuses what concerns a participant that is not served in this region now.
    pub(crate) fn refuse_elsewhere(&self, ispb: Ispb) -> Result<(), Error> {
        let cause = match self.ports.regions().sequencing(ispb) {
            Sequencing::Here => return Ok(()),
            Sequencing::Elsewhere { region } => format!("{ispb} is served in region {region}"),
            Sequencing::Nobody { why } => format!("{ispb} is served in no region now: {why}"),
        };
        Err(Error::Unavailable { retry_after: RETRY_AFTER, cause })
    }

    /// Why a participant is served in no region now, if that is so.
    pub(crate) fn unclaimed(&self, ispb: Ispb) -> Option<Box<str>> {
        match self.ports.regions().sequencing(ispb) {
            Sequencing::Nobody { why } => Some(why),
            Sequencing::Here | Sequencing::Elsewhere { .. } => None,
        }
    }

    /// Whether a participant is served in this region now.
    pub(crate) fn is_here(&self, ispb: Ispb) -> bool {
        self.ports.regions().sequencing(ispb) == Sequencing::Here
    }

    pub(crate) fn record(&self, ispb: Option<Ispb>, request_id: &str, event: Event) -> Record {
        Record { at: self.ports.clock().now(), request_id: request_id.into(), ispb, event }
    }
}
