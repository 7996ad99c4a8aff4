//! The one thread that writes the audit files: it takes what waits and writes it at once.

use std::io;
use std::thread::JoinHandle;

use pix_stream_domain::audit::{Head, Record};
use pix_stream_ports::error::Error;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::chain::Chain;
use crate::{fault, metrics as names};

/// Requests that may wait; the next one waits for its turn to wait: audit blocks rather than drops.
const QUEUE_REQUESTS: usize = 1024;
/// The most records of one write.
const GROUP_RECORDS: usize = 4096;

/// What the thread is asked, and where its answer goes.
#[derive(Debug)]
pub(crate) enum Request {
    Append { records: Vec<Record>, reply: oneshot::Sender<Result<(), Error>> },
    Sync { reply: oneshot::Sender<Result<Head, Error>> },
}

/// The handle of the thread. Dropping it lets the thread write what waits, sync, and waits for that.
#[derive(Debug)]
pub(crate) struct Worker {
    queue: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread.
    pub(crate) fn start(chain: Chain) -> io::Result<Self> {
        let (queue, requests) = mpsc::channel(QUEUE_REQUESTS);
        let thread =
            std::thread::Builder::new().name("audit".to_owned()).spawn(move || run(chain, requests))?;
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

impl Drop for Worker {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported where it happened.
            let _ = thread.join();
        }
    }
}

fn run(mut chain: Chain, mut requests: mpsc::Receiver<Request>) {
    while let Some(first) = requests.blocking_recv() {
        let mut records = Vec::new();
        let (mut appends, mut syncs) = (Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(request) = next {
            match request {
                Request::Append { records: own, reply } => {
                    records.extend(own);
                    appends.push(reply);
                }
                Request::Sync { reply } => syncs.push(reply),
            }
            next = if records.len() < GROUP_RECORDS { requests.try_recv().ok() } else { None };
        }
        if !appends.is_empty() {
            let answer = write(&mut chain, &records);
            appends.into_iter().for_each(|reply| send(reply, &answer));
        }
        if !syncs.is_empty() {
            let answer = chain.sync().map_err(|error| counted(&error));
            syncs.into_iter().for_each(|reply| send(reply, &answer));
        }
    }
    if let Err(error) = chain.sync() {
        tracing::error!(%error, "the audit log was not synced at the end");
    }
}

fn write(chain: &mut Chain, records: &[Record]) -> Result<(), Error> {
    let started = Instant::now();
    chain.append(records).map_err(|error| counted(&error))?;
    metrics::histogram!(names::AUDIT_WRITE_SECONDS).record(started.elapsed().as_secs_f64());
    metrics::counter!(names::AUDIT_ENTRIES_TOTAL).increment(records.len() as u64);
    Ok(())
}

fn send<T: Clone>(reply: oneshot::Sender<Result<T, Error>>, answer: &Result<T, Error>) {
    // Whoever asked may have stopped waiting; the entries stand all the same.
    let _ = reply.send(answer.clone());
}

fn counted(error: &io::Error) -> Error {
    let text = format!("audit log: {error}");
    let error = if fault::is_full(error) {
        Error::Full(text)
    } else if fault::is_damage(error) {
        Error::Damaged(text)
    } else {
        Error::Unavailable(text)
    };
    metrics::counter!(names::AUDIT_ERRORS_TOTAL, "kind" => names::kind(&error)).increment(1);
    error
}
