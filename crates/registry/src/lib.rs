//! Who is onboarded, on what terms, and which message types are switched on: the records of the Journal as one node
//! knows them, and how operators change them. Knows no stream: what ends, moves or wakes one is `pix-stream-app`'s.
//!
//! Every change goes by the record's revision, so that of two at once one is refused; is made durable before it is
//! answered; is told to the other nodes; and is in the audit log with what was before and what is now.
//!
//! `onboarding` onboard, limits, offboard, retention; `holds` legal holds; `keep` what is stored and must not expire;
//! `retention` what is past it; `sessions` replay sessions; `switches` message types. Here: what is known, and the way of every change.

mod holds;
mod keep;
mod onboarding;
mod retention;
mod sessions;
mod switches;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use pix_stream_calls::audit::Audit;
use pix_stream_calls::store::{
    COORDINATOR_ANNOUNCE, COORDINATOR_DEADLINE, Deadline, JOURNAL_PARTICIPANTS, JOURNAL_SAVE_PARTICIPANT,
    READ_DEADLINE, WRITE_DEADLINE,
};
use pix_stream_calls::{AdminRefusal, Error};
use pix_stream_domain::audit::{Event, Record};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::{Limits, Participant};
use pix_stream_domain::switches::Switches;
use pix_stream_ports::Ports;
use pix_stream_ports::clock::Clock as _;
use pix_stream_ports::coordinator::{Coordinator as _, News};
use pix_stream_ports::journal::Journal as _;
use tokio::time::{Instant, sleep_until};

pub use keep::Keeping;
pub use onboarding::{Properties, REQUESTS_PER_SECOND_MAX};
pub use sessions::{REPLAY_VALID_MAX, REPLAY_VALID_MIN, ReplayRange};
pub use switches::Switched;

/// How often participants that nobody knows are looked for, at most. Whoever asks between two looks waits for the next,
/// which serves all who wait: no answer is older than its question.
const LOOK_UP_EVERY: Duration = Duration::from_millis(100);

/// Who commands, for the audit log.
#[derive(Debug, Clone, Copy)]
pub struct Actor<'a> {
    /// The certificate's name.
    pub name: &'a str,
    /// The request's id.
    pub request_id: &'a str,
    /// The reason that the operator gave; may be empty.
    pub reason: &'a str,
}

/// What became of a participant's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The participant as it is now; for a dry run, as it would be.
    pub participant: Arc<Participant>,
    /// Whether that is another record than before.
    pub changed: bool,
}

/// Participants and switches, as one node knows them.
pub struct Registry<P: Ports> {
    ports: Arc<P>,
    audit: Arc<Audit>,
    /// How long messages are kept of those without a retention of their own.
    retention: Duration,
    /// Other nodes share the Coordinator.
    is_shared: bool,
    known: RwLock<BTreeMap<Ispb, Arc<Participant>>>,
    switches: ArcSwap<Switches>,
    /// How far this node got with keeping what is stored.
    laps: Mutex<keep::Laps>,
    /// When somebody last asked for something that was not known.
    looked_up: tokio::sync::Mutex<Option<Instant>>,
}

impl<P: Ports> std::fmt::Debug for Registry<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("is_shared", &self.is_shared).finish_non_exhaustive()
    }
}

impl<P: Ports> Registry<P> {
    /// Knows nobody until it is loaded. `retention` is the configuration's.
    #[must_use]
    pub fn new(ports: Arc<P>, audit: Arc<Audit>, retention: Duration) -> Self {
        Self {
            is_shared: ports.coordinator().is_shared(),
            ports,
            audit,
            retention,
            known: RwLock::default(),
            switches: ArcSwap::default(),
            laps: Mutex::default(),
            looked_up: tokio::sync::Mutex::default(),
        }
    }

    /// A participant as this node knows it; one that another node onboarded may be missing for some seconds.
    #[must_use]
    pub fn find(&self, ispb: Ispb) -> Option<Arc<Participant>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(&ispb).cloned()
    }

    /// All participants, by ISPB.
    #[must_use]
    pub fn participants(&self) -> Vec<Arc<Participant>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// How long a participant's messages are kept.
    #[must_use]
    pub fn retention_of(&self, participant: &Participant) -> Duration {
        participant.retention_or(self.retention)
    }

    /// Reads all participants from the Journal.
    ///
    /// # Errors
    /// The Journal cannot be read.
    pub async fn load_participants(&self, deadline: Duration) -> Result<(), Error> {
        let load = self.ports.journal().participants();
        let participants = JOURNAL_PARTICIPANTS.run(deadline, load).await?;
        participants.into_iter().for_each(|participant| drop(self.learn(participant)));
        Ok(())
    }

    /// Looks for what another node changed.
    pub async fn follow(&self) {
        let (participants, switches) =
            (self.load_participants(READ_DEADLINE), self.load_switches(READ_DEADLINE));
        let (participants, switches) = tokio::join!(participants, switches);
        if let Err(error) = participants.and(switches) {
            tracing::debug!(%error, "participants and switches could not be read; the known ones hold");
        }
    }

    /// A participant, also one that another node has just onboarded.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn look_up(&self, ispb: Ispb) -> Result<Option<Arc<Participant>>, Error> {
        self.look_for(ispb, |known| known.is_some()).await
    }

    /// What is known of a participant; when that will not do and other nodes may know more, as the Journal has it.
    async fn look_for(
        &self,
        ispb: Ispb,
        will_do: impl Fn(Option<&Participant>) -> bool,
    ) -> Result<Option<Arc<Participant>>, Error> {
        let known = self.find(ispb);
        if will_do(known.as_deref()) || !self.is_shared {
            return Ok(known);
        }
        let (asked, deadline) = (Instant::now(), Deadline::of_read(Duration::ZERO));
        let mut looked_up = deadline.bound("turn to look for a participant", self.looked_up.lock()).await?;
        // Whoever waited for the lock may find what the one before it looked for.
        let known = self.find(ispb);
        if will_do(known.as_deref()) {
            return Ok(known);
        }
        if looked_up.is_none_or(|began| began < asked) {
            if let Some(began) = *looked_up {
                sleep_until(began + LOOK_UP_EVERY).await;
            }
            let began = Instant::now();
            self.load_participants(deadline.left()).await?;
            *looked_up = Some(began);
        }
        Ok(self.find(ispb))
    }

    /// Keeps the newer of what is known of a participant and what was learnt.
    fn learn(&self, participant: Participant) -> Arc<Participant> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        match known.get(&participant.ispb) {
            Some(newer) if newer.revision > participant.revision => Arc::clone(newer),
            Some(_) | None => {
                let participant = Arc::new(participant);
                known.insert(participant.ispb, Arc::clone(&participant));
                participant
            }
        }
    }

    /// Applies limits that another node gave a participant. Its revision stays what this node knows in whole: the rest of
    /// that change is still to be read.
    pub fn learn_limits(&self, ispb: Ispb, limits: Limits, revision: u64) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get_mut(&ispb).filter(|known| known.revision < revision) {
            *known = Arc::new(Participant { limits, ..(**known).clone() });
        }
    }

    /// Carries a change of a participant out, or tries it: what it says of the record becomes the next one. The same
    /// again changes nothing.
    async fn change(
        self: &Arc<Self>,
        ispb: Ispb,
        change: impl FnOnce(&mut Participant) -> Result<(), AdminRefusal>,
        (command, dry_run, actor): (&'static str, bool, Actor<'_>),
    ) -> Result<Recorded, Error> {
        self.audit.wait_for_room(READ_DEADLINE).await?;
        let known = self.look_up(ispb).await?.ok_or(Error::NotOnboarded)?;
        let mut next = (*known).clone();
        change(&mut next).map_err(Error::Refused)?;
        if next == *known {
            return Ok(Recorded { participant: known, changed: false });
        }
        next.revision += 1;
        if dry_run {
            return Ok(Recorded { participant: Arc::new(next), changed: true });
        }
        let detail = told(&known, &next);
        match self.save(next).await {
            Ok(participant) => {
                self.note(Some(ispb), command, Ok(&detail), actor).await;
                Ok(Recorded { participant, changed: true })
            }
            Err(error) => {
                self.note(Some(ispb), command, Err(&format!("{detail}: {error}")), actor).await;
                Err(error)
            }
        }
    }

    async fn save(self: &Arc<Self>, participant: Participant) -> Result<Arc<Participant>, Error> {
        let save = self.ports.journal().save_participant(participant.clone());
        if JOURNAL_SAVE_PARTICIPANT.run(WRITE_DEADLINE, save).await? {
            let participant = self.learn(participant);
            self.tell();
            return Ok(participant);
        }
        // Another node was faster: know what it did before anybody decides again.
        self.load_participants(READ_DEADLINE).await?;
        Err(Error::Refused(AdminRefusal::Raced))
    }

    /// Tells the other nodes that participants or switches are not what they were.
    fn tell(self: &Arc<Self>) {
        if self.is_shared {
            let registry = Arc::clone(self);
            tokio::spawn(async move { registry.announce(News::Registry).await });
        }
    }

    async fn announce(&self, news: News) {
        let announce = self.ports.coordinator().announce(news);
        if let Err(error) = COORDINATOR_ANNOUNCE.run(COORDINATOR_DEADLINE, announce).await {
            tracing::debug!(%error, "news were not announced; other nodes find out by themselves");
        }
    }

    /// Records an operator's command and what it came to.
    pub async fn note(
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
        let at = self.ports.clock().now();
        self.audit.record(Record { at, request_id: actor.request_id.into(), ispb, event }).await;
    }
}

/// What changes of a record, for the audit log: each property before and after.
fn told(before: &Participant, after: &Participant) -> String {
    let mut changes = Vec::new();
    let mut tell = |name: &str, before: String, after: String| {
        if before != after {
            changes.push(format!("{name} {before} -> {after}"));
        }
    };
    tell("offboarded", before.offboarded.to_string(), after.offboarded.to_string());
    tell("limits", format!("{:?}", before.limits), format!("{:?}", after.limits));
    let days = |participant: &Participant| match participant.retention {
        Some(retention) => format!("{} d", retention.as_secs() / (24 * 3600)),
        None => "configured".to_owned(),
    };
    tell("retention", days(before), days(after));
    tell("held", before.held.to_string(), after.held.to_string());
    let holds = |participant: &Participant| format!("{:?}", participant.holds.iter().collect::<Vec<_>>());
    tell("held ranges", holds(before), holds(after));
    let session = |participant: &Participant| match &participant.replay {
        Some(session) => {
            format!("{} of {:?} until {} ms", session.id, session.range, session.expires_at.unix_millis())
        }
        None => "none".to_owned(),
    };
    tell("replay session", session(before), session(after));
    changes.join("; ")
}

fn refused(why: String) -> Error {
    Error::Refused(AdminRefusal::Value(why))
}
