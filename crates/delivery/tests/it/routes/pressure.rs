//! Back-pressure on the wire (D.2; protocol, sections 3 and 6): who is told to slow down, what is shed, and what refusals
//! of the rate limit cost.

use std::collections::BTreeSet;
use std::time::Duration;

use pix_stream_app::{Kind, PressureSettings, Settings};
use pix_stream_delivery::Wire;
use pix_stream_testkit::fake::FakeCodec;
use tokio::time::Instant;

use crate::routes::world::{Ask, BANK, OTHER, Reply, World, bank, impatient, ispb, producer};

const SIGNAL: &str = "X-Backpressure-Signal";

async fn world(requests_per_second: u32) -> World {
    let pressure = Some(PressureSettings::default());
    World::with(Wire::default(), Settings { pressure, requests_per_second, ..impatient() }).await
}

/// The store takes this long, for so many rounds, in which the bank asks a hundred times as much as the other, and all but
/// five requests wait.
async fn press(world: &World, kind: Kind, takes: Duration, rounds: u32) {
    let pressure = world.app.pressure();
    for _ in 0..rounds {
        tokio::time::sleep(Duration::from_millis(100)).await;
        pressure.note_store(kind, takes, 5);
        let _shed = pressure.admit(kind, ispb(OTHER), 1);
        let _shed = pressure.admit(kind, ispb(BANK), 100);
    }
}

async fn publish(world: &World, to: &str, id: &str) -> Reply {
    let message = FakeCodec::message(id, ispb(to), 50);
    world.ask(&producer(), Ask::publish(to, "application/xml", message.to_vec())).await
}

#[tokio::test(start_paused = true)]
async fn while_a_store_is_slow_the_noisy_participant_alone_is_asked_to_slow_down() {
    let world = world(1_000).await;
    assert_eq!(publish(&world, BANK, "M1").await.find(SIGNAL), None);
    press(&world, Kind::Publish, Duration::from_millis(400), 20).await;
    let slowed = publish(&world, BANK, "M2").await;
    assert_eq!((slowed.status, slowed.header(SIGNAL)), (201, "slow"));
    assert_eq!(publish(&world, OTHER, "M3").await.find(SIGNAL), None);
    assert_eq!(world.ask(&bank(), Ask::start(BANK)).await.find(SIGNAL), None, "reading is another matter");
    press(&world, Kind::Publish, Duration::ZERO, 60).await;
    assert_eq!(publish(&world, BANK, "M4").await.find(SIGNAL), None, "it is over");
}

#[tokio::test(start_paused = true)]
async fn what_is_shed_is_503_overloaded_with_a_wait_that_differs() {
    let world = world(1_000).await;
    let mut waits = BTreeSet::new();
    for _ in 0..40 {
        press(&world, Kind::Pull, Duration::from_secs(3), 5).await;
        let answer = world.ask(&bank(), Ask::start(BANK)).await;
        if answer.status == 503 {
            answer.problem(503, "overloaded");
            assert_eq!(answer.header(SIGNAL), "slow");
            assert!(answer.find("X-RateLimit-Limit").is_some());
            waits.insert(answer.header("Retry-After").to_owned());
        }
    }
    assert!(
        waits.len() >= 3 && waits.iter().all(|wait| ["1", "2", "3", "4"].contains(&wait.as_str())),
        "{waits:?}"
    );
    assert_eq!(publish(&world, BANK, "M1").await.status, 201, "publishing has a budget of its own");
}

#[tokio::test(start_paused = true)]
async fn who_asks_beyond_all_measure_waits_for_its_429() {
    let world = world(5).await;
    let mut waited = Vec::new();
    for _ in 0..30 {
        let begun = Instant::now();
        let answer = world.ask(&bank(), Ask::get("/api/v1/out/catalog")).await;
        if answer.status == 429 {
            answer.problem(429, "rateLimit");
            waited.push(begun.elapsed() >= Duration::from_millis(250));
        }
    }
    assert_eq!(
        waited.iter().take_while(|waited| !**waited).count(),
        10,
        "twice the limit is answered at once"
    );
    assert!(waited.iter().filter(|waited| **waited).count() >= 2, "{waited:?}");
}
