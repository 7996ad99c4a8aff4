//! Swaps that are asked for at the same time go to Redis together: waking up for a packet costs a server three times as
//! much as the swap in it, and the driver sends a packet for each script.
//!
//! Whoever finds less than [`BATCHES`] on their way sends what waits at once; what comes while both are on their way
//! waits for the first to return. So nobody waits without need, and a busy node's swaps travel by the dozen. Not in a
//! cluster, where a script may touch one slot only.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fred::types::Value;
use pix_stream_ports::error::Error;
use tokio::sync::oneshot;

use crate::caller::Caller;
use crate::reign::{Item, Reign, Reigns};

/// Batches on their way at once.
const BATCHES: usize = 2;
/// Swaps of a batch: Redis does nothing else meanwhile, for a fifth of a millisecond.
const BATCH_MAX: usize = 32;

/// What the script said of one swap, and under which reign.
type Answer = Result<(Arc<Reign>, Value), Error>;

/// Sends swaps.
pub(crate) struct Swaps {
    caller: Caller,
    shared: Arc<Shared>,
}

struct Shared {
    reigns: Reigns,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(Item, oneshot::Sender<Answer>)>,
    on_their_way: usize,
}

impl Swaps {
    pub(crate) fn new(caller: Caller, reigns: Reigns) -> Self {
        Self { caller, shared: Arc::new(Shared { reigns, queue: Mutex::default() }) }
    }

    /// Has one value swapped.
    pub(crate) async fn run(&self, item: Item) -> Answer {
        if self.shared.reigns.is_cluster() {
            // On the heap: the driver's futures are large, and this one would be part of every read's.
            return self.caller.with_room(Box::pin(self.shared.run_alone(item))).await;
        }
        let (reply, answer) = oneshot::channel();
        let sends = {
            let mut queue = self.shared.queue();
            queue.waiting.push_back((item, reply));
            let sends = queue.on_their_way < BATCHES;
            queue.on_their_way += usize::from(sends);
            sends
        };
        if sends {
            // Outlives whoever stops waiting: others may have been taken along.
            tokio::spawn(Arc::clone(&self.shared).send());
        }
        let gone = |_| Error::Unavailable("the node is being stopped".to_owned());
        self.caller.with_room(async { answer.await.map_err(gone)? }).await
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run_alone(&self, item: Item) -> Answer {
        let (reign, mut answers) = self.reigns.run(&[item]).await?;
        Ok((reign, answers.pop().unwrap_or(Value::Null)))
    }

    /// Sends batch after batch until nothing waits.
    async fn send(self: Arc<Self>) {
        let mut slot = Slot { shared: &self, is_free: false };
        while let Some((items, replies)) = slot.take() {
            match self.reigns.run(&items).await {
                Ok((reign, answers)) => {
                    for (reply, answer) in replies.into_iter().zip(answers) {
                        let _ = reply.send(Ok((Arc::clone(&reign), answer)));
                    }
                }
                Err(error) => {
                    for reply in replies {
                        let _ = reply.send(Err(error.clone()));
                    }
                }
            }
        }
    }
}

/// One of the batches on their way; free again when it is dropped.
struct Slot<'a> {
    shared: &'a Shared,
    is_free: bool,
}

impl Slot<'_> {
    /// What goes next. Where nothing waits the slot is free at once: who comes a moment later must find it so.
    fn take(&mut self) -> Option<(Vec<Item>, Vec<oneshot::Sender<Answer>>)> {
        let mut queue = self.shared.queue();
        let (mut items, mut replies) = (Vec::new(), Vec::new());
        while items.len() < BATCH_MAX
            && let Some((item, reply)) = queue.waiting.pop_front()
        {
            // Whoever gave up was told that it failed, which is true as long as it is not sent.
            if !reply.is_closed() {
                items.push(item);
                replies.push(reply);
            }
        }
        if items.is_empty() {
            queue.on_their_way -= 1;
            self.is_free = true;
            return None;
        }
        Some((items, replies))
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        if !self.is_free {
            self.shared.queue().on_their_way -= 1;
        }
    }
}
