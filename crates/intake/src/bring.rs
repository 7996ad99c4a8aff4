//! Brings one participant's entries where they belong, in order, and acknowledges what is done.

use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use pix_stream_app::{App, Error, Finding, Invalid, Ports, Publish, Published, Rule};
use pix_stream_domain::ispb::Ispb;
use pix_stream_ports::error::Error as StoreError;
use pix_stream_ports::intake::{Entry, Intake};
use tokio::time::timeout;

use crate::metrics::{LEFT, PUBLISHED, QUARANTINED, REFUSED, REPEATED};

/// How a message came, in the quarantine.
const NAME: &str = "redis-stream";
/// How long the queue may take for anything that does not wait for entries.
pub(crate) const DEADLINE: Duration = Duration::from_secs(2);
/// Bytes that are published together: half of what one request may have.
const RUN_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Characters of a producer's name that are kept.
const PRODUCER_MAX: usize = 140;
/// What is said of an entry that cannot be quarantined, since nobody knows for whom it is.
const NO_ISPB: &str = "its ISPB is missing or malformed";

/// Publishes, quarantines, refuses, acknowledges.
pub(crate) struct Bringer<P: Ports, I> {
    app: App<P>,
    intake: Arc<I>,
}

/// Why the rest of some entries is left for later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// Something is out of reach: a store, or the participant, which another region serves.
    Unavailable,
    /// The participant cannot be given more now, or not by this node.
    Held,
}

impl<P: Ports, I> Clone for Bringer<P, I> {
    fn clone(&self) -> Self {
        Self { app: self.app.clone(), intake: Arc::clone(&self.intake) }
    }
}

impl<P: Ports, I: Intake> Bringer<P, I> {
    pub(crate) const fn new(app: App<P>, intake: Arc<I>) -> Self {
        Self { app, intake }
    }

    pub(crate) const fn app(&self) -> &App<P> {
        &self.app
    }

    /// Brings the entries of a participant, or those that name none, as far as that goes. `rest` is what is left.
    pub(crate) async fn bring(&self, ispb: Option<Ispb>, rest: &mut &[Entry]) -> Result<(), Left> {
        let brought = match ispb {
            None => self.refuse(rest).await,
            Some(ispb) => self.bring_all(ispb, rest).await,
        };
        counter!(LEFT).increment(rest.len() as u64);
        brought
    }

    /// Entries that were handed out before, again.
    pub(crate) async fn fetch(&self, ids: Vec<Box<str>>) -> Result<Vec<Entry>, StoreError> {
        let late = || StoreError::Unavailable(format!("no answer within {DEADLINE:?}"));
        timeout(DEADLINE, self.intake.fetch(ids)).await.unwrap_or_else(|_| Err(late()))
    }

    async fn refuse(&self, rest: &mut &[Entry]) -> Result<(), Left> {
        while let Some((entry, behind)) = rest.split_first() {
            tracing::warn!(entry = &*entry.id, reason = NO_ISPB, "an entry of the intake was put aside");
            match timeout(DEADLINE, self.intake.refuse(entry.clone(), NO_ISPB)).await {
                Ok(Ok(())) => counter!(REFUSED).increment(1),
                Ok(Err(_)) | Err(_) => return Err(Left::Unavailable),
            }
            *rest = behind;
        }
        Ok(())
    }

    async fn bring_all(&self, ispb: Ispb, rest: &mut &[Entry]) -> Result<(), Left> {
        while !rest.is_empty() {
            let (run, behind) = rest.split_at(run_len(rest));
            let mut left = run;
            let brought = self.bring_run(ispb, &mut left).await;
            *rest = &rest[run.len() - left.len()..];
            brought?;
            *rest = behind;
        }
        Ok(())
    }

    /// Entries of one producer: published together up to the first that is refused, which is put away; and so on.
    async fn bring_run(&self, ispb: Ispb, rest: &mut &[Entry]) -> Result<(), Left> {
        let mut len = rest.len();
        while !rest.is_empty() {
            let (part, fault) = match self.publish(ispb, &rest[..len]).await {
                Ok(published) => {
                    self.note_published(ispb, &published);
                    self.acknowledge(&rest[..len]).await?;
                    *rest = &rest[len..];
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
            *rest = &rest[1..];
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
