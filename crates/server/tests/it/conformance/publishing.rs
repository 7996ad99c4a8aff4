//! Publishing: idempotency, all or nothing, order under many producers (protocol, section 8).

use std::collections::BTreeSet;

use pix_stream_testkit::http::Ask;
use tokio::task::JoinSet;

use super::site::Bank;

pub(super) async fn the_same_bytes_again_are_stored_once(bank: Bank) {
    let messages = bank.messages(5);
    let first = bank.publish(&messages).await;
    for _ in 0..3 {
        assert_eq!(bank.publish(&messages).await, first);
    }
    assert_eq!(bank.publish(&messages[3..4]).await, first[3..4]);
    let mixed = bank.publish(&bank.messages(7)[3..]).await;
    assert_eq!(mixed[..2], first[3..]);
    assert_eq!(bank.drain().await, bank.messages(7));
}

pub(super) async fn other_bytes_under_a_known_id_conflict_and_store_nothing(bank: Bank) {
    let messages = bank.messages(3);
    bank.publish(&messages[..1]).await;
    let changed = messages[0].replacen("<Envelope ", "<Envelope  ", 1);
    assert_ne!(changed, messages[0]);
    let title = bank.try_publish(std::slice::from_ref(&changed)).await.problem(409, "conflict");
    assert!(title.starts_with("part 1: "), "{title}");
    let title = bank.try_publish(&[messages[1].clone(), changed]).await.problem(409, "conflict");
    assert!(title.starts_with("part 2: "), "{title}");
    let within = messages[2].replacen("<Envelope ", "<Envelope  ", 1);
    let title = bank.try_publish(&[messages[2].clone(), within]).await.problem(409, "conflict");
    assert!(title.starts_with("part 2: "), "{title}");
    assert_eq!(bank.drain().await, messages[..1]);
}

pub(super) async fn an_invalid_part_refuses_the_whole_request(bank: Bank) {
    let messages = bank.messages(3);
    let broken = messages[1].replacen("</Document>", "<Surprise/></Document>", 1);
    let title = bank.try_publish(&[messages[0].clone(), broken]).await.problem(400, "invalidMessage");
    assert!(title.starts_with("part 2: "), "{title}");
    bank.ask_producer(Ask::publish(&bank.ispb, "text/plain", "x")).await.problem(415, "unsupportedMediaType");
    assert_eq!(bank.drain().await, Vec::<String>::new());
}

pub(super) async fn many_producers_at_once_leave_no_gap(bank: Bank) {
    let messages = bank.messages(120);
    let mut producers = JoinSet::new();
    for group in messages.chunks(3) {
        let (bank, group) = (bank.clone(), group.to_vec());
        producers.spawn(async move { bank.publish(&group).await });
    }
    let mut ids = BTreeSet::new();
    while let Some(published) = producers.join_next().await {
        ids.extend(published.unwrap());
    }
    assert_eq!(ids.len(), messages.len());
    let pulled = bank.drain().await;
    assert_eq!(pulled.len(), messages.len());
    // Requests in any order, but each whole and in its own.
    for group in pulled.chunks(3) {
        let place = messages.iter().position(|message| *message == group[0]).unwrap();
        assert_eq!(group, &messages[place..place + 3]);
    }
}

pub(super) async fn a_repeat_while_the_first_is_still_under_way_is_stored_once(bank: Bank) {
    let messages = bank.messages(4);
    let mut producers = JoinSet::new();
    for _ in 0..6 {
        let (bank, messages) = (bank.clone(), messages.clone());
        producers.spawn(async move { bank.publish(&messages).await });
    }
    let mut answers = BTreeSet::new();
    while let Some(published) = producers.join_next().await {
        answers.insert(published.unwrap());
    }
    assert_eq!(answers.len(), 1, "everybody is told the same ids");
    assert_eq!(bank.drain().await, messages);
}

/// More than a node takes at a time.
const QUEUED: usize = 150;

/// One machine has no queue; there the case says nothing.
pub(super) async fn what_is_left_in_the_queue_is_delivered_once_in_order_or_quarantined(bank: Bank) {
    let messages = bank.messages(QUEUED + 1);
    let broken = messages[QUEUED].replacen("</Document>", "<Surprise/></Document>", 1);
    let mut left: Vec<String> = messages[..QUEUED].to_vec();
    left.insert(QUEUED / 2, broken);
    left.extend([messages[0].clone(), "no message".to_owned()]);
    let (site, ispb) = (std::sync::Arc::clone(&bank.site), bank.ispb.clone());
    let leave = move || site.leave(&ispb, &left.iter().map(String::as_str).collect::<Vec<_>>());
    if !tokio::task::spawn_blocking(leave).await.unwrap() {
        return;
    }
    let path = format!("/admin/v1/quarantine?ispb={}", bank.ispb);
    let mut entries = 0;
    while entries < 2 {
        let list = bank.ask_admin(Ask::get(&path)).await;
        assert_eq!(list.status, 200, "{}", list.text());
        entries = list.text().matches("\"intake\":\"redis-stream\"").count();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(entries, 2, "what is not valid");
    let mut pulled = Vec::new();
    while pulled.len() < QUEUED {
        pulled.extend(bank.drain().await);
    }
    assert_eq!(pulled, messages[..QUEUED], "each once, and in the order in which they were left");
    assert_eq!(bank.drain().await, Vec::<String>::new());
}
