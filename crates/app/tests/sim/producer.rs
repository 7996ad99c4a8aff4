//! Producers: batches, retries of what nobody knows the outcome of, repeats, conflicts.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pix_stream_app::{Error, Publish, Published};
use pix_stream_testkit::FakeCodec;
use pix_stream_testkit::fake::SplitMix64;

use crate::plan::Production;
use crate::world::World;

type Batch = Vec<(String, Bytes)>;

/// One producer: publishes until the world ends.
pub(crate) async fn run(world: Arc<World>, production: Production) {
    let random = SplitMix64::new(production.seed);
    let mut producer = Producer { world, production, random, made: 0, known: Vec::new() };
    while !producer.world.is_over() {
        producer.step().await;
    }
}

struct Producer {
    world: Arc<World>,
    production: Production,
    random: SplitMix64,
    made: u64,
    /// Batches that were acknowledged.
    known: Vec<Batch>,
}

impl Producer {
    async fn step(&mut self) {
        let most = u64::try_from(self.production.pause.as_millis()).unwrap_or(u64::MAX);
        self.world.pause(Duration::from_millis(1 + self.random.below(2 * most))).await;
        let at = usize::try_from(self.random.below(self.known.len() as u64)).unwrap_or(0);
        let old = self.known.get(at).cloned();
        match old {
            Some(mut old) if self.random.chance(self.production.repeats) => {
                if self.random.chance(300) {
                    old.extend(self.batch(1));
                }
                old.truncate(10);
                self.insist(old).await;
            }
            Some(old) if self.random.chance(self.production.conflicts) => self.contradict(&old).await,
            Some(_) | None => {
                let count = 1 + self.random.below(self.production.batch_max);
                let batch = self.batch(count);
                self.insist(batch).await;
            }
        }
    }

    fn batch(&mut self, count: u64) -> Batch {
        let make = |_| {
            self.made += 1;
            let id = format!("P{}-{}", self.production.name, self.made);
            let xml = FakeCodec::message(&id, self.production.ispb, self.production.bytes);
            (id, xml)
        };
        (0..count).map(make).collect()
    }

    /// Publishes until the outcome is known.
    async fn insist(&mut self, batch: Batch) {
        while !self.world.is_over() {
            match self.publish(&batch).await {
                Some(Ok(_)) => {
                    self.known.push(batch);
                    return;
                }
                Some(Err(Error::Conflict { .. } | Error::InvalidMessage { .. } | Error::NotOnboarded)) => {
                    return self.world.oracle.accuse("a good publish was refused for good".to_owned());
                }
                Some(Err(_)) | None => {
                    self.world.pause(Duration::from_millis(20 + self.random.below(300))).await;
                }
            }
        }
    }

    /// The same ids with other bytes are a conflict, and store nothing.
    async fn contradict(&mut self, known: &Batch) {
        let other = |(id, xml): &(String, Bytes)| {
            (id.clone(), FakeCodec::message(id, self.production.ispb, xml.len() + 9))
        };
        let batch: Batch = known.iter().take(1).map(other).collect();
        if let Some(Ok(_)) = self.publish(&batch).await {
            self.world.oracle.accuse("a conflict was accepted".to_owned());
        }
    }

    async fn publish(&mut self, batch: &Batch) -> Option<Result<Vec<Published>, Error>> {
        let node = self.world.any_node(&mut self.random)?;
        let ispb = self.production.ispb;
        let messages = batch.iter().map(|(_, xml)| xml.clone()).collect();
        let publish = Publish { ispb, actor: "sim", request_id: "sim", messages };
        self.world.oracle.publish(ispb, batch);
        let patience = self.random.chance(20).then(|| Duration::from_millis(self.random.below(20)));
        let result = self.world.ask(&node, patience, node.app.publish(publish)).await?;
        self.world.oracle.published(ispb, batch, &result);
        Some(result)
    }
}
