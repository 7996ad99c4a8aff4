//! Unattended intake: what is refused there is kept in the quarantine until an operator decides.
//!
//! A producer that waits for an answer gets its 400 and stores nothing here; that is `publish`.

use std::sync::Arc;

use pix_stream_domain::audit::Event;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::Ports;
use pix_stream_ports::clock::Clock as _;
use pix_stream_ports::codec::{Finding, Invalid, Rule};
use pix_stream_ports::entropy::Entropy as _;
use pix_stream_ports::quarantine::{Entry, EntryId, Limits, Put, Quarantine as _, Summary, Usage};

use crate::App;
use crate::api::{Publish, Published, Quarantined, Released, Taken};
use crate::core::Core;
use crate::metrics::{
    QUARANTINE_BYTES, QUARANTINE_BYTES_MAX, QUARANTINE_ENTRIES, QUARANTINE_ENTRIES_MAX, QUARANTINED,
};
use crate::participants::tried;
use pix_stream_calls::Error;
use pix_stream_calls::store::{
    QUARANTINE_FIND, QUARANTINE_LIST, QUARANTINE_PUT, QUARANTINE_REMOVE, QUARANTINE_REMOVE_BEFORE,
    QUARANTINE_USAGE, READ_DEADLINE, RETRY_AFTER, WRITE_DEADLINE,
};
use pix_stream_registry::Actor;

/// Most entries that one list has.
pub const LIST_MAX: u32 = 1_000;
/// How a message came that was published over the API.
const INTAKE: &str = "publish";
/// Entries that one removal takes.
const REMOVE_MAX: u32 = 1_000;
/// Removals in one round of the sweeper; the rest waits for the next.
const REMOVALS_MAX: usize = 100;

impl<P: Ports> App<P> {
    /// Takes one message in that nobody waits for: publishes it, or puts it into quarantine when it is not valid or
    /// conflicts with what is known. `Ok` means that it is durable in one place or the other.
    ///
    /// # Errors
    /// As [`App::publish`], but for `InvalidMessage` and `Conflict`; `Overloaded` also when the quarantine is full.
    /// Nothing was stored, or the same request again settles it.
    pub async fn take_in(&self, publish: Publish<'_>) -> Result<Taken, Error> {
        let (ispb, actor, request_id) = (publish.ispb, publish.actor, publish.request_id);
        let [xml] = publish.messages.as_slice() else {
            return Err(Error::Internal("unattended intake takes one message at a time".to_owned()));
        };
        let xml = xml.clone();
        let fault = match self.0.publish(publish).await {
            Ok(published) => return Ok(Taken::Published(only(published)?)),
            Err(Error::InvalidMessage { fault, .. }) => fault,
            Err(Error::Conflict { .. }) => Box::new(conflict()),
            Err(other) => return Err(other),
        };
        let messages = vec![xml];
        let kept = Publish { ispb, actor, request_id, messages };
        self.quarantine(kept, INTAKE, &fault).await.map(Taken::Quarantined)
    }

    /// Puts one message into quarantine that came unattended by way of `intake` and was found to be at fault. `Ok` means
    /// that it is durable there; the same bytes again are one attempt more.
    ///
    /// # Errors
    /// `Overloaded` when the quarantine is full, `Unavailable`.
    pub async fn quarantine(
        &self,
        publish: Publish<'_>,
        intake: &'static str,
        fault: &Invalid,
    ) -> Result<Quarantined, Error> {
        let entry = self.0.new_entry(&publish, intake, fault);
        let request_id = Box::from(publish.request_id);
        // Once handed over it is kept, whether or not the producer still listens, and so it must be recorded.
        let task = tokio::spawn(Arc::clone(&self.0).put_away(entry, request_id));
        task.await.map_err(|error| Error::Internal(format!("the quarantine: {error}")))?
    }

    /// Entries without their bytes, oldest first: those behind `after`, of one participant or of all, at most
    /// `limit` and never more than [`LIST_MAX`].
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn quarantine_list(
        &self,
        ispb: Option<Ispb>,
        after: Option<EntryId>,
        limit: u32,
    ) -> Result<Vec<Summary>, Error> {
        let list = self.0.ports.quarantine().list(ispb, after, limit.min(LIST_MAX));
        Ok(QUARANTINE_LIST.run(WRITE_DEADLINE, list).await?)
    }

    /// One entry.
    ///
    /// # Errors
    /// `NoEntry`, `Unavailable`.
    pub async fn quarantine_find(&self, id: EntryId) -> Result<Entry, Error> {
        let find = self.0.ports.quarantine().find(id);
        QUARANTINE_FIND.run(READ_DEADLINE, find).await?.ok_or(Error::NoEntry)
    }

    /// One entry whose bytes leave the server; that is put on record.
    ///
    /// # Errors
    /// `NoEntry`, `Unavailable`.
    pub async fn quarantine_export(&self, id: EntryId, actor: Actor<'_>) -> Result<Entry, Error> {
        self.0.audit.wait_for_room(READ_DEADLINE).await?;
        let found = self.quarantine_find(id).await;
        let (ispb, done) = match &found {
            Ok(entry) => (Some(entry.summary.ispb), Ok(format!("{} bytes", entry.xml.len()))),
            Err(error) => (None, Err(error)),
        };
        self.0.note_entry((ispb, id), ("quarantine.export", false), done, actor).await;
        found
    }

    /// Publishes an entry's message, if today's schemas and switches allow it, under the name of who releases it,
    /// and then removes the entry. A dry run says whether it would be published.
    ///
    /// A crash between the two leaves the entry: releasing it again finds the message published - a repeat, as long
    /// as its business id is remembered - and removes it.
    ///
    /// # Errors
    /// `NoEntry`; `InvalidMessage` and `Conflict` with part 1 when it is still refused, and what else [`App::publish`]
    /// answers: the entry stays. `Unavailable` also when it was published, but not removed: release it again.
    pub async fn quarantine_release(
        &self,
        id: EntryId,
        dry_run: bool,
        actor: Actor<'_>,
    ) -> Result<Released, Error> {
        self.0.audit.wait_for_room(READ_DEADLINE).await?;
        let (ispb, released) = match self.quarantine_find(id).await {
            Ok(entry) if dry_run => (Some(entry.summary.ispb), self.0.try_release(entry).await),
            Ok(entry) => (Some(entry.summary.ispb), self.0.release(entry, actor).await),
            Err(error) => (None, Err(error)),
        };
        if !dry_run || released.is_err() {
            let done = released.as_ref().map(|released| match &released.published {
                Some(Published { sequence, is_repeat: true, .. }) => {
                    format!("was message {sequence} already")
                }
                Some(Published { sequence, .. }) => format!("message {sequence}"),
                None => String::new(),
            });
            self.0.note_entry((ispb, id), ("quarantine.release", dry_run), done, actor).await;
        }
        released
    }

    /// Removes an entry for good; a dry run only finds it. Returns what it was.
    ///
    /// # Errors
    /// `NoEntry`, `Unavailable`.
    pub async fn quarantine_drop(
        &self,
        id: EntryId,
        dry_run: bool,
        actor: Actor<'_>,
    ) -> Result<Summary, Error> {
        self.0.audit.wait_for_room(READ_DEADLINE).await?;
        let (ispb, dropped) = match self.quarantine_find(id).await {
            Ok(entry) if dry_run => (Some(entry.summary.ispb), Ok(entry.summary)),
            Ok(entry) => (Some(entry.summary.ispb), self.0.drop_entry(entry.summary).await),
            Err(error) => (None, Err(error)),
        };
        if !dry_run || dropped.is_err() {
            let done = dropped.as_ref().map(|summary| {
                format!("{} bytes of {}, rule {}", summary.bytes, summary.producer, summary.rule.code())
            });
            self.0.note_entry((ispb, id), ("quarantine.drop", dry_run), done, actor).await;
        }
        dropped
    }

    /// How much the quarantine keeps.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn quarantine_usage(&self) -> Result<Usage, Error> {
        self.0.quarantine_usage().await
    }

    /// How much the quarantine may keep.
    #[must_use]
    pub fn quarantine_limits(&self) -> Limits {
        self.0.settings.quarantine.limits
    }
}

impl<P: Ports> Core<P> {
    fn new_entry(&self, publish: &Publish<'_>, intake: &'static str, fault: &Invalid) -> Entry {
        let xml = publish.messages.first().cloned().unwrap_or_default();
        let at = self.ports.clock().now();
        let mut random = [0; 16];
        self.ports.entropy().fill(&mut random);
        let summary = Summary {
            id: EntryId(ResourceId::new(at, random)),
            ispb: publish.ispb,
            at,
            producer: publish.actor.to_owned(),
            intake: intake.to_owned(),
            rule: fault.first.rule,
            findings: fault.findings().map(ToString::to_string).collect(),
            bytes: u32::try_from(xml.len()).unwrap_or(u32::MAX),
            attempts: 1,
        };
        Entry { summary, xml }
    }

    async fn put_away(self: Arc<Self>, entry: Entry, request_id: Box<str>) -> Result<Quarantined, Error> {
        let Summary { id, ispb, producer, rule, findings, bytes, .. } = entry.summary.clone();
        let put = self.ports.quarantine().put(entry, self.settings.quarantine.limits);
        let (id, is_new) = match QUARANTINE_PUT.run(WRITE_DEADLINE, put).await? {
            Put::New => (id, true),
            Put::Known(id) => (id, false),
            Put::Full => {
                let limit = self.full_limit().await;
                return Err(Error::Overloaded { retry_after: RETRY_AFTER, limit });
            }
        };
        metrics::counter!(QUARANTINED).increment(u64::from(is_new));
        let (actor, code) = (producer.into(), rule.code().into());
        let event = Event::Quarantine { actor, entry: id.0, rule: code, bytes, repeat: !is_new };
        self.audit.record(self.record(Some(ispb), &request_id, event)).await;
        Ok(Quarantined { id, rule, findings, is_new })
    }

    /// Which of its limits a full quarantine has reached, as the configuration names it.
    async fn full_limit(&self) -> &'static str {
        let limits = self.settings.quarantine.limits;
        match self.quarantine_usage().await {
            Ok(usage) if usage.entries >= limits.entries => "[quarantine] entries",
            Ok(_) => "[quarantine] bytes",
            Err(_) => "[quarantine] entries or bytes",
        }
    }

    /// Whether an entry would be published now. A store or a limit can still come between.
    async fn try_release(self: &Arc<Self>, entry: Entry) -> Result<Released, Error> {
        let ispb = entry.summary.ispb;
        self.look_up(ispb).await?.ok_or(Error::NotOnboarded)?;
        let (messages, examined) = self.examine(ispb, vec![entry.xml]).await?;
        let examined = examined?;
        let known = self.find_known(ispb, &messages, &examined).await?;
        match known.into_iter().flatten().next() {
            Some(known) if known.is_same => {}
            Some(_) => return Err(Error::Conflict { part: 1 }),
            None => self.check_switches(ispb, &examined)?,
        }
        Ok(Released { dry_run: true, published: None })
    }

    async fn release(self: &Arc<Self>, entry: Entry, actor: Actor<'_>) -> Result<Released, Error> {
        let Entry { summary, xml } = entry;
        let (actor, request_id) = (actor.name, actor.request_id);
        let publish = Publish { ispb: summary.ispb, actor, request_id, messages: vec![xml] };
        let published = only(self.publish(publish).await?)?;
        // Somebody else may have released it at the same time: then it was published once, and is gone as it should.
        let _was_there = self.remove_entry(summary.id).await?;
        Ok(Released { dry_run: false, published: Some(published) })
    }

    async fn drop_entry(&self, summary: Summary) -> Result<Summary, Error> {
        if self.remove_entry(summary.id).await? { Ok(summary) } else { Err(Error::NoEntry) }
    }

    async fn remove_entry(&self, id: EntryId) -> Result<bool, Error> {
        let remove = self.ports.quarantine().remove(id);
        Ok(QUARANTINE_REMOVE.run(WRITE_DEADLINE, remove).await?)
    }

    async fn quarantine_usage(&self) -> Result<Usage, Error> {
        Ok(QUARANTINE_USAGE.run(READ_DEADLINE, self.ports.quarantine().usage()).await?)
    }

    async fn note_entry(
        &self,
        entry: (Option<Ispb>, EntryId),
        (command, dry_run): (&str, bool),
        done: Result<String, &Error>,
        actor: Actor<'_>,
    ) {
        let (ispb, id) = entry;
        let tried = tried(dry_run);
        let told = match done {
            Ok(done) => Ok(format!("{id}: {tried}{done}")),
            Err(error) => Err(format!("{id}: {tried}{error}")),
        };
        self.registry.note(ispb, command, told.as_deref().map_err(String::as_str), actor).await;
    }

    /// Shows how much the quarantine keeps.
    pub(crate) async fn measure_quarantine(&self) {
        match self.quarantine_usage().await {
            Ok(Usage { entries, bytes }) => {
                metrics::gauge!(QUARANTINE_ENTRIES).set(entries as f64);
                metrics::gauge!(QUARANTINE_BYTES).set(bytes as f64);
                let limits = self.settings.quarantine.limits;
                metrics::gauge!(QUARANTINE_ENTRIES_MAX).set(limits.entries as f64);
                metrics::gauge!(QUARANTINE_BYTES_MAX).set(limits.bytes as f64);
            }
            Err(error) => tracing::debug!(%error, "the quarantine could not be measured"),
        }
    }

    /// Removes entries past retention, in steps.
    pub(crate) async fn remove_outlived(&self) {
        let before = self.ports.clock().now().before(self.settings.quarantine.retention);
        match self.remove_entries_before(before).await {
            Ok(0) => {}
            Ok(removed) => {
                let detail = format!("removed {removed} entries of the quarantine");
                tracing::info!(detail, "retention ended for entries of the quarantine");
                let event = Event::System { command: "quarantine.expire".into(), detail: detail.into() };
                self.audit.record(self.record(None, "", event)).await;
            }
            Err(error) => tracing::warn!(%error, "entries of the quarantine past retention stay for now"),
        }
    }

    async fn remove_entries_before(&self, before: Timestamp) -> Result<u64, Error> {
        let mut removed = 0;
        for _round in 0..REMOVALS_MAX {
            let remove = self.ports.quarantine().remove_before(before, REMOVE_MAX);
            let count = QUARANTINE_REMOVE_BEFORE.run(READ_DEADLINE, remove).await?;
            removed += u64::from(count);
            if count < REMOVE_MAX {
                break;
            }
        }
        Ok(removed)
    }
}

/// The one answer to a request of one message.
fn only(published: Vec<Published>) -> Result<Published, Error> {
    let missing = || Error::Internal("one message was published without an answer".to_owned());
    published.into_iter().next().ok_or_else(missing)
}

/// The finding of a message whose business id is known with other bytes.
fn conflict() -> Invalid {
    let finding = Finding {
        line: 1,
        column: 1,
        path: "Envelope/AppHdr/BizMsgIdr".to_owned(),
        rule: Rule::Conflict,
        reason: "is known with other bytes".to_owned(),
        value: None,
    };
    finding.into()
}
