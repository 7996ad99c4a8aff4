//! An Intake in memory, as the port promises it; entries stay claimed for a while of tokio's time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use pix_stream_ports::error::Error;
use pix_stream_ports::intake::{Depth, Entry, Intake};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::fake::faults::Faults;
use crate::fake::lock;

/// After how long an entry that was handed out may be handed out again, unless a test says otherwise.
const CLAIM_AFTER: Duration = Duration::from_secs(30);

/// The Intake; its handles share one queue, as the workers of all nodes do.
#[derive(Debug, Clone)]
pub struct FakeIntake {
    queue: Arc<Mutex<Queue>>,
    more: Arc<Notify>,
    faults: Faults,
}

#[derive(Debug)]
struct Queue {
    entries: BTreeMap<u64, Waiting>,
    refused: Vec<(Entry, String)>,
    put: u64,
    claim_after: Duration,
    /// The last batch had entries that were handed out before.
    is_turn_of_new: bool,
}

#[derive(Debug)]
struct Waiting {
    entry: Entry,
    handed_out: Option<Instant>,
}

impl FakeIntake {
    /// An empty Intake.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let queue = Queue {
            entries: BTreeMap::new(),
            refused: Vec::new(),
            put: 0,
            claim_after: CLAIM_AFTER,
            is_turn_of_new: false,
        };
        Self { queue: Arc::new(Mutex::new(queue)), more: Arc::default(), faults: Faults::new(seed) }
    }

    /// Its faults.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// An entry that was handed out may be handed out again after this long.
    pub fn set_claim_after(&self, claim_after: Duration) {
        lock(&self.queue).claim_after = claim_after;
    }

    /// What a producer does: leaves a message. Returns the entry's id.
    pub fn put(&self, ispb: &str, producer: &str, xml: impl Into<Bytes>) -> Box<str> {
        let id = {
            let mut queue = lock(&self.queue);
            queue.put += 1;
            let n = queue.put;
            let id: Box<str> = id(n);
            let entry = Entry {
                id: id.clone(),
                ispb: ispb.to_owned(),
                producer: producer.to_owned(),
                xml: xml.into(),
            };
            queue.entries.insert(n, Waiting { entry, handed_out: None });
            id
        };
        self.more.notify_waiters();
        id
    }

    /// What was refused, and why, in order.
    #[must_use]
    pub fn peek_refused(&self) -> Vec<(Entry, String)> {
        lock(&self.queue).refused.clone()
    }

    /// Every entry that is neither acknowledged nor refused, in order.
    #[must_use]
    pub fn peek_entries(&self) -> Vec<Entry> {
        lock(&self.queue).entries.values().map(|waiting| waiting.entry.clone()).collect()
    }

    async fn ask<T>(&self, ask: impl FnOnce(&mut Queue) -> T) -> Result<T, Error> {
        let fate = self.faults.begin().await?;
        let answer = ask(&mut lock(&self.queue));
        fate.answer(answer).await
    }
}

impl Queue {
    fn take(&mut self, limit: u32) -> Vec<Entry> {
        let now = Instant::now();
        let claim_after = self.claim_after;
        let is_lapsed = |waiting: &Waiting| {
            waiting.handed_out.is_some_and(|at| now.saturating_duration_since(at) >= claim_after)
        };
        let lapsed = self.entries.iter().filter(|(_, waiting)| is_lapsed(waiting));
        let fresh = self.entries.iter().filter(|(_, waiting)| waiting.handed_out.is_none());
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let ids = |batch: &[(&u64, &Waiting)]| batch.iter().map(|(n, _)| **n).collect::<Vec<u64>>();
        let fresh = ids(&fresh.take(limit).collect::<Vec<_>>());
        // Those that were handed out longest ago first, as a cursor over all of them comes round.
        let mut lapsed: Vec<_> = lapsed.collect();
        lapsed.sort_by_key(|(_, waiting)| waiting.handed_out);
        lapsed.truncate(limit);
        let lapsed = ids(&lapsed);
        let is_new = lapsed.is_empty() || (self.is_turn_of_new && !fresh.is_empty());
        self.is_turn_of_new = !is_new;
        let taken = if is_new { fresh } else { lapsed };
        let mut entries = Vec::with_capacity(taken.len());
        for n in taken {
            if let Some(waiting) = self.entries.get_mut(&n) {
                waiting.handed_out = Some(now);
                entries.push(waiting.entry.clone());
            }
        }
        entries
    }

    fn remove(&mut self, id: &str) -> bool {
        let n = id.strip_suffix("-0").and_then(|n| n.parse::<u64>().ok());
        n.is_some_and(|n| self.entries.remove(&n).is_some())
    }
}

/// Ids look like those of a Redis Stream.
fn id(n: u64) -> Box<str> {
    format!("{n}-0").into()
}

impl Intake for FakeIntake {
    async fn take(&self, limit: u32, wait: Duration) -> Result<Vec<Entry>, Error> {
        let until = Instant::now() + wait;
        loop {
            // Before looking, so that what is put meanwhile is not missed.
            let mut more = Box::pin(self.more.notified());
            more.as_mut().enable();
            let taken = self.ask(|queue| queue.take(limit)).await?;
            let left = until.saturating_duration_since(Instant::now());
            if !taken.is_empty() || left.is_zero() || timeout(left, more).await.is_err() {
                return Ok(taken);
            }
        }
    }

    async fn acknowledge(&self, ids: Vec<Box<str>>) -> Result<(), Error> {
        self.ask(|queue| {
            for id in &ids {
                queue.remove(id);
            }
        })
        .await
    }

    async fn refuse(&self, entry: Entry, reason: &str) -> Result<(), Error> {
        self.ask(|queue| {
            if queue.remove(&entry.id) {
                queue.refused.push((entry, reason.to_owned()));
            }
        })
        .await
    }

    async fn depth(&self) -> Result<Depth, Error> {
        self.ask(|queue| {
            let pending =
                queue.entries.values().filter(|waiting| waiting.handed_out.is_some()).count() as u64;
            Depth { waiting: queue.entries.len() as u64 - pending, pending }
        })
        .await
    }
}
