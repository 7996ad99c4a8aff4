//! Every row of the error matrix (protocol, section 6).

use std::time::Duration;

use crate::routes::world::{
    Ask, BANK, OTHER, Reply, STRANGER, World, admin, bank, impatient, ispb, peer, producer, two_ispbs,
};
use pix_stream_app::{Actor, Change, Settings};
use pix_stream_delivery::{CODES, Wire};

async fn world() -> World {
    World::with(Wire::default(), impatient()).await
}

fn read(token: &str) -> Ask {
    Ask::get(format!("/api/v1/out/{BANK}/stream/{token}"))
}

#[tokio::test(start_paused = true)]
async fn tokens_that_are_not_ours_are_400() {
    let world = world().await;
    let good = world.ask(&bank(), Ask::start(BANK)).await.next();
    let good = good.rsplit('/').next().unwrap();
    let mut tampered = good.to_owned().into_bytes();
    tampered[40] = if tampered[40] == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8(tampered).unwrap();
    let longer = format!("{good}A");
    for token in ["x", "%00", tampered.as_str(), longer.as_str(), &good[1..]] {
        for method in ["GET", "DELETE"] {
            let ask = Ask::new(method, format!("/api/v1/out/{BANK}/stream/{token}"));
            world.ask(&bank(), ask).await.problem(400, "invalidCursor");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_participant_is_400_and_its_path_403() {
    let world = world().await;
    world.publish(&["M1"], 50).await;
    let first = world.ask(&bank(), Ask::start(BANK)).await;
    let token = first.next().rsplit('/').next().unwrap().to_owned();
    let other = peer("other", "ISPB-99999001");
    for method in ["GET", "DELETE"] {
        let under_own = Ask::new(method, format!("/api/v1/out/{OTHER}/stream/{token}"));
        world.ask(&other, under_own).await.problem(400, "invalidCursor");
        let under_its = Ask::new(method, format!("/api/v1/out/{BANK}/stream/{token}"));
        world.ask(&other, under_its).await.problem(403, "forbidden");
    }
    let next = world.ask(&bank(), Ask::get(first.next())).await;
    assert_eq!((next.status, next.header("PI-Thread-Slot")), (204, "1/6"), "nothing had moved");
}

#[tokio::test(start_paused = true)]
async fn strict_mode_refuses_what_icom_refuses() {
    let world = World::with(Wire { strict: true, ..Wire::default() }, impatient()).await;
    assert_eq!(world.ask(&bank(), Ask::start(BANK)).await.status, 204);
    let refused = world.ask(&bank(), Ask::start(BANK).header("traceparent", "00-1")).await;
    let title = refused.problem(400, "invalidHeader");
    assert!(title.contains("traceparent"), "{title}");
    let raw = format!(
        "GET /api/v1/out/{BANK}/stream/start HTTP/1.1\r\nHost: icom:8443\r\nConnection: close\r\n\r\n"
    );
    Reply::parse(&world.raw(&bank(), raw.as_bytes()).await, false).problem(400, "invalidHeader");
}

#[tokio::test(start_paused = true)]
async fn a_read_with_a_broken_body_moves_nothing() {
    let world = world().await;
    world.publish(&["M1"], 50).await;
    let head = format!("GET /api/v1/out/{BANK}/stream/start HTTP/1.1\r\nHost: icom\r\n");
    let malformed = format!("{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n");
    let reply = Reply::parse(&world.raw(&bank(), malformed.as_bytes()).await, false);
    reply.problem(400, "invalidHeader");
    assert_eq!(reply.header("Connection"), "close");
    let whole = format!("{head}Connection: close\r\nContent-Length: 3\r\n\r\nabc");
    let reply = Reply::parse(&world.raw(&bank(), whole.as_bytes()).await, false);
    assert_eq!((reply.status, reply.header("PI-Thread-Slot")), (200, "1/6"));
    let large = Ask::get(format!("/api/v1/out/{BANK}/stream/start")).body(vec![b'x'; 65 * 1024]);
    world.ask(&bank(), large).await.problem(413, "tooLarge");
}

#[tokio::test(start_paused = true)]
async fn certificates_that_may_not_are_403() {
    let world = world().await;
    let start = || Ask::start(BANK);
    for who in [peer("other", "ISPB-99999001"), peer("nobody", ""), two_ispbs("both"), producer(), admin()] {
        let reply = world.ask(&who, start()).await;
        reply.problem(403, "forbidden");
        assert_eq!(reply.find("X-RateLimit-Limit"), None, "before the rate check");
    }
    let publish = || Ask::publish(BANK, "application/xml", "<m/>");
    for who in [bank(), peer("producer of one", ""), two_ispbs("producer")] {
        world.ask(&who, publish()).await.problem(403, "forbidden");
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_paths_and_participants_are_404() {
    let world = world().await;
    for path in ["/", "/api/v1/out/99999a04/stream/start", "/api/v1/out/123/msgs", "/api/v1/out/catalog/"] {
        let reply = world.ask(&bank(), Ask::get(path)).await;
        reply.problem(404, "notFound");
        assert_eq!(reply.find("X-RateLimit-Limit"), None);
    }
    let stranger = peer("stranger", "ISPB-99999999");
    world.ask(&stranger, Ask::start(STRANGER)).await.problem(404, "notFound");
    world.ask(&stranger, Ask::get("/api/v1/out/catalog")).await.problem(404, "notFound");
    let publish = Ask::new("POST", format!("/api/v1/out/{STRANGER}/msgs"));
    world.ask(&producer(), publish.body("x")).await.problem(404, "notFound");
}

#[tokio::test(start_paused = true)]
async fn other_methods_are_405_with_allow() {
    let world = world().await;
    let start = format!("/api/v1/out/{BANK}/stream/start");
    let pull = format!("/api/v1/out/{BANK}/stream/x");
    let messages = format!("/api/v1/out/{BANK}/msgs");
    for (method, path, allow) in [
        ("OPTIONS", start.as_str(), "GET"),
        ("DELETE", &start, "GET"),
        ("POST", &start, "GET"),
        ("PUT", &pull, "GET, DELETE"),
        ("OPTIONS", &pull, "GET, DELETE"),
        ("POST", "/api/v1/out/catalog", "GET"),
        ("GET", &messages, "POST"),
    ] {
        let reply = world.ask(&bank(), Ask::new(method, path)).await;
        reply.problem(405, "methodNotAllowed");
        assert_eq!(reply.header("Allow"), allow, "{method} {path}");
    }
    for path in [&start, &pull] {
        assert_eq!(world.ask(&bank(), Ask::new("HEAD", path.as_str())).await.status, 405);
    }
}

#[tokio::test(start_paused = true)]
async fn an_unacceptable_accept_is_406_and_moves_nothing() {
    let world = world().await;
    world.publish(&["M1"], 50).await;
    let refused = world.ask(&bank(), Ask::start(BANK).header("Accept", "application/json")).await;
    refused.problem(406, "notAcceptable");
    assert!(refused.find("X-RateLimit-Limit").is_some());
    assert_eq!(world.ask(&bank(), Ask::start(BANK)).await.header("PI-Thread-Slot"), "1/6");
    let ask = Ask::get("/api/v1/out/catalog").header("Accept", "multipart/mixed");
    world.ask(&bank(), ask).await.problem(406, "notAcceptable");
}

#[tokio::test(start_paused = true)]
async fn an_old_token_is_410() {
    let world = world().await;
    world.publish(&["M1", "M2", "M3"], 50).await;
    let first = world.ask(&bank(), Ask::start(BANK)).await;
    let second = world.ask(&bank(), Ask::get(first.next())).await;
    let third = world.ask(&bank(), Ask::get(second.next())).await;
    assert_eq!(third.status, 200);
    world.ask(&bank(), Ask::get(first.next())).await.problem(410, "streamGone");
}

#[tokio::test(start_paused = true)]
async fn requests_over_the_rate_are_429() {
    let settings = Settings { requests_per_second: 2, ..impatient() };
    let world = World::with(Wire::default(), settings).await;
    for _ in 0..2 {
        assert_eq!(world.ask(&bank(), Ask::start(BANK)).await.status, 204);
    }
    let refused = world.ask(&bank(), read("x")).await;
    refused.problem(429, "rateLimit");
    assert_eq!(refused.header("Retry-After"), "1");
    assert_eq!(refused.header("X-RateLimit-Remaining"), "0");
    assert_eq!(refused.find("PI-Thread-Slot"), None);
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.ask(&bank(), read("x")).await.problem(400, "invalidCursor");
}

#[tokio::test(start_paused = true)]
async fn a_pause_a_drain_and_a_store_that_is_down_are_503() {
    let world = world().await;
    let actor = Actor { name: "admin", request_id: "r", reason: "" };
    world.app.change(ispb(BANK), Change::Pause, false, actor).await.unwrap();
    let paused = world.ask(&bank(), Ask::start(BANK)).await;
    paused.problem(503, "paused");
    world.app.change(ispb(BANK), Change::Resume, false, actor).await.unwrap();
    world.ports.journal.faults().set_down(true);
    let publish = || Ask::publish(BANK, "application/xml", "<m id=\"1\" to=\"99999A04\"/>");
    let down = world.ask(&producer(), publish()).await;
    let title = down.problem(503, "unavailable");
    assert!(!title.contains("journal"), "no cause leaves: {title}");
    world.ports.journal.faults().clear();
    world.app.begin_drain();
    let draining = world.ask(&bank(), Ask::start(BANK)).await;
    draining.problem(503, "overloaded");
    for reply in [&paused, &down, &draining] {
        assert!(reply.header("Retry-After").parse::<u64>().unwrap() >= 1);
    }
}

#[tokio::test(start_paused = true)]
async fn error_bodies_are_gzip_when_accepted() {
    let world = world().await;
    let reply = world.ask(&bank(), Ask::get("/nowhere").gzip()).await;
    assert_eq!(reply.header("Content-Encoding"), "gzip");
    reply.problem(404, "notFound");
}

#[tokio::test(start_paused = true)]
async fn the_base_of_the_type_is_configurable() {
    let wire = Wire { problem_type_base: "https://psti.example/e/".to_owned(), ..Wire::default() };
    let world = World::with(wire, impatient()).await;
    let reply = world.ask(&bank(), Ask::get("/nowhere")).await;
    assert!(reply.text().contains("<type>https://psti.example/e/notFound</type>"));
}

#[test]
fn every_code_has_a_section_in_the_documents() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md")).unwrap();
    for code in CODES {
        assert!(text.contains(&format!("\n### `{code}`")), "{code}");
    }
}
