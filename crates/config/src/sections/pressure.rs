//! `[backpressure]`: what is done when the node or a store cannot keep up.

use std::time::Duration;

use super::{millis, seconds};
use crate::section::section;

section! {
    /// What is done when requests wait too long for their turn, or stores take too long. First participants above
    /// their fair share are asked to slow down (`X-Backpressure-Signal: slow`), then what is above it is answered 503
    /// `overloaded`, the noisiest first; below the fair share nobody is refused. Publishing and reading are looked at
    /// apart. See docs/rate-limiting.md.
    backpressure Backpressure {
        /// Whether anything of this is done.
        enabled: bool = true;
        /// The mean time that requests wait for their turn, or for the processor, from which on the noisiest are asked
        /// to slow down.
        queue_delay: Duration = millis(50), within millis(1)..=millis(400);
        /// The mean time of a store's write from which on the same is done: the journal's when messages are published,
        /// the coordinator's when they are read.
        store_latency: Duration = millis(300), within millis(1)..=seconds(10);
        /// At so many times either of these, what is above the fair share is refused.
        shed_factor: u32 = 8, within 2..=100;
        /// How long, give or take a half, an answer 429 is held back when a participant goes on asking as if nothing had been said: from twice
        /// its limit, or 2,000 requests, refused in a second. `0s` answers all of them at once.
        refused_hold: Duration = millis(500), within Duration::ZERO..=seconds(2);
    }
}
