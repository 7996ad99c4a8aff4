//! The catalogue of participants, its switches, and reloads over the admin API (issue 5, item 3).

use std::sync::atomic::Ordering;

use pix_stream_delivery::Wire;
use pix_stream_testkit::fake::codec::MESSAGE_TYPE;
use serde_json::{Value, json};

use crate::quarantine::audited;
use crate::world::{Ask, BANK, World, admin, auditor, bank, impatient, operator, peer, producer};

const TYPES: &str = "/admin/v1/catalog";
const RELOAD: &str = "/admin/v1/reload";

async fn world() -> World {
    World::with(Wire::default(), impatient()).await
}

impl World {
    /// Switches the usual message type for all.
    pub(crate) async fn switch(&self, verb: &str) -> Value {
        let reply =
            self.ask_admin(&admin(), Ask::new("POST", format!("{TYPES}/{MESSAGE_TYPE}/{verb}"))).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    async fn switch_of(&self, verb: &str, participant: &str) -> Value {
        let body = json!({"participant": participant, "reason": "pilot"}).to_string();
        let ask = Ask::new("POST", format!("{TYPES}/{MESSAGE_TYPE}/{verb}")).json(&body);
        let reply = self.ask_admin(&admin(), ask).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    async fn has(&self, who: &str, unit: &str) -> bool {
        let reply = self.ask(&peer(who, unit), Ask::get("/api/v1/out/catalog")).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.text().contains(MESSAGE_TYPE)
    }
}

#[tokio::test(start_paused = true)]
async fn a_type_that_is_off_is_neither_listed_nor_taken_and_a_participants_own_switch_goes_first() {
    let world = world().await;
    assert!(world.has("bank", "ISPB-99999A04").await);
    let switched = world.switch("disable").await;
    assert_eq!(
        (&switched["type"], &switched["enabled"], &switched["dry_run"], &switched["changed"]),
        (&json!(MESSAGE_TYPE), &json!(false), &json!(false), &json!(true))
    );
    assert_eq!(world.switch("disable").await["changed"], false);
    assert!(!world.has("bank", "ISPB-99999A04").await && !world.has("producer", "").await);
    let switched = world.switch_of("enable", BANK).await;
    assert_eq!(switched["participants"], json!([{"ispb": BANK, "enabled": true}]));
    assert!(world.has("bank", "ISPB-99999A04").await && !world.has("other", "ISPB-99999001").await);
    let message = format!("<m id=\"M1\" to=\"{BANK}\"></m>");
    assert_eq!(world.ask(&producer(), Ask::publish(BANK, "application/xml", message)).await.status, 201);
    world.switch_of("clear", BANK).await;
    let message = format!("<m id=\"M2\" to=\"{BANK}\"></m>");
    let reply = world.ask(&producer(), Ask::publish(BANK, "application/xml", message)).await;
    reply.problem(400, "invalidMessage");
    assert!(reply.details()[0].contains("[disabledType]"), "{:?}", reply.details());
    let listed = world.ask_admin(&auditor(), Ask::get(TYPES)).await.json();
    let one = listed["types"].as_array().unwrap().iter().find(|one| one["type"] == MESSAGE_TYPE).unwrap();
    assert_eq!(
        (&one["loaded"], &one["enabled"], &one["participants"]),
        (&json!(true), &json!(false), &json!([]))
    );
}

#[tokio::test(start_paused = true)]
async fn a_switch_is_tried_first_and_what_cannot_be_is_refused() {
    let world = world().await;
    let ask = |path: String, body: &str| Ask::new("POST", path).json(body);
    let tried = ask(format!("{TYPES}/{MESSAGE_TYPE}/disable?dry_run=true"), "{}");
    let tried = world.ask_admin(&admin(), tried).await.json();
    assert_eq!((&tried["dry_run"], &tried["enabled"]), (&json!(true), &json!(false)));
    assert!(world.has("bank", "ISPB-99999A04").await);
    for (path, body, status) in [
        (format!("{TYPES}/{MESSAGE_TYPE}/disable"), r#"{"participant": "short"}"#, 400),
        (format!("{TYPES}/{MESSAGE_TYPE}/disable"), r#"{"participant": "00000000"}"#, 404),
        (format!("{TYPES}/{MESSAGE_TYPE}/disable"), r#"{"on": true}"#, 400),
        (format!("{TYPES}/pacs.999.spi.9.9/disable"), "{}", 400),
        (format!("{TYPES}/{MESSAGE_TYPE}/toggle"), "{}", 404),
    ] {
        let reply = world.ask_admin(&admin(), ask(path.clone(), body)).await;
        assert_eq!(reply.status, status, "{path} {body}: {}", reply.text());
    }
    let reply = world.ask_admin(&auditor(), ask(format!("{TYPES}/{MESSAGE_TYPE}/disable"), "{}")).await;
    assert_eq!(reply.status, 403);
    assert!(world.has("bank", "ISPB-99999A04").await);
    assert_eq!(world.ask_admin(&bank(), Ask::get(TYPES)).await.status, 403);
}

#[tokio::test(start_paused = true)]
async fn a_reload_says_what_is_in_force_and_what_is_wrong() {
    // A node whose binary has no such thing.
    let bare = World::bare().await;
    assert_eq!(bare.ask_admin(&admin(), Ask::new("POST", RELOAD)).await.status, 404);
    let world = world().await;
    let reply = world.ask_admin(&admin(), Ask::new("POST", RELOAD).json(r#"{"reason": "drill"}"#)).await;
    assert_eq!((reply.status, reply.json()), (200, json!({"dry_run": false, "reloaded": ["certificates"]})));
    world.hooks.problems.lock().unwrap().push("a.xsd:1:2 is not closed".to_owned());
    for query in ["", "?dry_run=true"] {
        let reply = world.ask_admin(&operator(), Ask::new("POST", format!("{RELOAD}{query}"))).await;
        assert_eq!((reply.status, &reply.json()["error"]["code"]), (409, &json!("conflict")));
        assert_eq!(reply.json()["error"]["details"], json!(["a.xsd:1:2 is not closed"]));
    }
    for (who, ask, status) in [(auditor(), Ask::new("POST", RELOAD), 403), (admin(), Ask::get(RELOAD), 405)] {
        assert_eq!(world.ask_admin(&who, ask).await.status, status);
    }
    assert_eq!(
        world.hooks.reloads.load(Ordering::Relaxed),
        2,
        "neither the dry run nor anybody else caused one"
    );
    let reloads: Vec<bool> =
        audited(&world).await.into_iter().filter(|one| one.1 == "server.reload").map(|one| one.2).collect();
    assert_eq!(reloads, [true, false, false, false], "done, in part, tried, and refused to the auditor");
}
