//! What is known of one participant from the outside: published, handed out, confirmed; and the rules on that.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use pix_stream_app::{Answer, Published};
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::command::Cursor;
use pix_stream_domain::stream::{Form, Generation, StreamState};
use pix_stream_domain::time::Timestamp;
use tokio::time::Instant;

use crate::lineage::Lineage;

/// An answer that was to be given within this long after its message came, took too long.
const WAKE_MAX: Duration = Duration::from_millis(400);

/// Everything known of one participant.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) lineage: Lineage,
    pub(crate) publications: BTreeMap<String, Publication>,
    pub(crate) messages: BTreeMap<Sequence, Entry>,
    streams: BTreeMap<Generation, Life>,
    answers: BTreeMap<String, Given>,
    /// When each token was first presented.
    presented: BTreeMap<String, Instant>,
    /// Skipped by the operator: everything below.
    pub(crate) skipped: Sequence,
    /// A rewind to here is under way.
    rewinding: Option<Sequence>,
    /// A slot is being released.
    releasing: bool,
    /// When a request ended without anybody knowing what it did.
    unobserved: Option<Instant>,
}

/// What a producer tried to publish.
#[derive(Debug, Clone)]
pub(crate) struct Publication {
    pub(crate) xml: Bytes,
    pub(crate) acknowledged: Option<(Sequence, ResourceId)>,
}

/// A message.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    content: Option<(ResourceId, Bytes)>,
    published: Option<Instant>,
    handed_out: Option<Instant>,
    /// The stream that a state first leased it to; its answer may have been lost before anybody saw it.
    leased_to: Option<Generation>,
    /// A client has it.
    pub(crate) received: bool,
    pub(crate) confirmed: Confirmed,
    /// A loss of state may have undone the confirmation.
    may_come_again: bool,
}

/// How sure it is that a message is confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Confirmed {
    #[default]
    No,
    /// A token was presented; what came of it is not known.
    Tried,
    /// The server said so, at this moment.
    Since(Instant),
}

/// A stream as its client sees it.
#[derive(Debug, Clone, Default)]
struct Life {
    held: Range,
    /// The number of the batch that came last.
    pull: u64,
    /// By the clock, when its last answered request began; and in which age of the clock and of the state.
    read_at: Timestamp,
    age: Age,
    closing: bool,
    /// An older token was presented and nobody knows whether it got the next batch: then the newer one is gone.
    overtaken: bool,
}

/// How often the clock was set and the state lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Age {
    pub(crate) clock: u32,
    pub(crate) state: u32,
}

/// The answer with messages that a token got.
#[derive(Debug, Clone)]
struct Given {
    token: String,
    ids: Vec<ResourceId>,
    parts: Vec<Bytes>,
    form: Form,
    at: Timestamp,
    age: Age,
}

/// A request that is on its way.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) token: Option<String>,
    pub(crate) cursor: Option<Cursor>,
    /// Whether the token is the newest of its stream, as far as its client knows, and nothing else is under way.
    pub(crate) is_newest: bool,
    pub(crate) began: Instant,
    pub(crate) began_at: Timestamp,
    pub(crate) age: Age,
}

/// The moment in which an answer is judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) now: Instant,
    pub(crate) clock: Timestamp,
    pub(crate) age: Age,
    pub(crate) idle: Duration,
    /// No fault for a while.
    pub(crate) is_calm: bool,
}

type Rule = Result<(), String>;

fn broken(rule: impl Into<String>) -> Rule {
    Err(rule.into())
}

impl Book {
    /// A token is about to be presented: from here on its batch may be confirmed.
    pub(crate) fn begin(&mut self, ticket: &Ticket, closes: bool) {
        let (Some(cursor), Some(token)) = (ticket.cursor, ticket.token.clone()) else { return };
        self.presented.entry(token).or_insert(ticket.began);
        for sequence in cursor.batch.iter() {
            let entry = self.messages.entry(sequence).or_default();
            entry.confirmed = entry.confirmed.max(Confirmed::Tried);
        }
        self.streams.entry(cursor.generation).or_default().closing |= closes;
    }

    /// A request ended with an error, which says nothing of what it did.
    pub(crate) fn leave_in_the_dark(&mut self, ticket: &Ticket, now: Instant) {
        if let Some(cursor) = ticket.cursor.filter(|_| !ticket.is_newest) {
            self.streams.entry(cursor.generation).or_default().overtaken = true;
        }
        self.lose_sight(now);
    }

    /// A request ended and nobody knows what it did.
    pub(crate) fn lose_sight(&mut self, now: Instant) {
        self.unobserved = Some(now);
    }

    /// A state was agreed on: notes who holds what.
    pub(crate) fn look(&mut self, state: &StreamState) {
        for (_, stream) in state.live().filter(|(_, stream)| stream.held) {
            for sequence in stream.batch.iter() {
                self.messages.entry(sequence).or_default().leased_to.get_or_insert(stream.generation);
            }
        }
    }

    pub(crate) fn publish(&mut self, id: &str, xml: &Bytes) {
        let publication = Publication { xml: xml.clone(), acknowledged: None };
        self.publications.entry(id.to_owned()).or_insert(publication);
    }

    pub(crate) fn published(&mut self, xml: &Bytes, answer: &Published, now: Instant) -> Rule {
        let Some(publication) = self.publications.get_mut(&answer.business_id) else {
            return broken(format!("{} was never sent", answer.business_id));
        };
        if publication.xml != *xml {
            // Another request with the same id was first; the first one is what counts.
            if publication.acknowledged.is_some() {
                return broken(format!("{} was accepted with other bytes", answer.business_id));
            }
            publication.xml = xml.clone();
        }
        let place = (answer.sequence, answer.resource_id);
        let before = publication.acknowledged.replace(place);
        if before.is_some_and(|before| before != place) {
            return broken(format!("{}: acknowledged as {before:?}, then {place:?}", answer.business_id));
        }
        let entry = self.messages.entry(answer.sequence).or_default();
        entry.published = entry.published.or(Some(now));
        entry.has_content(answer.sequence, answer.resource_id, xml)
    }

    /// An answer to a read, which its client got or lost.
    pub(crate) fn answered(
        &mut self,
        ticket: &Ticket,
        answer: &Answer,
        received: bool,
        moment: Moment,
    ) -> Rule {
        self.confirm(ticket, moment);
        let cursor = well_formed(answer)?;
        let is_replay = self.is_replay(ticket, answer, moment)?;
        for message in &answer.messages {
            let entry = self.messages.entry(message.sequence).or_default();
            entry.has_content(message.sequence, message.resource_id, &message.part.xml())?;
            entry.received |= received;
        }
        if !cursor.batch.is_empty() && !is_replay {
            self.hand_out(&cursor, ticket, moment)?;
        }
        let life = self.streams.entry(cursor.generation).or_default();
        if life.age.state != ticket.age.state {
            (life.pull, life.held) = (0, Range::EMPTY);
        }
        // By another clock, earlier and later mean nothing.
        let is_same_age = life.age == ticket.age;
        life.overtaken = false;
        life.read_at = if is_same_age { life.read_at.max(ticket.began_at) } else { ticket.began_at };
        life.age = ticket.age;
        // Answers may overtake each other; and what a replay carries may be confirmed already.
        if cursor.pull >= life.pull && !is_replay {
            life.pull = cursor.pull;
            life.held = cursor.batch;
        }
        if let Some(token) = ticket.token.clone().filter(|_| !answer.messages.is_empty()) {
            self.answers.insert(token, Given::of(answer, moment));
        }
        Ok(())
    }

    pub(crate) fn closed(&mut self, ticket: &Ticket, moment: Moment) {
        self.confirm(ticket, moment);
        if let Some(cursor) = ticket.cursor {
            self.streams.entry(cursor.generation).or_default().held = Range::EMPTY;
        }
    }

    /// A stream that its client reads in time, one request at a time and in order, is never gone.
    pub(crate) fn gone(&self, ticket: &Ticket, moment: Moment) -> Rule {
        let Some(cursor) = ticket.cursor.filter(|_| ticket.is_newest && ticket.age == moment.age) else {
            return Ok(());
        };
        let Some(life) = self.streams.get(&cursor.generation) else { return Ok(()) };
        let is_late = moment.clock >= life.read_at.after(moment.idle);
        if is_late
            || life.closing
            || self.releasing
            || life.overtaken
            || life.age != moment.age
            || cursor.expires_at <= moment.clock
        {
            return Ok(());
        }
        broken(format!("410 for the newest token of a live stream, {cursor:?}"))
    }

    /// A token was accepted: its batch is confirmed, perhaps since it was first presented. What was handed out
    /// again after that, by a rewind, is another matter.
    fn confirm(&mut self, ticket: &Ticket, moment: Moment) {
        if ticket.age.state != moment.age.state {
            return;
        }
        let first = ticket.token.as_ref().and_then(|token| self.presented.get(token));
        let first = first.copied().unwrap_or(ticket.began);
        for sequence in ticket.cursor.map_or(Range::EMPTY, |cursor| cursor.batch).iter() {
            let entry = self.messages.entry(sequence).or_default();
            let is_open = !matches!(entry.confirmed, Confirmed::Since(_));
            if is_open && entry.handed_out.is_none_or(|at| at <= first) {
                entry.confirmed = Confirmed::Since(moment.now);
            }
        }
    }

    /// Whether a token gets again what it got before; and if it gets messages again, it must be the same ones.
    fn is_replay(&self, ticket: &Ticket, answer: &Answer, moment: Moment) -> Result<bool, String> {
        let Some(before) = ticket.token.as_ref().and_then(|token| self.answers.get(token)) else {
            return Ok(false);
        };
        if answer.messages.is_empty() {
            return Ok(false);
        }
        let again = Given::of(answer, moment);
        if again.token == before.token {
            let is_same = again.ids == before.ids && again.parts == before.parts && again.form == before.form;
            return if is_same { Ok(true) } else { Err("a replay differs (invariant 4)".to_owned()) };
        }
        // A stream that ended may come back with a token that has nothing to lose (protocol, section 4).
        let is_ended =
            ticket.cursor.and_then(|token| self.streams.get(&token.generation)).is_some_and(|s| s.closing);
        let may_be_abandoned =
            is_ended || before.age != moment.age || moment.clock >= before.at.after(moment.idle);
        if may_be_abandoned {
            return Ok(false);
        }
        Err("a token advanced twice (invariant 2)".to_owned())
    }

    /// New messages go to a stream.
    fn hand_out(&mut self, cursor: &Cursor, ticket: &Ticket, moment: Moment) -> Rule {
        for (&generation, life) in &self.streams {
            let is_live = life.age == moment.age && moment.clock < life.read_at.after(moment.idle);
            let is_other = generation != cursor.generation && !life.closing && !self.releasing;
            if is_live && is_other && ticket.age == moment.age && life.held.overlaps(cursor.batch) {
                let held = life.held;
                return broken(format!(
                    "{:?} while {generation:?} holds {held:?} (invariant 3)",
                    cursor.batch
                ));
            }
        }
        let sees_all = self.unobserved.is_none_or(|at| moment.now - at > Duration::from_secs(25));
        for sequence in cursor.batch.iter() {
            let entry = self.messages.entry(sequence).or_default();
            if matches!(entry.confirmed, Confirmed::Since(_))
                && !entry.may_come_again
                && ticket.age.state == moment.age.state
            {
                return broken(format!("{sequence} is confirmed and comes again (invariant 6)"));
            }
            let is_rewound = self.rewinding.is_some_and(|to| sequence >= to);
            if ticket.age.state == moment.age.state {
                entry.confirmed = Confirmed::No;
                entry.may_come_again = is_rewound;
            } else {
                entry.may_come_again = true;
            }
            let is_first = sequence == cursor.batch.start()
                && entry.handed_out.is_none()
                && entry.leased_to.is_none_or(|first| first == cursor.generation);
            entry.handed_out = Some(moment.now);
            let late = entry.published.map(|at| moment.now - at.max(ticket.began));
            if is_first && sees_all && moment.is_calm && late.is_some_and(|late| late > WAKE_MAX) {
                return broken(format!("{sequence} reached a waiting read only after {late:?}"));
            }
        }
        Ok(())
    }

    /// The Coordinator's state is lost; what was saved is what the next history begins with. What it had beyond
    /// that may come again, but only if it is younger than `allowed`.
    pub(crate) fn lose(
        &mut self,
        saved: Option<&StreamState>,
        now: Instant,
        allowed: Option<Duration>,
    ) -> Rule {
        self.lineage.cut();
        let mut too_old = None;
        for (&sequence, entry) in &mut self.messages {
            let at = match entry.confirmed {
                Confirmed::No => continue,
                Confirmed::Tried => None,
                Confirmed::Since(at) => Some(at),
            };
            if saved.is_some_and(|state| is_confirmed(state, sequence)) {
                continue;
            }
            if allowed.is_some_and(|allowed| at.is_some_and(|at| now - at > allowed)) && !entry.may_come_again
            {
                too_old = too_old.or(at.map(|at| (sequence, now - at)));
            }
            entry.may_come_again = true;
        }
        too_old.map_or(Ok(()), |(sequence, age)| {
            broken(format!("{sequence} was confirmed {age:?} ago and no checkpoint has it (invariant 6)"))
        })
    }

    /// The operator ends the stream in a slot: these were there before or after. In between it may be any other.
    pub(crate) fn release(&mut self, there: impl Iterator<Item = Generation>, is_over: bool) {
        self.releasing = !is_over;
        there.for_each(|generation| self.streams.entry(generation).or_default().closing = true);
    }

    /// The operator lets everything from here on come again; when exactly is not known until it is over.
    pub(crate) fn rewind(&mut self, to: Sequence, is_over: bool) {
        self.lineage.rewinds = u32::from(!is_over);
        self.rewinding = (!is_over).then_some(to);
        for (_, entry) in self.messages.range_mut(to..) {
            entry.may_come_again = true;
        }
        self.streams.values_mut().for_each(|life| life.held = Range::EMPTY);
    }
}

impl Entry {
    fn has_content(&mut self, sequence: Sequence, id: ResourceId, xml: &Bytes) -> Rule {
        match &self.content {
            None => self.content = Some((id, xml.clone())),
            Some((known, _)) if *known != id => {
                return broken(format!("{sequence} has two ids (invariant 4)"));
            }
            Some((_, known)) if known != xml => {
                return broken(format!("{sequence} has other bytes than were published (invariant 9)"));
            }
            Some(_) => {}
        }
        Ok(())
    }
}

impl Given {
    fn of(answer: &Answer, moment: Moment) -> Self {
        Self {
            token: answer.token.as_str().to_owned(),
            ids: answer.messages.iter().map(|message| message.resource_id).collect(),
            parts: answer.messages.iter().map(|message| message.part.bytes().clone()).collect(),
            form: answer.form,
            at: moment.clock,
            age: moment.age,
        }
    }
}

/// What an answer must look like whatever happened.
fn well_formed(answer: &Answer) -> Result<Cursor, String> {
    let claims =
        pix_stream_domain::token::inspect(answer.token.as_str()).map_err(|error| error.to_string())?;
    let places = answer.messages.iter().map(|message| message.sequence);
    if !places.eq(claims.cursor.batch.iter()) {
        return Err(
            "the messages are not those of the token, ascending without gaps (invariant 5)".to_owned()
        );
    }
    let max = if answer.form == Form::Single { 1 } else { 10 };
    if answer.messages.len() > max || !(1..=6).contains(&answer.slot) {
        return Err(format!("{} messages in slot {}", answer.messages.len(), answer.slot));
    }
    let to = format!(" to=\"{}\"", claims.ispb);
    let is_own = |xml: &Bytes| xml.windows(to.len()).any(|window| window == to.as_bytes());
    if !answer.messages.iter().all(|message| is_own(&message.part.xml())) {
        return Err("a message of another participant (invariant 8)".to_owned());
    }
    Ok(claims.cursor)
}

/// Whether a state counts a message as confirmed.
pub(crate) fn is_confirmed(state: &StreamState, sequence: Sequence) -> bool {
    let one = Range::new(sequence, sequence.plus(1));
    let is_held = state.live().any(|(_, stream)| stream.held && stream.batch.overlaps(one));
    sequence < state.frontier() && !is_held && !state.returned().overlaps(one)
}
