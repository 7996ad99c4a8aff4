//! The error matrix and what operators do (protocol, sections 2, 5, 6).

use pix_stream_testkit::http::Ask;

use super::site::Bank;

pub(super) async fn a_foreign_participant_is_forbidden(bank: Bank) {
    bank.ask(Ask::start("99999001").many()).await.problem(403, "forbidden");
    bank.ask(Ask::publish(&bank.ispb, "application/xml", "<x/>")).await.problem(403, "forbidden");
    bank.ask_producer(Ask::start(&bank.ispb)).await.problem(403, "forbidden");
}

pub(super) async fn unknown_paths_and_participants_are_not_found(bank: Bank) {
    bank.ask(Ask::get("/api/v1/out/short/stream/start")).await.problem(404, "notFound");
    bank.ask(Ask::get("/api/v2/out")).await.problem(404, "notFound");
    bank.ask_producer(Ask::publish("99999999", "application/xml", "<x/>")).await.problem(404, "notFound");
}

pub(super) async fn wrong_methods_and_types_are_refused_before_a_cursor_moves(bank: Bank) {
    bank.publish(&bank.messages(1)).await;
    let refused = bank.ask(Ask::new("DELETE", format!("/api/v1/out/{}/stream/start", bank.ispb))).await;
    refused.problem(405, "methodNotAllowed");
    assert_eq!(refused.header("Allow"), "GET");
    bank.ask(Ask::start(&bank.ispb).header("Accept", "text/html")).await.problem(406, "notAcceptable");
    let first = bank.start().await;
    assert_eq!(first.header("PI-Thread-Slot"), "1/6", "no stream was opened before");
    assert_eq!(first.messages(), bank.messages(1));
}

pub(super) async fn tampered_and_foreign_tokens_are_invalid(bank: Bank) {
    bank.publish(&bank.messages(1)).await;
    let reply = bank.start().await;
    let next = reply.next();
    let (path, token) = next.rsplit_once('/').unwrap();
    for at in [0, 20, 60, token.len() - 2] {
        let mut tampered = token.as_bytes().to_vec();
        tampered[at] = if tampered[at] == b'A' { b'B' } else { b'A' };
        let path = format!("{path}/{}", String::from_utf8(tampered).unwrap());
        bank.ask(Ask::get(&path)).await.problem(400, "invalidCursor");
        bank.ask(Ask::new("DELETE", path)).await.problem(400, "invalidCursor");
    }
    bank.ask(Ask::get(format!("{path}/nonsense"))).await.problem(400, "invalidCursor");
    assert_eq!(bank.read_on(&reply).await.status, 204, "the real one is still good");
}

pub(super) async fn a_pause_holds_on_every_node_until_it_ends(bank: Bank) {
    bank.publish(&bank.messages(2)).await;
    let change = |what: &str| {
        Ask::new("POST", format!("/admin/v1/participants/{}/{what}", bank.ispb))
            .json(r#"{"reason":"a test"}"#)
    };
    let first = bank.ask(Ask::start(&bank.ispb)).await;
    let paused = bank.ask_admin(change("pause")).await;
    assert_eq!(paused.status, 200, "{}", paused.text());
    for _ in 0..2 {
        let refused = bank.read_on(&first).await;
        refused.problem(503, "paused");
        assert!(refused.header("Retry-After").parse::<u64>().unwrap() >= 1);
    }
    assert_eq!(bank.ask_admin(change("resume")).await.status, 200);
    for _ in 0..2 {
        assert_eq!(bank.read_on(&first).await.messages(), bank.messages(2)[1..]);
    }
}

pub(super) async fn the_rate_window_shows_in_every_answer(bank: Bank) {
    let first = bank.start().await;
    let limit: u32 = first.header("X-RateLimit-Limit").parse().unwrap();
    for reply in [&first, &bank.ask(Ask::get("/api/v1/out/catalog")).await, &bank.read_on(&first).await] {
        let remaining: u32 = reply.header("X-RateLimit-Remaining").parse().unwrap();
        assert!(remaining < limit, "{remaining} of {limit}");
        assert!(reply.header("X-RateLimit-Reset").parse::<u32>().unwrap() <= 1);
        assert!(!reply.header("X-Request-Id").is_empty());
    }
}

pub(super) async fn a_participant_is_known_on_every_node_as_soon_as_it_is_onboarded(bank: Bank) {
    let stranger = "99980001";
    let site = std::sync::Arc::clone(&bank.site);
    for _ in 0..2 {
        bank.ask_producer(Ask::publish(stranger, "application/xml", "<x/>")).await.problem(404, "notFound");
    }
    tokio::task::spawn_blocking(move || site.onboard(stranger)).await.unwrap();
    for _ in 0..4 {
        let reply = bank.ask_producer(Ask::publish(stranger, "application/xml", "<x/>")).await;
        reply.problem(400, "invalidMessage");
    }
}
