//! One hold of the queue: a lane for each participant, each worked on by a task of its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pix_stream_app::Ports;
use pix_stream_ports::intake::{Entry, Intake};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::Settings;
use crate::bring::{Bringer, Left};
use crate::lanes::{Lanes, Next, Receiver};

/// The first pause of a lane that could not be brought on; it doubles up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(200);
/// The longest: a store that is back is used, and a participant that may be given more is served, within a second.
const PAUSE_MAX: Duration = Duration::from_millis(800);
/// How long what is under way is waited for when a hold ends.
const FINISH_MAX: Duration = Duration::from_secs(3);

/// What this node has in hand. Dropped, it does nothing more: what is not acknowledged is handed out again.
pub(crate) struct Hold<P: Ports, I> {
    /// Its number.
    pub(crate) number: u64,
    work: Arc<Work<P, I>>,
    tasks: JoinSet<()>,
}

struct Work<P: Ports, I> {
    bringer: Bringer<P, I>,
    lanes: Mutex<Lanes>,
    /// Lanes that are brought on at the same time. Closed once the hold is over.
    room: Semaphore,
    batch: usize,
    /// Since when nothing but failures of stores was seen.
    away_since: Mutex<Option<Instant>>,
}

impl<P: Ports, I: Intake> Hold<P, I> {
    pub(crate) fn new(number: u64, bringer: Bringer<P, I>, settings: Settings) -> Self {
        let work = Work {
            bringer,
            lanes: Mutex::default(),
            room: Semaphore::new(settings.workers.max(1)),
            batch: usize::try_from(settings.batch.max(1)).unwrap_or(usize::MAX),
            away_since: Mutex::default(),
        };
        Self { number, work: Arc::new(work), tasks: JoinSet::new() }
    }

    /// Takes entries in hand, in their order.
    pub(crate) fn push(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            let receiver = entry.ispb.parse().ok();
            if lock(&self.work.lanes).push(receiver, entry) {
                let work = Arc::clone(&self.work);
                self.tasks.spawn(async move { work.lane(receiver).await });
            }
        }
    }

    /// Whether nothing more should be taken for now.
    pub(crate) fn is_full(&self) -> bool {
        lock(&self.work.lanes).is_full()
    }

    /// Whether that is because of what cannot be brought.
    pub(crate) fn is_stuck(&self) -> bool {
        lock(&self.work.lanes).is_stuck()
    }

    /// Whether a defect ended the work on a lane: only a new hold brings its entries back.
    pub(crate) fn is_broken(&mut self) -> bool {
        while let Some(ended) = self.tasks.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "a defect ended the intake of some entries; they are handed out again");
                return true;
            }
        }
        false
    }

    /// Whether nothing but failures of stores was seen for so long.
    pub(crate) fn is_away_for(&self, least: Duration) -> bool {
        lock(&self.work.away_since).is_some_and(|since| since.elapsed() >= least)
    }

    /// Begins nothing more, and waits for what is under way.
    pub(crate) async fn finish(mut self) {
        self.work.room.close();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        // What takes longer is given up, and a repeat for whoever comes next.
        let _finished = timeout(FINISH_MAX, all).await;
    }
}

impl<P: Ports, I: Intake> Work<P, I> {
    /// Works on a lane until it is empty.
    async fn lane(&self, receiver: Receiver) {
        let mut pause = PAUSE;
        while let Ok(room) = self.room.acquire().await {
            let next = lock(&self.lanes).next(receiver, self.batch);
            let left = match next {
                Next::Nothing => return,
                Next::Entries(entries) => self.bring(receiver, &entries).await,
                Next::Parked(ids) => match self.bringer.fetch(ids.clone()).await {
                    Ok(entries) => self.bring(receiver, &entries).await,
                    Err(_) => Some((ids, Left::Unavailable)),
                },
            };
            let Some((ids, why)) = left else {
                *lock(&self.away_since) = None;
                pause = PAUSE;
                continue;
            };
            lock(&self.lanes).put_back(receiver, ids.into_iter());
            drop(room);
            if why == Left::Unavailable {
                lock(&self.away_since).get_or_insert_with(Instant::now);
            }
            if self.room.is_closed() {
                return;
            }
            sleep(pause).await;
            pause = (2 * pause).min(PAUSE_MAX);
        }
    }

    /// Brings entries; the ids of what is left of them, and why.
    async fn bring(&self, receiver: Receiver, entries: &[Entry]) -> Option<(Vec<Box<str>>, Left)> {
        let mut rest = entries;
        let brought = self.bringer.bring(receiver, &mut rest).await;
        brought.err().map(|why| (rest.iter().map(|entry| entry.id.clone()).collect(), why))
    }
}

/// What is behind our locks is whole after every statement that could panic, so a poisoned lock is still good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
