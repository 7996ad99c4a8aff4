//! Serial states in memory, as the port promises them; no store, no data centre. Regions are numbers, without epochs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::stream::StreamState;
use pix_stream_domain::version::Version;
use pix_stream_ports::error::Error;
use pix_stream_ports::serial_states::{SerialState, SerialStates, Survey};
use tokio::time::Instant;

use crate::fake::faults::Faults;
use crate::fake::lock;

/// How long a node that cannot reach the Coordinator counts as needy, in tokio's time.
pub const NEED_LIFE: Duration = Duration::from_secs(5);

/// The states; its handles share one store, and its faults.
#[derive(Debug, Clone)]
pub struct FakeSerialStates {
    store: Arc<Mutex<Store>>,
    region: u8,
    faults: Faults,
}

#[derive(Debug, Default)]
struct Store {
    /// As bytes, so that reading one back proves its encoding.
    states: BTreeMap<Ispb, (Vec<u8>, bool, u8)>,
    needs: BTreeMap<(u8, String), Instant>,
}

impl Store {
    /// As it is seen from a region.
    fn state(&self, region: u8, ispb: Ispb) -> Option<SerialState> {
        let (bytes, is_over, writer) = self.states.get(&ispb)?;
        Some(SerialState { state: StreamState::decode(bytes).ok()?, is_over: *is_over || *writer != region })
    }

    /// Whether `next` may follow what is kept there.
    fn may_follow(&self, region: u8, ispb: Ispb, expected: Option<Version>, next: Version) -> bool {
        let version = self.state(region, ispb).map(|kept| kept.state.version());
        let writer = self.states.get(&ispb).map(|(_, _, writer)| *writer);
        let is_step = version.is_some_and(|version| version.incarnation == next.incarnation);
        version == expected && !(is_step && writer != Some(region))
    }

    fn survey(&self, region: u8) -> Survey {
        let going_on = self.states.keys().filter_map(|ispb| {
            let kept = self.state(region, *ispb)?;
            (!kept.is_over).then(|| (*ispb, kept.state.version()))
        });
        let is_fresh = |claimed_at: &Instant| claimed_at.elapsed() < NEED_LIFE;
        let needs = self.needs.iter().filter(|((of, _), claimed_at)| *of == region && is_fresh(claimed_at));
        Survey { states: going_on.collect(), needy: needs.map(|((_, node), _)| node.clone()).collect() }
    }
}

impl FakeSerialStates {
    /// Nothing is kept yet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { store: Arc::default(), region: 0, faults: Faults::new(seed) }
    }

    /// The same store as another node reaches it: with faults of its own.
    #[must_use]
    pub fn another_node(&self, seed: u64) -> Self {
        Self { store: Arc::clone(&self.store), region: self.region, faults: Faults::new(seed) }
    }

    /// The same store as the nodes of another region reach it.
    #[must_use]
    pub fn another_region(&self, region: u8, seed: u64) -> Self {
        Self { region, ..self.another_node(seed) }
    }

    /// Its faults.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// What is kept of a participant, without faults or waiting.
    #[must_use]
    pub fn peek(&self, ispb: Ispb) -> Option<SerialState> {
        lock(&self.store).state(self.region, ispb)
    }

    /// What a survey finds, without faults or waiting.
    #[must_use]
    pub fn peek_survey(&self) -> Survey {
        lock(&self.store).survey(self.region)
    }

    async fn ask<T>(&self, ask: impl FnOnce(&mut Store) -> T) -> Result<T, Error> {
        let fate = self.faults.begin().await?;
        let answer = ask(&mut lock(&self.store));
        fate.answer(answer).await
    }
}

impl SerialStates for FakeSerialStates {
    async fn load(&self, ispb: Ispb) -> Result<Option<SerialState>, Error> {
        self.ask(|store| store.state(self.region, ispb)).await
    }

    async fn swap(
        &self,
        ispb: Ispb,
        expected: Option<Version>,
        next: &StreamState,
    ) -> Result<Result<(), Option<SerialState>>, Error> {
        let lost = self.ask(|store| {
            let follows = store.may_follow(self.region, ispb, expected, next.version());
            if follows {
                store.states.insert(ispb, (next.encode(), false, self.region));
            }
            (!follows).then(|| store.state(self.region, ispb))
        });
        Ok(lost.await?.map_or(Ok(()), Err))
    }

    async fn hand_over(&self, ispb: Ispb, expected: Version) -> Result<bool, Error> {
        self.ask(|store| {
            let kept = store.state(self.region, ispb);
            let is_expected = kept.is_some_and(|kept| kept.state.version() == expected);
            let ours = store.states.get_mut(&ispb).filter(|(_, _, writer)| *writer == self.region);
            if let Some((_, is_over, _)) = ours.filter(|_| is_expected) {
                *is_over = true;
            }
            is_expected
        })
        .await
    }

    async fn survey(&self) -> Result<Survey, Error> {
        self.ask(|store| store.survey(self.region)).await
    }

    async fn claim_need(&self, node: &str) -> Result<(), Error> {
        self.ask(|store| {
            store.needs.insert((self.region, node.to_owned()), Instant::now());
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_need_passes_unless_it_is_claimed_again() {
        let states = FakeSerialStates::new(1);
        states.claim_need("a").await.unwrap();
        states.claim_need("b").await.unwrap();
        tokio::time::advance(NEED_LIFE / 2).await;
        states.claim_need("b").await.unwrap();
        tokio::time::advance(NEED_LIFE / 2).await;
        assert_eq!(states.survey().await.unwrap().needy, ["b"]);
    }

    #[tokio::test]
    async fn nodes_share_the_store_and_not_the_faults() {
        let here = FakeSerialStates::new(1);
        let there = here.another_node(2);
        here.faults().set_down(true);
        there.claim_need("there").await.unwrap();
        assert!(here.claim_need("here").await.is_err());
        here.faults().clear();
        assert_eq!(here.survey().await.unwrap().needy, ["there"]);
    }
}
