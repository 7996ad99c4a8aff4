//! The one thread that changes the file: it takes the requests that wait, and answers them with one commit.
//!
//! A request that is alone is committed at once; while a commit runs, others gather for the next. So nobody waits
//! for company, and under load one fsync serves many.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::version::Incarnation;
use pix_stream_ports::error::Error;
use pix_stream_ports::journal::{Appended, Checkpoint, NewMessage};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::Instant;

use super::changes::Conflict;
use super::fault::Fault;
use super::store::{Store, Tables};
use crate::metrics as names;

/// Requests that may wait for the writer; the next one waits for its turn to wait.
const QUEUE_REQUESTS: usize = 1024;
/// The most messages of one commit: what it takes beyond that no longer pays, and the first of them wait longer.
const GROUP_MESSAGES: usize = 128;
/// The most XML of one commit, but for a single request that is larger.
const GROUP_BYTES: usize = 4 * 1024 * 1024;

/// A change, and where its answer goes.
pub(crate) enum Request {
    Append {
        ispb: Ispb,
        messages: Vec<NewMessage>,
        window: Duration,
        reply: Reply<Result<Vec<Appended>, Conflict>>,
        /// Its share of the bytes that may wait.
        room: OwnedSemaphorePermit,
    },
    Remove {
        ispb: Ispb,
        below: Sequence,
        limit: u32,
        reply: Reply<u32>,
    },
    Checkpoints {
        checkpoints: Vec<(Ispb, Checkpoint)>,
        reply: Reply<()>,
    },
    Raise {
        ispb: Ispb,
        reply: Reply<Incarnation>,
    },
    Participant {
        participant: Box<Participant>,
        reply: Reply<bool>,
    },
    Check {
        reply: Reply<()>,
    },
}

/// Where an answer goes once the commit is on disk.
pub(crate) struct Reply<T> {
    sender: oneshot::Sender<Result<T, Error>>,
    value: Option<T>,
}

impl<T> Reply<T> {
    pub(crate) fn new(sender: oneshot::Sender<Result<T, Error>>) -> Self {
        Self { sender, value: None }
    }

    fn hold(&mut self, value: T) {
        self.value = Some(value);
    }

    fn send(self, result: &Result<(), Error>) {
        let lost = || Error::Unavailable("the change was not applied".to_owned());
        let answer = result.clone().and_then(|()| self.value.ok_or_else(lost));
        // Whoever asked may have stopped waiting; the change stands all the same.
        let _ = self.sender.send(answer);
    }
}

impl Request {
    fn messages(&self) -> usize {
        match self {
            Self::Append { messages, .. } => messages.len(),
            Self::Checkpoints { checkpoints, .. } => checkpoints.len(),
            Self::Remove { .. } | Self::Raise { .. } | Self::Participant { .. } | Self::Check { .. } => 1,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Append { messages, .. } => messages.iter().map(|message| message.xml.len()).sum(),
            Self::Checkpoints { .. }
            | Self::Remove { .. }
            | Self::Raise { .. }
            | Self::Participant { .. }
            | Self::Check { .. } => 0,
        }
    }

    fn apply(&mut self, tables: &mut Tables<'_>) -> Result<(), Fault> {
        match self {
            Self::Append { ispb, messages, window, reply, .. } => {
                reply.hold(tables.append(*ispb, messages, *window)?);
            }
            Self::Remove { ispb, below, limit, reply } => {
                reply.hold(tables.remove_below(*ispb, *below, *limit)?);
            }
            Self::Checkpoints { checkpoints, reply } => {
                for (ispb, checkpoint) in &*checkpoints {
                    tables.save_checkpoint(*ispb, checkpoint)?;
                }
                reply.hold(());
            }
            Self::Raise { ispb, reply } => reply.hold(tables.raise_incarnation(*ispb)?),
            Self::Participant { participant, reply } => reply.hold(tables.save_participant(participant)?),
            Self::Check { reply } => reply.hold(()),
        }
        Ok(())
    }

    fn answer(self, result: &Result<(), Error>) {
        match self {
            Self::Append { reply, room, .. } => {
                drop(room);
                reply.send(result);
            }
            Self::Remove { reply, .. } => reply.send(result),
            Self::Checkpoints { reply, .. } => reply.send(result),
            Self::Raise { reply, .. } => reply.send(result),
            Self::Participant { reply, .. } => reply.send(result),
            Self::Check { reply } => reply.send(result),
        }
    }

    fn is_check(&self) -> bool {
        matches!(self, Self::Check { .. })
    }
}

/// The handle of the thread. Dropping it lets the thread finish what waits, and waits for that.
pub(crate) struct Writer {
    queue: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(store: Arc<Store>, pause_after_full: Duration) -> std::io::Result<Self> {
        let (queue, requests) = mpsc::channel(QUEUE_REQUESTS);
        let worker = Worker { store, requests, carried: None, full: None, pause_after_full };
        let thread = std::thread::Builder::new().name("journal".to_owned()).spawn(move || worker.run())?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Hands a request over; waits while the queue is full. `false` when the thread is gone.
    pub(crate) async fn send(&self, request: Request) -> bool {
        match &self.queue {
            Some(queue) => queue.send(request).await.is_ok(),
            None => false,
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // The thread catches what its work throws; there is nothing left to learn from it.
            let _ = thread.join();
        }
    }
}

struct Worker {
    store: Arc<Store>,
    requests: mpsc::Receiver<Request>,
    /// A request that no longer fitted into the group before.
    carried: Option<Request>,
    /// The answer that the last commit got from a full disk, and until when nothing is tried.
    full: Option<(Instant, Error)>,
    pause_after_full: Duration,
}

impl Worker {
    fn run(mut self) {
        while let Some(group) = self.next_group() {
            metrics::gauge!(names::QUEUE_REQUESTS).set(self.requests.len() as f64);
            self.handle(group);
        }
    }

    /// Waits for a request, and takes with it whatever waits behind it up to the limits.
    fn next_group(&mut self) -> Option<Vec<Request>> {
        let first = match self.carried.take() {
            Some(request) => request,
            None => self.requests.blocking_recv()?,
        };
        let (mut messages, mut bytes) = (first.messages(), first.bytes());
        let mut group = vec![first];
        while let Ok(request) = self.requests.try_recv() {
            messages += request.messages();
            bytes += request.bytes();
            if messages > GROUP_MESSAGES || bytes > GROUP_BYTES {
                self.carried = Some(request);
                break;
            }
            group.push(request);
        }
        Some(group)
    }

    fn handle(&mut self, group: Vec<Request>) {
        if let Some(error) = self.still_full() {
            // Each try on a full disk costs the readers an opening of the file.
            group.into_iter().for_each(|request| request.answer(&Err(error.clone())));
            return;
        }
        if self.full.is_none() && group.iter().all(Request::is_check) {
            let open = if self.store.is_whole() { Ok(()) } else { Err(Fault::Closed.to_error()) };
            for mut request in group {
                if let Request::Check { reply } = &mut request {
                    reply.hold(());
                }
                request.answer(&open);
            }
            return;
        }
        self.commit(group);
    }

    fn still_full(&self) -> Option<Error> {
        let (until, error) = self.full.as_ref()?;
        (Instant::now() < *until).then(|| error.clone())
    }

    fn commit(&mut self, mut group: Vec<Request>) {
        let started = Instant::now();
        self.store.is_whole();
        let result =
            self.store.write(|tables| group.iter_mut().try_for_each(|request| request.apply(tables)));
        match result {
            Ok(()) => {
                self.full = None;
                metrics::histogram!(names::COMMIT_SECONDS).record(started.elapsed().as_secs_f64());
                metrics::histogram!(names::GROUP_REQUESTS).record(group.len() as f64);
                metrics::gauge!(names::FILE_BYTES).set(self.store.file_bytes() as f64);
                group.into_iter().for_each(|request| request.answer(&Ok(())));
            }
            // What is damaged may concern one of them only: the others must not suffer.
            Err((Fault::Record(_) | Fault::Panicked(_), _)) if group.len() > 1 => {
                group.into_iter().for_each(|request| self.commit(vec![request]));
            }
            Err((fault, error)) => {
                if fault.is_full() {
                    self.full = Some((Instant::now() + self.pause_after_full, error.clone()));
                }
                tracing::error!(%error, requests = group.len(), "the journal did not commit");
                group.into_iter().for_each(|request| request.answer(&Err(error.clone())));
            }
        }
    }
}
