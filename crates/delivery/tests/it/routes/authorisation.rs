//! Who may use what: every route of the table for every kind of identity (A.1; issue 7, item 4). The admin listener has
//! the same for its own table in `pix-stream-admin`.

use pix_stream_delivery::table::ROUTES;
use pix_stream_listener::identity::Peer;
use pix_stream_testkit::http::Ask;

use crate::routes::world::{BANK, OTHER, STRANGER, World, impatient, peer, two_ispbs};

/// A kind of identity and the names of routes of [`BANK`] that are open to it.
struct Kind {
    about: &'static str,
    peer: Peer,
    open: &'static [&'static str],
}

fn kind(about: &'static str, peer: Peer, open: &'static [&'static str]) -> Kind {
    Kind { about, peer, open }
}

/// Everything that a certificate can be. Written down once more and not taken from the table, so that a row that opens
/// too much is found.
fn kinds() -> Vec<Kind> {
    const STREAMS: [&str; 4] = ["GET start", "GET token", "DELETE token", "GET catalog"];
    const ALL: [&str; 5] = ["GET start", "GET token", "DELETE token", "GET catalog", "POST msgs"];
    const CATALOG: [&str; 1] = ["GET catalog"];
    let unit = |ispb: &str| format!("ISPB-{ispb}");
    vec![
        kind("the participant", peer("bank", &unit(BANK)), &STREAMS),
        kind("another participant", peer("bank", &unit(OTHER)), &CATALOG),
        kind("a participant that is not onboarded", peer("bank", &unit(STRANGER)), &CATALOG),
        kind("a producer", peer("producer", ""), &["GET catalog", "POST msgs"]),
        kind("a producer for another participant", peer("producer of one", ""), &CATALOG),
        kind("a participant that is a producer, too", peer("producer", &unit(BANK)), &ALL),
        kind(
            "another participant that is a producer",
            peer("producer", &unit(OTHER)),
            &["GET catalog", "POST msgs"],
        ),
        kind("an admin", peer("admin", ""), &CATALOG),
        kind("an operator", peer("operator", ""), &CATALOG),
        kind("an auditor", peer("auditor", ""), &CATALOG),
        kind("a participant that is an admin, too", peer("admin", &unit(BANK)), &STREAMS),
        kind("two participants in one certificate", two_ispbs("bank"), &[]),
        kind("two participants and a producer in one", two_ispbs("producer"), &[]),
        kind("nobody", peer("nobody", ""), &[]),
        kind("a name like a role", peer("Producer", ""), &[]),
        kind("a unit that only looks like an ISPB", peer("bank", "ISPB-99999a04"), &[]),
    ]
}

/// What a row is called above.
fn name(method: &str, path: &str) -> String {
    let last = path.rsplit('/').next().unwrap();
    format!("{method} {}", last.trim_matches(['{', '}']))
}

#[tokio::test(start_paused = true)]
async fn every_route_lets_in_who_its_row_names_and_nobody_else() {
    let world = World::with(Default::default(), impatient()).await;
    let kinds = kinds();
    for route in ROUTES {
        let name = name(route.method, route.path);
        let path = route.path.replace("{ispb}", BANK).replace("{token}", "x");
        for Kind { about, peer, open } in &kinds {
            let reply = world.ask(peer, Ask::new(route.method, &path)).await;
            assert_eq!(
                reply.status != 403,
                open.contains(&name.as_str()),
                "{name}, {about}: {}",
                reply.status
            );
        }
        assert!(kinds.iter().any(|kind| kind.open.contains(&name.as_str())), "{name} is open to somebody");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_not_let_in_learns_nothing_about_a_participant() {
    let world = World::new().await;
    let refused = peer("nobody", "");
    for route in ROUTES.iter().filter(|route| route.path.contains("{ispb}")) {
        let mut bodies = Vec::new();
        for ispb in [BANK, STRANGER] {
            let path = route.path.replace("{ispb}", ispb).replace("{token}", "x");
            let reply = world.ask(&refused, Ask::new(route.method, &path)).await;
            assert_eq!(reply.status, 403);
            let id = reply.header("X-Request-Id").to_owned();
            bodies.push(reply.text().replace(&id, ""));
        }
        assert_eq!(bodies[0], bodies[1], "{} {}", route.method, route.path);
    }
}
