//! Redis gone, frozen, emptied, restarted with its data, failed over to a replica that lags (issue 6, item 5): what
//! the Coordinator says then, and how fast it is back.

use std::sync::Arc;
use std::time::Duration;

use pix_stream_adapter_redis::{Options, RedisCoordinator, Topology};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::limits::Rules;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::{Command, Context, StreamState, Supply};
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::version::{Incarnation, Version};
use pix_stream_ports::coordinator::{Coordinator as _, Expected, Held, Listener, News, Swap};
use pix_stream_ports::error::Error;
use pix_stream_stores::redis;

use tokio::time::Instant;

use crate::started::{Started, single, start, start_cluster, until};

/// How fast service must be back.
const BACK: Duration = Duration::from_secs(1);
/// How long a call may take at most: the command timeout, and what a loaded machine adds.
const CALL: Duration = Duration::from_millis(800 + 150);

struct Nothing;

impl Supply for Nothing {
    fn head(&self) -> Sequence {
        Sequence::FIRST
    }

    fn size(&self, _: Sequence) -> Option<u32> {
        None
    }
}

fn ispb() -> Ispb {
    "99999A04".parse().unwrap()
}

fn first(incarnation: u32) -> StreamState {
    StreamState::new(Incarnation::new(incarnation), Sequence::FIRST)
}

fn next(state: &StreamState) -> StreamState {
    let mut next = state.clone();
    let context = Context { now: Timestamp::default(), rules: &Rules::default(), supply: &Nothing };
    next.apply(if state.is_paused() { &Command::Resume } else { &Command::Pause }, &context);
    next
}

async fn swap(node: &RedisCoordinator, expected: Expected, next: &StreamState) -> Swap {
    node.swap(ispb(), expected, next).await.unwrap().swap
}

fn current(state: &StreamState) -> Held {
    Held::Current(Box::new(state.clone()))
}

fn old(state: &StreamState) -> Held {
    Held::Old(Box::new(state.clone()))
}

/// A node that agreed on a state.
async fn agreed(started: &Started) -> (RedisCoordinator, StreamState) {
    let (node, state) = (started.node().await, first(1));
    assert_eq!(swap(&node, Expected::Nothing, &state).await, Swap::Done);
    (node, state)
}

async fn back(node: &RedisCoordinator) -> Duration {
    until("redis answers again", Duration::from_secs(20), async || node.load(ispb()).await.is_ok()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_redis_that_comes_back_empty_has_nothing() {
    let Some(started) = start(|_| {}) else { return };
    let (node, state) = agreed(&started).await;
    let server = started.redis.first().process();
    server.kill().unwrap();
    let begun = Instant::now();
    assert!(matches!(node.load(ispb()).await, Err(Error::Unavailable(_))));
    assert!(begun.elapsed() < CALL, "{:?}", begun.elapsed());
    assert!(node.check().await.is_err());
    server.restart().unwrap();
    let took = back(&node).await;
    assert!(took < BACK, "back after {took:?}");
    assert_eq!(node.load(ispb()).await, Ok(Held::Nothing));
    let lost = swap(&node, Expected::Current(state.version()), &next(&state)).await;
    assert_eq!(lost, Swap::Lost(Held::Nothing));
    assert_eq!(node.check().await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_restarts_with_its_data_holds_what_is_old() {
    let Some(started) = start(|options| options.is_durable = true) else { return };
    let (node, state) = agreed(&started).await;
    started.redis.first().process().restart().unwrap();
    let took = back(&node).await;
    assert!(took < BACK, "back after {took:?}");
    assert_eq!(node.load(ispb()).await, Ok(old(&state)));
    let expected = Expected::Current(state.version());
    assert_eq!(
        swap(&node, expected, &next(&state)).await,
        Swap::Lost(old(&state)),
        "nothing goes on with it"
    );
    assert_eq!(swap(&node, Expected::Nothing, &first(2)).await, Swap::Lost(old(&state)));
    let newer = Expected::Old(next(&state).version());
    assert_eq!(swap(&node, newer, &first(2)).await, Swap::Lost(old(&state)), "another version");
    assert_eq!(swap(&node, Expected::Old(state.version()), &first(2)).await, Swap::Done);
    assert_eq!(node.load(ispb()).await, Ok(current(&first(2))));
}

/// A node that did nothing while the server restarted must not take for current what it knew as current.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_is_noticed_also_when_another_node_met_the_new_server_first() {
    let Some(started) = start(|options| options.is_durable = true) else { return };
    let (idle, state) = agreed(&started).await;
    let busy = started.node().await;
    assert_eq!(busy.load(ispb()).await, Ok(current(&state)));
    started.redis.first().process().restart().unwrap();
    back(&busy).await;
    assert_eq!(busy.load(ispb()).await, Ok(old(&state)));
    let lost = swap(&idle, Expected::Current(state.version()), &next(&state)).await;
    assert_eq!(lost, Swap::Lost(old(&state)));
    assert_eq!(swap(&busy, Expected::Old(state.version()), &first(2)).await, Swap::Done);
    assert_eq!(idle.load(ispb()).await, Ok(current(&first(2))), "both agree on what is current");
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_an_operator_flushed_are_brought_again() {
    let Some(started) = start(|_| {}) else { return };
    let (node, state) = agreed(&started).await;
    started.redis.first().command(&["SCRIPT", "FLUSH"]).unwrap();
    assert_eq!(swap(&node, Expected::Current(state.version()), &next(&state)).await, Swap::Done);
    assert_eq!(node.load(ispb()).await, Ok(current(&next(&state))), "it is still the same server");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_redis_is_unavailable_in_time_and_nothing_piles_up() {
    let Some(started) = start(|_| {}) else { return };
    let (node, state) = agreed(&started).await;
    let node = Arc::new(node);
    for frozen_for in [Duration::from_millis(500), Duration::from_secs(4)] {
        let server = started.redis.first().process();
        server.pause().unwrap();
        let begun = Instant::now();
        let calls = (0..5_000).map(|_| {
            let node = Arc::clone(&node);
            tokio::spawn(async move {
                let begun = Instant::now();
                (node.load(ispb()).await, begun.elapsed())
            })
        });
        let calls: Vec<_> = calls.collect();
        let mut refused = 0;
        let watched = frozen_for > CALL;
        if watched {
            for call in calls {
                let (answer, took) = call.await.unwrap();
                assert!(took < CALL, "{took:?}");
                let Err(Error::Unavailable(why)) = answer else { panic!("a frozen server does not answer") };
                refused += u32::from(why.contains("wait for redis already"));
            }
            assert!(refused >= 3_900, "only {refused} were refused at once");
            assert!(node.check().await.is_err());
            // Also while calls come all the time, which the driver by itself would never notice.
            while begun.elapsed() < frozen_for {
                assert!(node.load(ispb()).await.is_err());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        } else {
            tokio::time::sleep(frozen_for).await;
        }
        server.resume().unwrap();
        let took = back(&node).await;
        assert!(took < BACK, "back after {took:?}, frozen for {frozen_for:?}");
        assert_eq!(node.load(ispb()).await, Ok(current(&state)), "it is the same server");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_starts_without_redis_and_serves_once_it_is_there() {
    let Some(started) = start(|_| {}) else { return };
    let server = started.redis.first().process();
    server.kill().unwrap();
    let begun = Instant::now();
    let node = started.node().await;
    assert!(begun.elapsed() < CALL, "{:?}", begun.elapsed());
    assert!(matches!(node.load(ispb()).await, Err(Error::Unavailable(_))));
    server.restart().unwrap();
    let took = back(&node).await;
    assert!(took < BACK, "there after {took:?}");
}

fn sentinel_options(started: &Started) -> Options {
    let sentinels = started.redis.contact_points().iter().map(ToString::to_string).collect();
    Options::new(Topology::Sentinel { name: "pix-stream".to_owned(), sentinels })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lagging_replica_holds_is_old_once_it_is_the_master() {
    let Some(started) = start(|options| options.topology = redis::Topology::sentinel(1)) else { return };
    let node = RedisCoordinator::start(&sentinel_options(&started)).await.unwrap();
    let (one, [master, replica]) = (first(1), started.redis.servers()) else { panic!("two servers") };
    assert_eq!(swap(&node, Expected::Nothing, &one).await, Swap::Done);
    until("the replica has it", BACK, async || {
        let keys = replica.command(&["DBSIZE"]).unwrap();
        keys == redis::Reply::Number(1)
    })
    .await;
    replica.process().pause().unwrap();
    // Else the swap would wait for the replica in its socket.
    master.command(&["CLIENT", "KILL", "TYPE", "replica"]).unwrap();
    let two = next(&one);
    assert_eq!(swap(&node, Expected::Current(one.version()), &two).await, Swap::Done);
    master.process().kill().unwrap();
    let begun = Instant::now();
    replica.process().resume().unwrap();
    back(&node).await;
    println!("failed over within {:?}", begun.elapsed());
    assert_eq!(node.load(ispb()).await, Ok(old(&one)), "it lagged, and nobody goes on with it");
    let lost = swap(&node, Expected::Current(two.version()), &next(&two)).await;
    assert_eq!(lost, Swap::Lost(old(&one)));
    assert_eq!(swap(&node, Expected::Old(one.version()), &first(2)).await, Swap::Done);
    assert_eq!(node.load(ispb()).await, Ok(current(&first(2))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_never_asked_for_states_and_a_promoted_one_holds_what_is_old() {
    let Some(started) = start(|options| options.topology = redis::Topology::sentinel(1)) else { return };
    let [master, replica] = started.redis.servers() else { panic!("two servers") };
    let at_master = RedisCoordinator::start(&single(master.address(), "pix-stream")).await.unwrap();
    let state = first(1);
    assert_eq!(swap(&at_master, Expected::Nothing, &state).await, Swap::Done);
    until("the replica has it", BACK, async || {
        replica.command(&["DBSIZE"]).unwrap() == redis::Reply::Number(1)
    })
    .await;
    let at_replica = RedisCoordinator::start(&single(replica.address(), "pix-stream")).await.unwrap();
    assert!(matches!(at_replica.load(ispb()).await, Err(Error::Unavailable(_))), "it may lag");
    started.redis.sentinels()[0].process().kill().unwrap();
    replica.command(&["REPLICAOF", "NO", "ONE"]).unwrap();
    back(&at_replica).await;
    assert_eq!(at_replica.load(ispb()).await, Ok(old(&state)));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_master_of_a_cluster_restarts_and_only_its_participants_are_old() {
    let Some(started) = start(|options| {
        options.topology = redis::Topology::Cluster;
        options.is_durable = true;
    }) else {
        return;
    };
    let nodes = started.redis.contact_points().iter().map(ToString::to_string).collect();
    let node = RedisCoordinator::start(&Options::new(Topology::Cluster { nodes })).await.unwrap();
    let all: Vec<Ispb> = (0..30).map(|n| format!("{n:08}").parse().unwrap()).collect();
    for ispb in &all {
        assert_eq!(node.swap(*ispb, Expected::Nothing, &first(1)).await.unwrap().swap, Swap::Done);
    }
    started.redis.first().process().restart().unwrap();
    let mut found = (0, 0);
    for ispb in &all {
        let limit = Duration::from_secs(10);
        until("the cluster answers", limit, async || node.load(*ispb).await.is_ok()).await;
        match node.load(*ispb).await.unwrap() {
            Held::Current(_) => found.0 += 1,
            Held::Old(_) => found.1 += 1,
            Held::Nothing => panic!("{ispb} is gone"),
        }
    }
    assert!(found.0 >= 10 && found.1 >= 3, "{} current, {} old", found.0, found.1);
}

/// The driver sends again what it got no answer to when a connection breaks: a swap that is carried out twice must not
/// count as lost.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_lose_no_swap() {
    let Some(started) = start(|_| {}) else { return };
    let (node, mut state) = agreed(&started).await;
    let address = started.redis.address();
    let kills = tokio::task::spawn_blocking(move || {
        for _ in 0..60 {
            std::thread::sleep(Duration::from_millis(15));
            let mut client = redis::Client::connect(address).unwrap();
            client.command(&["CLIENT", "KILL", "TYPE", "normal"]).unwrap();
        }
    });
    let (mut swaps, mut unknown) = (0, 0);
    while !kills.is_finished() {
        let newer = next(&state);
        match node.swap(ispb(), Expected::Current(state.version()), &newer).await {
            Ok(swapped) => {
                assert_eq!(swapped.swap, Swap::Done, "nobody else swaps");
                state = newer;
                swaps += 1;
            }
            Err(_) => {
                unknown += 1;
                let held = until_loaded(&node).await;
                assert!(held == current(&state) || held == current(&newer), "{held:?}");
                state = held.state().unwrap().clone();
            }
        }
    }
    kills.await.unwrap();
    println!("{swaps} swaps done, {unknown} of unknown outcome");
    assert!(swaps > 100, "{swaps}");
}

async fn until_loaded(node: &RedisCoordinator) -> Held {
    back(node).await;
    node.load(ispb()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_with_a_frozen_master_answers_in_time_and_is_back_with_it() {
    let Some(started) = start_cluster() else { return };
    let nodes = started.redis.contact_points().iter().map(ToString::to_string).collect();
    let node = RedisCoordinator::start(&Options::new(Topology::Cluster { nodes })).await.unwrap();
    let all: Vec<Ispb> = (0..12).map(|n| format!("{n:08}").parse().unwrap()).collect();
    for ispb in &all {
        assert_eq!(node.load(*ispb).await, Ok(Held::Nothing));
    }
    started.redis.first().process().pause().unwrap();
    let mut well = Vec::new();
    for ispb in &all {
        let begun = Instant::now();
        if node.load(*ispb).await.is_ok() {
            well.push(*ispb);
        }
        assert!(begun.elapsed() < CALL, "{:?}", begun.elapsed());
    }
    println!("{} of 12 served", well.len());
    assert!(well.len() >= 4, "{}", well.len());
    started.redis.first().process().resume().unwrap();
    for ispb in &all {
        let took =
            until("all are back", Duration::from_secs(20), async || node.load(*ispb).await.is_ok()).await;
        assert!(took < BACK, "back after {took:?}");
    }
}

#[derive(Default)]
struct Heads(std::sync::Mutex<Vec<Sequence>>);

impl Listener for Heads {
    fn on_head(&self, _: Ispb, head: Sequence) {
        self.0.lock().unwrap().push(head);
    }

    fn on_chunk(&self, _: Ispb, _: Range) {}

    fn on_change(&self, _: Ispb, _: Version) {}

    fn on_registry(&self) {}
}

/// Also the connection of the news, on which a frozen server is only silent.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_master_is_left_for_the_one_that_sentinels_choose() {
    let Some(started) = start(|options| options.topology = redis::Topology::sentinel(1)) else { return };
    let node = async || RedisCoordinator::start(&sentinel_options(&started)).await.unwrap();
    let (here, there) = (node().await, node().await);
    let heads = Arc::new(Heads::default());
    there.subscribe(heads.clone());
    let state = first(1);
    assert_eq!(swap(&here, Expected::Nothing, &state).await, Swap::Done);
    started.redis.first().process().pause().unwrap();
    let begun = Instant::now();
    back(&here).await;
    println!("states again after {:?}", begun.elapsed());
    assert!(!matches!(here.load(ispb()).await, Ok(Held::Current(_))), "it is another server");
    until("news again", Duration::from_secs(10), async || {
        let head = News::Head { ispb: ispb(), head: Sequence::new(7), chunk: None };
        let _ = here.announce(head).await;
        heads.0.lock().unwrap().contains(&Sequence::new(7))
    })
    .await;
    println!("news again after {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    started.redis.first().process().resume().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_gone_leaves_no_connection() {
    let Some(started) = start(|_| {}) else { return };
    let clients = || {
        let list = started.redis.first().command(&["CLIENT", "LIST"]).unwrap().text();
        list.lines().filter(|line| line.contains("id=")).count()
    };
    let (node, _) = agreed(&started).await;
    assert!(clients() >= 3, "commands, news and the one who asks");
    drop(node);
    until("they are closed", BACK, async || clients() == 1).await;
}

/// The driver connects to all masters or to none, so the others pause, too, until it is back or failed over (ADR 0018).
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_lost_a_master_answers_in_time_and_is_back_with_it() {
    let Some(started) = start_cluster() else { return };
    let nodes = started.redis.contact_points().iter().map(ToString::to_string).collect();
    let node = RedisCoordinator::start(&Options::new(Topology::Cluster { nodes })).await.unwrap();
    let all: Vec<Ispb> = (0..12).map(|n| format!("{n:08}").parse().unwrap()).collect();
    for ispb in &all {
        assert_eq!(node.swap(*ispb, Expected::Nothing, &first(1)).await.unwrap().swap, Swap::Done);
    }
    let lost = started.redis.servers()[1].process();
    lost.kill().unwrap();
    for ispb in &all {
        let begun = Instant::now();
        let _ = node.load(*ispb).await;
        assert!(begun.elapsed() < CALL, "{:?}", begun.elapsed());
    }
    lost.restart().unwrap();
    let begun = Instant::now();
    let mut gone = 0;
    for ispb in &all {
        until("all are back", Duration::from_secs(20), async || node.load(*ispb).await.is_ok()).await;
        gone += u32::from(node.load(*ispb).await == Ok(Held::Nothing));
    }
    println!("all back after {:?}", begun.elapsed());
    assert!(begun.elapsed() < 3 * BACK, "{:?}", begun.elapsed());
    assert!((1..12).contains(&gone), "{gone} were on the master that came back empty");
}
