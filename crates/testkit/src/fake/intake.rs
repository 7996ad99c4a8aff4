//! An Intake in memory, as the port promises it; holds last for a while of tokio's time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use pix_stream_ports::error::Error;
use pix_stream_ports::intake::{Depth, Entry, Intake, Taken};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::fake::faults::Faults;
use crate::fake::lock;

/// How long a hold lasts after its node asked last, unless a test says otherwise.
const HOLD_LIFE: Duration = Duration::from_secs(30);

/// The Intake as one node reaches it.
#[derive(Debug, Clone)]
pub struct FakeIntake {
    queue: Arc<Mutex<Queue>>,
    more: Arc<Notify>,
    node: u64,
    /// An answer was lost: this node begins anew.
    is_unsure: Arc<AtomicBool>,
    faults: Faults,
}

#[derive(Debug, Default)]
struct Queue {
    entries: BTreeMap<u64, Waiting>,
    refused: Vec<(Entry, String)>,
    put: u64,
    nodes: u64,
    holds: u64,
    hold_life: Duration,
    holder: Option<Holder>,
}

#[derive(Debug)]
struct Holder {
    node: u64,
    hold: u64,
    until: Instant,
    /// The last entry that was handed out in this hold.
    last: u64,
}

#[derive(Debug)]
struct Waiting {
    entry: Entry,
    was_handed_out: bool,
}

impl FakeIntake {
    /// An empty Intake.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let queue = Queue { hold_life: HOLD_LIFE, ..Queue::default() };
        Self {
            queue: Arc::new(Mutex::new(queue)),
            more: Arc::default(),
            node: 0,
            is_unsure: Arc::default(),
            faults: Faults::new(seed),
        }
    }

    /// The same queue as another node reaches it, with the same faults.
    #[must_use]
    pub fn another_node(&self) -> Self {
        let mut queue = lock(&self.queue);
        queue.nodes += 1;
        Self { node: queue.nodes, is_unsure: Arc::default(), ..self.clone() }
    }

    /// Its faults.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// A hold lasts this long after its node asked last.
    pub fn set_hold_life(&self, hold_life: Duration) {
        lock(&self.queue).hold_life = hold_life;
    }

    /// Ends the hold of whoever has one.
    pub fn end_hold(&self) {
        lock(&self.queue).holder = None;
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
            queue.entries.insert(n, Waiting { entry, was_handed_out: false });
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
    fn take(&mut self, node: u64, limit: u32, is_anew: bool) -> Taken {
        let (now, life) = (Instant::now(), self.hold_life);
        let holder = self.holder.take().filter(|holder| now < holder.until);
        let holder = match holder {
            Some(holder) if holder.node != node => {
                self.holder = Some(holder);
                return Taken::default();
            }
            Some(holder) if !is_anew => Holder { until: now + life, ..holder },
            Some(_) | None => {
                self.holds += 1;
                Holder { node, hold: self.holds, until: now + life, last: 0 }
            }
        };
        let holder = self.holder.insert(holder);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut entries = Vec::new();
        let mut was_handed_out = None;
        for (n, waiting) in self.entries.range_mut(holder.last + 1..).take(limit) {
            // Those that were handed out before come apart from what is new, as the real one reads them.
            if *was_handed_out.get_or_insert(waiting.was_handed_out) != waiting.was_handed_out {
                break;
            }
            waiting.was_handed_out = true;
            holder.last = *n;
            entries.push(waiting.entry.clone());
        }
        Taken { hold: Some(holder.hold), entries }
    }

    fn release(&mut self, node: u64) {
        self.holder = self.holder.take().filter(|holder| holder.node != node);
    }

    fn find(&self, id: &str) -> Option<Entry> {
        Some(self.entries.get(&number(id)?)?.entry.clone())
    }

    fn remove(&mut self, id: &str) -> bool {
        number(id).is_some_and(|n| self.entries.remove(&n).is_some())
    }
}

fn number(id: &str) -> Option<u64> {
    id.strip_suffix("-0")?.parse().ok()
}

/// Ids look like those of a Redis Stream.
fn id(n: u64) -> Box<str> {
    format!("{n}-0").into()
}

impl Intake for FakeIntake {
    async fn take(&self, limit: u32, wait: Duration) -> Result<Taken, Error> {
        let until = Instant::now() + wait;
        loop {
            // Before looking, so that what is put meanwhile is not missed.
            let mut more = Box::pin(self.more.notified());
            more.as_mut().enable();
            let is_anew = self.is_unsure.swap(true, Ordering::Relaxed);
            let taken = self.ask(|queue| queue.take(self.node, limit, is_anew)).await?;
            self.is_unsure.store(false, Ordering::Relaxed);
            let left = until.saturating_duration_since(Instant::now());
            let is_enough = limit == 0 || !taken.entries.is_empty() || left.is_zero();
            if is_enough || timeout(left, more).await.is_err() {
                return Ok(taken);
            }
        }
    }

    async fn fetch(&self, ids: Vec<Box<str>>) -> Result<Vec<Entry>, Error> {
        self.ask(|queue| ids.iter().filter_map(|id| queue.find(id)).collect()).await
    }

    async fn release(&self) -> Result<(), Error> {
        self.ask(|queue| queue.release(self.node)).await
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
            let pending = queue.entries.values().filter(|waiting| waiting.was_handed_out).count() as u64;
            Depth { waiting: queue.entries.len() as u64 - pending, pending }
        })
        .await
    }
}
