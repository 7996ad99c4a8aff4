//! Who gives way when the memory for fingerprints is full (ADR 0017), in paused time.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;

use tokio::sync::mpsc;
use tokio::time::advance;

use super::*;
use crate::lanes::{Handle, evict};

fn ispb(number: u32) -> Ispb {
    format!("{number:08}").parse().unwrap()
}

fn handle(used: u64) -> Handle {
    let (queue, _) = mpsc::channel(1);
    Handle { queue, shared: Arc::default(), number: used, used: Arc::new(AtomicU64::new(used)) }
}

#[test]
fn what_does_not_fit_alone_never_fits() {
    assert_eq!(wanted(0, 1_001, 1_000), None);
    assert_eq!(wanted(0, 1_000, 1_000), Some(1_000));
    assert_eq!(wanted(512, 513, 1_000), Some(488), "a step ends at the limit");
    assert_eq!(wanted(0, 1, 100_000), Some(512));
}

#[test]
fn the_idlest_gives_way_and_busy_ones_do_not() {
    let mut handles =
        HashMap::from([(ispb(1), handle(9_000)), (ispb(2), handle(1_000)), (ispb(3), handle(0))]);
    let idle = Pressure::Idle.used_max(10_000).unwrap();
    assert!(evict(&mut handles, ispb(3), idle));
    assert!(!handles.contains_key(&ispb(2)), "not the one that asks");
    assert!(!evict(&mut handles, ispb(3), idle), "only a busy one is left");
    assert!(evict(&mut handles, ispb(3), Pressure::Any.used_max(10_000).unwrap()));
    assert_eq!(Pressure::Idle.used_max(4_999), None);
}

#[tokio::test(start_paused = true)]
async fn idle_lanes_give_way_without_a_turn() {
    let budget = Budget::new(1_024);
    let mut lanes = vec![budget.take_free(512), budget.take_free(512)];
    assert!(budget.has_turn(ispb(9)));
    let taken =
        budget.take(ispb(1), 1_024, |pressure| pressure == Pressure::Idle && lanes.pop().is_some()).await;
    assert_eq!(taken.unwrap().num_permits(), 1_024, "what two give up adds up");
}

#[tokio::test(start_paused = true)]
async fn one_participant_in_a_turn_displaces_busy_lanes() {
    let budget = Budget::new(512);
    let mut busy = budget.take_free(512);
    let mut taken =
        budget.take(ispb(1), 512, |pressure| pressure == Pressure::Any && busy.take().is_some()).await;
    assert!(taken.is_some());
    let refused =
        budget.take(ispb(2), 512, |pressure| pressure == Pressure::Any && taken.take().is_some()).await;
    assert!(refused.is_none(), "no circle");
    assert!(taken.is_some(), "it did not give way");
    advance(TURN).await;
    let served =
        budget.take(ispb(2), 512, |pressure| pressure == Pressure::Any && taken.take().is_some()).await;
    assert!(served.is_some(), "a newcomer is not refused for ever");
}

#[tokio::test(start_paused = true)]
async fn waiting_for_memory_is_bounded() {
    let budget = Budget::new(512);
    let _held = budget.take_free(512);
    let started = Instant::now();
    assert!(budget.take(ispb(1), 512, |_| true).await.is_none(), "lanes that do not end");
    assert!(started.elapsed() <= HOLD_WAIT + EVICTION_WAIT);
    let started = Instant::now();
    assert!(budget.take(ispb(1), 512, |_| false).await.is_none(), "nobody to give way");
    assert!(started.elapsed() <= 2 * EVICTION_WAIT);
}
