//! One connection: requests go out, answers come back, each within its deadline. It never mends itself: once
//! broken it is replaced. How it is made is told in `dial`, who replaces it in `node`.

mod pump;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cdrs_tokio::compression::Compression;
use cdrs_tokio::frame::Envelope;
use thiserror::Error as ThisError;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use crate::pulse::Pulse;
use crate::streams::{Abandoned, Refusal, Streams, Ticket};

/// Why a request has no answer.
#[derive(Clone, Debug, ThisError)]
pub(crate) enum Failure {
    /// It was never handed to a socket.
    #[error("not sent: {0}")]
    NotSent(String),
    /// It was handed to a socket, and the connection ended.
    #[error("connection lost: {0}")]
    Lost(String),
    /// It was handed to a socket, and no answer came in time.
    #[error("no answer in time")]
    TimedOut,
}

/// Limits of one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) in_flight_max: usize,
    pub(crate) orphans_max: usize,
    /// Of a request that names no deadline of its own.
    pub(crate) request_timeout: Duration,
}

/// Who is told of events and of the end; the driver's control connection alone.
#[derive(Debug, Default)]
pub(crate) struct Handlers {
    pub(crate) events: Option<mpsc::Sender<Envelope>>,
    pub(crate) errors: Option<mpsc::Sender<cdrs_tokio::Error>>,
}

type Waiter = oneshot::Sender<Result<Envelope, Failure>>;

/// A request on its way to the socket.
#[derive(Debug)]
struct Outgoing {
    ticket: Ticket,
    frame: Vec<u8>,
}

/// One connection. Dropping it closes the socket.
#[derive(Debug)]
pub(crate) struct Link {
    wire: Arc<Wire>,
    tasks: [AbortHandle; 2],
}

/// What the two tasks of a connection and its users share.
#[derive(Debug)]
pub(crate) struct Wire {
    address: SocketAddr,
    streams: Mutex<Streams<Waiter>>,
    queue: mpsc::Sender<Outgoing>,
    limits: Limits,
    is_broken: AtomicBool,
    /// Why it takes no more requests, once it does not.
    ended: watch::Sender<Option<Arc<str>>>,
    pulse: Arc<Pulse>,
    handlers: Handlers,
}

impl Link {
    /// Takes over a connected socket.
    pub(crate) fn start(
        address: SocketAddr,
        (reader, writer): (impl AsyncRead + Send + Unpin + 'static, impl AsyncWrite + Send + Unpin + 'static),
        limits: Limits,
        pulse: Arc<Pulse>,
        handlers: Handlers,
    ) -> Self {
        // Each queued request holds an id, so the queue cannot be full before the ids are.
        let streams = Streams::new(limits.in_flight_max, limits.orphans_max);
        let (queue, requests) = mpsc::channel(limits.in_flight_max.max(1));
        let wire = Arc::new(Wire {
            address,
            streams: Mutex::new(streams),
            queue,
            limits,
            is_broken: AtomicBool::new(false),
            ended: watch::Sender::new(None),
            pulse,
            handlers,
        });
        let reading = tokio::spawn(pump::read(Arc::clone(&wire), reader)).abort_handle();
        let writing = tokio::spawn(pump::write(Arc::clone(&wire), writer, requests)).abort_handle();
        Self { wire, tasks: [reading, writing] }
    }

    /// The part that outlives nobody: a weak handle to it keeps no socket open.
    pub(crate) const fn wire(&self) -> &Arc<Wire> {
        &self.wire
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.wire.close("the connection is no longer needed");
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl std::ops::Deref for Link {
    type Target = Wire;

    fn deref(&self) -> &Wire {
        &self.wire
    }
}

impl Wire {
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) const fn request_timeout(&self) -> Duration {
        self.limits.request_timeout
    }

    /// Whether it takes no more requests.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Acquire)
    }

    /// Returns when it takes no more requests, and tells why.
    pub(crate) async fn ended(&self) -> Arc<str> {
        let mut ended = self.ended.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let why = ended.wait_for(Option::is_some).await.ok().and_then(|why| (*why).clone());
        why.unwrap_or_default()
    }

    /// Requests that wait for an answer, and answers that nobody waits for.
    pub(crate) fn load(&self) -> (usize, usize) {
        let streams = self.streams();
        (streams.live(), streams.orphans())
    }

    /// Sends a request and waits for its answer until `deadline`. When the caller stops waiting, the id stays
    /// taken until the answer comes.
    pub(crate) async fn send(&self, request: &Envelope, deadline: Instant) -> Result<Envelope, Failure> {
        let not_sent = |why: &str| Failure::NotSent(why.to_owned());
        if self.is_broken() {
            return Err(not_sent("the connection is broken"));
        }
        let mut frame =
            request.encode_with(Compression::None).map_err(|error| Failure::NotSent(error.to_string()))?;
        let (waiter, answer) = oneshot::channel();
        let ticket = self.streams().reserve(waiter).map_err(|refusal| match refusal {
            Refusal::Full => not_sent("too many requests wait for answers"),
            Refusal::Closed => not_sent("the connection is broken"),
        })?;
        let mut waiting = Waiting { wire: self, ticket, is_settled: false };
        if let Some(id) = frame.get_mut(2..4) {
            id.copy_from_slice(&ticket.id().to_be_bytes());
        }
        if self.queue.try_send(Outgoing { ticket, frame }).is_err() {
            return Err(not_sent("the connection is broken"));
        }
        match timeout_at(deadline, answer).await {
            Ok(Ok(answer)) => {
                waiting.is_settled = true;
                answer
            }
            Ok(Err(_)) => Err(Failure::Lost("the connection was closed".to_owned())),
            Err(_) => match waiting.give_up() {
                Abandoned::NotSent => Err(not_sent("the connection did not take it in time")),
                Abandoned::Orphan | Abandoned::Settled => {
                    self.pulse.timed_out();
                    Err(Failure::TimedOut)
                }
            },
        }
    }

    /// Takes no more requests; those on their way may still be answered. Replaces what a dead peer holds up without
    /// hurting what it does not.
    pub(crate) fn retire(&self, why: &str) {
        if self.is_broken.swap(true, Ordering::AcqRel) {
            return;
        }
        self.ended.send_replace(Some(why.into()));
        if let Some(errors) = &self.handlers.errors {
            // One message is enough, and the driver keeps room for one.
            let _ = errors.try_send(cdrs_tokio::Error::General(why.to_owned()));
        }
    }

    /// Ends the connection for all who wait.
    fn close(&self, why: &str) {
        if !self.is_broken.swap(true, Ordering::AcqRel) {
            self.ended.send_replace(Some(why.into()));
        }
        let waiters = self.streams().close();
        for (waiter, was_sent) in waiters {
            let why = why.to_owned();
            // Whoever stopped waiting needs no answer.
            let _ = waiter.send(Err(if was_sent { Failure::Lost(why) } else { Failure::NotSent(why) }));
        }
    }

    fn streams(&self) -> MutexGuard<'_, Streams<Waiter>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is waited for; dropping it gives it up.
struct Waiting<'a> {
    wire: &'a Wire,
    ticket: Ticket,
    is_settled: bool,
}

impl Waiting<'_> {
    fn give_up(&mut self) -> Abandoned {
        self.is_settled = true;
        let (abandoned, orphans) = {
            let mut streams = self.wire.streams();
            (streams.abandon(self.ticket), streams.orphans())
        };
        if orphans > self.wire.limits.orphans_max {
            self.wire.retire("too many requests without an answer");
        }
        abandoned
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.is_settled {
            self.give_up();
        }
    }
}
