//! Reads and closes: bodies, headers, replay, the habits of known clients (protocol, sections 2 to 4 and 9).

use std::time::Duration;

use crate::routes::world::{Ask, BANK, Reply, World, admin, auditor, bank, impatient, peer, producer};
use pix_stream_app::Settings;
use pix_stream_delivery::Wire;

const IDS: [&str; 12] = ["M1", "M2", "M3", "M4", "M5", "M6", "M7", "M8", "M9", "M10", "M11", "M12"];

async fn stocked() -> (World, Vec<String>) {
    let world = World::with(Wire::default(), impatient()).await;
    let mut texts = Vec::new();
    for ids in IDS.chunks(6) {
        let messages = world.publish(ids, 300).await;
        texts.extend(messages.iter().map(|m| String::from_utf8(m.to_vec()).unwrap()));
    }
    (world, texts)
}

fn is_resource_id(text: &str) -> bool {
    text.len() == 32 && text.starts_with("UEk")
}

#[tokio::test(start_paused = true)]
async fn ten_messages_come_as_multipart_byte_for_byte() {
    let (world, texts) = stocked().await;
    let reply = world.ask(&bank(), Ask::start(BANK).many()).await;
    assert_eq!(reply.status, 200);
    let boundary = reply.header("Content-Type").strip_prefix("multipart/mixed; boundary=").unwrap();
    assert!(boundary.len() == 32 && boundary.bytes().all(|b| b.is_ascii_alphanumeric()));
    let body = reply.text();
    let mut golden = String::new();
    let mut ids = body.split("PI-ResourceId: ").skip(1).map(|rest| &rest[..32]);
    for xml in &texts[..10] {
        let id = ids.next().unwrap();
        assert!(is_resource_id(id), "{id}");
        golden.push_str(&format!(
            "--{boundary}\r\nContent-Type: application/xml; charset=utf-8\r\nPI-ResourceId: {id}\r\n\r\n{xml}\r\n"
        ));
    }
    golden.push_str(&format!("--{boundary}--\r\n"));
    assert_eq!(body, golden);
    assert_eq!(reply.find("PI-ResourceId"), None, "only the parts have one");
}

#[tokio::test(start_paused = true)]
async fn one_message_is_the_body_with_its_id_as_a_header() {
    let (world, texts) = stocked().await;
    for ask in [Ask::start(BANK), Ask::start(BANK).header("Accept", "application/xml").gzip()] {
        let reply = world.ask(&bank(), ask).await;
        assert_eq!((reply.status, reply.header("Content-Type")), (200, "application/xml; charset=utf-8"));
        assert!(is_resource_id(reply.header("PI-ResourceId")));
        assert!(texts.contains(&reply.text()));
    }
}

#[tokio::test(start_paused = true)]
async fn headers_are_spelled_as_in_the_protocol() {
    let (world, _) = stocked().await;
    let reply = world.ask(&bank(), Ask::start(BANK).gzip()).await;
    let names: Vec<_> = reply.headers.iter().map(|(name, _)| name.as_str()).collect();
    for name in [
        "PI-Pull-Next",
        "PI-ResourceId",
        "PI-Thread-Slot",
        "X-RateLimit-Limit",
        "X-RateLimit-Remaining",
        "X-RateLimit-Reset",
        "X-Request-Id",
        "Content-Type",
        "Content-Length",
        "Content-Encoding",
        "Date",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let token = reply.next();
    let token = token.strip_prefix("/api/v1/out/99999A04/stream/").unwrap();
    assert!(token.len() < 200 && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
    assert_eq!(reply.header("PI-Thread-Slot"), "1/6");
    let pace = ["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"].map(|n| reply.header(n));
    assert_eq!(pace, ["1000", "999", "1"]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_read_is_204_with_a_new_token() {
    let world = World::new().await;
    let began = tokio::time::Instant::now();
    let first = world.ask(&bank(), Ask::start(BANK).many().gzip()).await;
    assert_eq!(began.elapsed().as_secs(), 5, "it waited for a message");
    let second = world.ask(&bank(), Ask::get(first.next()).many()).await;
    for reply in [&first, &second] {
        assert_eq!((reply.status, reply.body.len()), (204, 0));
        assert_eq!(reply.header("PI-Thread-Slot"), "1/6");
        for absent in ["Content-Type", "Content-Encoding", "Content-Length", "Transfer-Encoding"] {
            assert_eq!(reply.find(absent), None);
        }
    }
    assert_ne!(first.next(), second.next());
}

#[tokio::test(start_paused = true)]
async fn a_waiting_read_is_answered_the_moment_a_message_comes() {
    let world = World::new().await;
    let began = tokio::time::Instant::now();
    let publish = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        world.publish(&["M1"], 50).await
    };
    let bank = bank();
    let (reply, _) = tokio::join!(world.ask(&bank, Ask::start(BANK).many()), publish);
    assert_eq!((reply.status, began.elapsed().as_secs()), (200, 2));
    assert_eq!(reply.messages().len(), 1, "a batch is never waited for");
}

#[tokio::test(start_paused = true)]
async fn a_replay_is_the_same_bytes_in_both_codings() {
    let (world, _) = stocked().await;
    let bank = bank();
    let start = world.ask(&bank, Ask::start(BANK).header("Accept", "multipart/mixed")).await;
    let first = world.ask(&bank, Ask::get(start.next()).many()).await;
    let again = world.ask(&bank, Ask::get(start.next()).many()).await;
    let gzipped = world.ask(&bank, Ask::get(start.next()).many().gzip()).await;
    let gzipped_again = world.ask(&bank, Ask::get(start.next()).many().gzip()).await;
    // The form is that of the first answer, whatever is asked for now.
    let single = world.ask(&bank, Ask::get(start.next())).await;
    assert_eq!(gzipped.header("Content-Encoding"), "gzip");
    assert_eq!(gzipped.plain(), first.body);
    assert_eq!(gzipped_again.body, gzipped.body, "also before it is decoded");
    assert_eq!((&again.body, &single.body), (&first.body, &first.body));
    for reply in [&again, &gzipped, &single] {
        assert_eq!(reply.next(), first.next());
        assert_eq!(reply.header("Content-Type"), first.header("Content-Type"));
    }
}

#[tokio::test(start_paused = true)]
async fn gzip_of_one_message_is_the_same_message() {
    let (world, _) = stocked().await;
    let bank = bank();
    let start = world.ask(&bank, Ask::start(BANK)).await;
    let plain = world.ask(&bank, Ask::get(start.next())).await;
    let gzipped = world.ask(&bank, Ask::get(start.next()).header("Accept-Encoding", "gzip")).await;
    assert_eq!(gzipped.plain(), plain.body);
    assert_eq!(gzipped.header("PI-ResourceId"), plain.header("PI-ResourceId"));
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_read_to_its_end_and_closed() {
    let (world, texts) = stocked().await;
    let bank = bank();
    let mut seen = Vec::new();
    let mut reply = world.ask(&bank, Ask::start(BANK).many().gzip()).await;
    while reply.status == 200 {
        seen.extend(reply.messages());
        reply = world.ask(&bank, Ask::get(reply.next()).many().gzip()).await;
    }
    assert_eq!((reply.status, &seen), (204, &texts));
    let close = || Ask::new("DELETE", reply.next());
    let closed = world.ask(&bank, close()).await;
    assert_eq!((closed.status, closed.body.len()), (200, 0));
    assert_eq!(closed.find("PI-Pull-Next"), None);
    world.ask(&bank, close()).await.problem(410, "streamGone");
}

#[tokio::test(start_paused = true)]
async fn a_seventh_stream_is_refused_with_the_slots() {
    let world = World::with(Wire::default(), impatient()).await;
    for slot in 1..=6 {
        let reply = world.ask(&bank(), Ask::start(BANK)).await;
        assert_eq!(reply.header("PI-Thread-Slot"), format!("{slot}/6"));
    }
    let reply = world.ask(&bank(), Ask::start(BANK)).await;
    reply.problem(429, "threadLimit");
    assert_eq!(reply.header("PI-Thread-Slot"), "6/6");
    assert!(reply.header("Retry-After").parse::<u64>().unwrap() >= 1);
    assert!(reply.find("X-RateLimit-Remaining").is_some());
}

#[tokio::test(start_paused = true)]
async fn habits_of_known_clients_work() {
    let (world, _) = stocked().await;
    let bank = bank();
    // Go: keeps what follows the last slash, takes all after the first `;` as the boundary, no Accept.
    let start = world.ask(&bank, Ask::start(BANK)).await;
    let next = start.next();
    let token = next.rsplit('/').next().unwrap();
    let path = format!("/api/v1/out/{BANK}/stream/{token}");
    let reply = world.ask(&bank, Ask::get(path).header("Connection", "Close")).await;
    assert_eq!(reply.status, 200);
    // A state bank: Content-Type on GET. Tracing headers and cookies of others.
    let ask = Ask::get(reply.next())
        .many()
        .gzip()
        .header("Content-Type", "application/xml")
        .header("Cookie", "a=b")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let reply = world.ask(&bank, ask).await;
    assert_eq!((reply.status, reply.header("Content-Encoding")), (200, "gzip"));
    let (_, boundary) = reply.header("Content-Type").split_once(';').unwrap();
    assert!(boundary.trim().starts_with("boundary=") && !boundary.contains('"'));
    // Java at a bank: a Host with a port.
    world.publish(&["M13"], 50).await;
    let raw = format!("GET {} HTTP/1.1\r\nHost: icom:8443\r\nConnection: close\r\n\r\n", reply.next());
    assert_eq!(Reply::parse(&world.raw(&bank, raw.as_bytes()).await, false).status, 200);
}

#[tokio::test(start_paused = true)]
async fn requests_on_one_connection_are_answered_one_after_the_other() {
    let (world, _) = stocked().await;
    let one = format!("GET /api/v1/out/{BANK}/stream/start HTTP/1.1\r\nHost: icom\r\n");
    let raw = world.raw(&bank(), format!("{one}\r\n{one}Connection: close\r\n\r\n").as_bytes()).await;
    let text = String::from_utf8(raw).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2);
    assert!(text.contains("PI-Thread-Slot: 1/6") && text.contains("PI-Thread-Slot: 2/6"));
}

#[tokio::test(start_paused = true)]
async fn the_request_id_of_a_client_is_echoed_when_it_is_well_formed() {
    let world = World::with(Wire::default(), impatient()).await;
    let echoed = world.ask(&bank(), Ask::start(BANK).header("X-Request-Id", "a.B_9-z")).await;
    assert_eq!(echoed.header("X-Request-Id"), "a.B_9-z");
    let replaced = world.ask(&bank(), Ask::get("/nowhere").header("X-Request-Id", "a b")).await;
    assert!(replaced.header("X-Request-Id").len() == 16);
}

#[tokio::test(start_paused = true)]
async fn the_catalogue_is_for_everyone_with_a_role() {
    let world = World::new().await;
    for (who, is_paced) in [(bank(), true), (producer(), false), (admin(), false), (auditor(), false)] {
        let reply = world.ask(&who, Ask::get("/api/v1/out/catalog").gzip()).await;
        assert_eq!((reply.status, reply.header("Content-Type")), (200, "application/xml; charset=utf-8"));
        assert!(reply.text().ends_with("<Catalog><Message>pacs.008.spi.1.16</Message></Catalog>"));
        assert_eq!(reply.find("X-RateLimit-Limit").is_some(), is_paced);
        assert_eq!(reply.find("PI-Thread-Slot"), None);
    }
    let nobody = world.ask(&peer("somebody", ""), Ask::get("/api/v1/out/catalog")).await;
    nobody.problem(403, "forbidden");
}

#[tokio::test(start_paused = true)]
async fn a_participant_near_its_rate_is_asked_to_slow_down() {
    let settings = Settings { requests_per_second: 20, ..impatient() };
    let world = World::with(Wire::default(), settings).await;
    let mut signals = Vec::new();
    for _ in 0..20 {
        let reply = world.ask(&bank(), Ask::get("/api/v1/out/catalog")).await;
        signals.push((reply.status, reply.find("X-Backpressure-Signal").is_some()));
    }
    assert_eq!(signals[17..], [(200, false), (200, true), (200, true)]);
}
