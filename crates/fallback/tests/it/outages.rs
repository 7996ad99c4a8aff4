//! Outages one at a time: what is served, by whom, and how it goes back.

use std::time::Duration;

use pix_stream_domain::rate::Rule;
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::stream::StreamState;
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::version::Incarnation;
use pix_stream_ports::coordinator::{Coordinator as _, Expected, Held, News, Swap};
use pix_stream_ports::error::Error;
use tokio::time::{Instant, sleep};

use crate::world::{World, ispb};

const MS: Duration = Duration::from_millis(1);

/// Reads until it works; how long that took.
async fn read_until(node: &mut crate::world::Node, n: u32) -> (u64, Duration) {
    let began = Instant::now();
    loop {
        match node.read(ispb(n)).await {
            Ok(value) => return (value, began.elapsed()),
            Err(_) => sleep(10 * MS).await,
        }
        assert!(began.elapsed() < 20_000 * MS, "nothing is served");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_primary_is_replaced_within_half_a_second_and_nothing_is_lost_on_the_way_back() {
    let mut world = World::new(1);
    let mut node = world.node();
    for expected in 2..=10 {
        assert_eq!(node.read(ispb(1)).await, Ok(expected));
    }
    node.cut_primary(true);
    let began = Instant::now();
    assert_eq!(node.read(ispb(1)).await, Ok(11), "this node knew the last state, and refuses nobody");
    let took = began.elapsed();
    assert!(took < 500 * MS, "{took:?}");
    assert!(node.fallback.status().is_degraded);
    assert!(node.fallback.degraded().is_some_and(|why| why.contains("serial writes")));
    assert_eq!(node.fallback.status().participants, 1);
    for expected in 12..=20 {
        assert_eq!(node.read(ispb(1)).await, Ok(expected));
    }
    node.cut_primary(false);
    let mut value = 20;
    let began = Instant::now();
    while world.primary.peek(ispb(1)).is_none_or(|state| state.floor() != Sequence::new(value)) {
        value += 1;
        assert_eq!(node.read(ispb(1)).await, Ok(value), "no read fails on the way back");
        sleep(10 * MS).await;
        assert!(began.elapsed() < 3_000 * MS);
    }
    assert!(!node.fallback.status().is_degraded);
    assert_eq!(node.fallback.degraded(), None);
    sleep(1_500 * MS).await;
    assert_eq!(node.fallback.status().participants, 0);
    assert!(world.serial.peek_survey().states.is_empty());
    world.assert_whole(1);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_primary_is_given_up_and_what_it_does_late_does_not_count() {
    let mut world = World::new(2);
    let mut node = world.node();
    assert_eq!(node.read(ispb(1)).await, Ok(2));
    world.stop_primary(true);
    let (value, took) = read_until(&mut node, 1).await;
    assert!(took < 350 * MS, "{took:?}");
    assert_eq!(value, 3, "the swap that hangs is decided again");
    assert_eq!(node.read(ispb(1)).await, Ok(4));
    world.stop_primary(false);
    sleep(100 * MS).await;
    assert!(
        world.primary.peek(ispb(1)).is_some_and(|late| late.floor() == Sequence::new(3)),
        "it did it late"
    );
    assert_eq!(node.read(ispb(1)).await, Ok(5));
    let mut another = world.node();
    assert_eq!(another.read(ispb(1)).await, Ok(6), "a node that just came sees what was agreed on");
    world.assert_whole(2);
}

#[tokio::test(start_paused = true)]
async fn other_nodes_follow_one_that_is_cut_off_and_go_back_with_it() {
    let mut world = World::new(3);
    let (mut here, mut there) = (world.node(), world.node());
    assert_eq!(here.read(ispb(1)).await, Ok(2));
    assert_eq!(there.read(ispb(1)).await, Ok(3));
    assert_eq!(there.read(ispb(2)).await, Ok(2));
    here.cut_primary(true);
    let (_, took) = read_until(&mut here, 1).await;
    assert!(took < 500 * MS);
    sleep(1_100 * MS).await;
    assert_eq!(there.read(ispb(1)).await, here.read(ispb(1)).await.map(|value| value - 1), "one history");
    assert_eq!(there.read(ispb(2)).await, Ok(3));
    assert_eq!(there.fallback.status().participants, 1, "only what the other one reads");
    for _ in 0..1_000 {
        here.read(ispb(1)).await.unwrap();
        there.read(ispb(1)).await.unwrap();
        sleep(10 * MS).await;
    }
    let begun = world.log.lock().unwrap().begun.len();
    assert!(begun <= 5, "no ping-pong in ten seconds: {begun} histories");
    here.cut_primary(false);
    sleep(7_000 * MS).await;
    let (one, _) = read_until(&mut here, 1).await;
    let (two, _) = read_until(&mut there, 1).await;
    assert_eq!(one + 1, two);
    assert_eq!(world.primary.peek(ispb(1)).map(|state| state.floor().value()), Some(two));
    world.assert_whole(3);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_reaches_neither_serves_nothing_and_says_so() {
    let mut world = World::new(4);
    let mut node = world.node();
    node.read(ispb(1)).await.unwrap();
    node.cut_primary(true);
    node.cut_serial(true);
    sleep(500 * MS).await;
    let began = Instant::now();
    assert!(node.read(ispb(1)).await.is_err());
    assert!(began.elapsed() < 1_000 * MS);
    assert!(node.fallback.check().await.is_err());
    node.cut_serial(false);
    assert_eq!(node.fallback.check().await, Ok(()), "reads are served");
    read_until(&mut node, 1).await;
    world.assert_whole(4);
}

#[tokio::test(start_paused = true)]
async fn without_the_serial_states_the_primary_goes_on() {
    let mut world = World::new(5);
    let mut node = world.node();
    assert_eq!(node.read(ispb(1)).await, Ok(2));
    node.cut_serial(true);
    for expected in 3..50 {
        assert_eq!(node.read(ispb(1)).await, Ok(expected));
        sleep(100 * MS).await;
    }
    world.assert_whole(5);
}

#[tokio::test(start_paused = true)]
async fn a_warm_swap_asks_the_primary_alone() {
    let mut world = World::new(6);
    let mut node = world.node();
    node.read(ispb(1)).await.unwrap();
    sleep(300 * MS).await;
    let before = (world.primary.faults().operations(), node.rows.inner.faults().operations());
    for _ in 0..10 {
        node.read(ispb(1)).await.unwrap();
    }
    let after = (world.primary.faults().operations(), node.rows.inner.faults().operations());
    assert_eq!((after.0 - before.0, after.1 - before.1), (10, 0));
}

#[tokio::test(start_paused = true)]
async fn while_it_is_out_of_reach_news_fail_quietly_and_each_node_counts_alone() {
    let mut world = World::new(7);
    let node = world.node();
    node.cut_primary(true);
    sleep(500 * MS).await;
    let head = News::Head { ispb: ispb(1), head: Sequence::new(5), chunk: None };
    assert_eq!(node.fallback.announce(head).await, Ok(()));
    assert_eq!(node.fallback.fetch(ispb(1), Sequence::FIRST).await, Ok(None));
    let rule = Rule { limit: 1, window: Duration::from_secs(1) };
    let now = Timestamp::from_unix_millis(1_800_000_000_000);
    assert!(node.fallback.admit(ispb(1), rule, now).await.unwrap().admitted);
    assert!(!node.fallback.admit(ispb(1), rule, now).await.unwrap().admitted);
}

#[tokio::test(start_paused = true)]
async fn a_seal_whose_maker_died_is_taken_over_from() {
    let mut world = World::new(8);
    let mut node = world.node();
    node.cut_primary(true);
    sleep(500 * MS).await;
    for _ in 0..5 {
        node.read(ispb(1)).await.unwrap();
    }
    node.cut_primary(false);
    sleep(1_500 * MS).await;
    // It seals the row, and its swap of the primary never comes to anything.
    world.stop_primary(true);
    let sealed = node.read(ispb(1)).await;
    drop(node);
    world.primary.forget();
    world.stop_primary(false);
    sleep(10_000 * MS).await;
    let mut another = world.node();
    let value = another.read(ispb(1)).await.unwrap();
    assert!(value >= 7, "{value} after {sealed:?}");
    assert!(matches!(another.fallback.load(ispb(1)).await, Ok(Held::Current(_))));
    sleep(1_500 * MS).await;
    assert_eq!(another.read(ispb(1)).await, Ok(value + 1));
    assert!(world.serial.peek_survey().states.is_empty(), "the seal is marked by whoever went on");
    world.assert_whole(8);
}

/// Requests are decided without the primary, too, and news are told by one that refuses to be written: neither says
/// that it agrees on states.
#[tokio::test(start_paused = true)]
async fn whatever_else_is_answered_hides_no_outage() {
    for is_full in [false, true] {
        let mut world = World::new(9);
        let mut node = world.node();
        assert_eq!(node.read(ispb(1)).await, Ok(2));
        let fallback = node.fallback.clone();
        let others = tokio::spawn(async move {
            let rule = Rule { limit: 1_000_000, window: Duration::from_secs(1) };
            for tick in 0.. {
                let now = Timestamp::from_unix_millis(1_800_000_000_000 + 100 * tick);
                assert!(fallback.admit(ispb(1), rule, now).await.unwrap().admitted);
                let head = News::Head { ispb: ispb(1), head: Sequence::new(5), chunk: None };
                let _ = fallback.announce(head).await;
                let _ = fallback.fetch(ispb(1), Sequence::FIRST).await;
                sleep(100 * MS).await;
            }
        });
        if is_full {
            world.fill_primary(true);
        } else {
            node.cut_primary(true);
        }
        let (value, took) = read_until(&mut node, 1).await;
        assert_eq!(value, 3);
        assert!(took < 500 * MS, "{took:?}, full: {is_full}");
        for expected in 4..=30 {
            assert_eq!(node.read(ispb(1)).await, Ok(expected), "full: {is_full}");
            assert!(node.fallback.status().is_degraded, "full: {is_full}");
            assert_eq!(node.fallback.check().await, Ok(()), "reads are served");
            sleep(100 * MS).await;
        }
        world.fill_primary(false);
        node.cut_primary(false);
        sleep(3_000 * MS).await;
        assert!(!node.fallback.status().is_degraded);
        assert_eq!(read_until(&mut node, 1).await.0, 31);
        assert!(world.primary.peek(ispb(1)).is_some_and(|state| state.floor() == Sequence::new(31)));
        others.abort();
        world.assert_whole(9);
    }
}

/// An incarnation that was raised while nobody claimed need could be outranked by one of the primary that was raised
/// before and begun later (rule three).
#[tokio::test(start_paused = true)]
async fn a_history_that_no_claim_preceded_is_begun_anew() {
    let mut world = World::new(10);
    let node = world.node();
    let first = |n| StreamState::new(Incarnation::new(n), Sequence::FIRST);
    assert_eq!(node.fallback.load(ispb(1)).await, Ok(Held::Nothing), "an incarnation is raised now");
    node.cut_primary(true);
    sleep(700 * MS).await;
    assert!(node.fallback.status().is_degraded);
    let late = node.fallback.swap(ispb(1), Expected::Nothing, &first(1)).await;
    assert!(matches!(late, Err(Error::Unavailable(_))), "{late:?}");
    assert_eq!(node.fallback.load(ispb(1)).await, Ok(Held::Nothing), "and another one now");
    let begun = node.fallback.swap(ispb(1), Expected::Nothing, &first(2)).await.unwrap();
    assert_eq!(begun.swap, Swap::Done);
}

/// Issue 6, item 7.
#[tokio::test(start_paused = true)]
async fn a_region_that_takes_over_begins_a_history_of_its_own() {
    let mut lost = World::new(21);
    let mut taker = lost.another_region(31);
    let (mut before, mut after) = (lost.node(), taker.node());
    before.cut_primary(true);
    let (value, _) = read_until(&mut before, 1).await;
    assert_eq!(before.read(ispb(1)).await, Ok(value + 1));
    // It was about to go on with this one.
    let begun = before.fallback.load(ispb(1)).await.unwrap();
    assert!(matches!(begun, Held::Current(_)));

    after.cut_primary(true);
    sleep(1_500 * MS).await;
    assert_eq!(after.fallback.status().participants, 0, "nothing of another region is kept here");
    assert_eq!(read_until(&mut after, 1).await.0, value + 2, "from what there was");
    let incarnations: Vec<_> = lost.log.lock().unwrap().begun.iter().map(|(_, begun)| *begun).collect();
    assert!(incarnations.is_sorted_by(|a, b| a < b) && incarnations.len() > 1, "{incarnations:?}");
    let now = taker.serial.peek(ispb(1)).unwrap().state.version();
    assert!(Some(now.incarnation) > begun.state().map(|state| state.version().incarnation));
    lost.assert_whole(21);
}

/// Issue 6, item 7.
#[tokio::test(start_paused = true)]
async fn a_region_goes_back_to_its_own_primary_whatever_others_can_reach() {
    let mut far = World::new(22);
    let mut here = far.another_region(32);
    let (mut there, mut node) = (far.node(), here.node());
    there.cut_primary(true);
    read_until(&mut there, 1).await;
    node.cut_primary(true);
    let (mut value, _) = read_until(&mut node, 2).await;
    node.cut_primary(false);
    let began = Instant::now();
    while here.primary.peek(ispb(2)).is_none_or(|state| state.floor() != Sequence::new(value)) {
        (value, _) = read_until(&mut node, 2).await;
        sleep(10 * MS).await;
        assert!(began.elapsed() < 3_000 * MS, "it waits for nodes of another region");
    }
    read_until(&mut node, 3).await;
    assert!(here.primary.peek(ispb(3)).is_some(), "and begins there");
    assert!(!node.fallback.status().is_needed && there.fallback.status().is_degraded);
    here.assert_whole(22);
}
