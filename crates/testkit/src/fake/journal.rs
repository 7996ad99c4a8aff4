//! A Journal in memory. Order, idempotency and checkpoints as the port promises them; no disk.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::StreamState;
use pix_stream_domain::switches::Switches;
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::version::Incarnation;
use pix_stream_ports::error::Error;
use pix_stream_ports::journal::{
    AppendError, Appended, Checkpoint, Extent, Journal, Known, MessageKey, NewMessage, Stored, Terms,
};

use crate::fake::faults::Faults;
use crate::fake::lock;

/// Messages that one call looks at to keep them: few, so that tests see where it stops.
const KEEP_PAGE: u64 = 10;

/// The Journal; its handles share one store.
#[derive(Debug, Clone)]
pub struct FakeJournal {
    store: Arc<Mutex<Store>>,
    faults: Faults,
}

#[derive(Debug, Default)]
struct Store {
    partitions: BTreeMap<Ispb, Partition>,
    participants: BTreeMap<Ispb, Participant>,
    switches: Switches,
    last_terms: Option<Terms>,
    is_full: bool,
    is_exhausted: bool,
    /// Messages that `read` was asked for and had, over its life.
    read: u64,
}

#[derive(Debug, Default)]
struct Partition {
    messages: BTreeMap<Sequence, Stored>,
    /// For how long each message would be kept; `None` for ever. Nothing expires by itself here.
    lives: BTreeMap<Sequence, Option<Duration>>,
    /// The newest message of each business id.
    ids: HashMap<Box<str>, Entry>,
    /// How many sequence numbers were given.
    given: u64,
    /// The newest checkpoint, as bytes, so that reading one back proves its encoding.
    checkpoint: Option<(Vec<u8>, bool)>,
    incarnation: Incarnation,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    sequence: Sequence,
    resource_id: ResourceId,
    digest: Digest,
    published_at: Timestamp,
}

impl FakeJournal {
    /// An empty Journal.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { store: Arc::default(), faults: Faults::new(seed) }
    }

    /// Its faults.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// While full, no message can be added; small changes and reading go on.
    pub fn set_full(&self, is_full: bool) {
        lock(&self.store).is_full = is_full;
    }

    /// While exhausted, the room that is kept for small changes is used up, too: only reading and removing go on.
    pub fn set_exhausted(&self, is_exhausted: bool) {
        lock(&self.store).is_exhausted = is_exhausted;
    }

    /// Onboards a participant, without faults or waiting.
    pub fn onboard(&self, participant: Participant) {
        lock(&self.store).participants.insert(participant.ispb, participant);
    }

    /// The newest checkpoint of a participant, without faults or waiting.
    #[must_use]
    pub fn peek_checkpoint(&self, ispb: Ispb) -> Option<Checkpoint> {
        lock(&self.store).partitions.get(&ispb).and_then(Partition::checkpoint)
    }

    /// On what terms the last messages were appended, without faults or waiting.
    #[must_use]
    pub fn last_terms(&self) -> Option<Terms> {
        lock(&self.store).last_terms
    }

    /// Loses the checkpoint of a participant, without faults or waiting.
    pub fn forget_state(&self, ispb: Ispb) {
        lock(&self.store).partitions.entry(ispb).or_default().checkpoint = None;
    }

    /// The next sequence number of a participant, without faults or waiting.
    #[must_use]
    pub fn peek_head(&self, ispb: Ispb) -> Sequence {
        lock(&self.store).partitions.get(&ispb).map_or(Sequence::FIRST, Partition::head)
    }

    /// The stored messages of a participant, without faults or waiting.
    #[must_use]
    pub fn peek_messages(&self, ispb: Ispb) -> Vec<Stored> {
        let store = lock(&self.store);
        store.partitions.get(&ispb).map(|p| p.messages.values().cloned().collect()).unwrap_or_default()
    }

    /// The stored messages of a participant that would expire by themselves, without faults or waiting.
    #[must_use]
    pub fn peek_expiring(&self, ispb: Ispb) -> Vec<u64> {
        let store = lock(&self.store);
        let lives = store.partitions.get(&ispb).into_iter().flat_map(|partition| &partition.lives);
        lives.filter(|(_, life)| life.is_some()).map(|(sequence, _)| sequence.value()).collect()
    }

    /// How many messages were read so far: what a cache should have spared shows here.
    #[must_use]
    pub fn messages_read(&self) -> u64 {
        lock(&self.store).read
    }

    fn refuse_message_if_full(&self) -> Result<(), Error> {
        let is_full = lock(&self.store).is_full;
        if is_full { Err(no_room()) } else { self.refuse_if_exhausted() }
    }

    fn refuse_if_exhausted(&self) -> Result<(), Error> {
        if lock(&self.store).is_exhausted { Err(no_room()) } else { Ok(()) }
    }

    /// What `ask` finds in a participant's partition; the participant's first question makes it.
    async fn ask<T>(&self, ispb: Ispb, ask: impl FnOnce(&mut Partition) -> T) -> Result<T, Error> {
        let fate = self.faults.begin().await?;
        let answer = ask(lock(&self.store).partitions.entry(ispb).or_default());
        fate.answer(answer).await
    }
}

fn no_room() -> Error {
    Error::Full("a fault was injected".to_owned())
}

impl Partition {
    fn head(&self) -> Sequence {
        Sequence::FIRST.plus(self.given)
    }

    fn find_known(&self, key: &MessageKey, window: Duration) -> Option<Entry> {
        let entry = self.ids.get(&key.business_id).copied()?;
        (key.published_at.since(entry.published_at) < window).then_some(entry)
    }

    /// All or none: a conflict leaves everything as it was.
    fn append(&mut self, messages: Vec<NewMessage>, terms: Terms) -> Result<Vec<Appended>, AppendError> {
        let mut within: HashMap<&str, Digest> = HashMap::new();
        for (index, NewMessage { key, .. }) in messages.iter().enumerate() {
            let known = self.find_known(key, terms.window).map(|entry| entry.digest);
            let known = known.or_else(|| within.get(&*key.business_id).copied());
            if known.is_some_and(|digest| digest != key.digest) {
                return Err(AppendError::Conflict { index });
            }
            within.insert(&key.business_id, key.digest);
        }
        Ok(messages.into_iter().map(|message| self.append_one(message, terms)).collect())
    }

    fn append_one(&mut self, message: NewMessage, terms: Terms) -> Appended {
        let NewMessage { key, resource_id, message_type, xml } = message;
        if let Some(Entry { sequence, resource_id, .. }) = self.find_known(&key, terms.window) {
            return Appended { sequence, resource_id, is_repeat: true };
        }
        let sequence = self.head();
        self.given += 1;
        let entry = Entry { sequence, resource_id, digest: key.digest, published_at: key.published_at };
        self.ids.insert(key.business_id, entry);
        self.lives.insert(sequence, terms.retention);
        self.messages.insert(sequence, Stored { sequence, resource_id, message_type, xml });
        Appended { sequence, resource_id, is_repeat: false }
    }

    fn checkpoint(&self) -> Option<Checkpoint> {
        let (bytes, is_last) = self.checkpoint.as_ref()?;
        Some(Checkpoint { state: StreamState::decode(bytes).ok()?, is_last: *is_last })
    }

    fn save(&mut self, checkpoint: &Checkpoint) {
        let stored = self.checkpoint();
        let version = checkpoint.state.version();
        let is_last = match stored.map(|stored| (stored.state.version(), stored.is_last)) {
            Some((newer, _)) if newer > version => return,
            Some((same, is_last)) if same == version => is_last || checkpoint.is_last,
            Some(_) | None => checkpoint.is_last,
        };
        self.checkpoint = Some((checkpoint.state.encode(), is_last));
    }
}

impl Journal for FakeJournal {
    async fn append(
        &self,
        ispb: Ispb,
        messages: Vec<NewMessage>,
        terms: Terms,
    ) -> Result<Vec<Appended>, AppendError> {
        let fate = self.faults.begin().await?;
        self.refuse_message_if_full()?;
        lock(&self.store).last_terms = Some(terms);
        let appended = lock(&self.store).partitions.entry(ispb).or_default().append(messages, terms)?;
        Ok(fate.answer(appended).await?)
    }

    async fn find_known(
        &self,
        ispb: Ispb,
        keys: Vec<MessageKey>,
        window: Duration,
    ) -> Result<Vec<Option<Known>>, Error> {
        let known = |entry: Entry, key: &MessageKey| Known {
            sequence: entry.sequence,
            resource_id: entry.resource_id,
            is_same: entry.digest == key.digest,
        };
        self.ask(ispb, |partition| {
            keys.iter().map(|key| partition.find_known(key, window).map(|entry| known(entry, key))).collect()
        })
        .await
    }

    async fn read(&self, ispb: Ispb, range: Range, bytes_max: u64) -> Result<Vec<Stored>, Error> {
        let fate = self.faults.begin().await?;
        let mut found: Vec<Stored> = Vec::new();
        {
            let mut store = lock(&self.store);
            let mut bytes = 0;
            let partition = store.partitions.entry(ispb).or_default();
            for (_, stored) in partition.messages.range(range.start()..range.end()) {
                bytes += stored.xml.len() as u64;
                if bytes > bytes_max && !found.is_empty() {
                    break;
                }
                found.push(stored.clone());
            }
            store.read += found.len() as u64;
        }
        fate.answer(found).await
    }

    async fn extent(&self, ispb: Ispb) -> Result<Extent, Error> {
        self.ask(ispb, |partition| {
            let next = partition.head();
            let first = partition.messages.first_key_value().map_or(next, |(sequence, _)| *sequence);
            Extent { first, next }
        })
        .await
    }

    async fn find_since(&self, ispb: Ispb, at: Timestamp) -> Result<Sequence, Error> {
        self.ask(ispb, |partition| {
            let mut stored = partition.messages.values();
            let found = stored.find(|stored| stored.resource_id.published_at() >= at);
            found.map_or(partition.head(), |stored| stored.sequence)
        })
        .await
    }

    async fn keep(&self, ispb: Ispb, range: Range, retention: Option<Duration>) -> Result<Sequence, Error> {
        self.ask(ispb, |partition| {
            let end = range.end().min(range.start().plus(KEEP_PAGE));
            let lives = partition.lives.range_mut(range.start()..end).map(|(_, life)| life);
            lives.filter(|life| retention.is_none() || **life < retention).for_each(|life| *life = None);
            if end < partition.head() { end } else { range.end() }
        })
        .await
    }

    async fn remove_below(&self, ispb: Ispb, below: Sequence, limit: u32) -> Result<u32, Error> {
        self.ask(ispb, |partition| {
            let mut removed = 0;
            while removed < limit {
                match partition.messages.first_entry() {
                    Some(oldest) if *oldest.key() < below => oldest.remove(),
                    Some(_) | None => break,
                };
                removed += 1;
            }
            removed
        })
        .await
    }

    async fn remove_between(&self, ispb: Ispb, range: Range, limit: u32) -> Result<u32, Error> {
        self.ask(ispb, |partition| {
            let messages = &mut partition.messages;
            let old: Vec<_> = messages
                .range(range.start()..range.end())
                .map(|(sequence, _)| *sequence)
                .take(usize::try_from(limit).unwrap_or(usize::MAX))
                .collect();
            messages.retain(|sequence, _| !old.contains(sequence));
            u32::try_from(old.len()).unwrap_or(u32::MAX)
        })
        .await
    }

    async fn load_checkpoint(&self, ispb: Ispb) -> Result<Option<Checkpoint>, Error> {
        let stored =
            self.ask(ispb, |partition| (partition.checkpoint.is_some(), partition.checkpoint())).await?;
        match stored {
            (true, None) => Err(Error::Damaged("a checkpoint does not decode".to_owned())),
            (_, checkpoint) => Ok(checkpoint),
        }
    }

    async fn save_checkpoints(&self, checkpoints: Vec<(Ispb, Checkpoint)>) -> Result<(), Error> {
        let fate = self.faults.begin().await?;
        self.refuse_if_exhausted()?;
        {
            let mut store = lock(&self.store);
            for (ispb, checkpoint) in &checkpoints {
                store.partitions.entry(*ispb).or_default().save(checkpoint);
            }
        }
        fate.answer(()).await
    }

    async fn raise_incarnation(&self, ispb: Ispb) -> Result<Incarnation, Error> {
        let fate = self.faults.begin().await?;
        self.refuse_if_exhausted()?;
        let raised = {
            let mut store = lock(&self.store);
            let partition = store.partitions.entry(ispb).or_default();
            partition.incarnation = partition.incarnation.next();
            partition.incarnation
        };
        fate.answer(raised).await
    }

    async fn participants(&self) -> Result<Vec<Participant>, Error> {
        let fate = self.faults.begin().await?;
        let all = lock(&self.store).participants.values().cloned().collect();
        fate.answer(all).await
    }

    async fn save_participant(&self, participant: Participant) -> Result<bool, Error> {
        let fate = self.faults.begin().await?;
        self.refuse_if_exhausted()?;
        let is_next = {
            let mut store = lock(&self.store);
            let stored = store.participants.get(&participant.ispb).map_or(0, |p| p.revision);
            let is_next = stored.checked_add(1) == Some(participant.revision);
            if is_next {
                store.participants.insert(participant.ispb, participant);
            }
            is_next
        };
        fate.answer(is_next).await
    }

    async fn load_switches(&self) -> Result<Switches, Error> {
        let fate = self.faults.begin().await?;
        let switches = lock(&self.store).switches.clone();
        fate.answer(switches).await
    }

    async fn save_switches(&self, switches: Switches) -> Result<bool, Error> {
        let fate = self.faults.begin().await?;
        self.refuse_message_if_full()?;
        let is_next = {
            let mut store = lock(&self.store);
            let is_next = store.switches.revision.checked_add(1) == Some(switches.revision);
            store.switches = if is_next { switches } else { store.switches.clone() };
            is_next
        };
        fate.answer(is_next).await
    }

    async fn check(&self) -> Result<(), Error> {
        self.faults.begin().await?.answer(()).await
    }
}

#[cfg(test)]
mod tests;
