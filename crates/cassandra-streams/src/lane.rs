//! One participant's way into the Journal on this node: a task that takes the requests that wait and answers them
//! with one conditional batch.
//!
//! Its order of work rests on the head: it appends at a head only when it knows the fingerprint of every message
//! below it. A condition that fails tells that others appended; then their rows are read first, and everything is
//! decided anew. It never answers "not stored" of a batch that may still be carried out (settle).

mod epochs;
mod fill;
mod group;
mod settle;

use std::sync::Arc;
use std::time::Duration;

use pix_stream_cql::Error as Failure;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::error::Error;
use pix_stream_ports::journal::{AppendError, Appended, NewMessage, Terms};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

use self::settle::Settled;
use super::lanes::{Desk, Shared, Shop};
use super::layout::{self, Token};
use super::plan::{self, Answer, Found, Plan};
use super::rows::Statics;
use super::streams::{Batch, Outcome, Position};
use crate::fault::store_error;
use crate::metrics as names;

/// How often a group tries: others may win again and again, and a node that is gone is noticed at the next try.
const ATTEMPTS_MAX: u32 = 8;
/// The longest pause before the second try after a lost one; it doubles with each.
const PAUSE: Duration = Duration::from_millis(4);
/// How long rows and blocks outlive what they are kept for: clocks differ, and a sweep may be late.
const LIFE_MARGIN: Duration = Duration::from_secs(24 * 3600);
/// How far the times of messages that follow each other may step back before a repeat is not noticed any longer.
const CLOCK_SLACK: Duration = Duration::from_secs(3600);
/// The longest life that the store takes: twenty years.
const LIFE_MAX: i32 = 20 * 365 * 24 * 3600;

/// What a lane is asked for.
pub(crate) enum Work {
    /// To store a request.
    Append(Append),
    /// To know every message up to the head that was seen.
    Refresh(Refresh),
}

/// A request that waits.
pub(crate) struct Append {
    pub(crate) messages: Vec<NewMessage>,
    /// Of the messages, in order.
    pub(crate) prints: Vec<u64>,
    pub(crate) terms: Terms,
    /// Until when it must be answered.
    pub(crate) deadline: Instant,
    pub(crate) reply: oneshot::Sender<Result<Vec<Appended>, AppendError>>,
    /// Its share of what may wait, given back when it is answered.
    pub(crate) room: OwnedSemaphorePermit,
}

impl Append {
    fn bytes(&self) -> usize {
        self.messages.iter().map(|message| message.xml.len()).sum()
    }

    fn newest(&self) -> Timestamp {
        self.messages.iter().map(|message| message.key.published_at).max().unwrap_or_default()
    }

    fn answer(self, answer: Result<Vec<Appended>, AppendError>) {
        // Whoever asked may be gone.
        let _ = self.reply.send(answer);
        drop(self.room);
    }
}

/// Somebody who waits until the lane knows what was seen.
pub(crate) struct Refresh {
    pub(crate) window: Duration,
    /// When the messages that are asked about are published.
    pub(crate) at: Timestamp,
    pub(crate) reply: oneshot::Sender<Result<(), Error>>,
}

/// The task.
pub(crate) struct Lane {
    shop: Arc<Shop>,
    desk: Desk,
    shared: Arc<Shared>,
    queue: mpsc::Receiver<Work>,
    /// A request that no longer fitted into the group before.
    carried: Option<Append>,
    /// Where the next batch goes; `None` when that must be read first.
    position: Option<Position>,
    /// The bucket that was the last one when somebody looked.
    bucket: Option<u64>,
    /// Held while a batch is on its way.
    slot: Option<OwnedSemaphorePermit>,
    /// Under which epoch this lane may append behind what another region stored, and where it made sure of that.
    followed: Option<(u32, Position)>,
}

/// How one try of a group ended without an answer.
enum Again {
    /// Others appended first, or nothing was sent: at once, or after a pause.
    Retry(String),
    /// Trying again is no use or not safe.
    Fail(Error),
}

impl Lane {
    pub(crate) fn new(shop: Arc<Shop>, desk: Desk, shared: Arc<Shared>, queue: mpsc::Receiver<Work>) -> Self {
        let (position, bucket) = (None, None);
        Self { shop, desk, shared, queue, carried: None, position, bucket, slot: None, followed: None }
    }

    /// Works until nobody can ask any longer.
    pub(crate) async fn run(mut self) {
        loop {
            let first = match self.carried.take() {
                Some(append) => Work::Append(append),
                None => match timeout(self.shop.idle, self.queue.recv()).await {
                    Ok(Some(work)) => work,
                    Ok(None) => return,
                    Err(_) => {
                        self.desk.retire();
                        continue;
                    }
                },
            };
            if matches!(first, Work::Append(_)) {
                // First the slot and then the group: what comes while it waits goes with it.
                self.slot = Arc::clone(&self.shop.slots).acquire_owned().await.ok();
            }
            let (group, refreshes) = self.gather(first);
            for refresh in refreshes {
                let ready = self.ready(refresh.window, refresh.at).await;
                // Whoever asked may be gone.
                let _ = refresh.reply.send(ready);
            }
            if !group.is_empty() {
                self.serve(group).await;
            }
            self.slot = None;
        }
    }

    async fn serve(&mut self, group: Vec<Append>) {
        match self.store(&group).await {
            Ok(answers) => {
                for (append, answer) in group.into_iter().zip(answers) {
                    append.answer(answer.map_err(|index| AppendError::Conflict { index }));
                }
            }
            // What is damaged may concern one of them only: the others must not suffer.
            Err(Error::Damaged(_)) if group.len() > 1 => {
                for append in group {
                    let alone = vec![append];
                    Box::pin(self.serve(alone)).await;
                }
            }
            Err(error) => {
                let ispb = self.desk.ispb;
                tracing::warn!(%ispb, %error, requests = group.len(), "messages were not stored");
                for append in group {
                    append.answer(Err(AppendError::Store(error.clone())));
                }
            }
        }
    }

    /// Stores a group, or finds out that nothing of it is stored, or says that neither is known.
    async fn store(&mut self, group: &[Append]) -> Result<Vec<Answer>, Error> {
        let deadline = group.iter().map(|append| append.deadline).min().unwrap_or_else(Instant::now);
        let window = group.iter().map(|append| append.terms.window).max().unwrap_or_default();
        let newest = group.iter().map(Append::newest).max().unwrap_or_default();
        let mut why = String::new();
        for attempt in 0..ATTEMPTS_MAX {
            self.pause(attempt).await;
            if Instant::now() >= deadline {
                break;
            }
            self.ready(window, newest).await?;
            let found = self.look_up(group).await?;
            match self.attempt(group, &found, deadline).await {
                Ok(answers) => return Ok(answers),
                Err(Again::Retry(reason)) => why = reason,
                Err(Again::Fail(error)) => return Err(error),
            }
        }
        Err(Error::Unavailable(format!("cassandra: nothing was stored in time: {why}")))
    }

    /// Pauses before another try, by chance, so that two nodes that race do not race again.
    async fn pause(&self, attempt: u32) {
        if attempt == 0 {
            return;
        }
        let most = PAUSE * 2_u32.saturating_pow(attempt - 1);
        let [chance, ..] = self.shop.token();
        sleep(most * u32::from(chance) / u32::from(u8::MAX)).await;
    }

    /// Reads the stored messages that may be meant by the business ids of a group.
    async fn look_up(&self, group: &[Append]) -> Result<Found, Error> {
        let prints: Vec<u64> = group.iter().flat_map(|append| append.prints.iter().copied()).collect();
        let places = self.shared.find_here(&prints);
        let mut found = Found::default();
        if !places.is_empty() {
            for (business_id, earlier) in self.shop.streams.earlier(self.desk.ispb, &places).await? {
                found.add(business_id, earlier);
            }
        }
        Ok(found)
    }

    async fn attempt(
        &mut self,
        group: &[Append],
        found: &Found,
        deadline: Instant,
    ) -> Result<Vec<Answer>, Again> {
        let Some(at) = self.position else { return Err(Again::Retry("no position".to_owned())) };
        let requests = group.iter().map(|append| (append.messages.as_slice(), append.terms.window));
        let plan = plan::plan(requests, found, at.next);
        let repeats = repeats(&plan, at.next);
        self.shop.streams.confirm(self.desk.ispb, &repeats).await.map_err(Again::Fail)?;
        if plan.inserts.is_empty() {
            return Ok(plan.answers);
        }
        let newest = group.iter().map(Append::newest).max().unwrap_or_default();
        self.hold_more(plan.inserts.len(), newest).await.map_err(Again::Fail)?;
        // The epoch is looked at last: nothing is waited for between that and the batch.
        // Whatever happens from here on, unless it is known: the position is read again.
        self.position = None;
        let batch = self.batch(group, &plan, &at)?;
        let started = Instant::now();
        match self.shop.streams.commit(self.desk.ispb, &at, &batch).await {
            Ok(Outcome::Applied) => {
                metrics::histogram!(names::COMMIT_SECONDS).record(started.elapsed().as_secs_f64());
                metrics::histogram!(names::GROUP_MESSAGES).record(batch.rows.len() as f64);
                let position = after(&at, &batch);
                (self.position, self.followed) = (Some(position), Some((batch.epoch, position)));
                self.remember(group, &plan, &at);
                self.check_epoch(batch.epoch)?;
                Ok(plan.answers)
            }
            Ok(Outcome::Refused(statics)) => {
                metrics::counter!(names::ATTEMPTS_LOST_TOTAL).increment(1);
                self.position = statics.map(|statics| Position::behind(at.bucket, &statics));
                Err(Again::Retry("others appended first".to_owned()))
            }
            Err(Failure::Unavailable(reason)) => {
                self.position = Some(at);
                Err(Again::Retry(reason))
            }
            Err(Failure::Unknown(reason)) => {
                let (token, epoch) = (batch.token, batch.epoch);
                // That can take as long as a request may: others go on meanwhile.
                self.slot = None;
                match self.settle(&at, (token, epoch), deadline).await {
                    Settled::Stored => {
                        let stored: Vec<u64> = (at.next..).take(batch.rows.len()).collect();
                        self.remember(group, &plan, &at);
                        self.shop.streams.confirm(self.desk.ispb, &stored).await.map_err(Again::Fail)?;
                        self.check_epoch(epoch)?;
                        Ok(plan.answers)
                    }
                    Settled::NotStored => Err(Again::Retry(reason)),
                    Settled::Unsettled(why) => Err(Again::Fail(Error::Unavailable(format!(
                        "cassandra: outcome unknown: {reason}; not settled: {why}"
                    )))),
                }
            }
            Err(failure @ Failure::Rejected { .. }) => Err(Again::Fail(store_error(failure))),
        }
    }

    fn batch<'a>(&self, group: &'a [Append], plan: &Plan, at: &Position) -> Result<Batch<'a>, Again> {
        let epoch = (self.shop.epochs)(self.desk.ispb);
        let Some(epoch) = epoch.filter(|epoch| at.held.is_none_or(|(_, held)| held <= *epoch)) else {
            return Err(Again::Fail(Error::Unavailable("another region sequences it now".to_owned())));
        };
        if !self.may_follow(at, epoch) {
            return Err(Again::Retry("another region stored before".to_owned()));
        }
        let rows = plan.inserts.iter().filter_map(|(request, message)| {
            let append = group.get(*request)?;
            Some((append.messages.get(*message)?, life(&append.terms)))
        });
        Ok(Batch { token: self.shop.token(), epoch, rows: rows.collect() })
    }

    /// Makes sure that this region still gave the order when a batch was carried out: one that was held up until
    /// another region had taken over is written over by what that one stores, so it must not be acknowledged.
    fn check_epoch(&self, epoch: u32) -> Result<(), Again> {
        if (self.shop.epochs)(self.desk.ispb) == Some(epoch) {
            return Ok(());
        }
        let why = "cassandra: outcome unknown: this region ceased to sequence it meanwhile";
        Err(Again::Fail(Error::Unavailable(why.to_owned())))
    }

    /// Adds what a batch stored to what is known, and keeps the derived rows up with it.
    fn remember(&mut self, group: &[Append], plan: &Plan, at: &Position) {
        let inserts = plan.inserts.iter().filter_map(|(request, message)| {
            let append = group.get(*request)?;
            Some((*append.prints.get(*message)?, append.messages.get(*message)?.key.published_at))
        });
        let mut full = Vec::new();
        let mut memory = self.shared.memory();
        let window = memory.window;
        if let Some(table) = memory.table.as_mut().filter(|table| table.next() == at.next) {
            let mut newest = Timestamp::default();
            for (print, published_at) in inserts {
                table.push(print, published_at);
                newest = newest.max(published_at);
            }
            let blocks = layout::block_of(at.next)..layout::block_of(table.next());
            full.extend(blocks.filter_map(|number| table.block(number)));
            table.forget_before(newest.before(window + CLOCK_SLACK));
            let held = table.len();
            drop(memory);
            self.desk.keep(&self.shop, held);
        }
        let (shop, ispb) = (Arc::clone(&self.shop), self.desk.ispb);
        let opened = (at.held.is_none() && at.bucket > 0).then_some(at.bucket);
        self.bucket = Some(at.bucket);
        if opened.is_none() && full.is_empty() {
            return;
        }
        // In the background: whoever finds one of these missing makes it again.
        tokio::spawn(async move {
            if let Some(bucket) = opened
                && let Err(error) = shop.streams.raise_last_bucket(ispb, bucket).await
            {
                tracing::warn!(%ispb, %error, "the hint on the last bucket was not written");
            }
            for block in full {
                fill::save(&shop, ispb, &block, window).await;
            }
        });
    }
}

/// The places of earlier messages that a plan answers with.
fn repeats(plan: &Plan, next: u64) -> Vec<u64> {
    let answers = plan.answers.iter().flatten().flatten();
    let mut places: Vec<u64> =
        answers.map(|one| one.sequence.value()).filter(|sequence| *sequence < next).collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// Where the next batch goes after this one was carried out.
fn after(at: &Position, batch: &Batch<'_>) -> Position {
    let next = at.next + batch.rows.len() as u64;
    Position::behind(at.bucket, &Statics { first: at.next, next, writer: batch.token, epoch: batch.epoch })
}

/// How long a row lives, in seconds; 0: for ever.
fn life(terms: &Terms) -> i32 {
    terms.retention.map_or(0, |retention| seconds(retention.max(terms.window) + LIFE_MARGIN))
}

/// Whole seconds that the store takes as a life, at least one.
fn seconds(span: Duration) -> i32 {
    i32::try_from(span.as_secs()).unwrap_or(LIFE_MAX).clamp(1, LIFE_MAX)
}

/// What a batch's writer may be asked to compare.
type Own = (Token, u32);
