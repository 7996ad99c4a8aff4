//! Fresh messages between nodes (issue 6, item 3; design, section 3): a warm read costs one swap, and what was announced
//! is not asked of the Journal.

use std::time::Duration;

use pix_stream_app::{Answer, Read, Settings};
use tokio::time::advance;

use crate::world::{World, numbers, settle, timed};

/// Two nodes, the second with a stream that has read a message.
async fn pair() -> (World, World, Answer) {
    let here = World::cluster(Settings::default()).await;
    let there = here.beside().await;
    here.publish(1).await;
    settle().await;
    let first = there.open().await.unwrap();
    settle().await;
    (here, there, first)
}

#[tokio::test(start_paused = true)]
async fn a_warm_pull_of_ten_that_another_node_published_costs_one_swap_and_nothing_else() {
    let (here, there, first) = pair().await;
    let messages = (0..10).map(|_| here.message(100)).collect();
    here.send(messages).await.unwrap();
    settle().await;
    let (journal, coordinator) = (here.ports.journal.faults(), here.ports.coordinator.faults());
    let before = (journal.operations(), coordinator.operations());
    let answer = there.pull(&first).await.unwrap();
    assert_eq!(numbers(&answer), (2..=11).collect::<Vec<_>>());
    assert_eq!((journal.operations() - before.0, coordinator.operations() - before.1), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_group_of_messages_is_one_chunk_and_one_announcement() {
    let (here, _there, _first) = pair().await;
    let coordinator = here.ports.coordinator.faults();
    let (before, chunks) = (coordinator.operations(), here.ports.coordinator.chunks());
    here.send((0..10).map(|_| here.message(100)).collect()).await.unwrap();
    settle().await;
    assert_eq!(here.ports.coordinator.chunks() - chunks, 1);
    assert_eq!(coordinator.operations() - before, 2, "the announcement, and the other node's fetch");
}

#[tokio::test(start_paused = true)]
async fn a_waiting_read_on_another_node_is_answered_at_once_and_without_the_journal() {
    let (here, there, first) = pair().await;
    let waiting = there.begin_pull(&first).await;
    advance(Duration::from_millis(700)).await;
    let before = here.ports.journal.messages_read();
    here.publish(1).await;
    let (answer, late) = timed(waiting).await;
    assert_eq!((numbers(&answer.unwrap().unwrap()), late), (vec![2], Duration::ZERO));
    assert_eq!(here.ports.journal.messages_read(), before);
}

#[tokio::test(start_paused = true)]
async fn fetched_messages_have_their_segments_and_are_what_was_published() {
    let (here, there, first) = pair().await;
    let sent: Vec<_> = (0..3).map(|_| here.message(300)).collect();
    here.send(sent.clone()).await.unwrap();
    settle().await;
    let read = Read { gzip: true, ..there.read() };
    let answer = there.app.pull(read, first.token.as_str()).await.unwrap();
    let got: Vec<_> = answer.messages.iter().map(|message| message.part.xml()).collect();
    assert_eq!(got, sent);
    assert!(answer.messages[0].alone().is_some());
    assert!(answer.messages[1..].iter().all(|message| message.chained().is_some()));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_nobody_read_at_before_reads_by_chunks_too() {
    let (here, there, first) = pair().await;
    let third = here.beside().await;
    here.send((0..10).map(|_| here.message(100)).collect()).await.unwrap();
    settle().await;
    drop(there);
    let before = here.ports.journal.messages_read();
    assert_eq!(numbers(&third.pull(&first).await.unwrap()), (2..=11).collect::<Vec<_>>());
    assert_eq!(here.ports.journal.messages_read(), before);
}

#[tokio::test(start_paused = true)]
async fn lost_chunks_are_read_from_the_journal() {
    let (here, there, first) = pair().await;
    let third = here.beside().await;
    here.publish(5).await;
    settle().await;
    drop(there);
    here.ports.coordinator.drop_chunks();
    assert_eq!(numbers(&third.pull(&first).await.unwrap()), [2, 3, 4, 5, 6]);
}

#[tokio::test(start_paused = true)]
async fn publishing_waits_for_no_announcement() {
    let (here, _there, _first) = pair().await;
    let hangs = Duration::from_secs(3_600);
    here.ports.coordinator.faults().set_latency(hangs, hangs);
    for _ in 0..50 {
        let (published, took) = timed(here.send(vec![here.message(100)])).await;
        published.unwrap();
        assert_eq!(took, Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_published_while_announcements_failed_is_found_within_a_second() {
    let (here, there, first) = pair().await;
    let waiting = there.begin_pull(&first).await;
    here.ports.coordinator.faults().fail_next(1);
    here.publish(1).await;
    let (answer, took) = timed(waiting).await;
    assert_eq!(numbers(&answer.unwrap().unwrap()), [2]);
    assert!(took <= Duration::from_millis(1_200), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn messages_that_do_not_fit_in_memory_are_announced_all_the_same() {
    let settings = Settings { hot_bytes: 1, ..Settings::default() };
    let here = World::cluster(settings).await;
    let there = here.beside().await;
    there.publish(1).await;
    let first = there.open().await.unwrap();
    let waiting = there.begin_pull(&first).await;
    here.publish(1).await;
    let (answer, late) = timed(waiting).await;
    assert_eq!((numbers(&answer.unwrap().unwrap()), late), (vec![2], Duration::ZERO));
}
