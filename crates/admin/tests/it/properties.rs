//! What a participant is and may: offboarding, retention, holds by time, slots, replay sessions (issue 7, items 2 and 5).

use serde_json::{Value, json};

use crate::world::{Ask, BANK, Reply, World, admin, auditor, bank, impatient, operator, producer};
use pix_stream_delivery::Wire;

fn one(verb: &str) -> String {
    format!("/admin/v1/participants/{BANK}{verb}")
}

async fn world() -> World {
    World::with(Wire::default(), impatient()).await
}

async fn done(world: &World, ask: Ask) -> Value {
    let reply = world.ask_admin(&admin(), ask).await;
    assert!([200, 201].contains(&reply.status), "{}", reply.text());
    reply.json()
}

fn told(reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (status, &json!(code)), "{}", reply.text());
}

/// Tries a change, makes it, and makes it again: that it would, that it did, that there was nothing left to do.
async fn three_times(world: &World, ask: impl Fn(&str) -> Ask) -> Value {
    let tried = done(world, ask("?dry_run=true")).await;
    assert_eq!((&tried["dry_run"], &tried["changed"]), (&json!(true), &json!(true)), "{tried}");
    let made = done(world, ask("")).await;
    assert_eq!((&made["dry_run"], &made["changed"]), (&json!(false), &json!(true)), "{made}");
    assert_eq!(tried["participant"], made["participant"], "a dry run says what it comes to");
    let again = done(world, ask("")).await;
    assert_eq!(again["changed"], false, "{again}");
    assert_eq!(again["participant"], made["participant"]);
    made
}

#[tokio::test(start_paused = true)]
async fn who_is_offboarded_neither_reads_nor_is_published_for_until_onboarded_again() {
    let world = world().await;
    world.publish(&["M1"], 50).await;
    let gone =
        three_times(&world, |query| Ask::new("POST", one(&format!("/offboard{query}"))).json("{}")).await;
    assert_eq!(gone["participant"]["offboarded"], true);
    world.ask(&bank(), Ask::start(BANK)).await.problem(404, "notFound");
    let message = format!("<m id=\"M2\" to=\"{BANK}\"></m>");
    let publish = || Ask::publish(BANK, "application/xml", message.clone());
    world.ask(&producer(), publish()).await.problem(404, "notFound");
    three_times(&world, |query| Ask::new("POST", one(&format!("/onboard{query}")))).await;
    assert_eq!(world.ask(&bank(), Ask::start(BANK)).await.status, 200);
    assert_eq!(world.ask(&producer(), publish()).await.status, 201);
    told(&world.ask_admin(&operator(), Ask::new("POST", one("/offboard"))).await, 403, "forbidden");
}

#[tokio::test(start_paused = true)]
async fn retention_is_set_in_days_and_goes_back_to_the_configurations() {
    let world = world().await;
    let put = |query: &str, body: &str| Ask::new("PUT", one(&format!("/retention{query}"))).json(body);
    let set = three_times(&world, |query| put(query, r#"{"days": 90, "reason": "contract"}"#)).await;
    assert_eq!(set["participant"]["retention_days"], 90);
    let back = three_times(&world, |query| put(query, r#"{"days": null}"#)).await;
    assert_eq!(back["participant"]["retention_days"], Value::Null);
    for days in [0, 3651] {
        let reply = world.ask_admin(&admin(), put("", &json!({ "days": days }).to_string())).await;
        told(&reply, 400, "invalidRequest");
    }
    let body = r#"{"ispb": "12345678", "retention_days": 7}"#;
    let created = world.ask_admin(&admin(), Ask::new("POST", "/admin/v1/participants").json(body)).await;
    assert_eq!((created.status, &created.json()["participant"]["retention_days"]), (201, &json!(7)));
}

#[tokio::test(start_paused = true)]
async fn a_hold_may_be_of_a_range_of_time() {
    let world = world().await;
    let hold = |verb: &str, query: &str, from: u64, to: u64| {
        let body = json!({ "from_unix_ms": from, "to_unix_ms": to, "reason": "order 7" }).to_string();
        Ask::new("POST", one(&format!("/{verb}{query}"))).json(&body)
    };
    let held = three_times(&world, |query| hold("hold", query, 1_000, 2_000)).await;
    assert_eq!(held["participant"]["holds"], json!([{"from_unix_ms": 1_000, "to_unix_ms": 2_000}]));
    assert_eq!(held["participant"]["held"], false);
    let left = three_times(&world, |query| hold("unhold", query, 1_500, 3_000)).await;
    assert_eq!(left["participant"]["holds"], json!([{"from_unix_ms": 1_000, "to_unix_ms": 1_500}]));
    let all = done(&world, Ask::new("POST", one("/unhold"))).await;
    assert_eq!(all["participant"]["holds"], json!([]));
    told(&world.ask_admin(&admin(), hold("hold", "", 2_000, 2_000)).await, 400, "invalidRequest");
    let half = Ask::new("POST", one("/hold")).json(r#"{"from_unix_ms": 1}"#);
    told(&world.ask_admin(&admin(), half).await, 400, "invalidRequest");
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_is_released_gives_back_what_it_held() {
    let world = world().await;
    world.publish(&["M1", "M2"], 50).await;
    let held = world.ask(&bank(), Ask::start(BANK).many()).await;
    assert_eq!(held.messages().len(), 2);
    let release = |query: &str| {
        Ask::new("POST", one(&format!("/slots/1/release{query}"))).json(r#"{"reason": "stuck"}"#)
    };
    let tried = done(&world, release("?dry_run=true")).await;
    assert_eq!((&tried["released"], &tried["redeliver"]), (&json!(true), &json!(2)));
    let released = world.ask_admin(&operator(), release("")).await.json();
    assert_eq!((&released["released"], &released["redeliver"]), (&json!(true), &json!(2)));
    let again = done(&world, release("")).await;
    assert_eq!((&again["changed"], &again["released"]), (&json!(false), &json!(false)));
    let next = world.ask(&bank(), Ask::start(BANK).many()).await;
    assert_eq!(next.messages(), held.messages());
    for slot in ["0", "7", "x"] {
        let ask = Ask::new("POST", one(&format!("/slots/{slot}/release")));
        told(&world.ask_admin(&operator(), ask).await, 404, "notFound");
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_session_reads_a_range_once_more_and_moves_nothing() {
    let world = world().await;
    let messages = world.publish(&["M1", "M2", "M3"], 50).await;
    let open = |query: &str, body: &str| Ask::new("POST", one(&format!("/replay{query}"))).json(body);
    let body = r#"{"from": 2, "to": 3, "valid_minutes": 5, "reason": "dispute 9"}"#;
    let tried = done(&world, open("?dry_run=true", body)).await;
    assert_eq!(
        (&tried["messages"], &tried["token"], &tried["path"]),
        (&json!(2), &Value::Null, &Value::Null)
    );
    assert_eq!(done(&world, Ask::get(one("/replay"))).await["replay"], Value::Null);
    let opened = world.ask_admin(&admin(), open("", body)).await;
    assert_eq!(opened.status, 201, "{}", opened.text());
    let session = opened.json();
    assert_eq!((&session["from"], &session["to"], &session["messages"]), (&json!(2), &json!(3), &json!(2)));
    let read = world.ask(&bank(), Ask::get(session["path"].as_str().unwrap()).many()).await;
    assert_eq!(
        read.messages(),
        [&messages[1], &messages[2]].map(|one| String::from_utf8(one.to_vec()).unwrap())
    );
    assert_eq!(done(&world, Ask::get(one(""))).await["unconfirmed"], 3);
    let again = done(&world, open("", body)).await;
    assert_eq!((&again["changed"], &again["session"]), (&json!(false), &session["session"]));
    let other = open("", r#"{"from": 1, "to": 1}"#);
    told(&world.ask_admin(&admin(), other).await, 409, "conflict");
    let shown = world.ask_admin(&auditor(), Ask::get(one("/replay"))).await.json();
    assert_eq!(shown["replay"]["session"], session["session"]);
    let closed = done(&world, Ask::new("DELETE", one("/replay"))).await;
    assert_eq!(closed["changed"], true);
    assert_eq!(done(&world, Ask::new("DELETE", one("/replay"))).await["changed"], false);
    for wrong in [
        "{}",
        r#"{"from": 1}"#,
        r#"{"from": 2, "to": 1}"#,
        r#"{"from": 1, "to": 2, "since_unix_ms": 1, "until_unix_ms": 2}"#,
    ] {
        told(&world.ask_admin(&admin(), open("", wrong)).await, 400, "invalidRequest");
    }
    told(&world.ask_admin(&operator(), open("", body)).await, 403, "forbidden");
}
