//! The one thread that changes the file: it takes the requests that wait, and answers them with one commit.
//!
//! A request that is alone is committed at once; while a commit runs, others gather for the next. So nobody waits
//! for company, and under load one fsync serves many.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use pix_stream_ports::error::Error;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::fault::Fault;
use super::request::Request;
use super::reserve::RESERVE_BYTES;
use super::store::{Room, Store};
use crate::metrics as names;

/// Requests that may wait for the writer; the next one waits for its turn to wait.
const QUEUE_REQUESTS: usize = 1024;
/// The most messages of one commit: what it takes beyond that no longer pays, and the first of them wait longer.
const GROUP_MESSAGES: usize = 128;
/// The most XML of one commit, but for a single request that is larger.
const GROUP_BYTES: usize = 4 * 1024 * 1024;

/// The handle of the thread. Dropping it lets the thread finish what waits, and waits for that.
pub(crate) struct Writer {
    queue: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(store: Arc<Store>, pause_after_full: Duration) -> std::io::Result<Self> {
        let (queue, requests) = mpsc::channel(QUEUE_REQUESTS);
        let worker = Worker {
            store,
            requests,
            carried: None,
            full: None,
            exhausted: None,
            restored: None,
            freed: 0,
            pause_after_full,
        };
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
    /// Set while messages find no room.
    full: Option<Pause>,
    /// Set while not even small changes do.
    exhausted: Option<Pause>,
    /// When the reserve was last tried to be made again.
    restored: Option<Instant>,
    /// Bytes that removal freed in the file since the reserve is gone, less what messages took of them. At the
    /// reserve's size they serve as one, so that retention makes publishing work again without an operator.
    freed: u64,
    pause_after_full: Duration,
}

/// The answer that the last try got from a full disk, and until when nothing is tried: each try costs the readers
/// an opening of the file.
struct Pause {
    until: Instant,
    error: Error,
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
        let has_room = self.full.is_none() && self.exhausted.is_none() && self.store.has_reserve();
        if !has_room {
            let (small, usual) = group.into_iter().partition(Request::is_small);
            self.commit_small(small);
            self.commit_usual(usual);
        } else if group.iter().all(Request::is_check) {
            let open = if self.store.is_whole() { Ok(()) } else { Err(Fault::Closed.to_error()) };
            for mut request in group {
                if let Request::Check { reply } = &mut request {
                    reply.hold(());
                }
                request.answer(&open);
            }
        } else if group.iter().all(Request::is_small) {
            self.commit_small(group);
        } else {
            self.commit(group);
        }
    }

    /// Commits what must leave the room of small changes alone, small ones among it or not.
    fn commit(&mut self, group: Vec<Request>) {
        let Some((group, fault, error)) = self.try_commit(group, Room::Usual) else {
            self.full = None;
            return;
        };
        if fault.is_full() {
            self.full = Some(self.pause(&error));
            let (small, usual) = group.into_iter().partition(Request::is_small);
            refuse(usual, &error);
            self.commit_small(small);
        } else {
            refuse(group, &error);
        }
    }

    /// As [`Worker::commit`], once there was no room.
    fn commit_usual(&mut self, group: Vec<Request>) {
        if group.is_empty() {
            return;
        }
        if let Some(error) = paused(self.full.as_ref()) {
            return refuse(group, &error);
        }
        if !self.has_reserve_after(&group) {
            let error = Error::Full("there is no room on the disk for the reserve".to_owned());
            self.full = Some(self.pause(&error));
            return refuse(group, &error);
        }
        self.commit(group);
    }

    /// Whether small changes still have their room once this group took its own.
    fn has_reserve_after(&mut self, group: &[Request]) -> bool {
        let now = Instant::now();
        if self.restored.is_none_or(|at| now >= at + self.pause_after_full) {
            self.restored = Some(now);
            if self.store.restore_reserve() {
                self.freed = 0;
            }
        }
        let bytes: usize = group.iter().map(Request::bytes).sum();
        self.store.has_reserve() || self.freed >= RESERVE_BYTES + bytes as u64
    }

    /// Commits small changes, with the reserve's room if there is no other.
    fn commit_small(&mut self, group: Vec<Request>) {
        if group.is_empty() {
            return;
        }
        if let Some(error) = paused(self.exhausted.as_ref()) {
            return refuse(group, &error);
        }
        let failed = match self.try_commit(group, Room::Kept) {
            Some((group, fault, _)) if fault.is_disk_full() && self.store.release_reserve() => {
                self.try_commit(group, Room::Kept)
            }
            other => other,
        };
        let Some((group, fault, error)) = failed else {
            self.exhausted = None;
            return;
        };
        if fault.is_full() {
            self.exhausted = Some(self.pause(&error));
        }
        refuse(group, &error);
    }

    fn pause(&self, error: &Error) -> Pause {
        Pause { until: Instant::now() + self.pause_after_full, error: error.clone() }
    }

    /// Commits a group and answers it. On failure the group comes back, unanswered.
    fn try_commit(&mut self, mut group: Vec<Request>, room: Room) -> Option<(Vec<Request>, Fault, Error)> {
        let started = Instant::now();
        self.store.is_whole();
        let result =
            self.store.write(room, |tables| group.iter_mut().try_for_each(|request| request.apply(tables)));
        match result {
            Ok(()) => {
                metrics::histogram!(names::COMMIT_SECONDS).record(started.elapsed().as_secs_f64());
                metrics::histogram!(names::GROUP_REQUESTS).record(group.len() as f64);
                metrics::gauge!(names::FILE_BYTES).set(self.store.file_bytes() as f64);
                if !self.store.has_reserve() {
                    let freed: u64 = group.iter().map(Request::freed).sum();
                    let taken: usize = group.iter().map(Request::bytes).sum();
                    self.freed = (self.freed + freed).saturating_sub(taken as u64);
                }
                group.into_iter().for_each(|request| request.answer(&Ok(())));
                None
            }
            // What is damaged may concern one of them only: the others must not suffer.
            Err((Fault::Record(_) | Fault::Panicked(_), _)) if group.len() > 1 => {
                group.into_iter().for_each(|request| self.handle(vec![request]));
                None
            }
            Err((fault, error)) => {
                tracing::error!(%error, requests = group.len(), "the journal did not commit");
                Some((group, fault, error))
            }
        }
    }
}

/// The answer while nothing is tried.
fn paused(pause: Option<&Pause>) -> Option<Error> {
    pause.filter(|pause| Instant::now() < pause.until).map(|pause| pause.error.clone())
}

fn refuse(group: Vec<Request>, error: &Error) {
    group.into_iter().for_each(|request| request.answer(&Err(error.clone())));
}
