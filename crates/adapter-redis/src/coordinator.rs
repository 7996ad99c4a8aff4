//! The Coordinator on Redis: states by compare-and-swap, news by publish/subscribe, fresh messages as values.
//!
//! A state's value is its version, the tag of the reign it was agreed on under, the id of the swap that set it, and
//! the state: 12, 8 and 8 bytes before it. The first twenty bytes are all that the script looks at.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use bytes::Bytes;
use fred::interfaces::{ClientLike as _, KeysInterface as _, PubsubInterface as _};
use fred::types::{ClusterHash, CustomCommand, Expiration, Value};
use metrics::Counter;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::rate::{Decision, Rule};
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::stream::StreamState;
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::version::Version;
use pix_stream_ports::coordinator::{Coordinator, Expected, Held, Listener, News, Swap, Swapped};
use pix_stream_ports::error::Error;

use crate::admit::Windows;
use crate::answer;
use crate::caller::Caller;
use crate::connection::{self, Tasks};
use crate::fresh::Fresh;
use crate::keys::Keys;
use crate::metrics::{FRESH_BYTES, FRESH_SKIPPED, STATES_OLD, SWAPS_REPEATED};
use crate::news::{self, Heard, NodeId};
use crate::options::{Options, Topology};
use crate::reign::{Item, Reign, Reigns, TAG_LEN, VERSION_LEN, Wanted};
use crate::subscription::{self, Listeners};
use crate::swaps::Swaps;

/// What the script compares: version and tag.
const MARK_LEN: usize = VERSION_LEN + TAG_LEN;
/// Participants that nobody is, whose states are asked for to see whether any can be: several, so that a cluster's masters
/// take turns.
const PROBES: u8 = 16;
/// What stands before the state: the mark and the swap's id.
const PREFIX_LEN: usize = MARK_LEN + 8;

/// The Coordinator of a cluster.
pub struct RedisCoordinator {
    caller: Caller,
    states: Swaps,
    keys: Keys,
    node: NodeId,
    swaps: AtomicU64,
    probes: AtomicU8,
    listeners: Listeners,
    fresh: Fresh,
    windows: Windows,
    fresh_life: Expiration,
    is_cluster: bool,
    counters: Counters,
    /// Last, so that everything is gone before the connections are.
    _tasks: Tasks,
}

struct Counters {
    old: Counter,
    repeated: Counter,
    fresh_bytes: Counter,
    fresh_skipped: Counter,
}

impl RedisCoordinator {
    /// Connects, or begins to try: a node starts also without Redis. Waits for at most the command timeout.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the options contradict themselves.
    pub async fn start(options: &Options) -> Result<Self, Error> {
        let builder = connection::builder(options).map_err(|error| Error::Damaged(error.to_string()))?;
        let mut tasks = Tasks::default();
        let mut id = [0; 8];
        aws_lc_rs::rand::fill(&mut id).map_err(|_| Error::Unavailable("no randomness".to_owned()))?;
        let node = NodeId(u64::from_be_bytes(id));
        let (keys, listeners) = (Keys::new(&options.prefix), Listeners::default());
        let subscriber = connection::subscriber(&builder)?;
        subscription::listen(&subscriber, keys.news(), node, listeners.clone(), &mut tasks);
        let client = connection::commands(&builder, "commands", &mut tasks)?;
        connection::keep_up(&subscriber, "news", &mut tasks);
        tokio::join!(
            connection::stands(&client, "commands", options.command_timeout),
            connection::stands(&subscriber, "news", options.command_timeout),
        );
        let caller = Caller::new(client, options.command_timeout);
        let is_cluster = matches!(options.topology, Topology::Cluster { .. });
        let windows = Windows::new(caller.clone(), keys.clone());
        Ok(Self {
            states: Swaps::new(caller.clone(), Reigns::new(caller.clone(), is_cluster, options.state_life)),
            caller,
            keys,
            node,
            // Unique among all nodes, as long as none makes more than 2^32 swaps more than its random start allows.
            swaps: AtomicU64::new(node.0),
            probes: AtomicU8::new(0),
            listeners,
            fresh: Fresh::new(options.fresh_life, options.fresh_bytes_per_participant),
            windows,
            fresh_life: Expiration::PX(i64::try_from(options.fresh_life.as_millis()).unwrap_or(i64::MAX)),
            is_cluster,
            counters: Counters {
                old: metrics::counter!(STATES_OLD),
                repeated: metrics::counter!(SWAPS_REPEATED),
                fresh_bytes: metrics::counter!(FRESH_BYTES),
                fresh_skipped: metrics::counter!(FRESH_SKIPPED),
            },
            _tasks: tasks,
        })
    }

    /// Swaps, with others that are asked for at the same time.
    async fn run(
        &self,
        ispb: Ispb,
        expected: Wanted,
        value: (Bytes, Bytes),
    ) -> Result<(Arc<Reign>, Answer), Error> {
        let (key, beside) = (self.keys.state(ispb), self.keys.head(ispb));
        let (reign, value) = self.states.run(Item { ispb, key, beside, expected, value }).await?;
        Ok((reign, Answer::read(value)?))
    }

    fn held(&self, value: Option<&Bytes>, reign: &Reign) -> Result<Held, Error> {
        let Some(value) = value else { return Ok(Held::Nothing) };
        let damaged = |what: &dyn fmt::Display| Error::Damaged(format!("a state in redis: {what}"));
        let (prefix, state) = value.split_at_checked(PREFIX_LEN).ok_or_else(|| damaged(&"cut short"))?;
        let state = Box::new(StreamState::decode(state).map_err(|error| damaged(&error))?);
        if prefix[VERSION_LEN..MARK_LEN] == reign.tag {
            return Ok(Held::Current(state));
        }
        self.counters.old.increment(1);
        Ok(Held::Old(state))
    }

    /// Whose state is asked for next to see whether any can be.
    fn probe(&self) -> Result<Ispb, Error> {
        let turn = self.probes.fetch_add(1, Ordering::Relaxed) % PROBES;
        let ispb = Ispb::from_bytes([b'Z', b'Z', b'Z', b'Z', b'Z', b'Z', b'Z', b'A' + turn]);
        ispb.map_err(|error| Error::Damaged(error.to_string()))
    }

    /// Tells the other nodes, and nothing more.
    async fn publish(&self, ispb: Option<Ispb>, news: &News) -> Result<(), Error> {
        let message = Bytes::from(news::encode(self.node, news, false));
        self.caller.run(ispb, self.tell(ispb, message)).await
    }

    /// In a cluster any server passes a message on: the participant's own, so that one that stands still is asked by
    /// nobody else's news.
    async fn tell(&self, ispb: Option<Ispb>, message: Bytes) -> Result<(), fred::error::Error> {
        let hash = ispb.map_or(ClusterHash::Random, |ispb| ClusterHash::from(ispb.as_str()));
        let command = CustomCommand::new_static("PUBLISH", hash, false);
        let words: Vec<Value> = vec![self.keys.news().into(), message.into()];
        self.caller.client.custom::<Value, _>(command, words).await.map(drop)
    }

    /// Writes what `news` brings and tells the other nodes.
    async fn spread(&self, news: &News) -> Result<(), Error> {
        let client = &self.caller.client;
        let (ispb, head, chunk) = match news {
            News::Head { ispb, head, chunk } => (ispb, head, chunk),
            News::Change { ispb, .. } | News::Limits { ispb, .. } => {
                return self.publish(Some(*ispb), news).await;
            }
            News::Registry => return self.publish(None, news).await,
        };
        let fits = |bytes: &Bytes| self.fresh.try_take(*ispb, bytes.len());
        let written = chunk.as_ref().filter(|chunk| fits(&chunk.bytes));
        match (chunk, written) {
            (Some(_), Some(chunk)) => self.counters.fresh_bytes.increment(chunk.bytes.len() as u64),
            (Some(_), None) => self.counters.fresh_skipped.increment(1),
            (None, _) => {}
        }
        let message = Bytes::from(news::encode(self.node, news, written.is_some()));
        let life = || Some(self.fresh_life.clone());
        let values = client.pipeline();
        self.caller
            .run(Some(*ispb), async {
                if let Some(chunk) = written {
                    let key = self.keys.chunk(*ispb, chunk.range.start());
                    values.set::<(), _, _>(key, chunk.bytes.clone(), life(), None, false).await?;
                }
                let head = Bytes::from(head.value().to_string());
                values.set::<(), _, _>(self.keys.head(*ispb), head, life(), None, false).await?;
                if self.is_cluster {
                    // The channel is another server's: nobody may hear of a chunk that is not there yet.
                    values.all::<Value>().await?;
                    return self.tell(Some(*ispb), message).await;
                }
                values.publish::<(), _, _>(self.keys.news(), message).await?;
                values.all::<Value>().await.map(drop)
            })
            .await
    }
}

/// The version's bytes, in which order is age.
fn version_bytes(version: Version) -> [u8; VERSION_LEN] {
    let mut bytes = [0; VERSION_LEN];
    bytes[..4].copy_from_slice(&version.incarnation.value().to_be_bytes());
    bytes[4..].copy_from_slice(&version.counter.to_be_bytes());
    bytes
}

/// What the script is to expect.
fn wanted(expected: Expected) -> Wanted {
    match expected {
        Expected::Nothing => Wanted::Nothing,
        Expected::Current(version) => Wanted::Current(version_bytes(version)),
        Expected::Old(version) => Wanted::Old(version_bytes(version)),
    }
}

/// What the script answered: whether it swapped, the head, and what is held if not.
struct Answer {
    is_done: bool,
    head: Option<Sequence>,
    held: Option<Bytes>,
}

impl Answer {
    fn read(value: Value) -> Result<Self, Error> {
        let what = "what a swap answers";
        let mut parts = answer::list(value, what)?.into_iter();
        let is_done = answer::number(&parts.next().unwrap_or(Value::Null), what)? == 1;
        let head = parts.next().filter(|head| !head.is_null());
        let head = head.map(|head| answer::number(&head, what)).transpose()?.map(Sequence::new);
        let held = answer::bytes(parts.next().unwrap_or(Value::Null), what)?;
        Ok(Self { is_done, head, held })
    }
}

impl Coordinator for RedisCoordinator {
    /// By the script, as a swap that nothing fits: only it knows whether the server is still the same.
    async fn load(&self, ispb: Ispb) -> Result<Held, Error> {
        let (reign, answer) = self.run(ispb, Wanted::Never, Default::default()).await?;
        self.held(answer.held.as_ref(), &reign)
    }

    async fn swap(&self, ispb: Ispb, expected: Expected, next: &StreamState) -> Result<Swapped, Error> {
        let id = self.swaps.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let version = Bytes::copy_from_slice(&version_bytes(next.version()));
        let state = Bytes::from([id.as_slice(), &next.encode()].concat());
        let (reign, answer) = self.run(ispb, wanted(expected), (version, state)).await?;
        let swap = if answer.is_done {
            Swap::Done
        } else if answer.held.as_ref().and_then(|held| held.get(MARK_LEN..PREFIX_LEN)) == Some(&id) {
            // The driver sent it again after a connection broke, and the first time had been enough. The id and not
            // the state decides: two nodes may well come to the same state.
            self.counters.repeated.increment(1);
            Swap::Done
        } else {
            Swap::Lost(self.held(answer.held.as_ref(), &reign)?)
        };
        Ok(Swapped { swap, head: answer.head })
    }

    async fn announce(&self, news: News) -> Result<(), Error> {
        if let News::Head { ispb, head, chunk: _ } = &news {
            self.listeners.tell(Heard::Head(*ispb, *head));
        }
        self.spread(&news).await
    }

    async fn fetch(&self, ispb: Ispb, first: Sequence) -> Result<Option<Bytes>, Error> {
        let key = self.keys.chunk(ispb, first);
        let value = self.caller.run(Some(ispb), self.caller.client.get::<Value, _>(key)).await?;
        answer::bytes(value, "a chunk")
    }

    fn subscribe(&self, listener: Arc<dyn Listener>) {
        self.listeners.add(listener);
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn admit(&self, ispb: Ispb, rule: Rule, now: Timestamp) -> Result<Decision, Error> {
        Ok(self.windows.admit(ispb, rule, now).await)
    }

    /// By the script, on a key of nobody's: a server without room (`OOM`), without its replicas (`NOREPLICAS`) or that
    /// became a replica (`READONLY`) answers a `PING` and refuses what writes, and with it all states.
    async fn check(&self) -> Result<(), Error> {
        self.run(self.probe()?, Wanted::Never, Default::default()).await.map(drop)
    }
}

impl fmt::Debug for RedisCoordinator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCoordinator").field("node", &self.node).finish_non_exhaustive()
    }
}
