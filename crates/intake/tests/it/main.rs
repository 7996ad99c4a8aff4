//! Unattended intake from a queue (B.5), over the fakes and the real core, in paused time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in a function that it calls")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pix_stream_app::{Actor, App, Properties};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::token::Keyring;
use pix_stream_intake::Settings;
use pix_stream_ports::regions::Sequencing;
use pix_stream_testkit::fake::{FakeIntake, SplitMix64};
use pix_stream_testkit::sim_clock::START;
use pix_stream_testkit::{FakeCodec, FakePorts, SimClock};
use tokio::task::{AbortHandle, JoinHandle};

const OPERATOR: Actor<'_> = Actor { name: "ana", request_id: "r-op", reason: "a test" };

struct World {
    app: App<FakePorts>,
    ports: FakePorts,
    intake: FakeIntake,
    ispb: Ispb,
    worker: JoinHandle<()>,
}

impl World {
    async fn new() -> Self {
        Self::with(pix_stream_app::Settings::default()).await
    }

    async fn with(settings: pix_stream_app::Settings) -> Self {
        let ports = FakePorts::new(7, SimClock::following_tokio(START));
        let ispb = "99999A04".parse().unwrap();
        ports.journal.onboard(Participant::new(ispb, START));
        let keyring = Keyring::new((1, [7; 32]), None);
        let app = App::start(ports.another_node(), keyring, settings).await.unwrap();
        let intake = FakeIntake::new(3);
        intake.set_hold_life(Duration::from_secs(3));
        let worker = begin(&app, &intake);
        Self { app, ports, intake, ispb, worker }
    }

    fn message(&self, id: &str) -> Bytes {
        FakeCodec::message(id, self.ispb, 100)
    }

    fn put(&self, id: &str) {
        self.intake.put(self.ispb.as_str(), "core", self.message(id));
    }

    fn stored(&self) -> Vec<Bytes> {
        self.ports.journal.peek_messages(self.ispb).into_iter().map(|stored| stored.xml).collect()
    }

    async fn expect_empty(&self) {
        for _ in 0..600 {
            if self.intake.peek_entries().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{} entries are left", self.intake.peek_entries().len());
    }
}

fn begin(app: &App<FakePorts>, intake: &FakeIntake) -> JoinHandle<()> {
    let settings = Settings { workers: 2, ..Settings::default() };
    tokio::spawn(pix_stream_intake::run(app.clone(), Arc::new(intake.another_node()), settings))
}

#[tokio::test(start_paused = true)]
async fn entries_become_messages_in_order_and_are_acknowledged() {
    let world = World::new().await;
    let sent: Vec<Bytes> = (0..20).map(|n| world.message(&format!("M{n}"))).collect();
    for xml in &sent {
        world.intake.put(world.ispb.as_str(), "core", xml.clone());
    }
    world.expect_empty().await;
    assert_eq!(world.stored(), sent);
    assert!(world.ports.quarantine.peek_entries().is_empty());
}

#[tokio::test(start_paused = true)]
async fn entries_of_one_batch_keep_their_order_around_a_refused_one() {
    let world = World::new().await;
    world.worker.abort();
    for n in 0..10 {
        world.put(&format!("M{n}"));
        if n == 4 {
            world.intake.put(world.ispb.as_str(), "core", "no message");
        }
    }
    let _worker = begin(&world.app, &world.intake);
    world.expect_empty().await;
    let expected: Vec<Bytes> = (0..10).map(|n| world.message(&format!("M{n}"))).collect();
    assert_eq!(world.stored(), expected);
    let kept = world.ports.quarantine.peek_entries();
    assert_eq!(kept.len(), 1);
    assert_eq!(
        (kept[0].summary.intake.as_str(), kept[0].summary.producer.as_str()),
        ("redis-stream", "core")
    );
    assert_eq!(kept[0].xml, "no message");
}

#[tokio::test(start_paused = true)]
async fn the_same_message_twice_is_stored_once() {
    let world = World::new().await;
    world.put("M1");
    world.put("M1");
    world.expect_empty().await;
    world.put("M1");
    world.expect_empty().await;
    assert_eq!(world.stored().len(), 1);
    assert!(world.ports.quarantine.peek_entries().is_empty());
}

#[tokio::test(start_paused = true)]
async fn other_bytes_under_a_known_id_are_quarantined_as_a_conflict() {
    let world = World::new().await;
    world.put("M1");
    world.expect_empty().await;
    world.intake.put(world.ispb.as_str(), "core", FakeCodec::message("M1", world.ispb, 200));
    world.expect_empty().await;
    let kept = world.ports.quarantine.peek_entries();
    assert_eq!(kept[0].summary.rule.code(), "conflict");
    assert_eq!(world.stored().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_entry_for_nobody_is_put_aside_with_the_reason() {
    let world = World::new().await;
    world.intake.put("not an ISPB", "core", world.message("M1"));
    world.expect_empty().await;
    let refused = world.intake.peek_refused();
    assert_eq!(refused.len(), 1);
    assert!(refused[0].1.contains("ISPB") && !refused[0].1.contains("not an"), "{}", refused[0].1);
}

#[tokio::test(start_paused = true)]
async fn an_entry_for_who_is_not_onboarded_is_kept_and_released_after_onboarding() {
    let world = World::new().await;
    let other: Ispb = "99999A77".parse().unwrap();
    world.intake.put(other.as_str(), "core", FakeCodec::message("M1", other, 100));
    world.expect_empty().await;
    let kept = world.ports.quarantine.peek_entries();
    assert_eq!(kept.len(), 1);
    world.app.onboard(other, Properties::default(), false, OPERATOR).await.unwrap();
    world.app.quarantine_release(kept[0].summary.id, false, OPERATOR).await.unwrap();
    assert_eq!(world.ports.journal.peek_messages(other).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_published_now_is_left_and_published_later() {
    let world = World::new().await;
    world.ports.journal.faults().set_down(true);
    for n in 0..5 {
        world.put(&format!("M{n}"));
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(world.intake.peek_entries().len(), 5);
    assert!(world.ports.quarantine.peek_entries().is_empty());
    world.ports.journal.faults().clear();
    world.expect_empty().await;
    assert_eq!(world.stored().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_participant_over_its_backlog_does_not_hold_up_others() {
    let settings = pix_stream_app::Settings { backlog_high_water: 1, ..Default::default() };
    let world = World::with(settings).await;
    let other: Ispb = "99999A77".parse().unwrap();
    world.app.onboard(other, Properties::default(), false, OPERATOR).await.unwrap();
    world.put("M1");
    world.expect_empty().await;
    world.put("M2");
    world.intake.put(other.as_str(), "core", FakeCodec::message("M3", other, 100));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(world.intake.peek_entries().len(), 1, "the backlog's entry waits");
    assert_eq!(world.ports.journal.peek_messages(other).len(), 1);
}

/// Entries of one participant that can never be brought; then some of another.
async fn expect_others_in_time(world: &World, count: usize) {
    let other: Ispb = "99999A77".parse().unwrap();
    world.app.onboard(other, Properties::default(), false, OPERATOR).await.unwrap();
    for n in 0..2_000 {
        world.put(&format!("S{n}"));
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(world.intake.peek_entries().len(), 2_000, "they wait");
    for n in 0..count {
        world.intake.put(other.as_str(), "core", FakeCodec::message(&format!("M{n}"), other, 100));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(world.ports.journal.peek_messages(other).len(), count);
    assert_eq!(world.intake.peek_entries().len(), 2_000);
}

#[tokio::test(start_paused = true)]
async fn thousands_of_entries_over_a_backlog_do_not_hold_up_others() {
    let settings = pix_stream_app::Settings { backlog_high_water: 1, ..Default::default() };
    let world = World::with(settings).await;
    world.put("M1");
    world.expect_empty().await;
    // The limit is everybody's.
    expect_others_in_time(&world, 1).await;
}

#[tokio::test(start_paused = true)]
async fn thousands_of_entries_for_another_region_do_not_hold_up_others_and_keep_their_order() {
    let world = World::new().await;
    world.ports.regions.set(world.ispb, Sequencing::Elsewhere { region: "south".into() });
    expect_others_in_time(&world, 200).await;
    world.ports.regions.set(world.ispb, Sequencing::Here);
    world.expect_empty().await;
    let expected: Vec<Bytes> = (0..2_000).map(|n| world.message(&format!("S{n}"))).collect();
    assert_eq!(world.stored(), expected);
}

/// Two nodes, of which each may be killed, over stores that fail and lose answers: whatever happens, what a participant
/// is sent is what was left for it, once and in order.
#[tokio::test(start_paused = true)]
async fn faults_of_all_stores_and_deaths_of_nodes_lose_double_and_reorder_nothing() {
    for seed in 1..=20 {
        let world = World::new().await;
        let other = begin(&world.app, &world.intake);
        let mut workers = [world.worker.abort_handle(), other.abort_handle()];
        world.ports.journal.faults().set_random(100, 100);
        world.intake.faults().set_random(100, 100);
        world.ports.quarantine.faults().set_random(100, 100);
        let mut random = SplitMix64::new(seed);
        let mut expected = Vec::new();
        for n in 0..300 {
            if n % 10 == 0 {
                world.intake.put(world.ispb.as_str(), "core", format!("bad {n}"));
            } else {
                let id = format!("M{n}");
                world.put(&id);
                expected.push(world.message(&id));
            }
            if random.below(20) == 0 {
                let dies = &mut workers[usize::try_from(random.below(2)).unwrap()];
                dies.abort();
                *dies = begin(&world.app, &world.intake).abort_handle();
            }
            if random.below(20) == 0 {
                world.intake.end_hold();
            }
            tokio::time::sleep(Duration::from_millis(random.below(40))).await;
        }
        world.expect_empty().await;
        assert_eq!(world.stored(), expected, "seed {seed}");
        assert_eq!(world.ports.quarantine.peek_entries().len(), 30, "seed {seed}");
        workers.iter().for_each(AbortHandle::abort);
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_the_workers_and_leaves_the_rest() {
    let world = World::new().await;
    world.app.begin_drain();
    world.put("M1");
    let ended = tokio::time::timeout(Duration::from_secs(5), world.worker).await;
    assert!(ended.is_ok());
    assert_eq!(world.intake.peek_entries().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dead_workers_entries_are_taken_over() {
    let world = World::new().await;
    world.ports.journal.faults().set_latency(Duration::from_secs(60), Duration::from_secs(60));
    world.put("M1");
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.worker.abort();
    world.ports.journal.faults().clear();
    let _worker = begin(&world.app, &world.intake);
    world.expect_empty().await;
    assert_eq!(world.stored().len(), 1);
}
