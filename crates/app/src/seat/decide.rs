//! Deciding: one leader takes what waits at a seat, applies it to one snapshot, and agrees on the result by one
//! compare-and-swap.

use std::sync::Arc;

use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::stream::{Command, Context, Outcome, StreamState, Supply};
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::Ports;
use pix_stream_ports::clock::Clock as _;
use pix_stream_ports::coordinator::{Coordinator as _, Expected, Held, Swap};
use pix_stream_telemetry as telemetry;

use super::{Request, Seat};
use crate::core::Core;
use crate::metrics::SWAPS_LOST;
use pix_stream_calls::store::{COORDINATOR_DEADLINE, COORDINATOR_SWAP, RETRY_AFTER};
use pix_stream_calls::{Error, Kind};
use pix_stream_hot::Hot;
use tokio::time::Instant;

/// Requests that are decided together.
const COMBINED_MAX: usize = 64;
/// Swaps that may be lost in a row before requests are answered 503.
const SWAP_ATTEMPTS: usize = 8;

impl Seat {
    pub(super) fn apply<P: Ports>(
        &self,
        core: &Core<P>,
        state: &mut StreamState,
        command: &Command,
    ) -> Outcome {
        let supply = SeatSupply { head: self.head(), hot: &self.hot() };
        let context = Context { now: core.ports.clock().now(), rules: &core.settings.rules, supply: &supply };
        state.apply(command, &context)
    }

    /// Decides some commands together and agrees on the result.
    async fn decide<P: Ports>(
        self: &Arc<Self>,
        core: &Arc<Core<P>>,
        requests: &[Request],
    ) -> Result<Vec<Outcome>, Error> {
        core.refuse_elsewhere(self.ispb)?;
        let mut is_fresh = false;
        let mut loads = false;
        for _attempt in 0..SWAP_ATTEMPTS {
            let before = match self.snapshot() {
                Some(state) if !loads => state,
                known => {
                    (loads, is_fresh) = (false, true);
                    let state = core.load_state(self, known).await?;
                    if state.version().counter == 0 {
                        // A new history: what the last one handed out may be there again.
                        core.tell_change(self, state.version());
                    }
                    state
                }
            };
            let mut next = before.clone();
            // Who stopped waiting may have asked again elsewhere: a late decision must not overtake that one.
            let decided = |request: &Request| match request.reply.is_closed() {
                true => Outcome::Unchanged,
                false => self.apply(core, &mut next, &request.command),
            };
            let outcomes: Vec<_> = requests.iter().map(decided).collect();
            if next.version() == before.version() {
                // Another node may know of the stream that this snapshot misses, have read on where it would
                // repeat, or have paused what is to be resumed.
                let rests_on_it =
                    |o: &Outcome| matches!(o, Outcome::Refused(_) | Outcome::Adjusted(_) | Outcome::Batch(_));
                loads = !is_fresh && (self.is_stale() || outcomes.iter().any(rests_on_it));
                if loads {
                    continue;
                }
                return Ok(outcomes);
            }
            let expected = Expected::Current(before.version());
            let swap = core.ports.coordinator().swap(self.ispb, expected, &next);
            let begun = Instant::now();
            let swapped = COORDINATOR_SWAP.run(COORDINATOR_DEADLINE, swap).await;
            core.pressure.note_store(Kind::Pull, begun.elapsed(), requests.len());
            let swapped = swapped?;
            if let Some(head) = swapped.head {
                self.raise_head(head);
            }
            match swapped.swap {
                Swap::Done => {
                    let version = next.version();
                    if self.install(&before, next, core.ports.clock().now()) {
                        core.tell_change(self, version);
                    }
                    return Ok(outcomes);
                }
                Swap::Lost(newer) => {
                    metrics::counter!(SWAPS_LOST).increment(1);
                    match newer {
                        Held::Current(newer) if newer.version() > before.version() => {
                            self.learn(*newer, None);
                            is_fresh = true;
                        }
                        // Nothing there, or something that this node knows to be over: it forgot or went back.
                        Held::Nothing | Held::Current(_) | Held::Old(_) => loads = true,
                    }
                }
            }
        }
        Err(Error::Overloaded { retry_after: RETRY_AFTER, limit: "races for one participant" })
    }

    /// Takes an agreed state over, wakes whom it concerns, drops what it confirmed. Returns whether it concerns reads
    /// that wait.
    fn install(&self, before: &StreamState, next: StreamState, now: Timestamp) -> bool {
        let (watermark, live) = (next.watermark(), next.live_count());
        let concerns_others = concerns_waiting(before, &next);
        {
            let mut inner = self.inner();
            inner.snapshot = Some(next);
            inner.dirty_since = inner.dirty_since.or(Some(now));
        }
        if watermark > before.watermark() {
            self.drop_below(watermark.plus(1));
            self.metrics.advances.increment(1);
        }
        self.metrics.slots_live.set(f64::from(live));
        if concerns_others {
            self.wake.notify_waiters();
        }
        concerns_others
    }

    fn end_leading(&self) {
        let mut inner = self.inner();
        inner.leading = false;
        inner.queue.clear();
    }
}

/// Whether reads that wait should look at a new state: theirs may be gone, or there is something for them.
pub(super) fn concerns_waiting(before: &StreamState, next: &StreamState) -> bool {
    let is_there = |generation| next.live().any(|(_, stream)| stream.generation == generation);
    before.live().any(|(_, stream)| !is_there(stream.generation))
        || next.is_paused() != before.is_paused()
        || next.returned().len() > before.returned().len()
}

/// Decides what waits at a seat until nothing does.
pub(super) async fn lead<P: Ports>(core: Arc<Core<P>>, seat: Arc<Seat>) {
    // A leader that ends early, by a defect, must not leave the seat led by nobody.
    let mut leading = Leading { seat: &seat, done: false };
    loop {
        let requests: Vec<Request> = {
            let mut inner = seat.inner();
            if inner.queue.is_empty() {
                inner.leading = false;
                leading.done = true;
                return;
            }
            let count = inner.queue.len().min(COMBINED_MAX);
            inner.queue.drain(..count).collect()
        };
        let now = Instant::now();
        for request in &requests {
            core.pressure.note_queue(Kind::Pull, now.duration_since(request.queued_at));
        }
        // Nobody waits for the outcome: while a store hangs, those who gave up shall not be tried one after the other.
        let decided = match requests.iter().all(|request| request.reply.is_closed()) {
            true => continue,
            false => {
                let waiting = requests.iter().filter_map(|request| request.waits.clone()).collect();
                telemetry::on_behalf_of(waiting, seat.decide(&core, &requests)).await
            }
        };
        for (index, request) in requests.into_iter().enumerate() {
            let outcome = match &decided {
                Ok(outcomes) => Ok(outcomes[index]),
                Err(error) => Err(error.clone()),
            };
            // A caller that went away finds the outcome when it asks again.
            let _gone = request.reply.send(outcome);
        }
    }
}

struct Leading<'a> {
    seat: &'a Seat,
    done: bool,
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.seat.end_leading();
        }
    }
}

/// What the domain may hand out: what exists, and what of it is hot.
struct SeatSupply<'a> {
    head: Sequence,
    hot: &'a Hot,
}

impl Supply for SeatSupply<'_> {
    fn head(&self) -> Sequence {
        self.head
    }

    fn size(&self, sequence: Sequence) -> Option<u32> {
        self.hot.size(sequence)
    }
}
