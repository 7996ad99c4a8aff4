//! Serial states on a real Cassandra: their contract (issue 6, item 5), and what regions see of each other when all of
//! it was replicated: one data centre stands for two.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pix_stream_adapter_cassandra::serial_states::{CassandraSerialStates, Home, NEED_LIFE_SECONDS};
use pix_stream_cql::Value;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::limits::Rules;
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::stream::{Command, Context, StreamState, Supply};
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::version::Incarnation;
use pix_stream_ports::error::Error;
use pix_stream_ports::serial_states::{SerialState, SerialStates as _};
use pix_stream_testkit::contract;

use super::support::{Space, entropy};

fn states(space: &Space) -> CassandraSerialStates {
    CassandraSerialStates::new(&space.session, &space.keyspace, &entropy(), Home::alone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_serial_states_keep_their_contract() {
    let Some(space) = Space::migrated("states").await else { return };
    contract::serial_states::test_all(async || {
        space.truncate(&["pix_states", "pix_fallback_nodes"]).await;
        states(&space)
    })
    .await;
    space.truncate(&["pix_states", "pix_fallback_nodes"]).await;
    contract::serial_states::test_reopening(async || states(&space)).await;
    a_need_passes(&space).await;
    space.drop().await;
}

async fn a_need_passes(space: &Space) {
    let states = states(space);
    states.claim_need("a node").await.unwrap();
    assert_eq!(states.survey().await.unwrap().needy, ["a node"]);
    let end =
        tokio::time::Instant::now() + Duration::from_secs(4 * u64::from(NEED_LIFE_SECONDS.unsigned_abs()));
    while !states.survey().await.unwrap().needy.is_empty() {
        assert!(tokio::time::Instant::now() < end, "the need should have passed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

const TABLES: [&str; 2] = ["pix_states", "pix_fallback_nodes"];

/// A node of the region `name`, and the epoch that it is certain of; zero: of none.
fn region(space: &Space, name: &str, epoch: u32) -> (CassandraSerialStates, Arc<AtomicU32>) {
    let epoch = Arc::new(AtomicU32::new(epoch));
    let now = Arc::clone(&epoch);
    let epochs = move |_| Some(now.load(Ordering::SeqCst)).filter(|epoch| *epoch > 0);
    let home = Home::new(name, &["sp".to_owned(), "rj".to_owned()], Arc::new(epochs));
    (CassandraSerialStates::new(&space.session, &space.keyspace, &entropy(), home), epoch)
}

fn one() -> Ispb {
    "99999001".parse().unwrap()
}

fn first(incarnation: u32) -> StreamState {
    StreamState::new(Incarnation::new(incarnation), Sequence::FIRST)
}

/// One change further.
fn next(state: &StreamState) -> StreamState {
    let (mut next, rules) = (state.clone(), Rules::default());
    let context = Context { now: Timestamp::default(), rules: &rules, supply: &All };
    next.apply(&Command::RetainFrom { first: state.floor().plus(1) }, &context);
    next
}

struct All;

impl Supply for All {
    fn head(&self) -> Sequence {
        Sequence::new(1_000)
    }

    fn size(&self, _: Sequence) -> Option<u32> {
        None
    }
}

fn over(state: &StreamState) -> Option<SerialState> {
    Some(SerialState { state: state.clone(), is_over: true })
}

fn live(state: &StreamState) -> Option<SerialState> {
    Some(SerialState { state: state.clone(), is_over: false })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_goes_on_with_nothing_that_another_one_wrote() {
    let Some(space) = Space::migrated("homes").await else { return };
    contract::serial_states::test_regions(async || {
        space.truncate(&TABLES).await;
        (region(&space, "sp", 1).0, region(&space, "rj", 2).0)
    })
    .await;
    space.truncate(&TABLES).await;
    what_was_begun_before_others_had_it_is_over(&space).await;
    space.truncate(&TABLES).await;
    a_node_behind_the_times_changes_nothing(&space).await;
    space.truncate(&TABLES).await;
    builds_without_regions_understand_and_are_understood(&space).await;
    space.truncate(&TABLES).await;
    what_a_later_clock_hides_was_not_written(&space).await;
    space.drop().await;
}

/// Of one region, which knows the token of its row: not even what needs no read first goes on.
async fn what_was_begun_before_others_had_it_is_over(space: &Space) {
    let (sp, epoch) = region(space, "sp", 1);
    let state = first(1);
    assert_eq!(sp.swap(one(), None, &state).await, Ok(Ok(())));
    assert_eq!(sp.survey().await.unwrap().states, [(one(), state.version())]);
    epoch.store(0, Ordering::SeqCst);
    assert!(matches!(sp.swap(one(), Some(state.version()), &first(2)).await, Err(Error::Unavailable(_))));
    assert_eq!(sp.survey().await.unwrap().states, [], "not here");
    epoch.store(3, Ordering::SeqCst);
    let step = next(&state);
    assert_eq!(sp.swap(one(), Some(state.version()), &step).await, Ok(Err(over(&state))));
    assert_eq!(sp.load(one()).await, Ok(over(&state)));
    assert_eq!(sp.swap(one(), Some(state.version()), &first(2)).await, Ok(Ok(())));
    assert_eq!(sp.survey().await.unwrap().states, [(one(), first(2).version())]);
}

async fn a_node_behind_the_times_changes_nothing(space: &Space) {
    let ((ahead, _), (behind, epoch)) = (region(space, "sp", 2), region(space, "sp", 1));
    let state = first(1);
    assert_eq!(ahead.swap(one(), None, &state).await, Ok(Ok(())));
    for next in [first(2), next(&state)] {
        let late = behind.swap(one(), Some(state.version()), &next).await;
        assert!(matches!(late, Err(Error::Unavailable(_))), "{late:?}");
    }
    assert!(behind.hand_over(one(), state.version()).await.is_err());
    assert_eq!(ahead.load(one()).await, Ok(live(&state)));
    epoch.store(2, Ordering::SeqCst);
    let step = next(&state);
    assert_eq!(behind.swap(one(), Some(state.version()), &step).await, Ok(Ok(())), "a fellow like any other");
}

/// As in a rolling upgrade.
async fn builds_without_regions_understand_and_are_understood(space: &Space) {
    let (old, (sp, _)) = (states(space), region(space, "sp", 4));
    let mut state = first(1);
    assert_eq!(old.swap(one(), None, &state).await, Ok(Ok(())));
    for writer in [&sp, &old, &sp, &old] {
        let next = next(&state);
        assert_eq!(writer.load(one()).await, Ok(live(&state)));
        assert_eq!(writer.swap(one(), Some(state.version()), &next).await, Ok(Ok(())));
        state = next;
    }
    old.claim_need("an old one").await.unwrap();
    sp.claim_need("a new one").await.unwrap();
    assert_eq!(sp.survey().await.unwrap().needy, ["an old one", "a new one"]);
    assert_eq!(old.survey().await.unwrap().needy.len(), 2);
}

async fn what_a_later_clock_hides_was_not_written(space: &Space) {
    let ((sp, _), (rj, _)) = (region(space, "sp", 1), region(space, "rj", 2));
    let state = first(1);
    assert_eq!(sp.swap(one(), None, &state).await, Ok(Ok(())));
    let columns = "incarnation, counter, state, is_over, writer";
    let key = Value::from(one().to_string());
    let select = format!("SELECT {columns}, WRITETIME(writer) AS at FROM {{k}}.pix_states WHERE ispb = ?");
    let row = space.execute(&select, vec![key.clone()]).await.first().unwrap();
    // The same once more, an hour ahead.
    let insert =
        format!("INSERT INTO {{k}}.pix_states (ispb, {columns}) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?");
    let writer = row.blob("writer").unwrap().unwrap().to_vec();
    let ahead = i64::try_from(Duration::from_secs(3_600).as_micros()).unwrap();
    let values = vec![
        key,
        row.int("incarnation").unwrap().unwrap().into(),
        row.bigint("counter").unwrap().unwrap().into(),
        Value::from(state.encode()),
        false.into(),
        Value::from(writer),
        (row.bigint("at").unwrap().unwrap() + ahead).into(),
    ];
    space.execute(&insert, values).await;
    let begun = rj.swap(one(), Some(state.version()), &first(2)).await;
    assert!(matches!(begun, Err(Error::Unavailable(_))), "nobody would see it: {begun:?}");
    assert_eq!(rj.load(one()).await, Ok(over(&state)));
}
