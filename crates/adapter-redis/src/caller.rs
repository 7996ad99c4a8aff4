//! Calls that end in time, never more at once than there is room for, and none to a server that stands still.
//!
//! The driver closes a connection on which nothing was written and nothing answered for a while - so not one that is
//! written to all the time (`fred` 10.1: `last_write` is set by every write). After a call that came too late nothing more
//! is sent to that server but one `PING`, which is waited for as long as it takes: the driver either brings its answer or
//! makes a new connection, wherever the master is by then.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use fred::clients::Client;
use fred::interfaces::ClientLike as _;
use fred::types::config::Options as CallOptions;
use fred::types::{ClusterHash, CustomCommand, Value};
use metrics::Counter;
use pix_stream_domain::ispb::Ispb;
use pix_stream_ports::error::Error;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::error;
use crate::metrics::{HELD_BACK, REFUSED};
use crate::options::IN_FLIGHT_MAX;

/// Pause before a `PING` that failed is sent again.
const PING_PAUSE: Duration = Duration::from_millis(50);
/// How long one `PING` is waited for before it is looked whether anybody still wants to know.
const PING_LIMIT: Duration = Duration::from_secs(10);

/// Sends calls.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) client: Client,
    shared: Arc<Shared>,
    limit: Duration,
}

struct Shared {
    room: Semaphore,
    /// Of the one master there is, or of those of a cluster that nobody met yet.
    breaker: Arc<Breaker>,
    /// In a cluster: of the master that has the participant.
    by_ispb: Mutex<HashMap<Ispb, Arc<Breaker>>>,
    refused: Counter,
    held_back: Counter,
}

/// Whether a server stands still.
#[derive(Debug, Default)]
pub(crate) struct Breaker(AtomicBool);

impl Caller {
    pub(crate) fn new(client: Client, limit: Duration) -> Self {
        let shared = Shared {
            room: Semaphore::new(IN_FLIGHT_MAX),
            breaker: Arc::default(),
            by_ispb: Mutex::default(),
            refused: metrics::counter!(REFUSED),
            held_back: metrics::counter!(HELD_BACK),
        };
        Self { client, shared: Arc::new(shared), limit }
    }

    /// From now on, calls for the participant concern this breaker's server.
    pub(crate) fn set_breaker(&self, ispb: Ispb, breaker: Arc<Breaker>) {
        self.by_ispb().insert(ispb, breaker);
    }

    /// Runs a call of the driver within the limit of time, if there is room. On the heap: the driver's futures are large,
    /// and would be part of every read's. With an ISPB, it concerns the server that has that participant.
    pub(crate) async fn run<T>(
        &self,
        ispb: Option<Ispb>,
        call: impl Future<Output = Result<T, fred::error::Error>>,
    ) -> Result<T, Error> {
        self.run_raw(ispb, call).await?.map_err(|error| error::of(&error))
    }

    /// The same, where the server's own errors are for the caller to read.
    pub(crate) async fn run_raw<T>(
        &self,
        ispb: Option<Ispb>,
        call: impl Future<Output = Result<T, fred::error::Error>>,
    ) -> Result<Result<T, fred::error::Error>, Error> {
        self.with_room(self.in_time(ispb, Box::pin(call))).await
    }

    /// Runs whatever leads to calls, if there is room.
    pub(crate) async fn with_room<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let Ok(_room) = self.shared.room.try_acquire() else {
            self.shared.refused.increment(1);
            return Err(Error::Unavailable(format!("{IN_FLIGHT_MAX} calls wait for redis already")));
        };
        timeout(self.limit, work).await.unwrap_or_else(|_| Err(self.late()))
    }

    /// Runs a call of those for whom there was room within the limit of time.
    pub(crate) async fn in_time<T>(
        &self,
        ispb: Option<Ispb>,
        call: impl Future<Output = T>,
    ) -> Result<T, Error> {
        let breaker = self.breaker(ispb);
        if breaker.0.load(Ordering::Relaxed) {
            self.shared.held_back.increment(1);
            return Err(Error::Unavailable("redis does not answer".to_owned()));
        }
        // A little less than the limit of those who wait for it, who would else be gone before it is noticed.
        let answer = timeout(self.limit - self.limit / 16, call).await;
        answer.map_err(|_| {
            if !breaker.0.swap(true, Ordering::Relaxed) {
                let owner = Arc::downgrade(&self.shared);
                tokio::spawn(watch(self.client.clone(), ispb, breaker, owner));
            }
            self.late()
        })
    }

    fn late(&self) -> Error {
        Error::Unavailable(format!("no answer of redis within {:?}", self.limit))
    }

    fn breaker(&self, ispb: Option<Ispb>) -> Arc<Breaker> {
        let found = ispb.and_then(|ispb| self.by_ispb().get(&ispb).cloned());
        found.unwrap_or_else(|| Arc::clone(&self.shared.breaker))
    }

    fn by_ispb(&self) -> std::sync::MutexGuard<'_, HashMap<Ispb, Arc<Breaker>>> {
        self.shared.by_ispb.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until the server answers, or another one in its place.
async fn watch(client: Client, ispb: Option<Ispb>, breaker: Arc<Breaker>, owner: Weak<Shared>) {
    tracing::warn!("redis does not answer in time; calls are held back until it does");
    while owner.strong_count() > 0 && !is_pinged(&client, ispb).await {
        sleep(PING_PAUSE).await;
    }
    tracing::info!("redis answers again");
    breaker.0.store(false, Ordering::Relaxed);
}

async fn is_pinged(client: &Client, ispb: Option<Ispb>) -> bool {
    // The tag in all keys of a participant is its ISPB.
    let hash = ispb.map_or(ClusterHash::Random, |ispb| ClusterHash::from(ispb.as_str()));
    matches!(timeout(PING_LIMIT, patient_ping(client, hash)).await, Ok(Ok(_)))
}

/// A `PING` without the driver's own limit of time.
pub(crate) async fn patient_ping(
    client: &impl fred::interfaces::ClientLike,
    hash: ClusterHash,
) -> Result<Value, fred::error::Error> {
    let options = CallOptions { timeout: Some(Duration::ZERO), ..CallOptions::default() };
    let ping = CustomCommand::new_static("PING", hash, false);
    client.with_options(&options).custom::<Value, Value>(ping, Vec::new()).await
}
