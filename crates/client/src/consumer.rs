//! The reference consumer: up to six streams that store before they confirm (requirement X.3).
//!
//! This file holds its options and runs the streams side by side; [`stream`] is the loop of one of them.

mod stream;

use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use pix_stream_domain::ispb::Ispb;
use tokio::task::JoinSet;

use crate::config::{PATIENCE, STREAMS_MAX, Timing};
use crate::ending::{Ending, Phase};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::event::{Observer, Summary};
use crate::sink::Sink;

use stream::Stream;

/// When a consumer ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// At the first read, of any stream, that finds nothing; reads under way on other streams are finished.
    FirstEmpty,
    /// At the end of the batch that reaches so many new messages, over all streams.
    Count(u64),
    /// Never: it ends when it is told to.
    Forever,
}

/// How a consumer works.
#[derive(Debug, Clone)]
pub struct Options {
    /// Streams, 1 to 6.
    pub streams: u8,
    /// Up to ten messages a read (`multipart/mixed`), or one.
    pub multipart: bool,
    /// Whether answers may be compressed.
    pub gzip: bool,
    /// When it ends by itself.
    pub stop: Stop,
    /// For how long failures in a row are borne before it gives up; without it, for ever.
    pub patience: Option<Duration>,
    /// The seed of all jitter.
    pub seed: u64,
    /// Deadlines and waits.
    pub timing: Timing,
}

impl Options {
    /// One stream, batches of up to ten, gzip, a random seed; patience of a minute unless it runs for ever.
    #[must_use]
    pub fn new(stop: Stop) -> Self {
        let patience = match stop {
            Stop::FirstEmpty | Stop::Count(_) => Some(PATIENCE),
            Stop::Forever => None,
        };
        // The standard library's hasher keys are the randomness at hand; jitter needs no better.
        let seed = RandomState::new().hash_one(0_u8);
        Self { streams: 1, multipart: true, gzip: true, stop, patience, seed, timing: Timing::default() }
    }
}

/// Pulls one participant's messages into a sink.
#[derive(Debug, Clone)]
pub struct Consumer {
    endpoint: Endpoint,
    ispb: Ispb,
    options: Options,
}

/// What the streams of one run share.
#[derive(Debug)]
struct Shared<S, O> {
    endpoint: Endpoint,
    ispb: Ispb,
    options: Options,
    sink: Arc<S>,
    observer: Arc<O>,
    ending: Ending,
    /// New messages over all streams, for [`Stop::Count`].
    new: AtomicU64,
}

impl Consumer {
    /// A consumer for one participant.
    #[must_use]
    pub fn new(endpoint: Endpoint, ispb: Ispb, options: Options) -> Self {
        Self { endpoint, ispb, options }
    }

    /// Runs until the options' end or `shutdown`, whichever comes first, and closes its streams.
    ///
    /// After `shutdown` resolves it stores what has arrived, confirms that, and returns within 5 s plus the
    /// time the sink takes. Dropping the future instead is safe too: unconfirmed messages come again.
    ///
    /// # Errors
    /// The first thing that asking again does not cure, or a sink's error; other streams are closed first.
    /// Messages of a batch that could not be stored are never confirmed.
    pub async fn run<S, O>(
        self,
        sink: Arc<S>,
        observer: Arc<O>,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<Summary, Error>
    where
        S: Sink + 'static,
        O: Observer + 'static,
    {
        let streams = self.options.streams;
        if !(1..=STREAMS_MAX).contains(&streams) {
            return Err(Error::Usage(format!("streams must be 1 to {STREAMS_MAX}, not {streams}")));
        }
        tracing::debug!(ispb = %self.ispb, streams, seed = self.options.seed, "consumer starts");
        let shared = Arc::new(Shared {
            endpoint: self.endpoint.clone(),
            ispb: self.ispb,
            options: self.options.clone(),
            sink,
            observer,
            ending: Ending::new(),
            new: AtomicU64::new(0),
        });
        let mut running = JoinSet::new();
        for number in 1..=streams {
            running.spawn(Stream::new(number, Arc::clone(&shared)).run());
        }
        let told = async {
            shutdown.await;
            shared.ending.advance(Phase::Shutdown);
            std::future::pending().await
        };
        tokio::select! {
            result = gather(running, &shared.ending) => result,
            never = told => never,
        }
    }
}

/// Waits for all streams; the first that fails makes the others close.
async fn gather(mut running: JoinSet<Result<Summary, Error>>, ending: &Ending) -> Result<Summary, Error> {
    let mut summary = Summary::default();
    let mut first_error = None;
    while let Some(ended) = running.join_next().await {
        match ended.map_err(Error::Task).flatten() {
            Ok(stream) => summary.add(&stream),
            Err(error) => {
                ending.advance(Phase::Cut);
                first_error.get_or_insert(error);
            }
        }
    }
    first_error.map_or(Ok(summary), Err)
}
