//! The first check that fails answers (protocol, section 2).

use crate::routes::world::{Ask, BANK, STRANGER, World, bank, impatient, peer, producer};
use pix_stream_app::Settings;
use pix_stream_delivery::Wire;

fn bad_read(ispb: &str) -> Ask {
    Ask::get(format!("/api/v1/out/{ispb}/stream/not-a-token")).header("Accept", "text/html")
}

#[tokio::test(start_paused = true)]
async fn reads_are_checked_in_order() {
    let settings = Settings { requests_per_second: 1, ..impatient() };
    let strict = World::with(Wire { strict: true, ..Wire::default() }, settings.clone()).await;
    let nobody = peer("nobody", "");
    // Strict headers before the path.
    strict.ask(&nobody, Ask::get("/x").header("foo", "bar")).await.problem(400, "invalidHeader");
    let world = World::with(Wire::default(), settings).await;
    // The path before the method, the method before the certificate.
    world.ask(&nobody, Ask::new("PUT", "/api/v1/out/short/stream/x")).await.problem(404, "notFound");
    let put = Ask::new("PUT", format!("/api/v1/out/{BANK}/stream/x"));
    world.ask(&nobody, put).await.problem(405, "methodNotAllowed");
    // The certificate before onboarding, and before anything about the token.
    world.ask(&bank(), bad_read(STRANGER)).await.problem(403, "forbidden");
    world.ask(&peer("other", "ISPB-99999001"), bad_read(BANK)).await.problem(403, "forbidden");
    // Onboarding before the rate.
    let stranger = peer("stranger", "ISPB-99999999");
    for _ in 0..3 {
        world.ask(&stranger, bad_read(STRANGER)).await.problem(404, "notFound");
    }
    // The rate before Accept, Accept before the token.
    world.ask(&bank(), bad_read(BANK)).await.problem(406, "notAcceptable");
    world.ask(&bank(), bad_read(BANK)).await.problem(429, "rateLimit");
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let bad_token = Ask::get(format!("/api/v1/out/{BANK}/stream/not-a-token"));
    world.ask(&bank(), bad_token).await.problem(400, "invalidCursor");
}

#[tokio::test(start_paused = true)]
async fn a_bad_token_is_seen_before_a_drain() {
    let world = World::with(Wire::default(), impatient()).await;
    world.app.begin_drain();
    let bad_token = Ask::get(format!("/api/v1/out/{BANK}/stream/not-a-token"));
    world.ask(&bank(), bad_token).await.problem(400, "invalidCursor");
}

#[tokio::test(start_paused = true)]
async fn publishing_is_checked_in_order() {
    let wire = Wire { publish_bytes: 1000, message_bytes: 500, ..Wire::default() };
    let settings = Settings { backlog_high_water: 1, ..impatient() };
    let world = World::with(wire, settings).await;
    let post = |ispb: &str| Ask::new("POST", format!("/api/v1/out/{ispb}/msgs"));
    // Role, onboarded, length, size, type and coding, charset.
    world.ask(&bank(), post(STRANGER)).await.problem(403, "forbidden");
    world.ask(&producer(), post(STRANGER)).await.problem(404, "notFound");
    let untyped = post(BANK).header("Content-Type", "text/plain");
    world.ask(&producer(), untyped).await.problem(411, "lengthRequired");
    let large = Ask::publish(BANK, "text/plain", vec![b'x'; 1001]);
    world.ask(&producer(), large).await.problem(413, "tooLarge");
    let typed = Ask::publish(BANK, "text/plain; charset=latin1", "x");
    world.ask(&producer(), typed).await.problem(415, "unsupportedMediaType");
    let coded = Ask::publish(BANK, "application/xml; charset=latin1", "x").header("Content-Encoding", "br");
    world.ask(&producer(), coded).await.problem(415, "unsupportedMediaType");
    let charset = Ask::publish(BANK, "application/xml; charset=latin1", "not a message");
    world.ask(&producer(), charset).await.problem(400, "charset");
    // A repeat before the backlog, the backlog before validity.
    world.publish(&["M1"], 60).await;
    let repeat = pix_stream_testkit::fake::FakeCodec::message("M1", BANK.parse().unwrap(), 60);
    let repeated = world.ask(&producer(), Ask::publish(BANK, "application/xml", repeat)).await;
    assert_eq!(repeated.status, 201);
    let invalid = Ask::publish(BANK, "application/xml", "not a message");
    world.ask(&producer(), invalid).await.problem(503, "overloaded");
}
