//! The producer's side, and plain calls (X.4).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use pix_stream_client::{Api, Error, Publisher, Taken};
use tokio::time::Instant;

use crate::server::{Answer, ISPB, Server, empty, id, ok, problem, xml};

fn created(numbers: &[u8]) -> Answer {
    let ids: Vec<_> = numbers.iter().map(|&number| id(number).to_string()).collect();
    Answer::Reply { status: 201, headers: vec![], body: vec![] }.with("PI-ResourceId", &ids.join(", "))
}

fn messages(numbers: &[u8]) -> Vec<Bytes> {
    numbers.iter().map(|&number| xml(number).into()).collect()
}

#[tokio::test(start_paused = true)]
async fn one_message_is_sent_as_it_is_and_several_as_multipart() {
    let server = Server::scripted([created(&[1]), created(&[2, 3])]);
    let mut publisher = Publisher::new(server.endpoint(), ISPB.parse().unwrap(), 7);
    assert_eq!(publisher.publish(&messages(&[1])).await.unwrap(), [id(1)]);
    assert_eq!(publisher.publish(&messages(&[2, 3])).await.unwrap(), [id(2), id(3)]);

    let requests = server.requests();
    assert_eq!(server.connections(), 1);
    assert_eq!(requests[0].path, format!("/api/v1/out/{ISPB}/msgs"));
    assert_eq!(requests[0].header("content-type"), Some("application/xml; charset=utf-8"));
    assert_eq!(requests[0].body, xml(1));
    let boundary =
        requests[1].header("content-type").unwrap().strip_prefix("multipart/mixed; boundary=").unwrap();
    let part =
        |n| format!("--{boundary}\r\nContent-Type: application/xml; charset=utf-8\r\n\r\n{}\r\n", xml(n));
    assert_eq!(requests[1].body, format!("{}{}--{boundary}--\r\n", part(2), part(3)));
}

#[tokio::test(start_paused = true)]
async fn a_producer_that_is_asked_to_slow_down_pauses_between_requests() {
    let slow = || created(&[1]).with("X-Backpressure-Signal", "slow");
    let server = Server::scripted([slow(), slow(), created(&[1]), created(&[1])]);
    let mut publisher = Publisher::new(server.endpoint(), ISPB.parse().unwrap(), 7);
    let mut waits = Vec::new();
    for _ in 0..4 {
        let begun = Instant::now();
        publisher.publish(&messages(&[1])).await.unwrap();
        waits.push(begun.elapsed().as_millis());
    }
    assert!(waits[0] < 50 && (50..=150).contains(&waits[1]) && (100..=250).contains(&waits[2]), "{waits:?}");
    assert!(waits[3] <= 150, "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_handed_over_is_published_or_quarantined_and_only_a_refusal_is_an_error() {
    let kept =
        Answer::Reply { status: 202, headers: vec![], body: vec![] }.with("PI-Quarantine-Id", "UEk-_9");
    let script = [created(&[1]), Answer::Lost, kept, problem(404, "notFound")];
    let server = Server::scripted(script);
    let mut publisher = Publisher::new(server.endpoint(), ISPB.parse().unwrap(), 7);
    assert_eq!(publisher.take_in(xml(1).into()).await.unwrap(), Taken::Published(id(1)));
    assert_eq!(publisher.take_in(xml(2).into()).await.unwrap(), Taken::Quarantined("UEk-_9".to_owned()));
    assert!(matches!(publisher.take_in(xml(3).into()).await, Err(Error::Refused(_))));
    let requests = server.requests();
    assert!(requests.iter().all(|request| request.header("pi-on-invalid") == Some("quarantine")));
    assert_eq!((requests.len(), requests[2].body.as_ref()), (4, xml(2).as_bytes()));
}

#[tokio::test(start_paused = true)]
async fn a_202_that_was_not_asked_for_is_a_refusal() {
    let kept =
        Answer::Reply { status: 202, headers: vec![], body: vec![] }.with("PI-Quarantine-Id", "UEk-_9");
    let server = Server::scripted([kept]);
    let mut publisher = Publisher::new(server.endpoint(), ISPB.parse().unwrap(), 7);
    assert!(matches!(publisher.publish(&messages(&[1])).await, Err(Error::Refused(_))));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_and_a_busy_server_are_asked_again_with_the_same_bytes() {
    let busy = problem(503, "overloaded").with("Retry-After", "3");
    let server = Server::scripted([Answer::Lost, busy, created(&[1, 2])]);
    let mut publisher = Publisher::new(server.endpoint(), ISPB.parse().unwrap(), 7);
    let started = Instant::now();
    assert_eq!(publisher.publish(&messages(&[1, 2])).await.unwrap(), [id(1), id(2)]);
    assert!(started.elapsed() >= Duration::from_secs(3));
    let requests = server.requests();
    assert!(requests.iter().all(|request| request.body == requests[0].body));
    assert_eq!(requests.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_asks_is_told_once_what_a_request_waits_for() {
    let busy = problem(503, "overloaded").with("Retry-After", "3");
    let server = Server::scripted([Answer::Lost, busy.clone(), busy, created(&[1])]);
    let told = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&told);
    let publisher = Publisher::new(server.endpoint(), ISPB.parse().unwrap(), 7);
    let mut publisher =
        publisher.on_waiting(move |why, after| note.lock().unwrap().push((why.to_string(), after)));
    publisher.publish(&messages(&[1])).await.unwrap();
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 1);
    assert!(told[0].0.contains("503 overloaded") && told[0].1 >= Duration::from_secs(3), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn an_empty_message_has_its_length_announced() {
    let server = Server::scripted([problem(400, "invalidMessage")]);
    let mut publisher = Publisher::new(server.endpoint(), ISPB.parse().unwrap(), 7);
    assert!(matches!(publisher.publish(&[Bytes::new()]).await, Err(Error::Refused(_))));
    assert_eq!(server.requests()[0].header("content-length"), Some("0"));
}

#[tokio::test(start_paused = true)]
async fn a_conflict_an_invalid_message_and_a_gone_path_are_errors_with_their_title() {
    for (status, code) in [(409, "conflict"), (400, "invalidMessage"), (413, "tooLarge"), (410, "streamGone")]
    {
        let server = Server::scripted([problem(status, code)]);
        let mut publisher = Publisher::new(server.endpoint(), ISPB.parse().unwrap(), 7);
        let error = publisher.publish(&messages(&[1])).await.unwrap_err();
        let expected = format!("the server answered {status} {code}: no {code} (request req-7)");
        assert_eq!(error.to_string(), expected);
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn none_and_eleven_messages_are_usage_errors_and_missing_ids_are_noticed() {
    let server = Server::scripted([created(&[1])]);
    let mut publisher = Publisher::new(server.endpoint(), ISPB.parse().unwrap(), 7);
    for count in [0, 11] {
        let error = publisher.publish(&vec![Bytes::new(); count]).await;
        assert!(matches!(error, Err(Error::Usage(_))), "{count}");
    }
    assert!(matches!(publisher.publish(&messages(&[1, 2])).await, Err(Error::Malformed(_))));
}

#[tokio::test(start_paused = true)]
async fn a_call_returns_any_status_and_repeats_only_what_is_safe() {
    let reply = Answer::Reply { status: 200, headers: vec![], body: b"{}".to_vec() };
    let script = [reply.with("Content-Type", "application/json").gzipped(), problem(404, "notFound")];
    let server = Server::scripted(script.into_iter().chain([Answer::Lost, ok(), Answer::Lost]));
    let mut api = Api::new(server.endpoint());
    let reply = api.request(Method::POST, "/admin/v1/participants", Some("{\"a\":1}".into())).await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.content_type.as_str()), (200, "application/json"));
    assert_eq!(reply.body, "{}");
    let reply = api.request(Method::GET, "/admin/v1/participants/x", None).await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.request_id.as_deref()), (404, Some("req-7")));
    assert!(api.request(Method::GET, "/admin/v1/participants", None).await.is_ok());
    assert!(api.request(Method::DELETE, "/admin/v1/participants/x", None).await.is_err());
    let requests = server.requests();
    assert_eq!(
        (requests[0].header("content-type"), requests[0].body.as_ref()),
        (Some("application/json"), &b"{\"a\":1}"[..])
    );
    assert_eq!((requests[1].header("content-type"), requests.len()), (None, 5));
}

#[tokio::test(start_paused = true)]
async fn a_call_without_an_answer_ends_at_its_deadline() {
    let server = Server::scripted([empty("t").late(3600)]);
    let started = Instant::now();
    let mut api = Api::new(server.endpoint());
    assert!(api.request(Method::POST, "/admin/v1/x", None).await.is_err());
    assert!(started.elapsed() < Duration::from_secs(16));
}
