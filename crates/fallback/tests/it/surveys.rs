//! What going back costs the store of serial states when all participants do so at once (issue 6, item 5).

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use crate::world::{Node, World, ispb};

const PARTICIPANTS: u32 = 200;
/// From one answer of the serial states to the next.
const ROUND: Duration = Duration::from_millis(20);

/// Everybody reads until it works, all at once.
async fn read_all(nodes: &mut [Node]) -> Vec<u64> {
    let reads = nodes.iter_mut().zip(0..).map(async |(node, n)| {
        let began = Instant::now();
        loop {
            match node.read(ispb(n)).await {
                Ok(value) => break value,
                Err(_) => sleep(ROUND).await,
            }
            assert!(began.elapsed() < Duration::from_secs(20), "nothing is served");
        }
    });
    join_all(reads).await
}

/// A node whose participants are all kept by serial writes, and could go back now.
async fn to_go_back(world: &mut World) -> (Node, Vec<Node>) {
    let node = world.node();
    let mut all: Vec<Node> = (0..PARTICIPANTS).map(|_| node.again()).collect();
    node.cut_primary(true);
    assert_eq!(read_all(&mut all).await, vec![2; PARTICIPANTS as usize]);
    node.cut_primary(false);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(node.fallback.status().participants, PARTICIPANTS as usize);
    node.rows.inner.faults().set_latency(ROUND, ROUND);
    (node, all)
}

#[tokio::test(start_paused = true)]
async fn participants_that_go_back_at_once_share_a_survey() {
    let mut world = World::new(41);
    let (node, mut all) = to_go_back(&mut world).await;
    let (before, began) = (node.rows.surveys.load(Ordering::Relaxed), Instant::now());
    assert_eq!(read_all(&mut all).await, vec![3; PARTICIPANTS as usize]);
    // The node asks by itself as well, four times a second at the most.
    let own = u64::try_from(began.elapsed().as_millis() / 250).unwrap() + 1;
    let shared = node.rows.surveys.load(Ordering::Relaxed) - before;
    assert!(shared <= own + 4, "{shared} surveys in {:?}", began.elapsed());
    let is_back = |n| world.primary.peek(ispb(n)).is_some_and(|state| state.floor().value() == 3);
    assert!((0..PARTICIPANTS).all(is_back));
    world.assert_whole(41);
}

#[tokio::test(start_paused = true)]
async fn a_mark_that_is_not_answered_fails_no_read_on_the_way_back() {
    let mut world = World::new(43);
    let (node, mut all) = to_go_back(&mut world).await;
    node.rows.is_mark_stuck.store(true, Ordering::Relaxed);
    assert_eq!(all[0].read(ispb(0)).await, Ok(3), "the state is in the primary already");
    assert_eq!(world.primary.peek(ispb(0)).map(|state| state.floor().value()), Some(3));
    world.assert_whole(43);
}
