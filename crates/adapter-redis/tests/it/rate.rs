//! The rate window that two nodes share on a real server, and what a node does without one.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pix_stream_adapter_redis::RedisCoordinator;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::rate::Rule;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::coordinator::Coordinator as _;
use pix_stream_stores::test;

use tokio::time::Instant;

use crate::started::{prefix, single, start};

const WINDOW: Duration = Duration::from_secs(1);

fn ispb() -> Ispb {
    "99999A04".parse().unwrap()
}

fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "a test is its own clock")]
    let now = SystemTime::now();
    Timestamp::from_unix_millis(u64::try_from(now.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap())
}

/// Asks at a steady pace; answers with the times of what was admitted.
async fn ask(node: Arc<RedisCoordinator>, rule: Rule, per_second: u32, during: Duration) -> Vec<u64> {
    let (begun, mut asked, mut admitted) = (Instant::now(), 0, Vec::new());
    while begun.elapsed() < during {
        let due = f64::from(per_second) * begun.elapsed().as_secs_f64();
        while f64::from(asked) < due {
            asked += 1;
            let at = now();
            if node.admit(ispb(), rule, at).await.unwrap().admitted {
                admitted.push(at.unix_millis());
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    admitted
}

/// The most in any span of the window.
fn most(admitted: &[u64]) -> usize {
    let window = u64::try_from(WINDOW.as_millis()).unwrap();
    let ends = admitted.iter().enumerate();
    ends.map(|(index, end)| index + 1 - admitted.partition_point(|at| at + window <= *end)).max().unwrap_or(0)
}

/// Whether to measure: for longer than a test may take.
fn is_measured() -> bool {
    #[expect(clippy::disallowed_methods, reason = "the one switch of measurements")]
    std::env::var_os("PIX_MEASURE").is_some()
}

/// With `PIX_MEASURE=1` for 60 s.
#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_at_twice_the_limit_admit_the_limit_and_a_grant() {
    let Some(address) = test::redis() else { return };
    let prefix = prefix();
    let node = async || Arc::new(RedisCoordinator::start(&single(address, &prefix)).await.unwrap());
    let (one, other) = (node().await, node().await);
    let rule = Rule { limit: 500, window: WINDOW };
    let during = if is_measured() { Duration::from_secs(60) } else { Duration::from_millis(3_500) };
    let (one, other) =
        tokio::join!(tokio::spawn(ask(one, rule, 500, during)), tokio::spawn(ask(other, rule, 500, during)));
    let (one, other) = (one.unwrap(), other.unwrap());
    let mut all = [one.clone(), other.clone()].concat();
    all.sort_unstable();
    let (most, per_second) = (most(&all), all.len() as f64 / during.as_secs_f64());
    println!("most {most} of 500 in a window; {per_second:.0}/s, {} and {} by node", one.len(), other.len());
    assert!(most <= 510, "{most} in a window: more than the limit and one grant");
    assert!(all.len() >= 3 * 500, "{}: a window is always well used", all.len());
    assert!(one.len() > 200 && other.len() > 200, "neither starves: {} and {}", one.len(), other.len());
}

/// The rule that each node goes by is replaced while they run at twice the limit, as news of an override do.
#[tokio::test(flavor = "multi_thread")]
async fn an_override_in_flight_holds_on_both_nodes_a_window_later() {
    let Some(address) = test::redis() else { return };
    let prefix = prefix();
    let node = async || Arc::new(RedisCoordinator::start(&single(address, &prefix)).await.unwrap());
    let (one, other) = (node().await, node().await);
    let rule = |limit| Rule { limit, window: WINDOW };
    let mut all = Vec::new();
    // Up, far down, and up again; each for so long that a whole window is under it alone.
    for limit in [500, 100, 300] {
        let during = Duration::from_millis(2_500);
        let begun = now().unix_millis();
        let (one, other) = tokio::join!(
            tokio::spawn(ask(Arc::clone(&one), rule(limit), 500, during)),
            tokio::spawn(ask(Arc::clone(&other), rule(limit), 500, during)),
        );
        let mut admitted = [one.unwrap(), other.unwrap()].concat();
        admitted.sort_unstable();
        let settled: Vec<u64> = admitted
            .iter()
            .copied()
            .filter(|at| *at >= begun + u64::try_from(WINDOW.as_millis()).unwrap())
            .collect();
        let (bound, most_settled) = (limit as usize + (limit / 50) as usize, most(&settled));
        println!("limit {limit}: at most {most_settled} in a window, {} in 2.5 s", admitted.len());
        assert!(most_settled <= bound, "{most_settled} of {limit} in a window");
        assert!(settled.len() >= limit as usize, "{} of {limit}: well used", settled.len());
        all.extend(admitted);
    }
    all.sort_unstable();
    assert!(most(&all) <= 510, "nowhere more than the largest limit and its grant: {}", most(&all));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_a_node_keeps_the_limit_by_itself_and_nobody_waits_long() {
    let Some(started) = start(|_| {}) else { return };
    let node = started.node().await;
    let rule = Rule { limit: 100, window: Duration::from_secs(60) };
    let at = now();
    assert!(node.admit(ispb(), rule, at).await.unwrap().admitted);
    started.redis.first().process().pause().unwrap();
    let (begun, mut admitted, mut slow) = (Instant::now(), 1, 0);
    for _ in 0..200 {
        let asked = Instant::now();
        admitted += u32::from(node.admit(ispb(), rule, at).await.unwrap().admitted);
        slow += u32::from(asked.elapsed() > Duration::from_millis(20));
    }
    assert_eq!(admitted, 100, "the limit, by what this node knows");
    assert!(slow <= 2, "{slow} waited");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    started.redis.first().process().resume().unwrap();
}

/// `PIX_MEASURE=1`, in release: what a decision costs when no report is due.
#[tokio::test(flavor = "multi_thread")]
async fn a_decision_without_a_report_costs_little() {
    let Some(address) = test::redis() else { return };
    let node = RedisCoordinator::start(&single(address, &prefix())).await.unwrap();
    let rule = Rule { limit: u32::MAX, window: WINDOW };
    let at = now();
    assert!(node.admit(ispb(), rule, at).await.unwrap().admitted);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (begun, times) = (Instant::now(), 200_000);
    for _ in 0..times {
        assert!(node.admit(ispb(), rule, at).await.unwrap().admitted);
    }
    let each = begun.elapsed() / times;
    println!("{each:?} a decision");
    assert!(each < Duration::from_micros(20), "{each:?}");
}
