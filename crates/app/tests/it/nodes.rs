//! Changes of other nodes (issue 6; protocol, section 4): closes, pauses and participants are known at once, and histories
//! that are over stay so.

use std::time::Duration;

use pix_stream_app::{Change, Error, Properties, Settings};
use pix_stream_domain::participant::Limits;
use tokio::time::advance;

use crate::world::{OPERATOR, World, numbers, settle, timed};

async fn pair() -> (World, World) {
    let here = World::cluster(Settings::default()).await;
    let there = here.beside().await;
    (here, there)
}

#[tokio::test(start_paused = true)]
async fn a_delete_on_one_node_ends_the_waiting_read_on_another_at_once() {
    let (here, there) = pair().await;
    here.publish(1).await;
    let first = here.open().await.unwrap();
    let waiting = there.begin_pull(&first).await;
    here.close(&first).await.unwrap();
    let (ended, late) = timed(waiting).await;
    assert_eq!(ended.unwrap().unwrap_err(), Error::Gone);
    assert_eq!(late, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_pause_on_one_node_reaches_the_waiting_reads_of_another_at_once() {
    let (here, there) = pair().await;
    let first = there.open().await.unwrap();
    let waiting = there.begin_pull(&first).await;
    here.change(Change::Pause).await.unwrap();
    let (ended, late) = timed(waiting).await;
    assert!(matches!(ended.unwrap(), Err(Error::Paused { .. })));
    assert_eq!(late, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_an_abandoned_stream_held_reaches_a_read_that_waits_on_another_node() {
    let (here, there) = pair().await;
    here.publish(1).await;
    let held = here.open().await.unwrap();
    advance(Duration::from_secs(6)).await;
    let (answer, took) = timed(there.open()).await;
    assert_eq!(numbers(&answer.unwrap()), numbers(&held));
    assert!(took <= Duration::from_millis(4_200), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_participant_that_one_node_onboarded_is_known_to_another_at_once() {
    let (here, there) = pair().await;
    here.ports.coordinator.set_mute(true);
    let ispb = "99999A77".parse().unwrap();
    assert_eq!(there.app.look_up(ispb).await.unwrap(), None);
    here.app
        .onboard(ispb, Properties { name: "Bank".to_owned(), ..Properties::default() }, false, OPERATOR)
        .await
        .unwrap();
    assert_eq!(there.app.look_up(ispb).await.unwrap(), None, "looked for once a second");
    advance(Duration::from_secs(1)).await;
    assert_eq!(there.app.look_up(ispb).await.unwrap().unwrap().name, "Bank");
}

#[tokio::test(start_paused = true)]
async fn changed_limits_and_switches_are_told_to_other_nodes() {
    let (here, there) = pair().await;
    let limits = Limits { requests_per_second: Some(7), ..Limits::default() };
    here.app.set_limits(here.ispb, limits, false, OPERATOR).await.unwrap();
    here.app.switch_type("pain.009.spi.1.1", None, Some(false), false, OPERATOR).await.unwrap();
    advance(Duration::from_millis(150)).await;
    settle().await;
    assert_eq!(there.app.find_participant(here.ispb).unwrap().limits, limits);
    assert!(there.app.types().iter().any(|known| known.message_type == "pain.009.spi.1.1" && !known.on));
}

/// Before the Journal is asked: a tenth of a second in which the other node lets ten times the limit pass is too long.
#[tokio::test(start_paused = true)]
async fn limits_apply_on_every_node_when_the_command_returns() {
    let (here, there) = pair().await;
    for requests_per_second in [Some(7), Some(3), None, Some(9)] {
        let limits = Limits { requests_per_second, ..Limits::default() };
        here.app.set_limits(here.ispb, limits, false, OPERATOR).await.unwrap();
        let known = there.app.find_participant(here.ispb).unwrap();
        assert_eq!(known.limits, limits);
        let decision = there.app.admit(&known).await.unwrap();
        assert_eq!(decision.limit, requests_per_second.unwrap_or(1_000));
    }
    advance(Duration::from_secs(1)).await;
    settle().await;
    let known = there.app.find_participant(here.ispb).unwrap();
    assert_eq!(
        (known.limits.requests_per_second, known.revision),
        (Some(9), 5),
        "and in whole a moment later"
    );
}

#[tokio::test(start_paused = true)]
async fn news_of_the_registry_that_were_lost_are_made_up_for_within_seconds() {
    let (here, there) = pair().await;
    here.ports.coordinator.set_mute(true);
    here.app.set_hold(here.ispb, None, true, false, OPERATOR).await.unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(there.app.find_participant(here.ispb).unwrap().held);
}

#[tokio::test(start_paused = true)]
async fn six_streams_are_all_there_are_over_two_nodes() {
    let (here, there) = pair().await;
    here.publish(100).await;
    settle().await;
    let mut got = Vec::new();
    for n in 0..6 {
        let node = if n % 2 == 0 { &here } else { &there };
        got.extend(numbers(&node.open().await.unwrap()));
    }
    for node in [&here, &there] {
        assert!(matches!(node.open().await, Err(Error::ThreadLimit { used: 6, cap: 6, .. })));
    }
    got.sort_unstable();
    assert_eq!(got, (1..=60).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_state_from_before_a_restart_is_taken_over_in_a_new_history() {
    let (here, there) = pair().await;
    here.publish(30).await;
    let first = here.open().await.unwrap();
    let second = there.pull(&first).await.unwrap();
    let before = here.ports.coordinator.peek(here.ispb).unwrap().version();
    here.ports.coordinator.restart();
    let third = here.pull(&second).await.unwrap();
    assert_eq!(numbers(&third), (21..=30).collect::<Vec<_>>());
    let after = there.ports.coordinator.peek(here.ispb).unwrap().version();
    assert!(after.incarnation > before.incarnation, "{before:?} {after:?}");
    there.close(&third).await.unwrap();
    assert_eq!(there.app.status(here.ispb).await.unwrap().unconfirmed, 0);
}

#[tokio::test(start_paused = true)]
async fn two_nodes_that_recover_at_once_agree_on_one_history() {
    let (here, there) = pair().await;
    here.publish(40).await;
    let first = here.open().await.unwrap();
    let second = there.open().await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    here.ports.coordinator.forget();
    for faults in [here.ports.journal.faults(), here.ports.coordinator.faults()] {
        faults.set_latency(Duration::from_millis(2), Duration::from_millis(9));
    }
    let (a, b) = (here.begin_pull(&first).await, there.begin_pull(&second).await);
    let mut got = numbers(&a.await.unwrap().unwrap());
    got.extend(numbers(&b.await.unwrap().unwrap()));
    got.sort_unstable();
    assert_eq!(got, (21..=40).collect::<Vec<_>>());
    tokio::time::sleep(Duration::from_millis(500)).await;
    let saved = here.ports.journal.peek_checkpoint(here.ispb).unwrap().state;
    assert_eq!(Some(saved), here.ports.coordinator.peek(here.ispb));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_knows_more_than_the_coordinator_does_not_go_on_with_less() {
    let (here, there) = pair().await;
    here.publish(40).await;
    let first = here.open().await.unwrap();
    let second = here.pull(&first).await.unwrap();
    let third = here.pull(&second).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(here.ports.coordinator.roll_back(here.ispb, 2));
    // The other node knows nothing, but that checkpoints are newer.
    let fourth = there.pull(&third).await.unwrap();
    assert_eq!(numbers(&fourth), (31..=40).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn sweepers_of_nodes_that_are_behind_do_not_disturb_a_stream_that_is_read() {
    let (here, there) = pair().await;
    let mut answer = there.open().await.unwrap();
    for _ in 0..8 {
        answer = here.pull(&answer).await.unwrap();
    }
    let coordinator = here.ports.coordinator.faults();
    let before = coordinator.operations();
    for _ in 0..4 {
        answer = here.pull(&answer).await.unwrap();
    }
    // 20 s: four reads of two swaps each, health twice a second on both nodes, and little else.
    let operations = coordinator.operations() - before - 2 * 2 * 20;
    assert!(operations <= 4 * 2 + 6, "{operations} operations of the coordinator");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_only_publishes_knows_what_others_read() {
    let here = World::cluster(Settings { backlog_high_water: 20, ..Settings::default() }).await;
    let there = here.beside().await;
    here.publish(15).await;
    let mut answer = there.open().await.unwrap();
    while !numbers(&answer).contains(&15) {
        answer = there.pull(&answer).await.unwrap();
    }
    there.close(&answer).await.unwrap();
    here.publish(19).await;
    let mut answer = there.open().await.unwrap();
    assert_eq!(numbers(&answer)[0], 16);
    here.publish(1).await;
    let refused = here.send(vec![here.message(100)]).await;
    assert!(matches!(refused, Err(Error::Overloaded { limit: "backlog", .. })), "{refused:?}");
    answer = there.pull(&answer).await.unwrap();
    here.send(vec![here.message(100)]).await.unwrap();
    assert_eq!(numbers(&answer)[0], 26);
}

#[tokio::test(start_paused = true)]
async fn what_others_read_leaves_the_memory_of_a_node_that_only_publishes() {
    let settings = Settings { hot_bytes_per_participant: 40_000, ..Settings::default() };
    let here = World::cluster(settings).await;
    let there = here.beside().await;
    let mut answer = there.open().await.unwrap();
    for _ in 0..30 {
        here.publish(10).await;
        settle().await;
        answer = there.pull(&answer).await.unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    // Read where it was published, the newest message is still in memory.
    here.publish(1).await;
    let before = here.ports.journal.messages_read();
    here.ports.coordinator.drop_chunks();
    assert_eq!(numbers(&here.pull(&answer).await.unwrap()), [301]);
    assert_eq!(here.ports.journal.messages_read(), before);
}
