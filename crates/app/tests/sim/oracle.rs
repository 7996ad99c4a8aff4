//! The oracle: sees every request and answer of a run, keeps the books of all participants and the trace, and
//! remembers the first rule that was broken.
//!
//! It is told of answers that clients lose, too: they are witnesses of what the server did.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use pix_stream_app::{Answer, EntryId, Error, Published};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::stream::command::Cursor;
use pix_stream_domain::stream::{Form, StreamState};
use pix_stream_domain::token;
use pix_stream_ports::clock::Clock as _;
use pix_stream_testkit::FakePorts;
use tokio::time::Instant;

use crate::book::{Age, Book, Confirmed, Moment, Ticket};
use crate::trace::Trace;

/// This long after the last fault everything must be as usual.
const CALM_AFTER: Duration = Duration::from_secs(3);
/// Without faults, no confirmation may wait longer for a checkpoint: the interval, its tick, some latency.
const CHECKPOINT_MAX: Duration = Duration::from_millis(500);

/// Knows everything, judges everything.
pub(crate) struct Oracle {
    inner: Mutex<Inner>,
    stores: FakePorts,
    idle: Duration,
}

struct Inner {
    books: BTreeMap<Ispb, Book>,
    trace: Trace,
    violation: Option<String>,
    age: Age,
    /// Faults that last, and when the last one began or ended.
    faults: u32,
    disturbed: Instant,
    counts: Counts,
    began: Instant,
}

/// What happened how often, over all runs.
#[derive(Debug, Default, Clone)]
pub(crate) struct Counts {
    pub(crate) runs: u64,
    pub(crate) published: u64,
    pub(crate) quarantined: u64,
    pub(crate) delivered: u64,
    pub(crate) empty: u64,
    pub(crate) gone: u64,
    pub(crate) refused: u64,
    pub(crate) lost: u64,
    pub(crate) losses_of_state: u64,
    pub(crate) events: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.published += other.published;
        self.quarantined += other.quarantined;
        self.delivered += other.delivered;
        self.empty += other.empty;
        self.gone += other.gone;
        self.refused += other.refused;
        self.lost += other.lost;
        self.losses_of_state += other.losses_of_state;
        self.events += other.events;
    }
}

impl Oracle {
    pub(crate) fn new(stores: FakePorts, idle: Duration) -> Self {
        let now = Instant::now();
        let inner = Inner {
            books: BTreeMap::new(),
            trace: Trace::default(),
            violation: None,
            age: Age::default(),
            faults: 0,
            disturbed: now,
            counts: Counts { runs: 1, ..Counts::default() },
            began: now,
        };
        Self { inner: Mutex::new(inner), stores, idle }
    }

    pub(crate) fn note(&self, event: &str) {
        self.inner().note(event);
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.inner().violation.is_some()
    }

    /// Something is wrong that no book knows of.
    pub(crate) fn accuse(&self, rule: String) {
        self.inner().judge(Err(rule));
    }

    /// A fault begins; it lasts until [`Oracle::end_fault`].
    pub(crate) fn begin_fault(&self, what: &str) {
        let mut inner = self.inner();
        inner.faults += 1;
        inner.disturbed = Instant::now();
        inner.note(what);
    }

    pub(crate) fn end_fault(&self, what: &str) {
        let mut inner = self.inner();
        inner.faults -= 1;
        inner.disturbed = Instant::now();
        inner.note(what);
    }

    pub(crate) fn set_clock(&self, what: &str) {
        let mut inner = self.inner();
        inner.age.clock += 1;
        inner.disturbed = Instant::now();
        inner.note(what);
    }

    /// The Coordinator loses all states now.
    pub(crate) fn lose_state(&self, what: &str) {
        let mut inner = self.inner();
        inner.note(what);
        inner.age.state += 1;
        inner.counts.losses_of_state += 1;
        let now = Instant::now();
        let calm = inner.faults == 0 && now - inner.disturbed > CALM_AFTER;
        inner.disturbed = now;
        let mut judged = Ok(());
        for (ispb, book) in &mut inner.books {
            let saved = self.stores.journal.peek_checkpoint(*ispb);
            let allowed = calm.then_some(CHECKPOINT_MAX);
            judged = judged.and(book.lose(saved.as_ref().map(|saved| &saved.state), now, allowed));
        }
        inner.judge(judged);
    }

    /// A state may have been agreed on.
    pub(crate) fn look_at_state(&self, ispb: Ispb) {
        let Some(state) = self.stores.coordinator.peek(ispb) else { return };
        let mut inner = self.inner();
        let (at, frontier, returned) = (state.version(), state.frontier(), state.returned().len());
        inner.note(&format!("{ispb} state {at:?}: {}, {returned} returned, {frontier}", state.watermark()));
        inner.book(ispb).look(&state);
        let judged = inner.book(ispb).lineage.follow(state);
        inner.judge(judged.map_err(|rule| format!("{ispb}: {rule}")));
    }

    pub(crate) fn begin(&self, who: &str, ispb: Ispb, what: &Request<'_>) -> Ticket {
        let clock = self.stores.clock.now();
        let mut inner = self.inner();
        let cursor = what.token.and_then(|text| token::inspect(text).ok()).map(|claims| claims.cursor);
        let name = cursor.map_or_else(|| "start".to_owned(), |c| short(&c));
        let verb = if what.closes { "DELETE" } else { "GET" };
        inner.note(&format!("{who} {ispb} {verb} {name} {:?}", what.form));
        let ticket = Ticket {
            token: what.token.map(str::to_owned),
            cursor,
            is_newest: what.is_newest,
            began: Instant::now(),
            began_at: clock,
            age: inner.age,
        };
        inner.book(ispb).begin(&ticket, what.closes);
        ticket
    }

    pub(crate) fn read(
        &self,
        (who, ispb): (&str, Ispb),
        ticket: &Ticket,
        result: &Result<Answer, Error>,
        received: bool,
    ) {
        let mut inner = self.inner();
        let moment = self.moment(&inner);
        let fate = if received { "" } else { " (lost)" };
        let judged = match result {
            Ok(answer) => {
                let claims = token::inspect(answer.token.as_str());
                let name = claims.map_or_else(|error| error.to_string(), |claims| short(&claims.cursor));
                inner.note(&format!("{who} {ispb} <- {name}{fate}"));
                inner.counts.delivered += answer.messages.len() as u64;
                inner.counts.empty += u64::from(answer.messages.is_empty());
                inner.counts.lost += u64::from(!received);
                inner.book(ispb).answered(ticket, answer, received, moment)
            }
            Err(error) => self.refused(&mut inner, (who, ispb), ticket, error),
        };
        inner.judge(judged.map_err(|rule| format!("{who} {ispb}: {rule}")));
    }

    pub(crate) fn closed(&self, who: &str, ispb: Ispb, ticket: &Ticket, result: &Result<(), Error>) {
        let mut inner = self.inner();
        let moment = self.moment(&inner);
        let judged = match result {
            Ok(()) => {
                inner.note(&format!("{who} {ispb} <- closed"));
                inner.book(ispb).closed(ticket, moment);
                Ok(())
            }
            Err(error) => self.refused(&mut inner, (who, ispb), ticket, error),
        };
        inner.judge(judged.map_err(|rule| format!("{who} {ispb}: {rule}")));
    }

    /// A request ended without an answer: a dead node, or its client went away.
    pub(crate) fn unanswered(&self, who: &str, ispb: Ispb) {
        let mut inner = self.inner();
        inner.note(&format!("{who} {ispb} <- nothing"));
        inner.counts.lost += 1;
        inner.book(ispb).lose_sight(Instant::now());
    }

    fn refused(
        &self,
        inner: &mut Inner,
        (who, ispb): (&str, Ispb),
        ticket: &Ticket,
        error: &Error,
    ) -> Result<(), String> {
        inner.note(&format!("{who} {ispb} <- {error}"));
        inner.counts.refused += 1;
        let moment = self.moment(inner);
        if let Error::Internal(defect) = error {
            return Err(format!("a defect: {defect}"));
        }
        if let Error::ThreadLimit { used, cap, .. } = error
            && used < cap
        {
            return Err(format!("429 with {used} of {cap} streams"));
        }
        if *error == Error::Gone {
            inner.counts.gone += 1;
            return inner.book(ispb).gone(ticket, moment);
        }
        // An error moves no cursor, but the answer that failed may have: 503 leaves its client in the dark.
        inner.book(ispb).leave_in_the_dark(ticket, moment.now);
        Ok(())
    }

    pub(crate) fn publish(&self, ispb: Ispb, messages: &[(String, Bytes)]) {
        let mut inner = self.inner();
        for (id, xml) in messages {
            inner.book(ispb).publish(id, xml);
        }
    }

    pub(crate) fn published(
        &self,
        ispb: Ispb,
        messages: &[(String, Bytes)],
        result: &Result<Vec<Published>, Error>,
    ) {
        let mut inner = self.inner();
        let now = Instant::now();
        let judged = match result {
            Ok(all) => {
                let at = all.iter().map(|one| one.sequence.value()).collect::<Vec<_>>();
                inner.note(&format!("{ispb} published {at:?}"));
                inner.counts.published += all.len() as u64;
                let book = inner.book(ispb);
                messages.iter().zip(all).try_for_each(|((_, xml), one)| book.published(xml, one, now))
            }
            Err(Error::Internal(defect)) => Err(format!("a defect: {defect}")),
            Err(error) => {
                inner.note(&format!("{ispb} not published: {error}"));
                Ok(())
            }
        };
        inner.judge(judged.map_err(|rule| format!("{ispb}: {rule}")));
    }

    /// A message was answered as put into quarantine.
    pub(crate) fn quarantined(&self, ispb: Ispb, id: EntryId) {
        let mut inner = self.inner();
        inner.note(&format!("{ispb} quarantined {id}"));
        inner.counts.quarantined += 1;
    }

    /// An operator is about to rewind, or has done so.
    pub(crate) fn rewind(&self, ispb: Ispb, to: Sequence, is_over: bool) {
        let mut inner = self.inner();
        inner.note(&format!("{ispb} rewind to {to}, over: {is_over}"));
        inner.book(ispb).rewind(to, is_over);
    }

    /// An operator is about to end the stream in a slot, from 1, or just did.
    pub(crate) fn release(&self, ispb: Ispb, slot: u8, is_over: bool) {
        let state = self.stores.coordinator.peek(ispb);
        let index = usize::from(slot.saturating_sub(1));
        let live = state.iter().flat_map(StreamState::live).filter(|(place, _)| *place == index);
        let mut inner = self.inner();
        inner.note(&format!("{ispb} release of slot {slot}, over: {is_over}"));
        inner.book(ispb).release(live.map(|(_, stream)| stream.generation), is_over);
    }

    /// An operator is about to skip everything below.
    pub(crate) fn advance(&self, ispb: Ispb, to: Sequence) {
        let mut inner = self.inner();
        inner.note(&format!("{ispb} advance to {to}"));
        let book = inner.book(ispb);
        book.skipped = book.skipped.max(to);
    }

    /// Everything is over: each message that was acknowledged is there, was received, and was confirmed.
    pub(crate) fn settle_accounts(&self, ispb: Ispb) {
        let mut inner = self.inner();
        let judged = self.find_missing(inner.book(ispb), ispb);
        inner.judge(judged.map_err(|rule| format!("{ispb}: {rule}")));
    }

    fn find_missing(&self, book: &Book, ispb: Ispb) -> Result<(), String> {
        let stored = self.stores.journal.peek_messages(ispb);
        let head = self.stores.journal.peek_head(ispb);
        let expected = (1..head.value()).map(Sequence::new);
        if !expected.eq(stored.iter().map(|message| message.sequence)) {
            return Err("the order has a gap (invariant 5)".to_owned());
        }
        for (id, publication) in &book.publications {
            let Some((sequence, resource_id)) = publication.acknowledged else { continue };
            let is_there = |message: &&pix_stream_ports::journal::Stored| {
                message.resource_id == resource_id && message.xml == publication.xml
            };
            let place = usize::try_from(sequence.value() - 1).unwrap_or(usize::MAX);
            if stored.get(place).filter(is_there).is_none() {
                return Err(format!("{id} was acknowledged as {sequence} and is not there (invariant 1)"));
            }
        }
        for message in &stored {
            let sequence = message.sequence;
            let entry = book.messages.get(&sequence);
            let is_done = entry.is_some_and(|e| e.received && e.confirmed != Confirmed::No);
            if !is_done && sequence >= book.skipped {
                return Err(format!("{sequence} counts as confirmed, but was not: {entry:?} (invariant 1)"));
            }
        }
        Ok(())
    }

    pub(crate) fn report(&self, seed: u64) -> crate::run::Report {
        let inner = self.inner();
        crate::run::Report {
            seed,
            violation: inner.violation.clone(),
            hash: inner.trace.hash(),
            events: inner.trace.events().to_vec(),
            counts: Counts { events: inner.trace.events().len() as u64, ..inner.counts.clone() },
        }
    }

    fn moment(&self, inner: &Inner) -> Moment {
        let now = Instant::now();
        Moment {
            now,
            clock: self.stores.clock.now(),
            age: inner.age,
            idle: self.idle,
            is_calm: inner.faults == 0 && now - inner.disturbed > CALM_AFTER,
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request, as the oracle is told of it.
pub(crate) struct Request<'a> {
    pub(crate) token: Option<&'a str>,
    pub(crate) form: Form,
    pub(crate) closes: bool,
    pub(crate) is_newest: bool,
}

fn short(cursor: &Cursor) -> String {
    let Cursor { slot, generation, pull, empties, batch, .. } = cursor;
    format!("{generation:?}/{slot} p{pull}.{empties} {batch:?}")
}

impl Inner {
    fn note(&mut self, event: &str) {
        let at = Instant::now() - self.began;
        self.trace.note(format!("{:>6} {event}", at.as_millis()));
    }

    fn judge(&mut self, judged: Result<(), String>) {
        if let Err(rule) = judged
            && self.violation.is_none()
        {
            self.note(&format!("BROKEN {rule}"));
            self.violation = Some(rule);
        }
    }

    fn book(&mut self, ispb: Ispb) -> &mut Book {
        self.books.entry(ispb).or_default()
    }
}
