//! The use cases of pix-stream: what happens between a request and the stores.
//!
//! [`App`] is the whole of it for callers. It sequences calls to the ports, owns retries, deadlines and
//! waiting, and decides nothing itself: every rule of a stream is in `pix-stream-domain`, HTTP is in
//! `pix-stream-delivery`.
//!
//! One file a use case: `publish`, `quarantine` (unattended intake and what it refuses), `catalog` (message types and
//! their switches), `read` (open, pull, close), `participants` (the operator), `sweep` (abandoned streams, heads,

mod api;
mod bodies;
mod catalog;
mod checkpoint;
mod core;
mod health;
mod news;
mod participants;
mod publish;
mod quarantine;
mod read;
mod recover;
mod replay;
mod seat;
mod settings;
mod sweep;

use std::sync::Arc;
use std::time::Duration;

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::{Limits, Participant};
use pix_stream_domain::rate::{self, Decision};
use pix_stream_domain::time::TimeRange;
use pix_stream_domain::token::Keyring;
use pix_stream_ports::clock::Clock as _;
use pix_stream_ports::coordinator::Coordinator as _;
use pix_stream_telemetry as telemetry;

use crate::core::Core;
use pix_stream_calls::audit;
use pix_stream_calls::store::{COORDINATOR_ADMIT, COORDINATOR_DEADLINE, WRITE_DEADLINE};

pub use api::{
    Answer, Change, Changed, Dependency, Publish, Published, Quarantined, Read, Released, ReplayOpened,
    Status, StreamStatus, Taken, TypeStatus,
};
pub use pix_stream_calls::metrics::core as metrics;
pub use pix_stream_calls::{AdminRefusal, Error, Kind, Pressure, PressureSettings};
pub use pix_stream_hot::Message;
pub use pix_stream_registry::{
    Actor, Keeping, Properties, REPLAY_VALID_MAX, REPLAY_VALID_MIN, REQUESTS_PER_SECOND_MAX, Recorded,
    ReplayRange,
};
pub use quarantine::LIST_MAX as QUARANTINE_LIST_MAX;
pub use settings::{QuarantineSettings, Settings};

// What callers handle but the ports define; `delivery` has no arrow to them of its own.
pub use pix_stream_ports::Ports;
pub use pix_stream_ports::codec::{Finding, Invalid, Part, Rule, Segment};
pub use pix_stream_ports::quarantine::{Entry, EntryId, Limits as QuarantineLimits, Summary, Usage};

/// The use cases over one choice of ports. Cheap to clone. When the last clone is dropped its workers end, with
/// nothing saved: that is a crash, and safe. [`App::finish`] is the clean end.
pub struct App<P: Ports>(Arc<Core<P>>);

impl<P: Ports> Clone for App<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P: Ports> std::fmt::Debug for App<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl<P: Ports> App<P> {
    /// Loads the participants and starts the workers on the current tokio runtime.
    ///
    /// # Errors
    /// The Journal cannot be read.
    pub async fn start(ports: P, keyring: Keyring, settings: Settings) -> Result<Self, Error> {
        let (audit, records) = audit::Audit::new(settings.audit_queue);
        let (deflater, jobs) = pix_stream_hot::Deflater::new();
        let core = Arc::new(Core::new(ports, keyring, settings, audit, deflater));
        core.registry.load_participants(WRITE_DEADLINE).await?;
        core.registry.load_switches(WRITE_DEADLINE).await?;
        core.ports.coordinator().subscribe(Arc::new(news::Ear::new(&core)));
        let ports = Arc::downgrade(&core.ports);
        tokio::spawn(audit::run(ports.clone(), records));
        tokio::spawn(pix_stream_hot::run_deflater(ports.clone(), jobs));
        tokio::spawn(checkpoint::run(Arc::downgrade(&core)));
        tokio::spawn(pix_stream_calls::run_pressure(Arc::downgrade(&core.pressure)));
        sweep::start(&core);
        if core.is_shared {
            tokio::spawn(pix_stream_calls::watch(ports, Arc::clone(&core.health)));
            tokio::spawn(news::follow_registry(Arc::downgrade(&core)));
        }
        Ok(Self(core))
    }

    /// The settings it was started with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// An onboarded participant; one that another node onboarded may be missing for some seconds.
    #[must_use]
    pub fn find_participant(&self, ispb: Ispb) -> Option<Arc<Participant>> {
        self.0.find_participant(ispb)
    }

    /// An onboarded participant. In a cluster, one that is not known is looked for in the Journal once more, at most
    /// once a second: another node may just have onboarded it.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn look_up(&self, ispb: Ispb) -> Result<Option<Arc<Participant>>, Error> {
        self.0.look_up(ispb).await
    }

    /// All onboarded participants, by ISPB.
    #[must_use]
    pub fn participants(&self) -> Vec<Arc<Participant>> {
        self.0.participants()
    }

    /// Counts one request in the participant's rate window.
    ///
    /// # Errors
    /// The Coordinator is out of reach.
    pub async fn admit(&self, participant: &Participant) -> Result<Decision, Error> {
        let settings = &self.0.settings;
        let per_second = participant.limits.requests_per_second.unwrap_or(settings.requests_per_second);
        let rule = rate::Rule::per_second(per_second, settings.rate_window);
        let now = self.0.ports.clock().now();
        let admit = self.0.ports.coordinator().admit(participant.ispb, rule, now);
        Ok(COORDINATOR_ADMIT.run(COORDINATOR_DEADLINE, admit).await?)
    }

    /// Whom this node asks to slow down now.
    #[must_use]
    pub fn pressure(&self) -> &Pressure {
        &self.0.pressure
    }

    /// Opens a stream and reads its first batch; waits for a message as long as is configured.
    ///
    /// # Errors
    /// `ThreadLimit`, `Paused`, `Unavailable`, `Overloaded`.
    pub async fn open(&self, read: Read<'_>) -> Result<Answer, Error> {
        let step = telemetry::enter("app.open");
        step.close(self.0.open(read).await)
    }

    /// Confirms the batch of a token and reads the next; waits for a message as long as is configured.
    ///
    /// # Errors
    /// `InvalidCursor`, `Gone`, `Paused`, `Unavailable`, `Overloaded`. No cursor moved.
    pub async fn pull(&self, read: Read<'_>, token: &str) -> Result<Answer, Error> {
        let step = telemetry::enter("app.pull");
        step.close(self.0.pull(read, token).await)
    }

    /// Confirms the batch of a token and closes its stream.
    ///
    /// # Errors
    /// `InvalidCursor`, `Gone`, `Unavailable`, `Overloaded`.
    pub async fn close(&self, read: Read<'_>, token: &str) -> Result<(), Error> {
        let step = telemetry::enter("app.close");
        step.close(self.0.close(read, token).await)
    }

    /// Makes messages durable, all or none. `Ok` means they are.
    ///
    /// # Errors
    /// `NotOnboarded`, `Overloaded`, `InvalidMessage`, `Conflict`, `Unavailable`; nothing was stored, or the
    /// same request again settles it.
    pub async fn publish(&self, publish: Publish<'_>) -> Result<Vec<Published>, Error> {
        let step = telemetry::enter("app.publish");
        step.close(self.0.publish(publish).await)
    }

    /// A participant with the state of its streams.
    ///
    /// # Errors
    /// `NotOnboarded`, `Unavailable`.
    pub async fn status(&self, ispb: Ispb) -> Result<Status, Error> {
        self.0.status(ispb).await
    }

    /// Onboards a participant; the same again changes nothing. A dry run says what it would be.
    ///
    /// # Errors
    /// `Refused` when it exists with other properties or a value is out of bounds, `Unavailable`.
    pub async fn onboard(
        &self,
        ispb: Ispb,
        properties: Properties,
        dry_run: bool,
        actor: Actor<'_>,
    ) -> Result<Recorded, Error> {
        self.0.registry.onboard(ispb, properties, dry_run, actor).await
    }

    /// Replaces a participant's own limits; they apply from the next request on, at every node.
    ///
    /// # Errors
    /// `NotOnboarded`, `Refused`, `Unavailable`.
    pub async fn set_limits(
        &self,
        ispb: Ispb,
        limits: Limits,
        dry_run: bool,
        actor: Actor<'_>,
    ) -> Result<Recorded, Error> {
        self.0.registry.set_limits(ispb, limits, dry_run, actor).await
    }

    /// Ends what a participant may do: reads and publishing are answered as if it had never been onboarded, at once here
    /// and within seconds at other nodes; its streams end. Its messages stay for as long as they are kept.
    ///
    /// # Errors
    /// `NotOnboarded`, `Refused` when somebody else changed the participant at the same time, `Unavailable`.
    pub async fn offboard(&self, ispb: Ispb, dry_run: bool, actor: Actor<'_>) -> Result<Recorded, Error> {
        self.0.offboard(ispb, dry_run, actor).await
    }

    /// Takes an offboarding back: it goes on where it was.
    ///
    /// # Errors
    /// As for [`App::offboard`].
    pub async fn onboard_again(
        &self,
        ispb: Ispb,
        dry_run: bool,
        actor: Actor<'_>,
    ) -> Result<Recorded, Error> {
        self.0.registry.set_offboarded(ispb, false, dry_run, actor).await
    }

    /// Puts a participant's messages under legal hold - they are not removed, however old - or ends that: all of them, or
    /// those that were or will be published in a range of time. Ending all ends every range. When it returns, the change
    /// survives a crash; other nodes follow within seconds, and what is stored already is kept from expiring in rounds
    /// ([`Status::keeping`]).
    ///
    /// # Errors
    /// `NotOnboarded`; `Refused` when that would be too many ranges or somebody else changed the participant at the same
    /// time; `Unavailable`.
    #[expect(clippy::too_many_arguments, reason = "of whom, what, on or off, whether for real, by whom")]
    pub async fn set_hold(
        &self,
        ispb: Ispb,
        range: Option<TimeRange>,
        held: bool,
        dry_run: bool,
        actor: Actor<'_>,
    ) -> Result<Recorded, Error> {
        self.0.registry.set_hold(ispb, range, held, dry_run, actor).await
    }

    /// Says how long a participant's messages are kept, 1 day to 3,650; `None` for as long as is configured. What is stored
    /// for a shorter time is kept from expiring in rounds ([`Status::keeping`]).
    ///
    /// # Errors
    /// `NotOnboarded`, `Refused`, `Unavailable`.
    pub async fn set_retention(
        &self,
        ispb: Ispb,
        retention: Option<Duration>,
        dry_run: bool,
        actor: Actor<'_>,
    ) -> Result<Recorded, Error> {
        self.0.registry.set_retention(ispb, retention, dry_run, actor).await
    }

    /// Opens a replay session: a read-only cursor over stored messages with a token of its own, which any client reads as
    /// it reads a stream. No live stream moves. At most one is open; the same range again answers with that one.
    ///
    /// # Errors
    /// `NotOnboarded`; `Refused` when nothing is stored of the range, `valid` is out of bounds, or a session of another
    /// range is open; `Unavailable`.
    #[expect(clippy::too_many_arguments, reason = "of whom, what, for how long, whether for real, by whom")]
    pub async fn open_replay(
        &self,
        ispb: Ispb,
        range: ReplayRange,
        valid: Duration,
        dry_run: bool,
        actor: Actor<'_>,
    ) -> Result<ReplayOpened, Error> {
        self.0.open_replay(ispb, range, valid, dry_run, actor).await
    }

    /// Closes the replay session: its tokens are gone, at once here and within seconds at other nodes.
    ///
    /// # Errors
    /// `NotOnboarded`, `Refused` when somebody else changed the participant at the same time, `Unavailable`.
    pub async fn close_replay(&self, ispb: Ispb, dry_run: bool, actor: Actor<'_>) -> Result<Recorded, Error> {
        self.0.registry.close_session(ispb, dry_run, actor).await
    }

    /// Ends the live stream in a slot, from 1; what it held is delivered again ([`Changed::released`],
    /// [`Changed::redeliver`]).
    ///
    /// # Errors
    /// As for [`App::change`].
    pub async fn release_slot(
        &self,
        ispb: Ispb,
        slot: u8,
        dry_run: bool,
        actor: Actor<'_>,
    ) -> Result<Changed, Error> {
        self.change(ispb, Change::Release(slot), dry_run, actor).await
    }

    /// Changes what a participant's streams do, or - as a dry run - says what that would come to. When it
    /// returns, the change survives a crash.
    ///
    /// # Errors
    /// `NotOnboarded`, `Refused`, `Unavailable`, `Overloaded`.
    pub async fn change(
        &self,
        ispb: Ispb,
        change: Change,
        dry_run: bool,
        actor: Actor<'_>,
    ) -> Result<Changed, Error> {
        self.0.change(ispb, change, dry_run, actor).await
    }

    /// Records an operator's command that was refused before it came here, and the entry of the quarantine that it was
    /// about, if any.
    pub async fn audit_refusal(
        &self,
        ispb: Option<Ispb>,
        command: &str,
        entry: Option<EntryId>,
        actor: Actor<'_>,
    ) {
        const WHY: &str = "refused: the certificate has no such role";
        let told = entry.map_or_else(|| WHY.to_owned(), |entry| format!("{entry}: {WHY}"));
        self.0.registry.note(ispb, command, Err(&told), actor).await;
    }

    /// Records an operator's command that was carried out, or tried, outside of here: what came of it.
    pub async fn audit_command(&self, command: &str, outcome: Result<&str, &str>, actor: Actor<'_>) {
        self.0.registry.note(None, command, outcome, actor).await;
    }

    /// Each dependency, and what is wrong with it. Answers within a second.
    pub async fn health(&self) -> Vec<Dependency> {
        self.0.dependencies().await
    }

    /// How the Coordinator serves in another way than it should; `None`: as it should.
    #[must_use]
    pub fn coordinator_degraded(&self) -> Option<&'static str> {
        self.0.ports.coordinator().degraded()
    }

    /// Replaces the token keys; tokens of keys that are no longer live become invalid.
    pub fn set_keyring(&self, keyring: Keyring) {
        self.0.set_keyring(keyring);
    }

    /// Reads that wait are answered now, new streams and messages are refused.
    pub fn begin_drain(&self) {
        self.0.begin_drain();
    }

    /// Whether a drain has begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.is_draining()
    }

    /// After the last request: takes no more commands, saves the last checkpoints, brings the audit log to the
    /// disk.
    ///
    /// # Errors
    /// A store failed; what was acknowledged is safe all the same, but more will be delivered again.
    pub async fn finish(&self) -> Result<(), Error> {
        self.begin_drain();
        let saved = self.0.save_last().await;
        let flushed = self.0.audit.flush().await;
        saved.and(flushed)
    }
}
