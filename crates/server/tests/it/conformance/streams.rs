//! Streams: order, replay, waiting, slots, redelivery (protocol, sections 3 and 4).

use std::collections::BTreeSet;

use pix_stream_testkit::http::Ask;
use tokio::task::JoinSet;

use super::site::{Bank, ids};

pub(super) async fn what_is_published_is_pulled_byte_for_byte_in_order(bank: Bank) {
    let messages = bank.messages(35);
    let mut published = Vec::new();
    for group in messages.chunks(10) {
        published.extend(bank.publish(group).await);
    }
    let (mut pulled, mut reply) = (Vec::new(), bank.start().await);
    let mut numbers = Vec::new();
    while reply.status == 200 {
        numbers.extend(ids(&reply));
        pulled.extend(reply.messages());
        reply = bank.read_on(&reply).await;
    }
    assert_eq!(pulled, messages);
    assert_eq!(numbers, published);
}

pub(super) async fn the_same_token_gives_the_same_answer_until_the_next_one(bank: Bank) {
    bank.publish(&bank.messages(10)).await;
    bank.publish(&bank.messages(25)[10..20]).await;
    bank.publish(&bank.messages(25)[20..]).await;
    let first = bank.start().await;
    let second = bank.read_on(&first).await;
    for _ in 0..3 {
        let again = bank.read_on(&first).await;
        assert_eq!((again.next(), &again.body), (second.next(), &second.body), "a replay");
    }
    let third = bank.read_on(&second).await;
    assert_eq!(third.messages().len(), 5);
    bank.read_on(&first).await.problem(410, "streamGone");
    assert_eq!(bank.read_on(&second).await.body, third.body, "the newest one replays");
}

pub(super) async fn an_empty_read_carries_a_token_and_leaves_the_old_one_good(bank: Bank) {
    let empty = bank.start().await;
    assert_eq!((empty.status, empty.body.len()), (204, 0));
    let fresh = bank.read_on(&empty).await;
    assert_eq!(fresh.status, 204);
    assert_ne!(fresh.next(), empty.next());
    bank.publish(&bank.messages(1)).await;
    let batch = bank.read_on(&empty).await;
    assert_eq!(batch.messages(), bank.messages(1), "the token presented before stays good");
}

pub(super) async fn a_waiting_read_is_woken_by_a_message(bank: Bank) {
    let empty = bank.start().await;
    let waits = tokio::spawn({
        let (bank, next) = (bank.clone(), empty.next());
        async move { bank.ask(Ask::get(next).many()).await }
    });
    bank.publish(&bank.messages(1)).await;
    let reply = waits.await.unwrap();
    assert_eq!((reply.status, reply.messages()), (200, bank.messages(1)));
}

pub(super) async fn the_seventh_stream_is_refused_and_a_closed_one_makes_room(bank: Bank) {
    bank.publish(&bank.messages(7)).await;
    let mut open = Vec::new();
    for slot in 1..=6 {
        let reply = bank.ask(Ask::start(&bank.ispb)).await;
        assert_eq!((reply.status, reply.header("PI-Thread-Slot")), (200, &*format!("{slot}/6")));
        open.push(reply);
    }
    let refused = bank.start().await;
    refused.problem(429, "threadLimit");
    assert_eq!(refused.header("PI-Thread-Slot"), "6/6");
    assert!(refused.header("Retry-After").parse::<u64>().unwrap() >= 1);
    assert_eq!(bank.close(&open[2]).await.status, 200);
    let again = bank.ask(Ask::start(&bank.ispb)).await;
    assert_eq!((again.status, again.header("PI-Thread-Slot")), (200, "3/6"));
}

pub(super) async fn six_streams_share_all_messages_and_no_message_is_on_two(bank: Bank) {
    let messages = bank.messages(200);
    for group in messages.chunks(10) {
        bank.publish(group).await;
    }
    let mut streams = JoinSet::new();
    for _ in 0..6 {
        let bank = bank.clone();
        streams.spawn(async move { bank.drain().await });
    }
    let (mut all, mut count) = (BTreeSet::new(), 0);
    while let Some(pulled) = streams.join_next().await {
        let pulled = pulled.unwrap();
        let places = pulled.iter().map(|one| messages.iter().position(|message| message == one).unwrap());
        assert!(places.is_sorted(), "each stream is ascending");
        count += pulled.len();
        all.extend(pulled);
    }
    assert_eq!((count, all), (200, messages.into_iter().collect()), "each message once");
}

pub(super) async fn a_close_confirms_its_batch_and_nothing_more(bank: Bank) {
    let messages = bank.messages(20);
    bank.publish(&messages[..10]).await;
    bank.publish(&messages[10..]).await;
    let first = bank.start().await;
    let unseen = bank.read_on(&first).await;
    assert_eq!(unseen.messages(), messages[10..]);
    assert_eq!(bank.close(&first).await.status, 200, "with the last token that the client has");
    let again = bank.start().await;
    assert_eq!((again.messages(), ids(&again)), (messages[10..].to_vec(), ids(&unseen)), "what it never saw");
    assert_eq!(bank.close(&again).await.status, 200);
    bank.close(&again).await.problem(410, "streamGone");
    assert_eq!(bank.drain().await, Vec::<String>::new());
}

pub(super) async fn an_abandoned_batch_comes_again_with_the_same_ids(bank: Bank) {
    bank.publish(&bank.messages(3)).await;
    let abandoned = bank.start().await;
    assert_eq!(abandoned.messages().len(), 3);
    let mut other = bank.start().await;
    // Reads wait for as long as they may: the abandoned stream ends while one of them does.
    while other.status == 204 {
        other = bank.read_on(&other).await;
    }
    assert_eq!((other.messages(), ids(&other)), (bank.messages(3), ids(&abandoned)));
    bank.read_on(&abandoned).await.problem(410, "streamGone");
}

pub(super) async fn a_late_return_counts_as_confirmed(bank: Bank) {
    bank.publish(&bank.messages(2)).await;
    let late = bank.start().await;
    tokio::time::sleep(super::site::IDLE + std::time::Duration::from_millis(700)).await;
    let back = bank.read_on(&late).await;
    assert_eq!(back.status, 204, "its stream goes on and nothing is repeated: {}", back.text());
    assert_eq!(bank.drain().await, Vec::<String>::new());
}

pub(super) async fn a_close_ends_the_waiting_read_of_its_stream(bank: Bank) {
    let empty = bank.start().await;
    let mut waits = tokio::spawn({
        let (bank, next) = (bank.clone(), empty.next());
        async move { bank.ask(Ask::get(next).many()).await }
    });
    // The read is under way when it has not ended; whether it waits already makes no difference to the outcome.
    let soon = tokio::time::timeout(std::time::Duration::from_millis(500), &mut waits).await;
    assert!(soon.is_err(), "there is nothing to answer");
    assert_eq!(bank.close(&empty).await.status, 200);
    let ended = tokio::time::timeout(std::time::Duration::from_secs(2), waits).await;
    let ended = ended.unwrap_or_else(|_| panic!("not well before its wait is over"));
    ended.unwrap().problem(410, "streamGone");
}

pub(super) async fn one_message_a_read_where_nothing_else_is_accepted(bank: Bank) {
    let messages = bank.messages(3);
    let published = bank.publish(&messages).await;
    let mut reply = bank.ask(Ask::start(&bank.ispb)).await;
    for (message, id) in messages.iter().zip(&published) {
        assert_eq!((reply.text(), reply.header("PI-ResourceId")), (message.clone(), id.as_str()));
        assert_eq!(reply.header("Content-Type"), "application/xml; charset=utf-8");
        // Some clients keep only what follows the last slash.
        let next = reply.next();
        let token = next.rsplit('/').next().unwrap();
        reply = bank.ask(Ask::get(format!("/api/v1/out/{}/stream/{token}", bank.ispb))).await;
    }
    assert_eq!(reply.status, 204);
}

pub(super) async fn gzip_is_one_member_with_the_same_bytes(bank: Bank) {
    let messages = bank.messages(10);
    bank.publish(&messages).await;
    let packed = bank.ask(Ask::start(&bank.ispb).many().gzip()).await;
    assert_eq!((packed.header("Content-Encoding"), packed.messages()), ("gzip", messages));
    let again = bank.ask(Ask::get(bank.ask(Ask::get(packed.next()).many()).await.next()).many()).await;
    assert_eq!(again.status, 204);
}
