//! What a poll costs Redis, by the kernel's counters (issue 6, "How it is judged"): a swap of 600 bytes and one value of
//! 7.4 kB, next to a Redis Stream read and acknowledged, in the same run.
//!
//! `PIX_MEASURE=1 cargo test --release -p pix-stream-adapter-redis --test it measure -- --nocapture`

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use fred::clients::Client;
use fred::interfaces::ClientLike as _;
use fred::types::config::{Config, ServerConfig};
use fred::types::{Builder, ClusterHash, CustomCommand, Value};
use pix_stream_adapter_redis::RedisCoordinator;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::limits::Rules;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::{Command, Context, Form, StreamState, Supply};
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::version::Incarnation;
use pix_stream_ports::coordinator::{Chunk, Coordinator as _, Expected, News, Swap};

use crate::started::{Started, start};

/// Bytes of ten messages of the usual size, compressed.
const CHUNK: usize = 7_400;
/// Messages of a poll.
const BATCH: usize = 10;

struct Plenty;

impl Supply for Plenty {
    fn head(&self) -> Sequence {
        Sequence::new(1_000_000)
    }

    fn size(&self, _: Sequence) -> Option<u32> {
        Some(4_000)
    }
}

/// Two forms of a state with six live streams and some messages to deliver again, to swap to and fro.
fn state(incarnation: u32) -> StreamState {
    let rules = Rules::default();
    let context = |at| Context { now: Timestamp::from_unix_millis(at), rules: &rules, supply: &Plenty };
    let mut state = StreamState::new(Incarnation::new(incarnation), Sequence::FIRST);
    for round in 0..2 {
        for _ in 0..6 {
            let open = Command::Open { form: Form::Multipart, wait: Duration::ZERO };
            state.apply(&open, &context(1_000_000 + 20_000 * round));
        }
    }
    state
}

fn next(state: &StreamState) -> StreamState {
    let rules = Rules::default();
    let context = Context { now: Timestamp::from_unix_millis(1_020_001), rules: &rules, supply: &Plenty };
    let mut next = state.clone();
    next.apply(if state.is_paused() { &Command::Resume } else { &Command::Pause }, &context);
    next
}

fn ispb(n: u64) -> Ispb {
    format!("{n:08}").parse().unwrap()
}

/// Time that the threads of a process spent on a processor so far.
fn cpu(pid: u32) -> Duration {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let nanos = tasks.map(|task| {
        let stat = std::fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap();
        stat.split_whitespace().next().unwrap().parse::<u64>().unwrap()
    });
    Duration::from_nanos(nanos.sum())
}

/// How often the server woke up to read so far.
fn reads(started: &Started) -> u64 {
    let stats = started.redis.first().command(&["INFO", "stats"]).unwrap().text();
    let reads = stats.lines().find_map(|line| line.strip_prefix("total_reads_processed:"));
    reads.unwrap().trim().parse().unwrap()
}

/// What a poll cost.
struct Cost {
    /// Time of the server's processor, in microseconds.
    micros: f64,
    /// How often the server woke up to read.
    reads: f64,
    /// Polls a second.
    rate: f64,
}

/// Runs `polls` in all, so many at once, and says what each cost the server.
async fn measure<F: Future<Output = ()> + Send + 'static>(
    started: &Started,
    at_once: u64,
    polls: u64,
    poll: impl Fn(u64, Arc<AtomicU64>) -> F,
) -> Cost {
    let pid = started.redis.first().process().pid();
    let left = Arc::new(AtomicU64::new(polls));
    let (before, reads_before, begun) = (cpu(pid), reads(started), tokio::time::Instant::now());
    let tasks: Vec<_> = (0..at_once).map(|n| tokio::spawn(poll(n, Arc::clone(&left)))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    let spent = cpu(pid) - before;
    let rate = polls as f64 / begun.elapsed().as_secs_f64();
    let reads = (reads(started) - reads_before) as f64 / polls as f64;
    Cost { micros: spent.as_secs_f64() * 1e6 / polls as f64, reads, rate }
}

fn take(left: &AtomicU64) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

async fn polls(node: Arc<RedisCoordinator>, n: u64, left: Arc<AtomicU64>) {
    let (ispb, mut held) = (ispb(n), state(1));
    let before = node.load(ispb).await.unwrap();
    assert_eq!(node.swap(ispb, before.expected(), &held).await.unwrap().swap, Swap::Done);
    while take(&left) {
        let newer = next(&held);
        let swap = node.swap(ispb, Expected::Current(held.version()), &newer);
        let (swapped, chunk) = tokio::join!(swap, node.fetch(ispb, Sequence::FIRST));
        assert_eq!(swapped.unwrap().swap, Swap::Done);
        assert_eq!(chunk.unwrap().map(|chunk| chunk.len()), Some(CHUNK));
        held = newer;
    }
}

async fn command(client: &Client, name: &'static str, words: Vec<Value>) -> Value {
    client.custom(CustomCommand::new_static(name, ClusterHash::FirstKey, false), words).await.unwrap()
}

fn words(words: &[&str]) -> Vec<Value> {
    words.iter().map(|word| Value::from(*word)).collect()
}

async fn stream_polls(client: Client, n: u64, left: Arc<AtomicU64>) {
    let consumer = format!("consumer-{n}");
    while take(&left) {
        let read = ["GROUP", "group", &consumer, "COUNT", "10", "STREAMS", "baseline", ">"];
        let Value::Map(streams) = command(&client, "XREADGROUP", words(&read)).await else {
            panic!("entries")
        };
        let entries = streams.inner().into_values().next().unwrap().into_array();
        assert_eq!(entries.len(), BATCH);
        let mut acknowledge = words(&["baseline", "group"]);
        acknowledge.extend(entries.into_iter().map(|entry| entry.into_array().swap_remove(0)));
        command(&client, "XACK", acknowledge).await;
    }
}

async fn baseline(started: &Started, polls: u64) -> Client {
    let address = started.redis.address();
    let server = ServerConfig::new_centralized(address.ip().to_string(), address.port());
    let version = fred::types::RespVersion::RESP3;
    let client = Builder::from_config(Config { server, version, ..Config::default() }).build().unwrap();
    client.init().await.unwrap();
    client
        .custom::<Value, Value>(
            CustomCommand::new_static("DEL", ClusterHash::FirstKey, false),
            words(&["baseline"]),
        )
        .await
        .unwrap();
    command(&client, "XGROUP", words(&["CREATE", "baseline", "group", "0", "MKSTREAM"])).await;
    for _ in 0..polls {
        let pipeline = client.pipeline();
        for _ in 0..BATCH {
            let mut put = words(&["baseline", "*", "xml"]);
            put.push(Value::Bytes(Bytes::from(vec![b'x'; CHUNK / BATCH])));
            let add = CustomCommand::new_static("XADD", ClusterHash::FirstKey, false);
            pipeline.custom::<(), _>(add, put).await.unwrap();
        }
        pipeline.all::<Value>().await.unwrap();
    }
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_poll_costs_redis() {
    #[expect(clippy::disallowed_methods, reason = "who runs the tests says whether to measure")]
    if std::env::var("PIX_MEASURE").is_err() {
        return;
    }
    let Some(started) = start(|_| {}) else { return };
    let mut options = crate::started::single(started.redis.address(), "pix-test");
    options.fresh_life = Duration::from_secs(600);
    let node = Arc::new(RedisCoordinator::start(&options).await.unwrap());
    for n in 0..32 {
        let range = Range::new(Sequence::FIRST, Sequence::new(11));
        let chunk = Some(Chunk { range, bytes: Bytes::from(vec![7; CHUNK]) });
        node.announce(News::Head { ispb: ispb(n), head: range.end(), chunk }).await.unwrap();
    }
    println!("a state of {} bytes", state(1).encode().len());
    for (at_once, count) in [(1, 10_000), (8, 30_000), (32, 60_000)] {
        let ours = measure(&started, at_once, count, |n, left| polls(Arc::clone(&node), n, left)).await;
        let stream = count / 4;
        let client = baseline(&started, stream).await;
        let theirs =
            measure(&started, at_once, stream, |n, left| stream_polls(client.clone(), n, left)).await;
        println!(
            "{at_once:2} in flight: {:.1} µs of Redis a poll ({:.2} reads, {:.0}/s); \
             XREADGROUP + XACK of ten: {:.1} µs ({:.2} reads, {:.0}/s)",
            ours.micros, ours.reads, ours.rate, theirs.micros, theirs.reads, theirs.rate
        );
    }
}
