//! The admin listener: health, metrics, participants, roles (issue 4, item 6).

use std::time::Duration;

use crate::world::{
    Ask, BANK, Reply, World, admin, auditor, bank, impatient, ispb, peer, producer, two_ispbs,
};
use pix_stream_delivery::Wire;
use pix_stream_domain::audit::Event;
use serde_json::{Value, json};

const LIST: &str = "/admin/v1/participants";

fn one(verb: &str) -> String {
    format!("{LIST}/{BANK}{verb}")
}

async fn world() -> World {
    World::with(Wire::default(), impatient()).await
}

async fn done(world: &World, ask: Ask) -> Value {
    let reply = world.ask_admin(&admin(), ask).await;
    assert_eq!((reply.status, reply.header("Content-Type")), (200, "application/json"), "{}", reply.text());
    reply.json()
}

fn fault(reply: &Reply, status: u16, code: &str) -> String {
    let body = reply.json();
    assert_eq!((reply.status, &body["error"]["code"]), (status, &json!(code)), "{body}");
    assert!(reply.find("X-Request-Id").is_some());
    body["error"]["message"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn health_says_what_is_wrong() {
    let world = world().await;
    let live = done(&world, Ask::get("/health/live")).await;
    assert_eq!(live, json!({"status": "live"}));
    let ready = done(&world, Ask::get("/health/ready")).await;
    assert_eq!(
        (&ready["status"], &ready["draining"], &ready["reasons"]),
        (&json!("ready"), &json!(false), &json!([]))
    );
    world.ports.journal.faults().set_down(true);
    let reply = world.ask_admin(&auditor(), Ask::get("/health/ready")).await;
    let body = reply.json();
    assert_eq!((reply.status, &body["status"]), (503, &json!("not_ready")));
    assert!(body["reasons"][0].as_str().unwrap().starts_with("journal: "), "{body}");
    let failed = body["dependencies"].as_array().unwrap().iter().find(|d| d["name"] == "journal").unwrap();
    assert_eq!(failed["status"], "failed");
    world.ports.journal.faults().clear();
    world.app.begin_drain();
    let reply = world.ask_admin(&admin(), Ask::get("/health/ready")).await;
    assert_eq!((reply.status, &reply.json()["reasons"]), (503, &json!(["draining"])));
}

#[tokio::test(start_paused = true)]
async fn a_legal_hold_is_tried_begun_and_ended() {
    let world = world().await;
    let tried = done(&world, Ask::new("POST", one("/hold?dry_run=true"))).await;
    assert_eq!((&tried["dry_run"], &tried["participant"]["held"]), (&json!(true), &json!(true)));
    assert_eq!(done(&world, Ask::get(one(""))).await["held"], false);
    let held = done(&world, Ask::new("POST", one("/hold")).json(r#"{"reason": "court order 0815"}"#)).await;
    assert_eq!(held["participant"]["held"], true);
    assert_eq!(done(&world, Ask::get(one(""))).await["held"], true);
    let over = done(&world, Ask::new("POST", one("/unhold"))).await;
    assert_eq!(over["participant"]["held"], false);
    let refused = world.ask_admin(&auditor(), Ask::new("POST", one("/hold"))).await;
    assert_eq!(refused.status, 403);
}

#[tokio::test(start_paused = true)]
async fn a_participant_of_another_region_is_503_with_retry_after() {
    use pix_stream_ports::regions::Sequencing;
    let world = world().await;
    let ispb = BANK.parse().unwrap();
    world.ports.regions.set(ispb, Sequencing::Elsewhere { region: "south".into() });
    let reply = world.ask(&bank(), Ask::start(BANK)).await;
    assert!(reply.find("Retry-After").is_some());
    assert!(!String::from_utf8_lossy(&reply.body).contains("south"), "the cause is for the log");
    reply.problem(503, "unavailable");
}

#[tokio::test(start_paused = true)]
async fn metrics_and_the_status_page_are_for_operators() {
    let world = world().await;
    let metrics = world.ask_admin(&auditor(), Ask::get("/metrics")).await;
    assert_eq!((metrics.status, metrics.text().as_str()), (200, "pix_stream_up 1\n"));
    assert_eq!(metrics.header("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = world.ask_admin(&admin(), Ask::get("/")).await.text();
    assert!(text.contains(BANK) && text.contains("0.0.0-test") && text.contains("Unconfirmed"), "{text}");
    let html = world.ask_admin(&admin(), Ask::get("/").header("Accept", "text/html,*/*")).await;
    assert_eq!(html.header("Content-Type"), "text/html; charset=utf-8");
    assert!(html.text().contains("<td>99999A04</td>"));
    for path in ["/metrics", "/", "/health/live"] {
        for who in [bank(), producer(), peer("nobody", "")] {
            fault(&world.ask_admin(&who, Ask::get(path)).await, 403, "forbidden");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_plain_listener_has_health_and_metrics_only() {
    let world = world().await;
    for path in ["/health/live", "/health/ready", "/metrics"] {
        assert_eq!(world.ask_plain(Ask::get(path)).await.status, 200);
    }
    for path in ["/", LIST] {
        fault(&world.ask_plain(Ask::get(path)).await, 404, "notFound");
    }
    fault(&world.ask_plain(Ask::new("POST", "/metrics")).await, 405, "methodNotAllowed");
}

#[tokio::test(start_paused = true)]
async fn a_participant_is_onboarded_once() {
    let world = world().await;
    let body =
        r#"{"ispb": "12345678", "name": "Banco", "limits": {"requests_per_second": 50}, "reason": "new"}"#;
    let tried = done(&world, Ask::new("POST", format!("{LIST}?dry_run=true")).json(body)).await;
    assert_eq!((&tried["dry_run"], &tried["participant"]["name"]), (&json!(true), &json!("Banco")));
    fault(&world.ask_admin(&admin(), Ask::get(format!("{LIST}/12345678"))).await, 404, "notFound");
    let created = world.ask_admin(&admin(), Ask::new("POST", LIST).json(body)).await;
    assert_eq!(created.status, 201);
    assert_eq!(created.json()["participant"]["limits"]["requests_per_second"], 50);
    let again = done(&world, Ask::new("POST", LIST).json(body)).await;
    assert_eq!(again["participant"], created.json()["participant"]);
    let other = Ask::new("POST", LIST).json(r#"{"ispb": "12345678", "name": "Outro"}"#);
    fault(&world.ask_admin(&admin(), other).await, 409, "conflict");
    let list = done(&world, Ask::get(LIST)).await;
    let ispbs: Vec<_> = list["participants"].as_array().unwrap().iter().map(|p| p["ispb"].clone()).collect();
    assert_eq!(ispbs, ["12345678", "99999001", "99999A04"]);
}

#[tokio::test(start_paused = true)]
async fn pausing_stops_reads_until_resumed() {
    let world = world().await;
    let paused = done(&world, Ask::new("POST", one("/pause")).json(r#"{"reason": "incident 7"}"#)).await;
    assert_eq!(paused["participant"]["paused"], true);
    world.ask(&bank(), Ask::start(BANK)).await.problem(503, "paused");
    done(&world, Ask::new("POST", one("/resume"))).await;
    assert_eq!(world.ask(&bank(), Ask::start(BANK)).await.status, 204);
}

#[tokio::test(start_paused = true)]
async fn a_cap_bounds_the_streams() {
    let world = world().await;
    let tried = done(&world, Ask::new("PUT", one("/cap?dry_run=true")).json(r#"{"cap": 1}"#)).await;
    assert_eq!((&tried["dry_run"], &tried["participant"]["cap"]), (&json!(true), &json!(6)));
    done(&world, Ask::new("PUT", one("/cap")).json(r#"{"cap": 1}"#)).await;
    assert_eq!(world.ask(&bank(), Ask::start(BANK)).await.header("PI-Thread-Slot"), "1/1");
    let refused = world.ask(&bank(), Ask::start(BANK)).await;
    refused.problem(429, "threadLimit");
    assert_eq!(refused.header("PI-Thread-Slot"), "1/1");
    for cap in [0, 7, 300] {
        let ask = Ask::new("PUT", one("/cap")).json(&json!({ "cap": cap }).to_string());
        fault(&world.ask_admin(&admin(), ask).await, 400, "invalidRequest");
    }
}

#[tokio::test(start_paused = true)]
async fn limits_are_replaced_as_a_whole() {
    let world = world().await;
    let set = |body: &'static str| Ask::new("PUT", one("/limits")).json(body);
    let saved = done(&world, set(r#"{"requests_per_second": 5, "backlog_high_water": 9}"#)).await;
    assert_eq!(saved["participant"]["limits"], json!({"requests_per_second": 5, "backlog_high_water": 9}));
    assert_eq!(world.ask(&bank(), Ask::start(BANK)).await.header("X-RateLimit-Limit"), "5");
    let saved = done(&world, set(r#"{"backlog_high_water": 9}"#)).await;
    assert_eq!(saved["participant"]["limits"]["requests_per_second"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn rewinding_delivers_again_and_advancing_skips() {
    let world = world().await;
    world.publish(&["M1", "M2", "M3", "M4"], 50).await;
    let first = world.ask(&bank(), Ask::start(BANK).many()).await;
    let empty = world.ask(&bank(), Ask::get(first.next()).many()).await;
    assert_eq!(empty.status, 204);
    let tried = done(&world, Ask::new("POST", one("/rewind?dry_run=true")).json(r#"{"to": 2}"#)).await;
    assert_eq!((&tried["redeliver"], &tried["dry_run"]), (&json!(3), &json!(true)));
    let shown = done(&world, Ask::get(one(""))).await;
    assert_eq!((&shown["watermark"], &shown["unconfirmed"]), (&json!(4), &json!(0)));
    done(&world, Ask::new("POST", one("/rewind")).json(r#"{"to": 2, "reason": "lost file"}"#)).await;
    let skipped = done(&world, Ask::new("POST", one("/advance")).json(r#"{"to": 3}"#)).await;
    assert_eq!(skipped["skipped"], 1);
    let again = world.ask(&bank(), Ask::start(BANK).many()).await;
    assert_eq!(again.messages().len(), 2);
    let far = Ask::new("POST", one("/rewind")).json(r#"{"to": 99}"#);
    fault(&world.ask_admin(&admin(), far).await, 400, "invalidRequest");
}

#[tokio::test(start_paused = true)]
async fn an_auditor_looks_and_changes_nothing() {
    let world = world().await;
    assert_eq!(world.ask_admin(&auditor(), Ask::get(one(""))).await.status, 200);
    assert_eq!(world.ask_admin(&auditor(), Ask::get(LIST)).await.status, 200);
    for (method, verb) in [("POST", "/pause"), ("PUT", "/cap"), ("POST", "/rewind")] {
        let reply = world.ask_admin(&auditor(), Ask::new(method, one(verb)).json("{}")).await;
        fault(&reply, 403, "forbidden");
    }
    for who in [bank(), producer(), two_ispbs("admin")] {
        fault(&world.ask_admin(&who, Ask::get(LIST)).await, 403, "forbidden");
    }
    assert_eq!(done(&world, Ask::get(one(""))).await["paused"], false);
    // The audit log is written in batches, off the requests.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let refused = world.ports.audit_log.records().into_iter().filter_map(|record| match record.event {
        Event::Admin { actor, command, done: false, .. } => Some((record.ispb, actor, command)),
        Event::Admin { .. }
        | Event::Read { .. }
        | Event::Redeem { .. }
        | Event::ReplayRead { .. }
        | Event::Close { .. }
        | Event::Publish { .. }
        | Event::Quarantine { .. }
        | Event::System { .. } => None,
    });
    let refused: Vec<_> = refused.collect();
    let of_bank = |actor: &str, command: &str| (Some(ispb(BANK)), actor.into(), command.into());
    assert_eq!(
        refused[..2],
        [of_bank("auditor", "participant.pause"), of_bank("auditor", "participant.cap")]
    );
    assert_eq!(refused.len(), 6, "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn faults_of_a_command_name_their_field() {
    let world = world().await;
    for (path, body, part) in [
        (one("/cap"), "{}", "`cap` is missing"),
        (one("/cap"), r#"{"cap": "1"}"#, "`cap` must be a whole number"),
        (one("/cap"), r#"{"cap": 1, "colour": 2}"#, "`colour` is not known"),
        (one("/limits"), r#"{"requests_per_second": -1}"#, "`requests_per_second`"),
        (one("/limits"), "[]", "not a JSON object"),
        (one("/limits"), "{", "not JSON"),
        (one("/cap?now=1"), r#"{"cap": 1}"#, "dry_run"),
    ] {
        let reply = world.ask_admin(&admin(), Ask::new("PUT", path).json(body)).await;
        let message = fault(&reply, 400, "invalidRequest");
        assert!(message.contains(part), "{message}");
    }
    let long = json!({ "reason": "x".repeat(1025) }).to_string();
    let reply = world.ask_admin(&admin(), Ask::new("POST", one("/pause")).json(&long)).await;
    assert!(fault(&reply, 400, "invalidRequest").contains("`reason`"));
    let ispb = Ask::new("POST", LIST).json(r#"{"ispb": "short"}"#);
    assert!(fault(&world.ask_admin(&admin(), ispb).await, 400, "invalidRequest").contains("`ispb`"));
}

#[tokio::test(start_paused = true)]
async fn a_command_is_json_of_bounded_size_and_not_from_a_page() {
    let world = world().await;
    let form = Ask::new("POST", one("/pause")).header("Content-Type", "text/plain").body("{}");
    fault(&world.ask_admin(&admin(), form).await, 415, "unsupportedMediaType");
    let untyped = Ask::new("POST", one("/pause")).body("{}");
    fault(&world.ask_admin(&admin(), untyped).await, 415, "unsupportedMediaType");
    let large = Ask::new("POST", one("/pause")).json(&" ".repeat(64 * 1024 + 1));
    fault(&world.ask_admin(&admin(), large).await, 413, "tooLarge");
    let page = Ask::new("POST", one("/pause")).header("Origin", "https://evil.example");
    fault(&world.ask_admin(&admin(), page).await, 403, "forbidden");
    assert_eq!(done(&world, Ask::get(one(""))).await["paused"], false);
}

#[tokio::test(start_paused = true)]
async fn unknown_paths_methods_and_participants_are_answered_in_json() {
    let world = world().await;
    for path in ["/admin/v1/other", "/admin/v1/participants/", "/openapi.yaml", "/api/v1/out/catalog"] {
        fault(&world.ask_admin(&admin(), Ask::get(path)).await, 404, "notFound");
    }
    fault(&world.ask_admin(&admin(), Ask::get(format!("{LIST}/00000000"))).await, 404, "notFound");
    fault(&world.ask_admin(&admin(), Ask::new("POST", format!("{LIST}/short/pause"))).await, 404, "notFound");
    for (method, path, allow) in [("DELETE", LIST.to_owned(), "GET, POST"), ("GET", one("/cap"), "PUT")] {
        let reply = world.ask_admin(&admin(), Ask::new(method, path)).await;
        fault(&reply, 405, "methodNotAllowed");
        assert_eq!(reply.header("Allow"), allow);
    }
}
