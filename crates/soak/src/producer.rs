//! Producers: steady load, bursts, repeats, and messages that no schema accepts.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use color_eyre::eyre::{Result, WrapErr as _};
use pix_stream_client::{Credentials, Endpoint, Error, Publisher};
use pix_stream_development::generate::Generator;
use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;
use pix_stream_testkit::fake::SplitMix64;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::masking;
use crate::run::{Phase, World};

/// Messages of one request, at most.
const BATCH_MAX: u64 = 10;
/// Of 1000 requests, this many are sent a second time though they were answered.
const REPEATS: u16 = 50;
/// How long what was not acknowledged when the load ends is tried again.
const LAST_TRIES: Duration = Duration::from_secs(20);

/// In regions a server refuses what another one serves: the next server is tried after this time.
const PATIENCE: Duration = Duration::from_secs(3);

/// The producer of one participant.
pub(crate) struct Producer {
    world: Arc<World>,
    ispb: Ispb,
    random: SplitMix64,
    generators: Vec<Generator>,
    /// One for each server.
    publishers: Vec<Publisher>,
    /// In regions: the server that took the last message, until it refuses one.
    routed: Option<usize>,
}

impl Producer {
    pub(crate) fn new(world: &Arc<World>, ispb: Ispb, seed: u64) -> Result<Self> {
        let folder = &world.site.dir;
        let file = |name: &str| folder.join(name);
        let credentials = Credentials::from_files(
            &file("tls/ca.pem"),
            &file("clients/producer.pem"),
            &file("clients/producer.key"),
        )?;
        let publishers = world.site.servers().iter().map(|server| {
            let endpoint = Endpoint::new(server.address(), &credentials)?;
            Ok(Publisher::new(endpoint, ispb, seed))
        });
        let publishers: Result<Vec<_>> = publishers.collect();
        let generators = ["pacs.008", "pacs.002"].map(|kind| Generator::new(kind, ispb, seed));
        let generators: Result<Vec<_>, _> = generators.into_iter().collect();
        Ok(Self {
            world: Arc::clone(world),
            ispb,
            random: SplitMix64::new(seed),
            generators: generators.wrap_err("these types can be made up")?,
            publishers: publishers?,
            routed: world.scenario.target.has_regions().then_some(0),
        })
    }

    /// Publishes until the load ends, and then what is still open.
    pub(crate) async fn run(mut self) {
        let mut due = Instant::now();
        let mut open: Vec<Vec<Bytes>> = Vec::new();
        while self.world.phase() == Phase::Load {
            let count = 1 + self.random.below(self.random.clone().below(BATCH_MAX) + 1);
            due = due.max(Instant::now()) + self.world.spacing() * u32::try_from(count).unwrap_or(1);
            sleep_until(due).await;
            if self.random.chance(self.world.scenario.invalid_per_mille) {
                self.publish_invalid().await;
                continue;
            }
            let messages = open.pop().unwrap_or_else(|| self.draw(count));
            if !self.publish(&messages).await {
                open.push(messages);
            } else if self.random.chance(REPEATS) {
                self.publish(&messages).await;
            }
        }
        let until = Instant::now() + LAST_TRIES;
        while let Some(messages) = open.pop().filter(|_| Instant::now() < until) {
            if !self.publish(&messages).await {
                open.push(messages);
                sleep(Duration::from_millis(500)).await;
            }
        }
    }

    fn draw(&mut self, count: u64) -> Vec<Bytes> {
        let which = usize::try_from(self.random.below(self.generators.len() as u64)).unwrap_or(0);
        let take = usize::try_from(count).unwrap_or(1);
        let drawn: Vec<Bytes> =
            self.generators[which].by_ref().take(take).map(|generated| generated.bytes).collect();
        let marked = |message: Bytes| {
            let marked =
                std::str::from_utf8(&message).ok().and_then(|text| masking::mark(text, self.random.next()));
            marked.map_or(message, Bytes::from)
        };
        drawn.into_iter().map(marked).collect()
    }

    fn draw_server(&mut self) -> usize {
        let any = self.random.below(self.publishers.len() as u64);
        self.routed.unwrap_or_else(|| usize::try_from(any).unwrap_or(0))
    }

    /// Whether they are durable now.
    async fn publish(&mut self, messages: &[Bytes]) -> bool {
        let world = Arc::clone(&self.world);
        let book = &world.book;
        messages.iter().for_each(|message| book.offer(self.ispb, Digest::of(message)));
        let which = self.draw_server();
        let publishing = self.publishers[which].publish(messages);
        let answer = match self.routed {
            None => publishing.await,
            Some(_) => match timeout(PATIENCE, publishing).await {
                Ok(answer) => answer,
                Err(_) => {
                    self.routed = Some((which + 1) % self.publishers.len());
                    book.note_failure("publish: not served here");
                    return false;
                }
            },
        };
        match answer {
            Ok(ids) => {
                for (message, id) in messages.iter().zip(ids) {
                    book.acknowledge(self.ispb, Digest::of(message), id);
                }
                true
            }
            Err(Error::Refused(refusal)) => {
                book.violate(format!("a valid message of {} was refused: {refusal}", self.ispb));
                true
            }
            Err(_) => {
                book.note_failure("publish: no answer");
                false
            }
        }
    }

    async fn publish_invalid(&mut self) {
        let valid = self.draw(1);
        let text = String::from_utf8_lossy(&valid[0]).replace("</Document>", "<Sandbank/></Document>");
        let which = self.draw_server();
        match self.publishers[which].publish(&[text.into()]).await {
            Err(Error::Refused(refusal)) => {
                self.world.masking.note_answer(refusal.to_string().as_bytes());
                self.world.book.note_refused();
            }
            Ok(_) => self.world.book.violate("a message that no schema accepts was published".to_owned()),
            Err(_) => self.world.book.note_failure("publish: no answer"),
        }
    }
}
