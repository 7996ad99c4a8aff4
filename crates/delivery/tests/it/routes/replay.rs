//! Replay sessions as a participant's client sees them (issue 7, items 2 and 5): a stream like any other, at a path that
//! an operator gave it.

use std::time::Duration;

use pix_stream_app::{Actor, ReplayRange};
use pix_stream_delivery::Wire;
use pix_stream_domain::sequence::Sequence;

use crate::routes::world::{Ask, BANK, OTHER, World, bank, impatient, ispb, peer};

const IDS: [&str; 12] = ["M1", "M2", "M3", "M4", "M5", "M6", "M7", "M8", "M9", "M10", "M11", "M12"];
const ACTOR: Actor<'_> = Actor { name: "admin", request_id: "r", reason: "" };

/// Twelve messages, all of them read, and the path of a session over all but the first.
async fn replayed() -> (World, Vec<String>, String) {
    let world = World::with(Wire::default(), impatient()).await;
    let mut texts = Vec::new();
    for ids in IDS.chunks(6) {
        let messages = world.publish(ids, 300).await;
        texts.extend(messages.iter().map(|m| String::from_utf8(m.to_vec()).unwrap()));
    }
    let range = ReplayRange::Sequences { from: Sequence::new(2), to: Sequence::new(12) };
    let valid = Duration::from_secs(3_600);
    let opened = world.app.open_replay(ispb(BANK), range, valid, false, ACTOR).await.unwrap();
    let path = format!("/api/v1/out/{BANK}/stream/{}", opened.token.unwrap().as_str());
    (world, texts, path)
}

#[tokio::test(start_paused = true)]
async fn a_session_reads_like_a_stream_in_both_forms_and_codings() {
    let (world, texts, path) = replayed().await;
    for gzip in [false, true] {
        let ask = |path: &str| {
            let ask = Ask::get(path).many();
            if gzip { ask.gzip() } else { ask }
        };
        let first = world.ask(&bank(), ask(&path)).await;
        assert_eq!((first.status, first.header("PI-Thread-Slot")), (200, "0/6"));
        assert!(first.header("Content-Type").starts_with("multipart/mixed; boundary="));
        assert!(texts[1..11].iter().all(|xml| first.text().contains(xml.as_str())));
        let second = world.ask(&bank(), ask(&first.next())).await;
        assert!(second.text().contains(texts[11].as_str()) && !second.text().contains(texts[10].as_str()));
        let end = world.ask(&bank(), ask(&second.next())).await;
        assert_eq!((end.status, end.body.len()), (204, 0));
        let still = world.ask(&bank(), ask(&end.next())).await;
        assert_eq!((still.status, still.next()), (204, end.next()));
        let again = world.ask(&bank(), ask(&path)).await;
        assert_eq!((&again.body, again.next()), (&first.body, first.next()), "to the last byte");
    }
    let single = world.ask(&bank(), Ask::get(&path)).await;
    assert_eq!((single.status, single.text()), (200, texts[1].clone()));
    assert_eq!(single.header("PI-ResourceId").len(), 32);
}

#[tokio::test(start_paused = true)]
async fn live_streams_do_not_notice_a_session() {
    let (world, texts, path) = replayed().await;
    let live = world.ask(&bank(), Ask::start(BANK).many()).await;
    for _ in 0..3 {
        world.ask(&bank(), Ask::get(&path).many()).await;
    }
    let next = world.ask(&bank(), Ask::get(live.next()).many()).await;
    assert_eq!(next.header("PI-Thread-Slot"), "1/6");
    assert!(next.text().contains(texts[10].as_str()) && next.text().contains(texts[11].as_str()));
}

#[tokio::test(start_paused = true)]
async fn a_session_is_of_its_participant_and_ends_by_delete() {
    let (world, _, path) = replayed().await;
    let other = peer("other", &format!("ISPB-{OTHER}"));
    assert_eq!(world.ask(&other, Ask::get(&path)).await.status, 403);
    let elsewhere = path.replace(BANK, OTHER);
    assert_eq!(world.ask(&other, Ask::get(&elsewhere)).await.status, 400);
    assert_eq!(world.ask(&bank(), Ask::new("DELETE", &path)).await.status, 200);
    assert_eq!(world.ask(&bank(), Ask::new("DELETE", &path)).await.status, 410);
    assert_eq!(world.ask(&bank(), Ask::get(&path)).await.status, 410);
}

#[tokio::test(start_paused = true)]
async fn an_offboarded_participant_gets_404_until_it_is_onboarded_again() {
    let (world, _, path) = replayed().await;
    let live = world.ask(&bank(), Ask::start(BANK).many()).await;
    world.app.offboard(ispb(BANK), false, ACTOR).await.unwrap();
    for ask in [Ask::start(BANK), Ask::get(live.next()), Ask::get(&path), Ask::new("DELETE", live.next())] {
        let reply = world.ask(&bank(), ask).await;
        assert_eq!(reply.status, 404, "{}", reply.text());
    }
    world.app.onboard_again(ispb(BANK), false, ACTOR).await.unwrap();
    let again = world.ask(&bank(), Ask::start(BANK).many()).await;
    assert_eq!(again.body.len(), live.body.len(), "what the stream held is delivered again");
}
