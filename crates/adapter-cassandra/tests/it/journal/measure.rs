//! What appending costs, run by hand against a single node of its own, on the same machine:
//! `PIX_MEASURE=1 cargo test -p pix-stream-adapter-cassandra --test it measure -- --nocapture`. Asserts nothing.
//! The load is offered, whatever comes back: a request's time begins when it was due, not when it was sent.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use pix_stream_adapter_cassandra::journal::{CassandraJournal, Options};
use pix_stream_cql::{Consistency, Options as Call, Serial, Statement, Value};
use pix_stream_ports::journal::{Journal as _, NewMessage};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::own::Own;
use super::{ispb, journal, message, terms};
use crate::support::Space;

/// Environment variable that asks for measurements.
const MEASURE: &str = "PIX_MEASURE";
const PARTICIPANTS: u64 = 50;
const BYTES: usize = 4_000;
/// Set up for load: see `LOAD_HEAP_MIB` of the stores.
const HEAP_MIB: u32 = 2_048;
/// How long each load is offered.
const SPAN: Duration = Duration::from_secs(8);
/// The loads that a node is under before anything is measured, and how long: until its code is compiled, a message
/// costs it several times as much, and the code of large batches is compiled last.
const WARM_UP: [(u64, Duration); 2] = [(1_500, Duration::from_secs(75)), (4_000, Duration::from_secs(25))];
/// Offered load: messages a second, messages a request.
const LOADS: [(u64, u64); 8] =
    [(500, 1), (1_000, 1), (2_000, 1), (3_000, 1), (4_000, 1), (5_000, 1), (4_000, 4), (6_000, 10)];

fn is_asked_for(name: &str) -> bool {
    #[expect(clippy::disallowed_methods, reason = "the one switch of measurements")]
    let asked = std::env::var_os(MEASURE).is_some();
    if !asked {
        #[expect(clippy::explicit_write, reason = "what `eprintln` writes is captured")]
        writeln!(std::io::stderr(), "SKIPPED {name}: set {MEASURE}=1 to measure").unwrap();
    }
    asked
}

/// A body of 4 kB that does not compress to nothing.
fn body() -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        b"0123456789abcdef"[(state >> 60) as usize]
    };
    (0..BYTES).map(|_| next()).collect()
}

fn large(number: u64, body: &[u8]) -> NewMessage {
    let mut xml = body.to_vec();
    xml[..8].copy_from_slice(&number.to_be_bytes());
    NewMessage { xml: Bytes::from(xml), ..message(number, 0) }
}

/// Seconds of processor time that a process used.
fn processor_seconds(process: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

struct Measured {
    times: Vec<Duration>,
    refused: usize,
    span: Duration,
}

async fn offer(
    journal: &Arc<CassandraJournal>,
    first: u64,
    (rate, each): (u64, u64),
    span: Duration,
) -> Measured {
    let requests = rate * span.as_secs() / each;
    let body = body();
    let started = Instant::now();
    let mut set = JoinSet::new();
    for n in 0..requests {
        let due = started + span.mul_f64(n as f64 / requests as f64);
        sleep_until(due).await;
        let numbers = first + n * each..first + (n + 1) * each;
        let (journal, sent) = (Arc::clone(journal), numbers.map(|n| large(n, &body)).collect());
        let participant = ispb(u32::try_from(n % PARTICIPANTS + 1).unwrap());
        set.spawn(async move {
            let stored = journal.append(participant, sent, terms()).await;
            stored.map(|_| due.elapsed())
        });
    }
    let (mut times, mut refused) = (Vec::new(), 0);
    for answer in set.join_all().await {
        match answer {
            Ok(time) => times.push(time),
            Err(_) => refused += 1,
        }
    }
    times.sort_unstable();
    Measured { times, refused, span: started.elapsed() }
}

async fn warm_up(journal: &Arc<CassandraJournal>) {
    for (first, (rate, span)) in [800_000_000, 900_000_000].into_iter().zip(WARM_UP) {
        offer(journal, first, (rate, 1), span).await;
    }
}

/// The same statement without a journal around it: each participant's batches of one message one after the other.
async fn bare(space: &Space) -> Measured {
    let k = &space.keyspace;
    let text = format!(
        "BEGIN UNLOGGED BATCH UPDATE {k}.pix_streams SET head = ? WHERE ispb = ? AND bucket = 0 IF head = ?; \
         INSERT INTO {k}.pix_streams (ispb, bucket, seq, xml) VALUES (?, 0, ?, ?) USING TTL 1000; APPLY BATCH"
    );
    let (statement, body) = (Statement::new(text), Bytes::from(body()));
    let started = Instant::now();
    let loops = (1..=PARTICIPANTS).map(|participant| {
        let (session, statement, body) = (space.session.clone(), statement.clone(), body.clone());
        async move {
            let name = Value::from(format!("bare{participant}"));
            let (mut head, mut times) = (Value::Null, Vec::new());
            for sequence in 0_i64.. {
                let sent = Instant::now();
                if started.elapsed() >= SPAN {
                    break;
                }
                let next = Value::BigInt(sequence);
                let values =
                    vec![next.clone(), name.clone(), head, name.clone(), next.clone(), body.clone().into()];
                let call = Call::new(Consistency::LocalQuorum).serial(Serial::Local);
                session.execute(&statement, values, &call).await.unwrap();
                head = next;
                times.push(sent.elapsed());
            }
            times
        }
    });
    let mut times: Vec<Duration> = join_all(loops).await.into_iter().flatten().collect();
    times.sort_unstable();
    Measured { times, refused: 0, span: started.elapsed() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn measure_offered_loads() {
    if !is_asked_for("measure_offered_loads") {
        return;
    }
    let cluster = Own::start(HEAP_MIB).await;
    let space = cluster.space("journal_measure").await;
    let server = cluster.cassandra.nodes()[0].process().pid().to_string();
    let journal = Arc::new(journal(&space, Options::default()));
    warm_up(&journal).await;
    let before = processor_seconds(&server);
    let Measured { times, span, .. } = bare(&space).await;
    let cost = 1e6 * (processor_seconds(&server) - before) / times.len() as f64;
    println!(
        "bare loops, {PARTICIPANTS} at once: stored {:5.0}/s, p50 {:4} ms, p99 {:4} ms, {cost:4.0} us there",
        times.len() as f64 / span.as_secs_f64(),
        times[times.len() / 2].as_millis(),
        times[times.len() * 99 / 100].as_millis(),
    );
    let mut first = 1;
    for (rate, each) in LOADS {
        let before = [processor_seconds("self"), processor_seconds(&server)];
        let Measured { times, refused, span } = offer(&journal, first, (rate, each), SPAN).await;
        first += 10_000_000;
        let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default();
        let stored = times.len() as f64 * each as f64 / span.as_secs_f64();
        let count = times.len() as f64 * each as f64;
        let [here, there] = [processor_seconds("self") - before[0], processor_seconds(&server) - before[1]]
            .map(|seconds| 1e6 * seconds / count);
        println!(
            "offered {rate:5}/s in requests of {each:2}: stored {stored:5.0}/s, p50 {:4} ms, p99 {:4} ms, \
             refused {refused}, processor {here:3.0} us here and {there:4.0} us there a message",
            at(0.5).as_millis(),
            at(0.99).as_millis(),
        );
    }
}

/// How many batches may be on their way at a time (`Options::batches_max`).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn measure_batches_on_their_way() {
    if !is_asked_for("measure_batches_on_their_way") {
        return;
    }
    let cluster = Own::start(HEAP_MIB).await;
    let space = cluster.space("journal_slots").await;
    let warm = Arc::new(journal(&space, Options::default()));
    warm_up(&warm).await;
    let mut first = 1;
    for (batches_max, rate) in
        [(32, 1_000), (8, 1_000), (4, 4_000), (8, 4_000), (16, 4_000), (32, 4_000), (64, 4_000)]
    {
        let journal = Arc::new(journal(&space, Options { batches_max, ..Options::default() }));
        let Measured { times, refused, span } = offer(&journal, first, (rate, 1), SPAN).await;
        first += 10_000_000;
        println!(
            "{batches_max:2} batches at a time, offered {rate:5}/s: stored {:5.0}/s, p50 {:4} ms, p99 {:4} ms, refused {refused}",
            times.len() as f64 / span.as_secs_f64(),
            times[times.len() / 2].as_millis(),
            times[times.len() * 99 / 100].as_millis(),
        );
    }
}

/// What it costs to know the business ids of a window: a block for 500 messages against a row for each (ADR 0017).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn measure_starting_a_lane() {
    const MESSAGES: u64 = 40_000;
    const REQUEST: u64 = 250;
    if !is_asked_for("measure_starting_a_lane") {
        return;
    }
    let cluster = Own::start(HEAP_MIB).await;
    let space = cluster.space("journal_blocks").await;
    let first = journal(&space, Options::default());
    let body = body();
    for start in (1..=MESSAGES).step_by(usize::try_from(REQUEST).unwrap()) {
        let sent = (start..start + REQUEST).map(|n| large(n, &body)).collect();
        first.append(ispb(1), sent, terms()).await.unwrap();
    }
    for with in ["with blocks", "without blocks"] {
        let node = journal(&space, Options::default());
        let started = Instant::now();
        let known = node.find_known(ispb(1), vec![message(7, 0).key], super::WINDOW).await.unwrap();
        assert_eq!(known.len(), 1);
        println!("a lane starts {with} over {MESSAGES} messages in {} ms", started.elapsed().as_millis());
        space.truncate(&["pix_idempotency"]).await;
    }
    let k = &space.keyspace;
    let text = format!(
        "INSERT INTO {k}.pix_idempotency (ispb, bucket, block, newest, hashes) VALUES (?, 0, ?, 1, ?)"
    );
    let insert = Statement::new(text).idempotent();
    for (rows, bytes) in [(MESSAGES, 32), (MESSAGES / 500, 4_000)] {
        let started = Instant::now();
        let insert = |n: u64| {
            let key =
                [Value::from(format!("{}", n % PARTICIPANTS)), Value::BigInt(i64::try_from(n).unwrap())];
            let values = [key.to_vec(), vec![Value::from(vec![7_u8; bytes])]].concat();
            let (session, insert) = (space.session.clone(), insert.clone());
            async move { session.execute(&insert, values, &Call::new(Consistency::LocalQuorum)).await.unwrap() }
        };
        for start in (0..rows).step_by(64) {
            join_all((start..rows.min(start + 64)).map(&insert)).await;
        }
        println!("{rows} rows of {bytes} bytes, 64 at once, in {} ms", started.elapsed().as_millis());
    }
}
