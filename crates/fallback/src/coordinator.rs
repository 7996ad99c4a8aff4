//! The port, over whichever side a participant's history is at home on.

use std::sync::Arc;

use bytes::Bytes;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::rate::{Decision, Rule};
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::stream::StreamState;
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::version::Version;
use pix_stream_ports::coordinator::{Coordinator, Expected, Held, Listener, News, Swap, Swapped};
use pix_stream_ports::error::Error;
use pix_stream_ports::serial_states::SerialStates;

use crate::open::lost;
use crate::view::incarnation;
use crate::{Core, Fallback, lock};

impl<C: Coordinator, S: SerialStates> Core<C, S> {
    async fn load(&self, ispb: Ispb) -> Result<Held, Error> {
        // A warm look: nothing is kept serially that could outrank the primary, so only it is asked.
        let row = self.known.find(ispb).filter(|row| !row.is_open);
        if let Some(row) = row.filter(|_| !self.health.is_down()) {
            let held = self.health.call(self.primary.load(ispb)).await;
            match held {
                Ok(held) if is_current(&held) && !is_outranked(&held, row) => {
                    self.known.note_told(ispb, false);
                    return Ok(held);
                }
                Err(error) if !self.health.turns_out_down().await => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(self.view(ispb).await?.held)
    }

    /// One more change of a history that goes on.
    async fn step(&self, ispb: Ispb, before: Version, next: &StreamState) -> Result<Swapped, Error> {
        let row = self.know_row(ispb).await;
        if row.is_some_and(|row| row.holds(before)) {
            if self.may_go_back() {
                return Ok(lost(self.view(ispb).await?.held));
            }
            return self.swap_row(ispb, Some(before), next, true).await;
        }
        let outranked = row.is_some_and(|row| row.outranks(before.incarnation));
        if outranked || self.health.is_down() {
            return Ok(lost(self.view(ispb).await?.held));
        }
        let swap = self.primary.swap(ispb, Expected::Current(before), next);
        match self.health.call(swap).await {
            Ok(Swapped { swap: Swap::Lost(held), .. }) if row.is_some_and(|row| is_outranked(&held, row)) => {
                Ok(lost(self.view(ispb).await?.held))
            }
            Ok(swapped) => Ok(swapped),
            // Whether it was carried out, or will be, matters no more: its history is over. The core decides again
            // in the next one.
            Err(error) if error.is_passing() && self.health.turns_out_down().await => {
                Ok(lost(self.view(ispb).await?.held))
            }
            Err(error) => Err(error),
        }
    }
}

fn is_current(held: &Held) -> bool {
    matches!(held, Held::Current(_))
}

fn is_outranked(held: &Held, row: crate::known::Row) -> bool {
    incarnation(held).is_some_and(|incarnation| row.outranks(incarnation))
}

impl<C: Coordinator, S: SerialStates> Coordinator for Fallback<C, S> {
    async fn load(&self, ispb: Ispb) -> Result<Held, Error> {
        self.0.load(ispb).await
    }

    async fn swap(&self, ispb: Ispb, expected: Expected, next: &StreamState) -> Result<Swapped, Error> {
        match expected {
            Expected::Current(before) if before.incarnation == next.version().incarnation => {
                self.0.step(ispb, before, next).await
            }
            Expected::Nothing | Expected::Current(_) | Expected::Old(_) => {
                self.0.begin(ispb, expected, next).await
            }
        }
    }

    /// While the primary is out of reach, heads reach the listeners of this node alone; other nodes find them in the
    /// Journal within a second.
    async fn announce(&self, news: News) -> Result<(), Error> {
        let told = match &news {
            News::Head { ispb, head, .. } => Some((*ispb, *head)),
            News::Change { .. } | News::Limits { .. } | News::Registry => None,
        };
        let announced = self.0.health.pass(self.0.primary.announce(news)).await;
        if let (Err(_), Some((ispb, head))) = (&announced, told) {
            let listeners = lock(&self.0.listeners).clone();
            listeners.iter().for_each(|listener| listener.on_head(ispb, head));
        }
        if self.0.health.is_down() { Ok(()) } else { announced }
    }

    /// Nothing is at hand while the primary is out of reach: the Journal has it.
    async fn fetch(&self, ispb: Ispb, first: Sequence) -> Result<Option<Bytes>, Error> {
        let fetched = self.0.health.pass(self.0.primary.fetch(ispb, first)).await;
        if self.0.health.is_down() { Ok(fetched.unwrap_or(None)) } else { fetched }
    }

    fn subscribe(&self, listener: Arc<dyn Listener>) {
        lock(&self.0.listeners).push(Arc::clone(&listener));
        self.0.primary.subscribe(listener);
    }

    fn is_shared(&self) -> bool {
        self.0.primary.is_shared()
    }

    /// While the primary does not answer, each node counts alone: as many times the limit may pass as there are nodes.
    /// An admitted request proves nothing of the primary: it, too, counts alone when it must.
    async fn admit(&self, ispb: Ispb, rule: Rule, now: Timestamp) -> Result<Decision, Error> {
        if !self.0.health.is_down() {
            match self.0.primary.admit(ispb, rule, now).await {
                Err(error) if error.is_passing() => {}
                decided => return decided,
            }
        }
        self.0.windows.admit(ispb, rule, now)
    }

    fn degraded(&self) -> Option<&'static str> {
        self.status().is_degraded.then_some("out of reach; reads are served by serial writes, slower")
    }

    /// Whether reads are served, by whichever side; [`Fallback::status`] says which.
    async fn check(&self) -> Result<(), Error> {
        let Err(error) = self.0.health.call(self.0.primary.check()).await else { return Ok(()) };
        let Err(other) = self.0.survey().await else { return Ok(()) };
        Err(Error::Unavailable(format!("{error}, and for serial writes {other}")))
    }
}
