//! One worker: takes a batch, brings each participant's entries where they belong, acknowledges what is done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use pix_stream_app::{App, Error, Finding, Invalid, Ports, Publish, Published, Rule};
use pix_stream_domain::ispb::Ispb;
use pix_stream_ports::error::Error as StoreError;
use pix_stream_ports::intake::{Entry, Intake};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::metrics::{LEFT, PUBLISHED, QUARANTINED, REFUSED, REPEATED, TAKEN};

/// How a message came, in the quarantine.
const NAME: &str = "redis-stream";
/// How long a worker waits for entries before it looks whether the app drains.
const WAIT: Duration = Duration::from_secs(1);
/// How much longer than that a queue may take to say that there is nothing, and how long to do anything else.
const DEADLINE: Duration = Duration::from_secs(2);
/// The pause between batches of which nothing could be done, since participants cannot be given more now: it only keeps
/// a queue of nothing else from filling a core, and is too short for others to feel.
const PAUSE_HELD: Duration = Duration::from_millis(50);
/// The first pause after a failure of a store; it doubles up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(200);
/// The longest pause: a store that is back is used within a second.
const PAUSE_MAX: Duration = Duration::from_millis(800);
/// Bytes that are published together: half of what one request may have.
const RUN_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Characters of a producer's name that are kept.
const PRODUCER_MAX: usize = 140;
/// What is said of an entry that cannot be quarantined, since nobody knows for whom it is.
const NO_ISPB: &str = "its ISPB is missing or malformed";

/// Takes and publishes.
pub(crate) struct Worker<P: Ports, I> {
    app: App<P>,
    intake: Arc<I>,
    batch: u32,
}

impl<P: Ports, I> Clone for Worker<P, I> {
    fn clone(&self) -> Self {
        Self { app: self.app.clone(), intake: Arc::clone(&self.intake), batch: self.batch }
    }
}

/// Why the rest of a participant's entries is left for later.
#[derive(Debug, Clone, Copy)]
enum Left {
    /// Something is out of reach: a store, or the participant, which another region serves.
    Unavailable,
    /// The participant cannot be given more now, or not by this node.
    Held,
}

/// What became of a batch, or of a participant's part of it: the better of two is what counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Came {
    /// What was left is left for want of a store.
    Unavailable,
    /// What was left is left for other reasons.
    Held,
    /// All of it, of one participant at least, went where it belongs; or there was nothing.
    Through,
}

impl From<Left> for Came {
    fn from(left: Left) -> Self {
        match left {
            Left::Unavailable => Self::Unavailable,
            Left::Held => Self::Held,
        }
    }
}

/// How long to pause.
struct Pauses {
    next: Duration,
    was_left: bool,
}

impl Pauses {
    const START: Self = Self { next: PAUSE, was_left: false };

    /// After something that is out of reach for everybody.
    async fn after_failure(&mut self) {
        sleep(self.next).await;
        self.next = (2 * self.next).min(PAUSE_MAX);
    }
}

impl<P: Ports, I: Intake> Worker<P, I> {
    pub(crate) const fn new(app: App<P>, intake: Arc<I>, batch: u32) -> Self {
        Self { app, intake, batch }
    }

    /// Works until the app drains.
    pub(crate) async fn run(self) {
        let mut pauses = Pauses::START;
        let mut is_down = false;
        while !self.app.is_draining() {
            match self.take().await {
                Ok(entries) => {
                    if std::mem::take(&mut is_down) {
                        tracing::info!("the intake's queue is back");
                    }
                    let came = self.bring(entries).await;
                    self.pause(came, &mut pauses).await;
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_down, true) {
                        tracing::warn!(%error, "the intake's queue is out of reach; entries wait there");
                    }
                    pauses.after_failure().await;
                }
            }
        }
    }

    /// Pauses after a batch, if need be. Not after the first of which all is left: the queue gives new entries and those
    /// that were left before in turn, and the next may be for somebody else.
    async fn pause(&self, came: Came, pauses: &mut Pauses) {
        if came == Came::Through {
            *pauses = Pauses::START;
        } else if std::mem::replace(&mut pauses.was_left, true) {
            if came == Came::Unavailable && self.is_store_away().await {
                pauses.after_failure().await;
            } else {
                sleep(PAUSE_HELD).await;
            }
        }
    }

    /// Whether it is a store that is out of reach, not one participant.
    async fn is_store_away(&self) -> bool {
        self.app.health().await.iter().any(|dependency| dependency.fault.is_some())
    }

    async fn take(&self) -> Result<Vec<Entry>, StoreError> {
        let late = || StoreError::Unavailable(format!("no answer within {:?}", WAIT + DEADLINE));
        let take = self.intake.take(self.batch, WAIT);
        timeout(WAIT + DEADLINE, take).await.unwrap_or_else(|_| Err(late()))
    }

    /// Brings entries where they belong, each participant's in order and all participants at once.
    async fn bring(&self, entries: Vec<Entry>) -> Came {
        counter!(TAKEN).increment(entries.len() as u64);
        let mut best = None;
        let mut groups: BTreeMap<Ispb, Vec<Entry>> = BTreeMap::new();
        for entry in entries {
            match entry.ispb.parse() {
                Ok(ispb) => groups.entry(ispb).or_default().push(entry),
                Err(_) => best = best.max(Some(self.refuse(entry).await)),
            }
        }
        let mut brought = JoinSet::new();
        for (ispb, entries) in groups {
            let worker = self.clone();
            brought.spawn(async move { worker.bring_group(ispb, entries).await });
        }
        while let Some(ended) = brought.join_next().await {
            let came = ended.unwrap_or_else(|error| {
                tracing::error!(%error, "a defect ended the intake of some entries; they are handed out again");
                Came::Held
            });
            best = best.max(Some(came));
        }
        best.unwrap_or(Came::Through)
    }

    async fn refuse(&self, entry: Entry) -> Came {
        tracing::warn!(entry = &*entry.id, reason = NO_ISPB, "an entry of the intake was put aside");
        let refused = timeout(DEADLINE, self.intake.refuse(entry, NO_ISPB)).await;
        let is_done = matches!(refused, Ok(Ok(())));
        counter!(REFUSED).increment(u64::from(is_done));
        if is_done { Came::Through } else { Came::Unavailable }
    }

    /// One participant's entries, in order, up to the first that is left.
    async fn bring_group(&self, ispb: Ispb, entries: Vec<Entry>) -> Came {
        let mut rest = entries.as_slice();
        while !rest.is_empty() {
            let (run, behind) = rest.split_at(run_len(rest));
            if let Err(left) = self.bring_run(ispb, run).await {
                counter!(LEFT).increment(rest.len() as u64);
                return left.into();
            }
            rest = behind;
        }
        Came::Through
    }

    /// Entries of one producer: published together up to the first that is refused, which is put away; and so on.
    async fn bring_run(&self, ispb: Ispb, entries: &[Entry]) -> Result<(), Left> {
        let mut rest = entries;
        let mut len = rest.len();
        while !rest.is_empty() {
            let (part, fault) = match self.publish(ispb, &rest[..len]).await {
                Ok(published) => {
                    self.note_published(ispb, &published);
                    self.acknowledge(&rest[..len]).await?;
                    rest = &rest[len..];
                    len = rest.len();
                    continue;
                }
                Err(Error::InvalidMessage { part, fault }) => (part, fault),
                Err(Error::Conflict { part }) => (part, Box::new(conflict())),
                Err(Error::NotOnboarded) => (1, Box::new(not_onboarded())),
                Err(error) => return Err(note_left(ispb, &error)),
            };
            if part > 1 {
                // What is in front of it goes first: order.
                len = part - 1;
                continue;
            }
            self.put_away(ispb, &rest[0], &fault).await?;
            rest = &rest[1..];
            len = rest.len();
        }
        Ok(())
    }

    async fn publish(&self, ispb: Ispb, entries: &[Entry]) -> Result<Vec<Published>, Error> {
        let Some(first) = entries.first() else { return Ok(Vec::new()) };
        let (actor, request_id) = (producer(first), request_id(first));
        let messages = entries.iter().map(|entry| entry.xml.clone()).collect();
        self.app.publish(Publish { ispb, actor: &actor, request_id: &request_id, messages }).await
    }

    async fn put_away(&self, ispb: Ispb, entry: &Entry, fault: &Invalid) -> Result<(), Left> {
        let (producer, request_id) = (producer(entry), request_id(entry));
        let publish =
            Publish { ispb, actor: &producer, request_id: &request_id, messages: vec![entry.xml.clone()] };
        match self.app.quarantine(publish, NAME, fault).await {
            Ok(quarantined) => {
                tracing::info!(
                    ispb = ispb.as_str(),
                    entry = &*entry.id,
                    kept = %quarantined.id,
                    rule = quarantined.rule.code(),
                    "an entry of the intake was quarantined"
                );
                counter!(QUARANTINED).increment(1);
                self.acknowledge(std::slice::from_ref(entry)).await
            }
            Err(error) => Err(note_left(ispb, &error)),
        }
    }

    /// An entry that is done and not acknowledged comes again, and is a repeat then.
    async fn acknowledge(&self, entries: &[Entry]) -> Result<(), Left> {
        let ids = entries.iter().map(|entry| entry.id.clone()).collect();
        match timeout(DEADLINE, self.intake.acknowledge(ids)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Left::Unavailable),
        }
    }

    fn note_published(&self, ispb: Ispb, published: &[Published]) {
        let repeated = published.iter().filter(|one| one.is_repeat).count() as u64;
        counter!(REPEATED).increment(repeated);
        counter!(PUBLISHED).increment(published.len() as u64 - repeated);
        tracing::debug!(ispb = ispb.as_str(), entries = published.len(), repeated, "entries were published");
    }
}

/// How many entries from the first on have its producer and are not too much together.
fn run_len(entries: &[Entry]) -> usize {
    let mut bytes = 0;
    let fits = |entry: &&Entry| {
        bytes += entry.xml.len();
        bytes <= RUN_BYTES_MAX && entry.producer == entries[0].producer
    };
    entries.iter().take_while(fits).count().max(1)
}

/// What a producer calls itself, fit for logs and the audit log.
fn producer(entry: &Entry) -> String {
    let clean = entry.producer.chars().filter(|c| !c.is_control()).take(PRODUCER_MAX).collect::<String>();
    if clean.trim().is_empty() { "unknown".to_owned() } else { clean }
}

fn request_id(entry: &Entry) -> String {
    format!("intake-{}", entry.id)
}

fn note_left(ispb: Ispb, error: &Error) -> Left {
    if let Error::Internal(defect) = error {
        tracing::error!(ispb = ispb.as_str(), defect, "entries of the intake are left for later");
    } else {
        tracing::debug!(ispb = ispb.as_str(), %error, "entries of the intake are left for later");
    }
    if matches!(error, Error::Unavailable { .. }) { Left::Unavailable } else { Left::Held }
}

/// The finding of a message whose business id is known with other bytes.
fn conflict() -> Invalid {
    finding("Envelope/AppHdr/BizMsgIdr", Rule::Conflict, "is known with other bytes")
}

/// The finding of a message for somebody who is not onboarded.
fn not_onboarded() -> Invalid {
    finding("Envelope/AppHdr/To", Rule::Recipient, "the participant is not onboarded")
}

fn finding(path: &str, rule: Rule, reason: &str) -> Invalid {
    let (path, reason) = (path.to_owned(), reason.to_owned());
    Finding { line: 1, column: 1, path, rule, reason, value: None }.into()
}
