//! Outages in a cluster (issue 6, item 5; design, section 4): answered in time, told once, over by themselves.

use std::time::Duration;

use pix_stream_app::{Error, Read, Settings};
use tokio::time::advance;

use crate::world::{World, numbers, settle, timed};

const HANGS: Duration = Duration::from_secs(3_600);

#[tokio::test(start_paused = true)]
async fn whatever_hangs_a_read_is_answered_within_a_second() {
    for (journal, coordinator) in [(true, false), (false, true), (true, true)] {
        let here = World::cluster(Settings::default()).await;
        here.publish(20).await;
        let fresh = here.beside().await;
        if journal {
            here.ports.journal.faults().set_latency(HANGS, HANGS);
        }
        if coordinator {
            here.ports.coordinator.faults().set_latency(HANGS, HANGS);
        }
        for node in [&here, &fresh] {
            let participant = node.app.find_participant(node.ispb).unwrap();
            let begun = tokio::time::Instant::now();
            if node.app.admit(&participant).await.is_ok() {
                let read = Read { spent: begun.elapsed(), ..node.read() };
                let _answer = node.app.open(read).await;
            }
            let took = begun.elapsed();
            assert!(took <= Duration::from_millis(950), "{took:?} with {journal} {coordinator}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn stores_that_are_slow_one_after_the_other_leave_a_read_one_second_in_all() {
    let here = World::cluster(Settings::default()).await;
    here.publish(20).await;
    here.ports.coordinator.drop_chunks();
    let fresh = here.beside().await;
    let slow = Duration::from_millis(400);
    here.ports.journal.faults().set_latency(slow, slow);
    here.ports.coordinator.faults().set_latency(slow, slow);
    let (answer, took) = timed(fresh.open()).await;
    assert!(took <= Duration::from_millis(950), "{took:?} {answer:?}");
}

#[tokio::test(start_paused = true)]
async fn reads_are_back_within_a_second_of_the_coordinator() {
    let here = World::cluster(Settings::default()).await;
    here.publish(20).await;
    let first = here.open().await.unwrap();
    here.ports.coordinator.faults().set_latency(HANGS, HANGS);
    for _ in 0..20 {
        let refused = here.begin_pull(&first).await;
        advance(Duration::from_millis(100)).await;
        drop(refused);
    }
    here.ports.coordinator.faults().clear();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (answer, took) = timed(here.pull(&first)).await;
    assert_eq!((numbers(&answer.unwrap()), took), ((11..=20).collect(), Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_node_serves_what_was_announced_while_the_journal_is_down() {
    let here = World::cluster(Settings::default()).await;
    let there = here.beside().await;
    here.publish(1).await;
    let first = there.open().await.unwrap();
    here.publish(10).await;
    settle().await;
    here.ports.journal.faults().set_down(true);
    assert_eq!(numbers(&there.pull(&first).await.unwrap()), (2..=11).collect::<Vec<_>>());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let health = there.app.health().await;
    let journal = health.iter().find(|dependency| dependency.name == "journal").unwrap();
    assert!(journal.fault.is_some() && journal.serves_reads, "{journal:?}");
}

#[tokio::test(start_paused = true)]
async fn over_the_debt_a_node_says_that_it_is_not_ready() {
    let here = World::cluster(Settings { checkpoint_debt: 2, ..Settings::default() }).await;
    here.publish(80).await;
    let mut answer = here.open().await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    here.ports.journal.faults().set_latency(HANGS, HANGS);
    for _ in 0..5 {
        if let Ok(next) = here.pull(&answer).await {
            answer = next;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(matches!(here.pull(&answer).await, Err(Error::Unavailable { .. })));
    let journal_of = |health: Vec<pix_stream_app::Dependency>| {
        health.into_iter().find(|dependency| dependency.name == "journal").unwrap()
    };
    let (health, took) = timed(here.app.health()).await;
    assert!(!journal_of(health).serves_reads);
    assert!(took <= Duration::from_secs(1));
    here.ports.journal.faults().clear();
    tokio::time::sleep(Duration::from_secs(1)).await;
    here.pull(&answer).await.unwrap();
    assert!(journal_of(here.app.health().await).serves_reads);
}

#[tokio::test(start_paused = true)]
async fn messages_on_their_way_to_a_journal_that_hangs_are_bounded() {
    let here = World::cluster(Settings::default()).await;
    here.ports.journal.faults().set_latency(HANGS, HANGS);
    let publish = |xml| {
        let (app, ispb) = (here.app.clone(), here.ispb);
        let publish = pix_stream_app::Publish { ispb, actor: "core", request_id: "r", messages: vec![xml] };
        tokio::spawn(async move { app.publish(publish).await })
    };
    let tasks: Vec<_> = (0..200).map(|_| publish(here.message(1024 * 1024))).collect();
    let (mut refused, mut unanswered) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            Err(Error::Overloaded { .. }) => refused += 1,
            Err(Error::Unavailable { .. }) => unanswered += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(unanswered <= 128, "{unanswered} were on their way at once, {refused} refused");
}

#[tokio::test(start_paused = true)]
async fn an_outage_does_not_pile_up_work_for_its_end() {
    let here = World::cluster(Settings::default()).await;
    here.publish(20).await;
    let _first = here.open().await.unwrap();
    let (journal, coordinator) = (here.ports.journal.faults(), here.ports.coordinator.faults());
    journal.set_latency(HANGS, HANGS);
    coordinator.set_latency(HANGS, HANGS);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let before = (journal.operations(), coordinator.operations());
    tokio::time::sleep(Duration::from_secs(60)).await;
    let (journal, coordinator) = (journal.operations() - before.0, coordinator.operations() - before.1);
    assert!(journal <= 60 * 5 && coordinator <= 60 * 4, "{journal} {coordinator} calls in a minute");
}
