//! What the process does for the admin API: keys, log, slow requests, evidence, drain, reload; over hooks that only
//! remember.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use pix_stream_admin::Hooks;
use pix_stream_admin::hooks::{
    Anchor, ChainHead, ChainRead, ChainVerified, Delivery, Evidence, ExportRange, HookError, Key, KeyFiles,
    Keys, KeysChanged, LogLevel, LogState, MessageEvidence, Node, NodeFacts, Recorded, Reload, Reloaded,
    Said, SlowRequest, SlowRing, Waiting,
};
use pix_stream_domain::audit::Event;
use pix_stream_domain::ispb::Ispb;
use serde_json::json;
use tokio::sync::mpsc;

use crate::world::{Ask, BANK, OTHER, Reply, World, admin, auditor, operator};

/// A message that the hooks know, as it stands in a path.
pub(crate) const MESSAGE: &str = "UEkBbgR78VqKK_uvuq9O0r9bqXyBH9Ur";

/// Hooks that remember what they were told.
#[derive(Default)]
pub(crate) struct FakeHooks {
    /// Calls of a reload that was for real.
    pub(crate) reloads: AtomicUsize,
    /// What is wrong with the files that are read again.
    pub(crate) problems: Mutex<Vec<String>>,
    pub(crate) draining: AtomicBool,
    keys: Mutex<Option<Keys>>,
    log: Mutex<Option<LogState>>,
}

/// The traits are for what stands behind an `Arc`.
#[derive(Clone)]
struct Given(Arc<FakeHooks>);

impl FakeHooks {
    pub(crate) fn given(hooks: &Arc<Self>) -> Hooks {
        let given = || Arc::new(Given(Arc::clone(hooks)));
        Hooks {
            reload: Some(given()),
            keys: Some(given()),
            log: Some(given()),
            slow: Some(given()),
            evidence: Some(given()),
            node: Some(given()),
        }
    }
}

fn key(id: u8, signing: bool) -> Key {
    Key { id, created_unix_ms: 1_000, age_days: 91, signing, due: signing }
}

impl Given {
    fn keys(&self) -> Keys {
        let keys = self.0.keys.lock().unwrap();
        keys.clone().unwrap_or(Keys { signing: 1, keys: vec![key(1, true)] })
    }

    fn change(&self, after: Keys, dry_run: bool) -> Waiting<'_, Said<KeysChanged>> {
        let before = self.keys();
        if !dry_run {
            *self.0.keys.lock().unwrap() = Some(after.clone());
        }
        Box::pin(std::future::ready(Ok(KeysChanged { changed: before != after, before, after })))
    }
}

impl KeyFiles for Given {
    fn list(&self) -> Waiting<'_, Said<Keys>> {
        Box::pin(std::future::ready(Ok(self.keys())))
    }

    fn rotate(&self, stage: bool, dry_run: bool) -> Waiting<'_, Said<KeysChanged>> {
        if self.keys().keys.len() == 2 {
            let told = "two keys live: retire one first".to_owned();
            return Box::pin(std::future::ready(Err(HookError::Conflict(told))));
        }
        let signing = if stage { 1 } else { 2 };
        self.change(Keys { signing, keys: vec![key(2, !stage), key(1, stage)] }, dry_run)
    }

    fn sign(&self, id: u8, dry_run: bool) -> Waiting<'_, Said<KeysChanged>> {
        let mut keys = self.keys();
        if !keys.keys.iter().any(|key| key.id == id) {
            return Box::pin(std::future::ready(Err(HookError::Missing("there is no such key".to_owned()))));
        }
        keys.signing = id;
        keys.keys.iter_mut().for_each(|key| (key.signing, key.due) = (key.id == id, key.id == id));
        self.change(keys, dry_run)
    }

    fn retire(&self, id: u8, dry_run: bool) -> Waiting<'_, Said<KeysChanged>> {
        let mut keys = self.keys();
        if keys.signing == id {
            let told = "this key signs".to_owned();
            return Box::pin(std::future::ready(Err(HookError::Conflict(told))));
        }
        keys.keys.retain(|key| key.id != id);
        self.change(keys, dry_run)
    }
}

impl LogLevel for Given {
    fn current(&self) -> LogState {
        let configured =
            LogState { level: "info".to_owned(), configured: "info".to_owned(), until_unix_ms: None };
        self.0.log.lock().unwrap().clone().unwrap_or(configured)
    }

    fn set(&self, level: &str, minutes: u32, dry_run: bool) -> Said<LogState> {
        if level.contains('!') {
            return Err(HookError::Invalid("`level` is no filter: at `!`".to_owned()));
        }
        let until_unix_ms = Some(u64::from(minutes) * 60_000);
        let state = LogState { level: level.to_owned(), configured: "info".to_owned(), until_unix_ms };
        if !dry_run {
            *self.0.log.lock().unwrap() = Some(state.clone());
        }
        Ok(state)
    }
}

impl SlowRing for Given {
    fn recent(&self) -> Vec<SlowRequest> {
        vec![SlowRequest {
            at_unix_ms: 1,
            request_id: "r1".to_owned(),
            trace_id: None,
            route: "pull".to_owned(),
            ispb: Some(BANK.to_owned()),
            work_ms: 300.5,
            store_ms: [("journal".to_owned(), 290.0)].into(),
            status: 200,
        }]
    }
}

impl Evidence for Given {
    fn message<'a>(&'a self, resource_id: &'a str) -> Waiting<'a, Said<MessageEvidence>> {
        let known = MESSAGE.replace('_', "/");
        if resource_id != known {
            let told = "nobody knows this message".to_owned();
            return Box::pin(std::future::ready(Err(HookError::Missing(told))));
        }
        let delivery = Delivery {
            at_unix_ms: 2,
            chain: "a".to_owned(),
            record: 9,
            token_sha256: "ab".to_owned(),
            presented_sha256: None,
            replay: false,
            session: None,
            request_id: "r1".to_owned(),
        };
        let moved = Recorded {
            at_unix_ms: 3,
            chain: "a".to_owned(),
            record: 10,
            request_id: "r2".to_owned(),
            token_sha256: None,
            actor: Some("admin".to_owned()),
            what: "participant.rewind to 7".to_owned(),
        };
        let chain =
            ChainRead { chain: "a".to_owned(), first: 1, last: 10, head: "ef".to_owned(), holds: true };
        Box::pin(std::future::ready(Ok(MessageEvidence {
            resource_id: known,
            ispb: BANK.to_owned(),
            sequence: 7,
            sha256: None,
            published_unix_ms: Some(1),
            publisher: Some("producer".to_owned()),
            repeats: Vec::new(),
            deliveries: vec![delivery],
            confirmed_unix_ms: None,
            confirmations: Vec::new(),
            returned: Vec::new(),
            moves: vec![moved],
            chains: vec![chain],
            verified: true,
            findings: Vec::new(),
        })))
    }

    fn head(&self) -> Waiting<'_, Said<ChainHead>> {
        let anchor = Anchor { records: 2, head: "cd".to_owned(), at_unix_ms: 5 };
        let head = ChainHead { records: 3, head: "ef".to_owned(), anchor: Some(anchor) };
        Box::pin(std::future::ready(Ok(head)))
    }

    fn verify(&self) -> Waiting<'_, Said<ChainVerified>> {
        let verified = ChainVerified { verified: true, records: 3, anchors: 1, findings: Vec::new() };
        Box::pin(std::future::ready(Ok(verified)))
    }

    fn export(&self, ispb: Ispb, range: ExportRange) -> Waiting<'_, Said<mpsc::Receiver<Said<Bytes>>>> {
        Box::pin(async move {
            let (to, lines) = mpsc::channel(4);
            if matches!(range, ExportRange::Sequences { from: 13, .. }) {
                to.send(Err(HookError::Unavailable("the journal".to_owned()))).await.unwrap();
                return Ok(lines);
            }
            to.send(Ok(Bytes::from(format!("{{\"ispb\":\"{ispb}\"}}\n")))).await.unwrap();
            if matches!(range, ExportRange::Sequences { from: 14, .. }) {
                to.send(Err(HookError::Unavailable("the journal".to_owned()))).await.unwrap();
            } else {
                to.send(Ok(Bytes::from_static(b"{\"messages\":1}\n"))).await.unwrap();
            }
            Ok(lines)
        })
    }
}

impl Node for Given {
    fn facts(&self) -> NodeFacts {
        NodeFacts {
            version: "0.0.0-test".to_owned(),
            pid: 7,
            uptime_s: 3,
            region: None,
            draining: self.0.draining.load(Ordering::Relaxed),
            fallback: false,
            config: json!({"listen": {"api": "127.0.0.1:8443"}}),
        }
    }

    fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }
}

impl Reload for Given {
    fn reload(&self, dry_run: bool) -> Waiting<'_, Reloaded> {
        self.0.reloads.fetch_add(usize::from(!dry_run), Ordering::Relaxed);
        let problems = self.0.problems.lock().unwrap().clone();
        let reloaded = Reloaded { reloaded: vec!["certificates".to_owned()], problems };
        Box::pin(std::future::ready(reloaded))
    }
}

fn told(reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (status, &json!(code)), "{}", reply.text());
}

/// Command, detail and whether it was done, of every command on record but of participants.
async fn audited(world: &World) -> Vec<(String, String, bool)> {
    // The audit log is written in batches, off the requests.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut commands = Vec::new();
    for record in world.ports.audit_log.records() {
        if let Event::Admin { command, detail, done, .. } = record.event
            && !command.starts_with("participant.")
        {
            commands.push((command.into(), detail.into(), done));
        }
    }
    commands
}

#[tokio::test(start_paused = true)]
async fn keys_are_tried_made_signed_with_and_retired_and_never_shown() {
    let world = World::new().await;
    let post = |path: &str, body: &str| Ask::new("POST", format!("/admin/v1/keys/{path}")).json(body);
    let listed = world.ask_admin(&auditor(), Ask::get("/admin/v1/keys")).await.json();
    assert_eq!((&listed["signing"], &listed["keys"][0]["due"]), (&json!(1), &json!(true)));
    let tried = world.ask_admin(&admin(), post("rotate?dry_run=true", "{}")).await;
    assert_eq!((tried.status, &tried.json()["signing"]), (200, &json!(2)));
    let staged = world.ask_admin(&admin(), post("rotate", r#"{"stage": true, "reason": "90 days"}"#)).await;
    assert_eq!(
        (staged.status, &staged.json()["changed"], &staged.json()["signing"]),
        (201, &json!(true), &json!(1))
    );
    told(&world.ask_admin(&admin(), post("rotate", "{}")).await, 409, "conflict");
    told(&world.ask_admin(&admin(), post("1/retire", "")).await, 409, "conflict");
    told(&world.ask_admin(&admin(), post("sign", r#"{"id": 9}"#)).await, 404, "notFound");
    told(&world.ask_admin(&admin(), post("sign", r#"{"id": 999}"#)).await, 400, "invalidRequest");
    let signed = world.ask_admin(&admin(), post("sign", r#"{"id": 2}"#)).await.json();
    assert_eq!((&signed["signing"], &signed["changed"]), (&json!(2), &json!(true)));
    let again = world.ask_admin(&admin(), post("sign", r#"{"id": 2}"#)).await.json();
    assert_eq!(again["changed"], false);
    let retired = world.ask_admin(&admin(), post("1/retire", "")).await.json();
    assert_eq!(retired["keys"].as_array().unwrap().len(), 1);
    told(&world.ask_admin(&operator(), post("rotate", "{}")).await, 403, "forbidden");
    let audited = audited(&world).await;
    let done: Vec<_> = audited.iter().filter(|one| one.2).map(|one| one.1.as_str()).collect();
    assert_eq!(
        done,
        [
            "keys 1 signing 1 -> keys 2+1 signing 1; reason: 90 days",
            "keys 2+1 signing 1 -> keys 2+1 signing 2",
            "keys 2+1 signing 2 -> keys 2 signing 2",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_log_is_set_for_a_while_with_before_and_after_on_record() {
    let world = World::new().await;
    let put = |query: &str, body: &str| Ask::new("PUT", format!("/admin/v1/log{query}")).json(body);
    let body = r#"{"level": "debug", "minutes": 5, "reason": "incident 7"}"#;
    let tried = world.ask_admin(&operator(), put("?dry_run=true", body)).await.json();
    assert_eq!((&tried["changed"], &tried["level"]), (&json!(true), &json!("debug")));
    assert_eq!(world.ask_admin(&auditor(), Ask::get("/admin/v1/log")).await.json()["level"], "info");
    let set = world.ask_admin(&operator(), put("", body)).await.json();
    assert_eq!((&set["until_unix_ms"], &set["configured"]), (&json!(300_000), &json!("info")));
    told(&world.ask_admin(&operator(), put("", r#"{"level": "!"}"#)).await, 400, "invalidRequest");
    told(
        &world.ask_admin(&operator(), put("", r#"{"level": "info", "minutes": 1441}"#)).await,
        400,
        "invalidRequest",
    );
    told(&world.ask_admin(&auditor(), put("", body)).await, 403, "forbidden");
    let audited = audited(&world).await;
    assert_eq!(audited[0].1, "info -> debug for 5 minutes; reason: incident 7");
}

#[tokio::test(start_paused = true)]
async fn a_drain_begins_once_and_is_recorded() {
    let world = World::new().await;
    let drain = |query: &str| Ask::new("POST", format!("/admin/v1/drain{query}"));
    let tried = world.ask_admin(&operator(), drain("?dry_run=true")).await;
    assert_eq!(
        (tried.status, tried.json()),
        (200, json!({"dry_run": true, "changed": true, "draining": false}))
    );
    assert!(!world.hooks.draining.load(Ordering::Relaxed));
    let begun = world.ask_admin(&operator(), drain("").json(r#"{"reason": "new version"}"#)).await;
    assert_eq!((begun.status, &begun.json()["changed"]), (202, &json!(true)));
    assert!(world.hooks.draining.load(Ordering::Relaxed));
    world.app.begin_drain();
    let again = world.ask_admin(&operator(), drain("")).await;
    assert_eq!((again.status, &again.json()["changed"]), (202, &json!(false)));
    let audited = audited(&world).await;
    assert_eq!(audited, [("node.drain".into(), "serving -> draining; reason: new version".into(), true)]);
}

#[tokio::test(start_paused = true)]
async fn facts_slow_requests_and_the_chain_are_shown() {
    let world = World::new().await;
    let show = async |path: &str| {
        let reply = world.ask_admin(&auditor(), Ask::get(path)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    };
    assert_eq!(show("/admin/v1/node").await["config"]["listen"]["api"], "127.0.0.1:8443");
    assert_eq!(show("/admin/v1/slow").await["requests"][0]["store_ms"]["journal"], 290.0);
    assert_eq!(show("/admin/v1/audit/head").await["anchor"]["records"], 2);
    let found = show(&format!("/admin/v1/audit/messages/{MESSAGE}")).await;
    assert_eq!((&found["ispb"], &found["deliveries"][0]["record"]), (&json!(BANK), &json!(9)));
    let spelled = MESSAGE.replace('_', "%2F");
    assert_eq!(show(&format!("/admin/v1/audit/messages/{spelled}")).await, found);
    let other = world.ask_admin(&auditor(), Ask::get("/admin/v1/audit/messages/x")).await;
    told(&other, 404, "notFound");
    let verified = world.ask_admin(&auditor(), Ask::new("POST", "/admin/v1/audit/verify")).await;
    assert_eq!((verified.status, &verified.json()["verified"]), (200, &json!(true)));
    told(&world.ask_admin(&operator(), Ask::get("/admin/v1/audit/head")).await, 403, "forbidden");
}

#[tokio::test(start_paused = true)]
async fn an_export_is_lines_and_one_that_breaks_is_not_whole() {
    let world = World::new().await;
    let export = |ispb: &str, query: &str| format!("/admin/v1/participants/{ispb}/export?{query}");
    let whole = world.raw_admin(&auditor(), &Ask::get(export(BANK, "from=1&to=9")).to_bytes()).await;
    let whole = String::from_utf8(whole).unwrap();
    assert!(whole.starts_with("HTTP/1.1 200") && whole.contains("application/x-ndjson"), "{whole}");
    assert!(whole.contains("{\"messages\":1}\n") && whole.ends_with("0\r\n\r\n"), "{whole}");
    let broken = world.raw_admin(&auditor(), &Ask::get(export(BANK, "from=14&to=15")).to_bytes()).await;
    let broken = String::from_utf8(broken).unwrap();
    assert!(!broken.ends_with("0\r\n\r\n"), "{broken}");
    let early = world.ask_admin(&auditor(), Ask::get(export(BANK, "from=13&to=15"))).await;
    told(&early, 503, "unavailable");
    assert!(early.find("Retry-After").is_some());
    for query in [
        "",
        "from=1",
        "from=9&to=1",
        "from=1&to=2&since_unix_ms=1&until_unix_ms=2",
        "since_unix_ms=2&until_unix_ms=2",
    ] {
        let reply = world.ask_admin(&auditor(), Ask::get(export(OTHER, query))).await;
        told(&reply, 400, "invalidRequest");
    }
    told(&world.ask_admin(&auditor(), Ask::get(export("00000000", "from=1&to=2"))).await, 404, "notFound");
}
