//! Unattended intake, and what an operator does with what it refused (issue 5, item 5).

use std::time::Duration;

use bytes::Bytes;
use pix_stream_app::{QuarantineLimits, QuarantineSettings, Settings};
use pix_stream_delivery::Wire;
use pix_stream_domain::audit::Event;
use pix_stream_testkit::fake::FakeCodec;
use serde_json::{Value, json};

use crate::world::{Ask, BANK, OTHER, Reply, World, admin, auditor, bank, impatient, ispb, peer, producer};

const LIST: &str = "/admin/v1/quarantine";

async fn world() -> World {
    World::with(Wire::default(), impatient()).await
}

fn hand_over(xml: impl Into<Vec<u8>>) -> Ask {
    Ask::publish(BANK, "application/xml", xml).header("PI-On-Invalid", "Quarantine")
}

/// A message that is refused: it is for somebody else.
fn stray(id: &str) -> Bytes {
    FakeCodec::message(id, ispb(OTHER), 100)
}

async fn quarantined(world: &World, xml: Bytes) -> String {
    let reply = world.ask(&producer(), hand_over(xml)).await;
    assert_eq!((reply.status, reply.body.len()), (202, 0), "{reply:?}");
    assert_eq!(reply.find("PI-ResourceId"), None);
    assert!(reply.headers.iter().any(|(name, _)| name == "PI-Quarantine-Id"), "spelled so: {reply:?}");
    reply.header("PI-Quarantine-Id").to_owned()
}

fn path(id: &str, verb: &str) -> String {
    format!("{LIST}/{id}{verb}")
}

async fn shown(world: &World, path: impl Into<String>) -> Value {
    let reply = world.ask_admin(&auditor(), Ask::get(path)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

/// Nothing in it, and how much may be.
fn unused() -> Value {
    let QuarantineLimits { entries, bytes } = QuarantineSettings::default().limits;
    json!({"entries": 0, "bytes": 0, "entries_max": entries, "bytes_max": bytes})
}

fn code(reply: &Reply) -> (u16, String) {
    (reply.status, reply.json()["error"]["code"].as_str().unwrap().to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_valid_message_is_published_and_a_refused_one_is_kept_with_its_reason() {
    let world = world().await;
    let good = FakeCodec::message("M1", ispb(BANK), 100);
    let reply = world.ask(&producer(), hand_over(good.clone())).await;
    assert_eq!((reply.status, reply.find("PI-Quarantine-Id")), (201, None));
    let id = quarantined(&world, stray("M2")).await;
    let entry = shown(&world, path(&id, "")).await;
    assert_eq!(
        (&entry["id"], &entry["ispb"], &entry["rule"]),
        (&json!(id), &json!(BANK), &json!("recipient"))
    );
    assert_eq!(
        (&entry["producer"], &entry["intake"], &entry["attempts"]),
        (&json!("producer"), &json!("publish"), &json!(1))
    );
    assert_eq!(entry["findings"], json!(["1:1 m/to is not the participant it is published for"]));
    // The bank sees what is valid, and nothing else.
    let reply = world.ask(&bank(), Ask::start(BANK).many()).await;
    assert_eq!(reply.messages(), [String::from_utf8(good.to_vec()).unwrap()]);
}

#[tokio::test(start_paused = true)]
async fn the_same_bytes_again_are_the_same_entry_and_a_conflict_is_kept_too() {
    let world = world().await;
    let id = quarantined(&world, stray("M1")).await;
    assert_eq!(quarantined(&world, stray("M1")).await, id);
    assert_eq!(shown(&world, path(&id, "")).await["attempts"], 2);
    world.publish(&["M2"], 50).await;
    let other = quarantined(&world, FakeCodec::message("M2", ispb(BANK), 51)).await;
    assert_eq!(shown(&world, path(&other, "")).await["rule"], "conflict");
}

#[tokio::test(start_paused = true)]
async fn without_the_header_a_refused_message_is_400_and_not_kept() {
    let world = world().await;
    let reply = world.ask(&producer(), Ask::publish(BANK, "application/xml", stray("M1"))).await;
    reply.problem(400, "invalidMessage");
    assert_eq!(shown(&world, LIST).await["usage"], unused());
}

#[tokio::test(start_paused = true)]
async fn one_message_at_a_time_and_one_word_are_taken() {
    let world = world().await;
    let body = "--b\r\nContent-Type: application/xml\r\n\r\n<m/>\r\n".repeat(2) + "--b--\r\n";
    let two = Ask::publish(BANK, "multipart/mixed; boundary=b", body).header("PI-On-Invalid", "quarantine");
    let title = world.ask(&producer(), two).await.problem(400, "invalidHeader");
    assert!(title.starts_with("one message at a time"), "{title}");
    let ask = || Ask::publish(BANK, "application/xml", stray("M1"));
    for ask in [
        ask().header("PI-On-Invalid", "drop"),
        ask().header("PI-On-Invalid", ""),
        ask().header("PI-On-Invalid", "quarantine").header("PI-On-Invalid", "quarantine"),
    ] {
        world.ask(&producer(), ask).await.problem(400, "invalidHeader");
    }
    assert_eq!(shown(&world, LIST).await["usage"]["entries"], 0);
}

#[tokio::test(start_paused = true)]
async fn what_goes_before_validity_is_refused_as_ever() {
    let world = world().await;
    world.ask(&bank(), hand_over(stray("M1"))).await.problem(403, "forbidden");
    world.ask(&producer(), hand_over(vec![b' '; 300_000])).await.problem(413, "tooLarge");
    let html = Ask::publish(BANK, "text/html", "x").header("PI-On-Invalid", "quarantine");
    world.ask(&producer(), html).await.problem(415, "unsupportedMediaType");
    let strict = World::with(Wire { strict: true, ..Wire::default() }, impatient()).await;
    quarantined(&strict, stray("M1")).await;
    let start = Ask::start(BANK).header("PI-On-Invalid", "quarantine");
    strict.ask(&bank(), start).await.problem(400, "invalidHeader");
}

#[tokio::test(start_paused = true)]
async fn a_full_quarantine_is_503_and_keeps_what_it_has() {
    let quarantine = QuarantineSettings {
        limits: QuarantineLimits { entries: 1, bytes: 1000 },
        ..QuarantineSettings::default()
    };
    let world = World::with(Wire::default(), Settings { quarantine, ..impatient() }).await;
    let id = quarantined(&world, stray("M1")).await;
    let reply = world.ask(&producer(), hand_over(stray("M2"))).await;
    reply.problem(503, "overloaded");
    assert!(reply.find("Retry-After").is_some());
    assert_eq!(shown(&world, LIST).await["entries"][0]["id"], json!(id));
}

#[tokio::test(start_paused = true)]
async fn pages_of_a_list_join_without_gaps() {
    let world = world().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(quarantined(&world, stray(&format!("M{n}"))).await);
        tokio::time::advance(Duration::from_millis(5)).await;
    }
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = shown(&world, format!("{LIST}?limit=2{after}")).await;
        let entries = page["entries"].as_array().unwrap();
        assert!(entries.len() <= 2);
        found.extend(entries.iter().map(|entry| entry["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(found, ids);
    assert_eq!(shown(&world, format!("{LIST}?ispb={OTHER}")).await["entries"], json!([]));
    for query in ["ispb=short", "after=x", "limit=many", "limit=1&limit=2", "colour=1"] {
        let reply = world.ask_admin(&admin(), Ask::get(format!("{LIST}?{query}"))).await;
        assert_eq!(code(&reply), (400, "invalidRequest".to_owned()), "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_export_has_the_exact_bytes_and_is_for_admins() {
    let world = world().await;
    let id = quarantined(&world, stray("M1")).await;
    let reply = world.ask_admin(&admin(), Ask::get(path(&id, "/message"))).await;
    assert_eq!((reply.status, &reply.body[..]), (200, &stray("M1")[..]));
    assert_eq!(reply.header("Content-Type"), "application/octet-stream");
    let reply = world.ask_admin(&auditor(), Ask::get(path(&id, "/message"))).await;
    assert_eq!(code(&reply), (403, "forbidden".to_owned()));
    assert_eq!(
        audited(&world).await,
        [
            ("admin".to_owned(), "quarantine.export".to_owned(), true),
            ("auditor".into(), "quarantine.export".into(), false)
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_release_examines_again_and_publishes_what_is_valid_now() {
    let world = world().await;
    let body = r#"{"reason": "drill"}"#;
    world.switch("disable").await;
    let mended = FakeCodec::message("M1", ispb(BANK), 100);
    let id = quarantined(&world, mended.clone()).await;
    assert_eq!(shown(&world, path(&id, "")).await["rule"], "disabledType");
    let release = |query: &str| Ask::new("POST", path(&id, &format!("/release{query}"))).json(body);
    let reply = world.ask_admin(&admin(), release("")).await;
    assert_eq!(code(&reply), (400, "invalidMessage".to_owned()));
    assert!(
        reply.json()["error"]["details"][0].as_str().unwrap().contains("[disabledType]"),
        "{}",
        reply.text()
    );
    world.switch("enable").await;
    let tried = world.ask_admin(&admin(), release("?dry_run=true")).await;
    assert_eq!((tried.status, tried.json()), (200, json!({"dry_run": true, "resource_id": null})));
    assert_eq!(world.ask(&bank(), Ask::start(BANK)).await.status, 204);
    let done = world.ask_admin(&admin(), release("")).await.json();
    let read = world.ask(&bank(), Ask::start(BANK)).await;
    assert_eq!(
        (&read.body[..], read.header("PI-ResourceId")),
        (&mended[..], done["resource_id"].as_str().unwrap())
    );
    let again = world.ask_admin(&admin(), release("")).await;
    assert_eq!(code(&again), (404, "notFound".to_owned()));
    let audited = audited(&world).await;
    let released: Vec<_> = audited
        .iter()
        .filter(|(_, command, _)| command == "quarantine.release")
        .map(|(_, _, done)| *done)
        .collect();
    assert_eq!(released, [false, true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_drop_removes_for_good_after_it_was_tried() {
    let world = world().await;
    let id = quarantined(&world, stray("M1")).await;
    let drop = |query: &str| Ask::new("POST", path(&id, &format!("/drop{query}")));
    let tried = world.ask_admin(&admin(), drop("?dry_run=true")).await.json();
    assert_eq!((&tried["dry_run"], &tried["entry"]["id"]), (&json!(true), &json!(id)));
    assert_eq!(shown(&world, LIST).await["usage"]["entries"], 1);
    assert_eq!(world.ask_admin(&admin(), drop("")).await.status, 200);
    assert_eq!(shown(&world, LIST).await["usage"], unused());
    for verb in ["", "/message"] {
        let reply = world.ask_admin(&admin(), Ask::get(path(&id, verb))).await;
        assert_eq!(code(&reply), (404, "notFound".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn auditors_look_and_others_do_not() {
    let world = world().await;
    let id = quarantined(&world, stray("M1")).await;
    for verb in ["/release", "/drop"] {
        let reply = world.ask_admin(&auditor(), Ask::new("POST", path(&id, verb)).json("{}")).await;
        assert_eq!(code(&reply), (403, "forbidden".to_owned()));
        let page = Ask::new("POST", path(&id, verb)).header("Origin", "https://evil.example");
        assert_eq!(world.ask_admin(&admin(), page).await.status, 403);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let named = world.ports.audit_log.records().into_iter().filter(|record| {
        matches!(&record.event, Event::Admin { detail, .. } if detail.starts_with(&format!("{id}: refused: ")))
    });
    assert_eq!(named.count(), 4, "each refusal says which entry it was about");
    for who in [bank(), producer(), peer("nobody", "")] {
        for path in [LIST.to_owned(), path(&id, ""), path(&id, "/message")] {
            assert_eq!(world.ask_admin(&who, Ask::get(path)).await.status, 403);
        }
    }
    for (method, path, allow) in [("POST", LIST.to_owned(), "GET"), ("GET", path(&id, "/drop"), "POST")] {
        let reply = world.ask_admin(&admin(), Ask::new(method, path)).await;
        assert_eq!((reply.status, reply.header("Allow")), (405, allow));
    }
    assert_eq!(world.ask_plain(Ask::get(LIST)).await.status, 404);
    assert_eq!(shown(&world, LIST).await["usage"]["entries"], 1);
}

/// Actor, command and whether it was done, of every command on record.
pub(crate) async fn audited(world: &World) -> Vec<(String, String, bool)> {
    // The audit log is written in batches, off the requests.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let commands = world.ports.audit_log.records().into_iter().filter_map(|record| match record.event {
        Event::Admin { actor, command, done, .. } if !command.starts_with("participant.") => {
            Some((actor.into(), command.into(), done))
        }
        Event::Admin { .. }
        | Event::Read { .. }
        | Event::Redeem { .. }
        | Event::ReplayRead { .. }
        | Event::Close { .. }
        | Event::Publish { .. }
        | Event::Quarantine { .. }
        | Event::System { .. } => None,
    });
    commands.collect()
}
