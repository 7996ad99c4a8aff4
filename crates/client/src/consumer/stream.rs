//! One stream's loop: read, store, read on; close at the end. Decides what to do after each answer.
//!
//! The one rule that matters: a token is presented, by GET or DELETE, only after its batch is stored.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderValue};
use http::{Method, StatusCode};
use tokio::time::{Instant, sleep};

use crate::answer::Answer;
use crate::batch::{Batch, PullNext};
use crate::channel::{Call, Channel, Lost};
use crate::config::{BODY_BYTES_MAX, CLOSE_BUDGET, CLOSE_BUDGET_SHUTDOWN, MALFORMED_TRIES, START_GRACE};
use crate::ending::Phase;
use crate::error::{Error, Failure};
use crate::event::{Event, Observer, Summary};
use crate::refusal::{Course, Refusal};
use crate::retry::{Backoff, Ease, Pause};
use crate::sink::{Outcome, Sink};
use crate::verdict::Verdict;

use super::{Shared, Stop};

const ACCEPT_MANY: HeaderValue =
    HeaderValue::from_static("multipart/mixed, application/xml, application/problem+xml");
const ACCEPT_ONE: HeaderValue = HeaderValue::from_static("application/xml, application/problem+xml");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");

pub(super) struct Stream<S, O> {
    number: u8,
    shared: Arc<Shared<S, O>>,
    channel: Channel,
    backoff: Backoff,
    /// The pause between reads while the server asks to slow down.
    ease: Ease,
    /// The token to present next; without one the stream is not open.
    position: Option<PullNext>,
    /// Messages of this run that the token confirms.
    unconfirmed: u64,
    /// Whether the token is one that an earlier run left.
    resumed: bool,
    opened: bool,
    /// Answers in a row that could not be read.
    malformed: u32,
    /// Restarts since a token was last accepted: the second one means that something is wrong, and slows down.
    restarts: Backoff,
    summary: Summary,
}

/// How a read ended.
enum Read {
    Answered(Batch, Duration),
    /// The server no longer knows the token.
    Forgotten(Failure),
    /// The consumer is ending; the token, if any, is still to be closed.
    Cut,
}

impl<S: Sink, O: Observer> Stream<S, O> {
    pub(super) fn new(number: u8, shared: Arc<Shared<S, O>>) -> Self {
        let options = &shared.options;
        // Each stream its own jitter, all of it from one seed.
        let seed = options.seed.wrapping_add(u64::from(number));
        let backoff = Backoff::new(options.timing, options.patience, seed);
        let restarts = Backoff::new(options.timing, None, !seed);
        let ease = Ease::new(options.timing, seed.rotate_left(32));
        let channel = Channel::new(shared.endpoint.clone(), options.timing.connect, BODY_BYTES_MAX);
        Self {
            number,
            shared,
            channel,
            backoff,
            ease,
            position: None,
            unconfirmed: 0,
            resumed: false,
            opened: false,
            malformed: 0,
            restarts,
            summary: Summary::default(),
        }
    }

    /// Reads until the end, then closes.
    pub(super) async fn run(mut self) -> Result<Summary, Error> {
        let saved = self.shared.sink.find_next(self.number).await?;
        // A folder used for another participant before holds tokens that are not ours.
        self.position = saved.filter(|next| next.is_of(self.shared.ispb));
        self.resumed = self.position.is_some();
        while !self.is_over() {
            match self.read().await? {
                Read::Answered(batch, took) => {
                    self.take(batch, took).await?;
                    // What has come is stored, and a pause is no reason to end later.
                    let pause = self.ease.pause();
                    self.sleep_unless(Phase::LastRead, pause).await;
                }
                Read::Forgotten(why) => self.restart(&why).await,
                Read::Cut => break,
            }
        }
        self.close().await?;
        Ok(self.summary)
    }

    /// Whether to close instead of reading on.
    fn is_over(&self) -> bool {
        match self.shared.ending.phase() {
            Phase::Running => false,
            // A stream that never read may hold a batch whose answer was lost: it asks once more.
            Phase::LastRead => self.opened,
            Phase::Cut | Phase::Shutdown => true,
        }
    }

    /// Reads until there is an answer to act on.
    async fn read(&mut self) -> Result<Read, Error> {
        let call = self.read_call();
        loop {
            let started = Instant::now();
            let Some(answer) = self.ask(&call).await else { return Ok(Read::Cut) };
            match self.judge(answer) {
                Verdict::Done(batch) => {
                    self.accepted();
                    return Ok(Read::Answered(batch, started.elapsed()));
                }
                Verdict::Forgotten(why) if self.position.is_some() => return Ok(Read::Forgotten(why)),
                Verdict::Forgotten(why) => self.wait(why, Pause::Growing).await?,
                // All slots are taken by others, and the consumer ends anyway.
                Verdict::Again(why, _) if self.is_refused_a_slot(&why) => return Ok(Read::Cut),
                Verdict::Again(why, pause) => self.wait(why, pause).await?,
                Verdict::Fatal(error) => return Err(error),
            }
            if self.shared.ending.phase() >= Phase::Cut {
                return Ok(Read::Cut);
            }
        }
    }

    fn is_refused_a_slot(&self, why: &Failure) -> bool {
        let refused =
            matches!(why, Failure::Refused(refusal) if refusal.status == StatusCode::TOO_MANY_REQUESTS);
        refused && self.position.is_none() && self.shared.ending.phase() >= Phase::LastRead
    }

    /// One exchange, unless the consumer is told to end meanwhile. An answer that is there counts first.
    async fn ask(&mut self, call: &Call) -> Option<Result<Answer, Lost>> {
        let ending = self.shared.ending.clone();
        let grace = if self.position.is_some() { Duration::ZERO } else { START_GRACE };
        let cut = async {
            ending.reached(Phase::Cut).await;
            sleep(grace).await;
        };
        tokio::select! {
            biased;
            answer = self.channel.send(call, self.shared.options.timing.read) => Some(answer),
            () = cut => None,
        }
    }

    fn read_call(&self) -> Call {
        let options = &self.shared.options;
        let accept = if options.multipart { ACCEPT_MANY } else { ACCEPT_ONE };
        let mut headers = vec![(ACCEPT, accept)];
        if options.gzip {
            headers.push((ACCEPT_ENCODING, GZIP));
        }
        let start = || format!("/api/v1/out/{}/stream/start", self.shared.ispb);
        let path = self.position.as_ref().map_or_else(start, |next| next.as_str().to_owned());
        Call { method: Method::GET, path, headers, body: bytes::Bytes::new() }
    }

    fn judge(&mut self, answer: Result<Answer, Lost>) -> Verdict<Batch> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(lost) => return Verdict::of_lost(lost),
        };
        self.ease.heard(answer.asks_to_slow_down());
        if !matches!(answer.status, StatusCode::OK | StatusCode::NO_CONTENT) {
            return Verdict::of_refusal(Refusal::of(&answer));
        }
        match Batch::of(&answer) {
            Ok(batch) => {
                self.malformed = 0;
                Verdict::Done(batch)
            }
            Err(error) => {
                self.malformed += 1;
                if self.malformed >= MALFORMED_TRIES {
                    return Verdict::Fatal(error.into());
                }
                Verdict::Again(error.into(), Pause::Growing)
            }
        }
    }

    /// An answer to a read proves that the token before it is confirmed.
    fn accepted(&mut self) {
        self.backoff.succeeded();
        if self.position.is_some() {
            self.restarts.succeeded();
        }
        if !self.opened {
            self.opened = true;
            self.tell(&Event::Opened { stream: self.number, resumed: self.resumed });
        }
        self.confirmed();
    }

    fn confirmed(&mut self) {
        let count = std::mem::take(&mut self.unconfirmed);
        if count > 0 {
            self.summary.confirmed += count;
            self.tell(&Event::Confirmed { stream: self.number, count });
        }
    }

    /// Stores a batch; only then its token becomes the one to present.
    async fn take(&mut self, batch: Batch, read: Duration) -> Result<(), Error> {
        let Batch { messages, next } = batch;
        if messages.is_empty() {
            self.summary.empties += 1;
            self.tell(&Event::Empty { stream: self.number });
            if self.shared.options.stop == Stop::FirstEmpty {
                self.shared.ending.advance(Phase::LastRead);
            }
        } else {
            let started = Instant::now();
            let outcomes = self.shared.sink.store_batch(&messages).await?;
            let stored = started.elapsed();
            self.count(&outcomes, messages.len() as u64);
            let (stream, outcomes) = (self.number, outcomes.as_slice());
            self.tell(&Event::BatchStored { stream, messages: &messages, outcomes, read, stored });
        }
        self.shared.sink.save_next(self.number, Some(&next)).await?;
        self.position = Some(next);
        Ok(())
    }

    fn count(&mut self, outcomes: &[Outcome], delivered: u64) {
        let new = outcomes.iter().filter(|&&outcome| outcome == Outcome::New).count() as u64;
        self.unconfirmed = delivered;
        self.summary.batches += 1;
        self.summary.delivered += delivered;
        self.summary.new += new;
        self.summary.duplicates += delivered.saturating_sub(new);
        let total = self.shared.new.fetch_add(new, Ordering::AcqRel) + new;
        if matches!(self.shared.options.stop, Stop::Count(wanted) if total >= wanted) {
            self.shared.ending.advance(Phase::Cut);
        }
    }

    /// Gives the token up. Its batch is stored, will come again, and will be found a duplicate.
    async fn restart(&mut self, why: &Failure) {
        self.position = None;
        self.unconfirmed = 0;
        self.resumed = false;
        self.summary.restarts += 1;
        self.tell(&Event::Restarted { stream: self.number, why });
        if let Some(wait) = self.restarts.failed(Instant::now(), Pause::None) {
            self.sleep_unless(Phase::Cut, wait).await;
        }
    }

    /// Waits before the same request goes out again.
    async fn wait(&mut self, why: Failure, pause: Pause) -> Result<(), Error> {
        let now = Instant::now();
        let Some(after) = self.backoff.failed(now, pause) else {
            return Err(Error::GaveUp { waited: self.backoff.failing_for(now), last: why });
        };
        self.summary.retries += 1;
        self.tell(&Event::Retrying { stream: self.number, why: &why, after });
        self.sleep_unless(Phase::Cut, after).await;
        Ok(())
    }

    async fn sleep_unless(&self, phase: Phase, wait: Duration) {
        tokio::select! {
            () = sleep(wait) => {}
            () = self.shared.ending.reached(phase) => {}
        }
    }

    /// Confirms the last batch and frees the slot, within the budget.
    async fn close(&mut self) -> Result<(), Error> {
        let Some(next) = self.position.take() else { return Ok(()) };
        // Failed reads before this are no reason for less patience now.
        self.backoff.succeeded();
        let ending = self.shared.ending.clone();
        let hurried = async {
            ending.reached(Phase::Shutdown).await;
            sleep(CLOSE_BUDGET_SHUTDOWN).await;
        };
        let closed = tokio::select! {
            biased;
            closed = self.delete(next) => closed?,
            () = hurried => false,
            () = sleep(CLOSE_BUDGET) => false,
        };
        if closed {
            self.shared.sink.save_next(self.number, None).await?;
            self.tell(&Event::Closed { stream: self.number });
        } else {
            self.summary.abandoned += 1;
            self.tell(&Event::Abandoned { stream: self.number });
        }
        Ok(())
    }

    /// Sends DELETE until the stream is gone; false when patience ran out.
    async fn delete(&mut self, next: PullNext) -> Result<bool, Error> {
        let path = next.as_str().to_owned();
        let call = Call { method: Method::DELETE, path, headers: Vec::new(), body: bytes::Bytes::new() };
        let mut answer_lost = false;
        loop {
            let answer = self.channel.send(&call, self.shared.options.timing.close).await;
            let (why, pause) = match judge_close(answer) {
                Verdict::Done(()) => {
                    self.confirmed();
                    return Ok(true);
                }
                Verdict::Forgotten(_) => {
                    // Gone after a lost answer means that the first DELETE did it; gone at once means that the
                    // stream had run out, and that its last batch will come again.
                    if answer_lost {
                        self.confirmed();
                    }
                    return Ok(true);
                }
                Verdict::Again(why, pause) => (why, pause),
                Verdict::Fatal(error) => return Err(error),
            };
            answer_lost |= matches!(why, Failure::Connection(_));
            if !self.wait_to_close(why, pause).await {
                return Ok(false);
            }
        }
    }

    /// Like [`Self::wait`], but ending is no reason to hurry, and patience no reason to fail.
    async fn wait_to_close(&mut self, why: Failure, pause: Pause) -> bool {
        let Some(after) = self.backoff.failed(Instant::now(), pause) else { return false };
        self.summary.retries += 1;
        self.tell(&Event::Retrying { stream: self.number, why: &why, after });
        sleep(after).await;
        true
    }

    fn tell(&self, event: &Event<'_>) {
        self.shared.observer.on_event(event);
    }
}

/// A DELETE's answer; 410 is a success of its own kind.
fn judge_close(answer: Result<Answer, Lost>) -> Verdict<()> {
    let answer = match answer {
        Ok(answer) if answer.status.is_success() => return Verdict::Done(()),
        Ok(answer) => answer,
        Err(lost) => return Verdict::of_lost(lost),
    };
    let refusal = Refusal::of(&answer);
    if refusal.course() == Course::Restart && refusal.status != StatusCode::GONE {
        // A token that the server cannot read closes nothing, and there is no other one to try.
        return Verdict::Fatal(Error::Refused(Box::new(refusal)));
    }
    Verdict::of_refusal(refusal)
}
