//! Publishing: examine, append, and only then say 201; make hot what will be read at once.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pix_stream_domain::audit::{self, Event};
use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::Range;
use pix_stream_hot::Message;
use pix_stream_ports::Ports;
use pix_stream_ports::clock::Clock as _;
use pix_stream_ports::codec::{Codec, Examined, Rule};
use pix_stream_ports::entropy::Entropy as _;
use pix_stream_ports::journal::{
    AppendError, Appended, Journal as _, Known, MessageKey, NewMessage, Stored, Terms,
};

use crate::api::{Publish, Published};
use crate::core::Core;
use crate::metrics::{REFUSED, UNVALIDATED};
use crate::seat::Seat;
use pix_stream_calls::Store;
use pix_stream_calls::store::{
    Deadline, JOURNAL_APPEND, JOURNAL_FIND_KNOWN, READ_DEADLINE, RETRY_AFTER, WRITE_DEADLINE,
};
use pix_stream_calls::{Error, Kind};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

/// Above this many bytes a request is examined on a thread for blocking work: parsing costs some 25 ns a byte.
const EXAMINE_INLINE_MAX: usize = 64 * 1024;

impl<P: Ports> Core<P> {
    /// Makes messages durable, all or none, in the order of protocol section 2: repeats, backlog, validity,
    /// conflicts.
    pub(crate) async fn publish(self: &Arc<Self>, publish: Publish<'_>) -> Result<Vec<Published>, Error> {
        let published = self.try_publish(publish).await;
        if let Err(Error::InvalidMessage { fault, .. }) = &published {
            count_refused(fault.first.rule);
        } else if let Err(Error::Conflict { .. }) = &published {
            count_refused(Rule::Conflict);
        }
        published
    }

    async fn try_publish(self: &Arc<Self>, publish: Publish<'_>) -> Result<Vec<Published>, Error> {
        let ispb = publish.ispb;
        let participant = self.look_up(ispb).await?.ok_or(Error::NotOnboarded)?;
        self.refuse_elsewhere(ispb)?;
        if self.is_draining() {
            return Err(Error::Overloaded { retry_after: RETRY_AFTER, limit: "draining" });
        }
        self.pressure.admit(Kind::Publish, ispb, publish.messages.len())?;
        self.audit.wait_for_room(READ_DEADLINE).await?;
        let (messages, examined) = self.examine(ispb, publish.messages).await?;
        let seat = self.seat(ispb);
        if self.is_over_high_water(&seat, &participant).await {
            let repeats = match &examined {
                Ok(examined) => self.find_repeats(ispb, &messages, examined).await?,
                Err(_) => None,
            };
            return repeats.ok_or(Error::Overloaded { retry_after: RETRY_AFTER, limit: "backlog" });
        }
        let examined = examined?;
        if let Err(switched_off) = self.check_switches(ispb, &examined) {
            return self.find_repeats(ispb, &messages, &examined).await?.ok_or(switched_off);
        }
        let room = self.find_room(&messages)?;
        let new = self.new_messages(&messages, &examined);
        let (actor, request_id) = (Box::from(publish.actor), Box::from(publish.request_id));
        // Once handed to the Journal the messages exist, whether or not the producer still listens.
        let append = Arc::clone(self).append(seat, new, actor, request_id);
        let task = tokio::spawn(async move {
            let _room = room;
            append.await
        });
        let appended = task.await.map_err(|error| Error::Internal(format!("the append task: {error}")))??;
        let each = examined.into_iter().zip(appended);
        Ok(each.map(|(examined, appended)| published(examined, appended)).collect())
    }

    /// Examines messages that are published for a participant: the headers of all of them, or the first that is
    /// not valid.
    pub(crate) async fn examine(
        self: &Arc<Self>,
        ispb: Ispb,
        messages: Vec<Bytes>,
    ) -> Result<(Vec<Bytes>, Result<Vec<Examined>, Error>), Error> {
        let total: usize = messages.iter().map(Bytes::len).sum();
        if total <= EXAMINE_INLINE_MAX {
            let examined = examine_all(self.ports.codec(), ispb, &messages);
            return Ok((messages, examined));
        }
        let core = Arc::clone(self);
        let work = move || {
            let examined = examine_all(core.ports.codec(), ispb, &messages);
            (messages, examined)
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| Error::Internal(format!("examining: {error}")))
    }

    /// Whether the participant has too much unread. Without a known state nothing is refused: the Journal alone
    /// is enough to publish.
    async fn is_over_high_water(&self, seat: &Seat, participant: &Participant) -> bool {
        let max = participant.limits.backlog_high_water.unwrap_or(self.settings.backlog_high_water);
        let is_over = || seat.with_state(|state, head| state.unconfirmed(head) >= max);
        match is_over() {
            Some(false) => false,
            // Read on other nodes, there is less than this one knows.
            Some(true) if self.is_shared => self.refresh(seat).await && is_over() == Some(true),
            Some(true) => true,
            None => self.refresh(seat).await && is_over() == Some(true),
        }
    }

    /// Loads the newest state of a participant, if the Coordinator is within reach.
    async fn refresh(&self, seat: &Seat) -> bool {
        if !self.health.is_up(Store::Coordinator) {
            return false;
        }
        let load = self.load_state(seat, seat.snapshot());
        matches!(Deadline::of_read(Duration::ZERO).bound("state", load).await, Ok(Ok(_)))
    }

    /// The answer to a request that only repeats what is stored; `None` if anything in it is new.
    async fn find_repeats(
        &self,
        ispb: Ispb,
        messages: &[Bytes],
        examined: &[Examined],
    ) -> Result<Option<Vec<Published>>, Error> {
        let known = self.find_known(ispb, messages, examined).await?;
        let repeat = |(examined, known): (&Examined, Option<Known>)| {
            let Known { sequence, resource_id, .. } = known.filter(|known| known.is_same)?;
            let business_id = examined.business_id.clone();
            Some(Published { resource_id, sequence, business_id, is_repeat: true })
        };
        Ok(examined.iter().zip(known).map(repeat).collect())
    }

    /// What the Journal knows of each message's business id.
    pub(crate) async fn find_known(
        &self,
        ispb: Ispb,
        messages: &[Bytes],
        examined: &[Examined],
    ) -> Result<Vec<Option<Known>>, Error> {
        let now = self.ports.clock().now();
        let key = |(xml, examined): (&Bytes, &Examined)| MessageKey {
            business_id: examined.business_id.as_str().into(),
            digest: Digest::of(xml),
            published_at: now,
        };
        let keys = messages.iter().zip(examined).map(key).collect();
        let find = self.ports.journal().find_known(ispb, keys, self.settings.idempotency);
        Ok(JOURNAL_FIND_KNOWN.run(READ_DEADLINE, find).await?)
    }

    /// Room on the way to the Journal, which is only short when the Journal hangs.
    fn find_room(&self, messages: &[Bytes]) -> Result<OwnedSemaphorePermit, Error> {
        let bytes: usize = messages.iter().map(Bytes::len).sum();
        let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX);
        Arc::clone(&self.appending).try_acquire_many_owned(kib).map_err(|_| Error::Overloaded {
            retry_after: RETRY_AFTER,
            limit: "messages on their way to the journal",
        })
    }

    fn new_messages(&self, messages: &[Bytes], examined: &[Examined]) -> Vec<NewMessage> {
        let now = self.ports.clock().now();
        let new = |(xml, examined): (&Bytes, &Examined)| {
            let mut random = [0; 16];
            self.ports.entropy().fill(&mut random);
            let business_id = examined.business_id.as_str().into();
            NewMessage {
                key: MessageKey { business_id, digest: Digest::of(xml), published_at: now },
                resource_id: ResourceId::new(now, random),
                message_type: examined.message_type.as_str().into(),
                xml: xml.clone(),
            }
        };
        messages.iter().zip(examined).map(new).collect()
    }

    async fn append(
        self: Arc<Self>,
        seat: Arc<Seat>,
        messages: Vec<NewMessage>,
        actor: Box<str>,
        request_id: Box<str>,
    ) -> Result<Vec<Appended>, Error> {
        let append = self.ports.journal().append(seat.ispb, messages.clone(), self.terms(seat.ispb));
        // A conflict is the store's answer, not its failure.
        let answered = async {
            match append.await {
                Ok(appended) => Ok(Ok(appended)),
                Err(AppendError::Conflict { index }) => Ok(Err(Error::Conflict { part: index + 1 })),
                Err(AppendError::Store(error)) => Err(error),
            }
        };
        let begun = Instant::now();
        let appended = JOURNAL_APPEND.run(WRITE_DEADLINE, answered).await;
        self.pressure.note_store(Kind::Publish, begun.elapsed(), messages.len());
        let appended = appended??;
        let told = messages.iter().zip(&appended).map(|(message, appended)| audit::Message {
            sequence: appended.sequence,
            resource_id: appended.resource_id,
            digest: message.key.digest,
            is_repeat: appended.is_repeat,
        });
        let told = told.collect();
        let fresh: Vec<Stored> = messages
            .into_iter()
            .zip(&appended)
            .filter(|(_, a)| !a.is_repeat)
            .map(|(m, a)| stored(m, a))
            .collect();
        let batch = match (fresh.first(), fresh.last()) {
            (Some(first), Some(last)) => Range::new(first.sequence, last.sequence.plus(1)),
            (None, _) | (_, None) => Range::EMPTY,
        };
        let repeats = u32::try_from(appended.len() - fresh.len()).unwrap_or(u32::MAX);
        let fresh = self.make_hot(&seat, fresh);
        // A repeat settles an append of unknown outcome: its messages may be news to this node, too.
        if let Some(last) = appended.iter().map(|appended| appended.sequence).max() {
            seat.raise_head(last.plus(1));
            self.tell_fresh(&seat, &fresh, last.plus(1));
        }
        seat.metrics.published.increment(batch.len());
        let event = Event::Publish { actor, batch, repeats, messages: told };
        self.audit.record(self.record(Some(seat.ispb), &request_id, event)).await;
        Ok(appended)
    }

    /// On what terms a participant's messages are kept now.
    fn terms(&self, ispb: Ispb) -> Terms {
        let now = self.ports.clock().now();
        let participant = self.find_participant(ispb);
        let is_held = participant.as_ref().is_some_and(|participant| participant.is_held_at(now));
        let retention = participant.map_or(self.settings.retention, |own| self.registry.retention_of(&own));
        Terms { window: self.settings.idempotency, retention: (!is_held).then_some(retention) }
    }

    /// Renders fresh messages and keeps those hot that will be read soon. Returns what other nodes may want.
    fn make_hot(&self, seat: &Seat, fresh: Vec<Stored>) -> Vec<Arc<Message>> {
        // Who reads nothing must not fill the memory of those who do.
        let is_read = match self.is_shared {
            true => seat.is_read_here(),
            false => seat.with_state(|state, _| state.live_count() > 0).unwrap_or(false),
        };
        let is_kept = is_read || !self.budget.is_half_used();
        if !is_kept && !self.is_shared {
            return Vec::new();
        }
        let mut rendered = Vec::with_capacity(if self.is_shared { fresh.len() } else { 0 });
        for stored in fresh {
            let message = Arc::new(self.render(stored));
            if self.is_shared {
                rendered.push(Arc::clone(&message));
            }
            if is_kept && seat.hot().offer(&message) {
                self.deflate_kept(seat, message);
            }
        }
        rendered
    }
}

/// The headers of all messages, or the first that is not valid.
fn examine_all(codec: &impl Codec, ispb: Ispb, messages: &[Bytes]) -> Result<Vec<Examined>, Error> {
    let examine = |(index, xml): (usize, &Bytes)| {
        let verdict = codec.examine(xml, Some(ispb));
        verdict.map_err(|fault| Error::InvalidMessage { part: index + 1, fault: Box::new(fault) })
    };
    messages.iter().enumerate().map(examine).collect()
}

fn count_refused(rule: Rule) {
    metrics::counter!(REFUSED, "rule" => rule.code()).increment(1);
}

/// Counts a message that no schema was asked for, by the first two parts of its type, such as `pain.009`. A type is
/// what a producer wrote: whatever has not that form is counted together.
fn count_unvalidated(message_type: &str) {
    let message = message_type.get(..8).filter(|message| {
        let (area, number) = message.split_at(4);
        let number = number.strip_prefix('.').unwrap_or_default();
        let is_area = area.bytes().all(|byte| byte.is_ascii_lowercase());
        is_area && number.len() == 3 && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    metrics::counter!(UNVALIDATED, "type" => message.unwrap_or("other").to_owned()).increment(1);
}

fn stored(message: NewMessage, appended: &Appended) -> Stored {
    let NewMessage { message_type, xml, .. } = message;
    Stored { sequence: appended.sequence, resource_id: appended.resource_id, message_type, xml }
}

fn published(examined: Examined, appended: Appended) -> Published {
    let Appended { sequence, resource_id, is_repeat } = appended;
    if !examined.is_validated && !is_repeat {
        count_unvalidated(&examined.message_type);
    }
    Published { resource_id, sequence, business_id: examined.business_id, is_repeat }
}
