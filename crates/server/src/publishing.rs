//! Publishing a run of messages: several requests under way, up to ten messages in each, at a pace if one is wanted.
//!
//! `publish` and `demo` are both this; where messages come from and what is shown is theirs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use pix_stream_client::{Endpoint, Error, Publisher, Taken};
use pix_stream_domain::ispb::Ispb;

use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior};

use crate::advice;
use crate::failure::Failure;
use crate::output;
use crate::system::SystemEntropy;

/// Messages in one request (protocol, section 8).
const BATCH_MAX: usize = 10;
/// Requests a second that a pace is cut into, at most: a faster one puts more messages into each.
const PACED_REQUESTS: u32 = 100;

/// A message to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What it is called when it is refused: a file name, or its number.
    pub label: String,
    /// Its `BizMsgIdr`, if it has one.
    pub message_id: Option<String>,
    /// Its bytes.
    pub bytes: Bytes,
}

/// A message that the server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Its `BizMsgIdr`.
    pub message_id: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The server took it under this id.
    Taken(Taken),
    /// It was neither published nor put into quarantine, for a reason of its own; others may still be.
    Refused(Failure),
}

/// Where messages come from; `None` is the end.
pub type Source = Box<dyn FnMut() -> Option<Result<Piece, Failure>> + Send>;

/// How to publish.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The server, with a producer's certificate.
    pub endpoint: Endpoint,
    /// For whom.
    pub ispb: Ispb,
    /// Messages a second; without it, as fast as the server takes them.
    pub rate: Option<u32>,
    /// Requests under way at a time. With one, messages keep their order.
    pub workers: usize,
    /// Whether what is refused goes into the server's quarantine; then each request has one message.
    pub quarantine: bool,
}

/// A run under way.
#[derive(Debug)]
pub struct Publishing {
    results: mpsc::Receiver<Result<Vec<Done>, Failure>>,
    stop: Arc<AtomicBool>,
}

/// What the workers of a run share.
struct Feed {
    source: Mutex<Source>,
    batch: usize,
    pace: Option<tokio::sync::Mutex<Interval>>,
    stop: Arc<AtomicBool>,
    quarantine: bool,
}

impl Publishing {
    /// Starts to publish.
    #[must_use]
    pub fn start(plan: &Plan, source: Source) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let batch = if plan.quarantine { 1 } else { plan.rate.map_or(BATCH_MAX, batch_at) };
        let pace = plan.rate.map(|rate| tokio::sync::Mutex::new(pace(rate, batch)));
        let (source, quarantine) = (Mutex::new(source), plan.quarantine);
        let feed = Arc::new(Feed { source, batch, pace, stop: Arc::clone(&stop), quarantine });
        let (done, results) = mpsc::channel(plan.workers.max(1));
        for _ in 0..plan.workers.max(1) {
            let publisher = Publisher::new(plan.endpoint.clone(), plan.ispb, SystemEntropy::new().number());
            let publisher = publisher.on_waiting(|why, after| {
                output::note(format_args!("waiting: {why}; asking again in {:.1} s", after.as_secs_f64()));
            });
            tokio::spawn(work(Arc::clone(&feed), publisher, done.clone()));
        }
        Self { results, stop }
    }

    /// The next messages that are durable; `None` when all are, or when what was under way at a stop has ended.
    pub async fn next(&mut self) -> Option<Result<Vec<Done>, Failure>> {
        self.results.recv().await
    }

    /// Takes no more messages from the source. Requests under way go on.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

async fn work(feed: Arc<Feed>, mut publisher: Publisher, done: mpsc::Sender<Result<Vec<Done>, Failure>>) {
    while let Some(batch) = feed.take().await {
        let result = match batch {
            Ok(batch) if feed.quarantine => hand_over(&mut publisher, batch).await,
            Ok(batch) => publish(&mut publisher, batch).await,
            // A file that cannot be read is one that is not taken.
            Err(failure) if feed.quarantine => {
                Ok(vec![Done { message_id: None, outcome: Outcome::Refused(failure) }])
            }
            Err(failure) => Err(failure),
        };
        let failed = result.is_err();
        // The receiver gone means that nobody wants more.
        if done.send(result).await.is_err() || failed {
            feed.stop.store(true, Ordering::Relaxed);
            return;
        }
    }
}

impl Feed {
    /// The next batch, when its time has come.
    async fn take(&self) -> Option<Result<Vec<Piece>, Failure>> {
        if let Some(pace) = &self.pace {
            pace.lock().await.tick().await;
        }
        if self.stop.load(Ordering::Relaxed) {
            return None;
        }
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = Vec::with_capacity(self.batch);
        while batch.len() < self.batch {
            match source() {
                Some(Ok(piece)) => batch.push(piece),
                Some(Err(failure)) if batch.is_empty() => return Some(Err(failure)),
                Some(Err(failure)) => {
                    // What was read before is published first; the failure is next.
                    let mut failure = Some(failure);
                    *source = Box::new(move || failure.take().map(Err));
                    break;
                }
                None => break,
            }
        }
        (!batch.is_empty()).then_some(Ok(batch))
    }
}

async fn publish(publisher: &mut Publisher, batch: Vec<Piece>) -> Result<Vec<Done>, Failure> {
    let bytes: Vec<Bytes> = batch.iter().map(|piece| piece.bytes.clone()).collect();
    let ids = publisher.publish(&bytes).await.map_err(|error| refused(&error, &batch))?;
    let done = |(piece, id): (Piece, _)| {
        let outcome = Outcome::Taken(Taken::Published(id));
        Done { message_id: piece.message_id, outcome }
    };
    Ok(batch.into_iter().zip(ids).map(done).collect())
}

/// One request a message: each goes its own way.
async fn hand_over(publisher: &mut Publisher, batch: Vec<Piece>) -> Result<Vec<Done>, Failure> {
    let mut done = Vec::with_capacity(batch.len());
    for piece in batch {
        let taken = publisher.take_in(piece.bytes.clone()).await;
        let outcome = match taken {
            Ok(taken) => Outcome::Taken(taken),
            Err(error) => {
                let failure = refused(&error, std::slice::from_ref(&piece));
                if !matches!(&error, Error::Refused(refusal) if refusal.concerns_message()) {
                    return Err(failure);
                }
                Outcome::Refused(failure)
            }
        };
        done.push(Done { message_id: piece.message_id, outcome });
    }
    Ok(done)
}

/// A refusal under the name of the message that it is about.
fn refused(error: &Error, batch: &[Piece]) -> Failure {
    let failure = advice::failure(error);
    let (part, details) = match error {
        Error::Refused(refusal) => {
            (refusal.title.as_deref().and_then(part_number), refusal.details.as_slice())
        }
        Error::Usage(_)
        | Error::Untrusted(_)
        | Error::Malformed(_)
        | Error::GaveUp { .. }
        | Error::Sink(_)
        | Error::Task(_) => (None, [].as_slice()),
    };
    let piece = part.and_then(|part| batch.get(part.checked_sub(1)?)).or(if batch.len() == 1 {
        batch.first()
    } else {
        None
    });
    let Some(piece) = piece else { return failure };
    let others = match batch.len() {
        1 => String::new(),
        count => format!("; none of the {count} messages of its request was stored"),
    };
    // The first is in the title already.
    let more: String = details.iter().skip(1).map(|detail| format!("\n  {detail}")).collect();
    Failure { message: format!("{}: {}{others}{more}", piece.label, failure.message), ..failure }
}

/// The number in `part 4: …`.
fn part_number(title: &str) -> Option<usize> {
    title.strip_prefix("part ")?.split_once(':')?.0.parse().ok()
}

/// How many messages go into a request at a pace.
fn batch_at(rate: u32) -> usize {
    usize::try_from(rate / PACED_REQUESTS).unwrap_or(BATCH_MAX).clamp(1, BATCH_MAX)
}

fn pace(rate: u32, batch: usize) -> Interval {
    let batch = u32::try_from(batch).unwrap_or(1);
    let mut pace = tokio::time::interval(Duration::from_secs(1) * batch / rate.max(1));
    // What was missed is not caught up: the rate is a most.
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_that_a_title_names_is_found() {
        assert_eq!(part_number("part 4: no BizMsgIdr"), Some(4));
        assert_eq!(part_number("part of it"), None);
        assert_eq!(part_number("part : x"), None);
    }

    #[test]
    fn a_slow_pace_sends_single_messages() {
        assert_eq!([1, 100, 199, 200, 5_000].map(batch_at), [1, 1, 1, 2, 10]);
    }
}
