//! The book of a run: every message from its producer to its confirmation, and what must not have happened to it.
//!
//! The oracle of the testkit judges the invariants; here is what it cannot know from outside: which confirmed message
//! may come again because a fault took its confirmation, and whether everything acknowledged arrived in the end.

mod entry;
mod faults;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::token;
use pix_stream_testkit::Oracle;
use pix_stream_testkit::oracle::{Answer, Item};
use tokio::time::Instant;

pub(crate) use self::entry::{Bounds, Counts, Delivery, Fault, Finished};
use self::entry::{Message, Offer};
use crate::series::Series;

/// Where the clock of a run begins.
const START: Timestamp = Timestamp::from_unix_millis(1_800_000_000_000);
/// How long a stream of the servers may be left alone.
const IDLE: Duration = Duration::from_secs(10);
/// A fault may take confirmations of so long before it began and after it ended: a checkpoint every 200 ms, and what
/// stands in queues.
const LOSABLE: Duration = Duration::from_secs(2);
/// The pull number holds the history above this bit (`pix_stream_domain::stream`).
const HISTORY_BIT: u32 = 40;
/// Violations that are kept; after the first ones the rest follows.
const VIOLATIONS_MAX: usize = 50;
/// Streams and messages of one: what a participant may have out at once.
const OUT_MAX: u64 = 60;
const BATCH_MAX: u64 = 10;

/// The book, shared by all clients.
pub(crate) struct Book {
    began: Instant,
    inner: Mutex<Inner>,
}

struct Inner {
    oracle: Oracle,
    messages: HashMap<ResourceId, Message>,
    offered: HashMap<(Ispb, Digest), Offer>,
    /// The messages of each token's batch.
    batches: HashMap<Digest, Box<[ResourceId]>>,
    histories: HashMap<Ispb, u64>,
    faults: Vec<Fault>,
    violations: Vec<String>,
    counts: Counts,
    series: Series,
    participants: u64,
    /// When something was delivered last.
    delivered: Duration,
    /// When a read of a participant was last answered with messages, or that there are none.
    answered: HashMap<Ispb, Duration>,
    /// When producers stopped.
    load_ended: Option<Duration>,
}

impl Book {
    pub(crate) fn new(participants: u32) -> Self {
        let inner = Inner {
            oracle: Oracle::new(IDLE),
            messages: HashMap::new(),
            offered: HashMap::new(),
            batches: HashMap::new(),
            histories: HashMap::new(),
            faults: Vec::new(),
            violations: Vec::new(),
            counts: Counts::default(),
            series: Series::default(),
            participants: participants.into(),
            delivered: Duration::ZERO,
            answered: HashMap::new(),
            load_ended: None,
        };
        Self { began: Instant::now(), inner: Mutex::new(inner) }
    }

    /// Since the run began.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something that must not be, seen by a client.
    pub(crate) fn violate(&self, what: String) {
        self.inner().violate(what);
    }

    pub(crate) fn offer(&self, ispb: Ispb, digest: Digest) {
        let now = self.now();
        let mut inner = self.inner();
        inner.offered.entry((ispb, digest)).or_insert(Offer { at: now, id: None });
        inner.oracle.on_offered(ispb, digest);
    }

    /// A producer was told that a message is durable.
    pub(crate) fn acknowledge(&self, ispb: Ispb, digest: Digest, id: ResourceId) {
        let now = self.now();
        let mut inner = self.inner();
        let known = inner.offered.get_mut(&(ispb, digest)).and_then(|offer| offer.id.replace(id));
        match known {
            Some(known) if known != id => {
                return inner.violate(format!("a message of {ispb} was published as {known}, then as {id}"));
            }
            Some(_) => {
                inner.counts.repeated += 1;
                return;
            }
            None => {}
        }
        inner.counts.published += 1;
        for fault in &mut inner.faults {
            if let Some(until) = fault.until {
                fault.resumed.get_or_insert(now.saturating_sub(until));
            }
        }
        inner.series.at(now).published += 1;
        let message = inner.messages.entry(id).or_insert_with(|| Message::new(ispb, digest));
        message.is_acknowledged = true;
        let (owner, bytes, sequence) = (message.ispb, message.digest, message.sequence);
        if owner != ispb || bytes != digest {
            inner.violate(format!("{id} was delivered to {owner} before {ispb} published other bytes as it"));
        }
        if let Some(sequence) = sequence {
            let item = Item { resource_id: id, digest };
            let published = inner.oracle.on_published(ispb, sequence, item);
            inner.judge(published);
        }
    }

    pub(crate) fn note_refused(&self) {
        self.inner().counts.refused += 1;
    }

    pub(crate) fn present(&self, ispb: Ispb, token: &str, closes: bool) {
        let mut inner = self.inner();
        inner.oracle.on_presented(ispb, token, closes);
        let inner = &mut *inner;
        for id in inner.batches.get(&Digest::of(token.as_bytes())).into_iter().flatten() {
            if let Some(message) = inner.messages.get_mut(id) {
                message.is_presented = true;
            }
        }
    }

    /// A read was answered with messages.
    pub(crate) fn deliver(&self, ispb: Ispb, delivery: &Delivery<'_>) {
        let now = self.now();
        let mut inner = self.inner();
        let Ok(claims) = token::inspect(delivery.token) else {
            return inner.violate(format!("{ispb} got a token that cannot be read"));
        };
        let history = claims.cursor.pull >> HISTORY_BIT;
        let known = *inner.histories.entry(ispb).or_insert(history);
        if history > known {
            inner.histories.insert(ispb, history);
            inner.counts.histories += 1;
            inner.oracle.on_coordinator_lost(ispb, None);
        }
        let token = Digest::of(delivery.token.as_bytes());
        for (sequence, item) in claims.cursor.batch.iter().zip(delivery.items) {
            inner.receive(ispb, (sequence, *item), token, now);
        }
        let ids = delivery.items.iter().map(|item| item.resource_id).collect();
        inner.batches.insert(token, ids);
        if let Some(presented) = delivery.presented {
            inner.confirm(presented, now);
        }
        let answer = Answer {
            presented: delivery.presented,
            token: delivery.token,
            items: delivery.items,
            body: delivery.body,
            is_received: true,
            asked_at: START.after(delivery.asked),
            answered_at: START.after(now),
        };
        let delivered = inner.oracle.on_delivered(ispb, &answer);
        inner.judge(delivered);
        if history < known {
            // From a history that is over: what it leases binds nobody.
            inner.oracle.on_coordinator_lost(ispb, None);
        }
    }

    /// A read was answered without messages, or a DELETE was: the token's batch is confirmed.
    pub(crate) fn confirm(&self, ispb: Ispb, token: &str) {
        let now = self.now();
        let mut inner = self.inner();
        inner.confirm(token, now);
        let confirmed = inner.oracle.on_confirmed(ispb, token, START.after(now));
        inner.judge(confirmed);
    }

    pub(crate) fn note_abandoned(&self) {
        self.inner().counts.abandoned += 1;
    }

    /// A request of a client failed or was refused.
    pub(crate) fn note_failure(&self, what: &str) {
        let now = self.now();
        let mut inner = self.inner();
        inner.series.at(now).failed += 1;
        *inner.counts.failures.entry(what.to_owned()).or_default() += 1;
    }

    /// Nothing more is published.
    pub(crate) fn end_load(&self) {
        let now = self.now();
        self.inner().load_ended = Some(now);
    }

    /// Messages that were acknowledged and did not arrive yet, and those that arrived and whose token was never
    /// presented since: they must come again.
    pub(crate) fn open(&self) -> (usize, usize) {
        let inner = self.inner();
        let acknowledged = || inner.messages.values().filter(|message| message.is_acknowledged);
        let missing = acknowledged().filter(|message| message.received.is_none()).count();
        (missing, acknowledged().filter(|message| !message.is_presented).count() - missing)
    }

    pub(crate) fn counts(&self) -> Counts {
        self.inner().counts.clone()
    }

    pub(crate) fn violation_count(&self) -> usize {
        self.inner().violations.len()
    }

    /// Closes the book: what is still missing is lost.
    pub(crate) fn finish(&self) -> Finished {
        let mut inner = self.inner();
        let lost: Vec<String> = inner
            .messages
            .iter()
            .filter(|(_, message)| message.is_acknowledged && !message.is_presented)
            .map(|(id, message)| {
                let what = if message.received.is_some() { "confirmed" } else { "delivered" };
                format!("invariant 1: {id} of {} was acknowledged and never {what}", message.ispb)
            })
            .collect();
        lost.into_iter().for_each(|lost| inner.violate(lost));
        let costs: Vec<String> = inner.faults.iter().flat_map(Fault::violations).collect();
        costs.into_iter().for_each(|cost| inner.violate(cost));
        let bound = inner.redelivery_bound();
        let redelivered = inner.counts.redelivered;
        if redelivered > bound {
            inner.violate(format!(
                "{redelivered} redeliveries, the faults and the clients account for {bound} at most"
            ));
        }
        Finished {
            counts: inner.counts.clone(),
            series: inner.series.clone(),
            faults: inner.faults.clone(),
            violations: inner.violations.clone(),
            bound,
        }
    }
}

impl Inner {
    fn violate(&mut self, what: String) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(what);
        }
    }

    fn judge(&mut self, result: Result<(), pix_stream_testkit::Violation>) {
        if let Err(violation) = result {
            self.violate(violation.to_string());
        }
    }

    fn receive(&mut self, ispb: Ispb, (sequence, item): (Sequence, Item), token: Digest, now: Duration) {
        let id = item.resource_id;
        let offered = self.offered.get(&(ispb, item.digest)).map(|offer| offer.at);
        let message = self.messages.entry(id).or_insert_with(|| Message::new(ispb, item.digest));
        let is_first = message.received.is_none();
        let is_replay = message.token == Some(token);
        let (owner, confirmed, is_acknowledged) = (message.ispb, message.confirmed, message.is_acknowledged);
        let is_whole = message.digest == item.digest;
        message.received = message.received.or(Some(now));
        (message.sequence, message.token) = (Some(sequence), Some(token));
        message.is_presented &= is_replay;
        if owner != ispb {
            return self.violate(format!("invariant 8: {id} of {owner} was delivered to {ispb}"));
        }
        let Some(offered) = offered.filter(|_| is_whole) else {
            return self
                .violate(format!("invariant 9: {id} of {ispb} came with bytes that nobody published"));
        };
        if is_acknowledged {
            let published = self.oracle.on_published(ispb, sequence, item);
            self.judge(published);
        }
        self.note_delivery(now);
        let second = self.series.at(now);
        if is_first {
            second.delivered += 1;
            second.note_latency(now.saturating_sub(offered));
            self.counts.delivered += 1;
        } else if is_replay {
            self.counts.replayed += 1;
        } else {
            second.redelivered += 1;
            self.counts.redelivered += 1;
        }
        if let Some(at) = confirmed.filter(|_| !is_replay) {
            self.counts.confirmed_again += 1;
            if let Some(message) = self.messages.get_mut(&id) {
                message.confirmed = None;
            }
            if !self.may_be_lost(at) {
                let at = at.as_secs_f64();
                self.violate(format!(
                    "invariant 6: {id} of {ispb}, confirmed at {at:.1} s, came again without a fault"
                ));
            }
        }
    }

    fn note_delivery(&mut self, now: Duration) {
        let before = std::mem::replace(&mut self.delivered, now);
        for fault in self.faults.iter_mut().rev().take(2) {
            if fault.until.is_none_or(|until| before <= until + LOSABLE) {
                // Without a load there is nothing to deliver.
                let end = self.load_ended.map_or(now, |ended| now.min(ended));
                fault.silence = fault.silence.max(end.saturating_sub(before.max(fault.from)));
            }
        }
    }

    /// Whether a fault may have taken a confirmation of this time.
    fn may_be_lost(&self, at: Duration) -> bool {
        self.faults
            .iter()
            .filter(|fault| fault.loses)
            .any(|fault| at + LOSABLE >= fault.from && fault.until.is_none_or(|until| at <= until + LOSABLE))
    }

    fn confirm(&mut self, token: &str, now: Duration) {
        // A confirmed batch is not confirmed again: its token goes, so that a long run stays small.
        let ids = self.batches.remove(&Digest::of(token.as_bytes())).unwrap_or_default();
        for id in ids {
            if let Some(message) = self.messages.get_mut(&id) {
                message.confirmed.get_or_insert(now);
            }
        }
    }

    /// Each stream left alone gives back a batch; each fault may give back whatever is out.
    fn redelivery_bound(&self) -> u64 {
        let lost = self.faults.iter().filter(|fault| fault.loses).count() as u64;
        self.counts.abandoned * BATCH_MAX
            + (self.faults.len() as u64) * self.participants * OUT_MAX
            + lost.min(1) * self.counts.confirmed_again
    }
}

#[cfg(test)]
mod tests;
