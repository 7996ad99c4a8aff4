//! Who may do what: every route of the table, asked for by every identity there is (issue 7, items 2 and 4).

use pix_stream_admin::routes::{self, Reach, Route};
use pix_stream_domain::audit::Event;
use pix_stream_listener::identity::{Peer, Scope};

use crate::node::MESSAGE;
use crate::world::{
    Ask, BANK, OTHER, Reply, World, admin, auditor, bank, operator, peer, producer, two_ispbs,
};

/// An identity, and what the table should let it do.
struct Case {
    who: Peer,
    admin: bool,
    operator: bool,
    auditor: bool,
    /// Whether its roles are for the bank alone.
    is_scoped: bool,
}

fn cases() -> Vec<Case> {
    let case = |who, roles: [bool; 3], is_scoped| {
        let [admin, operator, auditor] = roles;
        Case { who, admin, operator, auditor, is_scoped }
    };
    vec![
        case(admin(), [true, false, false], false),
        case(operator(), [false, true, false], false),
        case(auditor(), [false, false, true], false),
        case(peer("admin of one", ""), [true, false, false], true),
        case(peer("operator of one", ""), [false, true, false], true),
        case(peer("auditor of one", ""), [false, false, true], true),
        case(producer(), [false; 3], false),
        case(bank(), [false; 3], false),
        case(peer("nobody", ""), [false; 3], false),
        case(two_ispbs("admin"), [false; 3], false),
    ]
}

impl Case {
    /// What the table says of this identity, a route and the participant that its path names.
    fn may(&self, route: &Route, ispb: &str) -> bool {
        let allowed = route.allowed;
        let has_role = allowed.admin && self.admin
            || allowed.operator && self.operator
            || allowed.auditor && self.auditor;
        has_role
            && (!self.is_scoped
                || match route.reach {
                    Reach::Anybody | Reach::Narrowed => true,
                    Reach::Participant => ispb == BANK,
                    Reach::Node => false,
                })
    }
}

fn ask(route: &Route, ispb: &str) -> Ask {
    let path = route
        .path
        .replace("{ispb}", ispb)
        .replace("{slot}", "1")
        .replace("{type}", "pacs.008.spi.1.16")
        .replace("{entry}", MESSAGE)
        .replace("{key}", "1")
        .replace("{resource_id}", MESSAGE);
    let query = if route.method.is_change() { "?dry_run=true" } else { "" };
    Ask::new(route.method.text(), format!("{path}{query}"))
}

fn is_refused(reply: &Reply) -> bool {
    reply.status == 403
}

#[tokio::test(start_paused = true)]
async fn every_identity_may_do_what_the_table_says_and_nothing_else() {
    let world = World::new().await;
    let cases = cases();
    let mut asked = 0;
    for route in routes::all() {
        for case in &cases {
            for ispb in [BANK, OTHER] {
                let reply = world.ask_admin(&case.who, ask(route, ispb)).await;
                let who = &case.who.identity.name;
                let here =
                    format!("{who}: {} {} of {ispb}: {}", route.method.text(), route.path, reply.text());
                assert_eq!(is_refused(&reply), !case.may(route, ispb), "{here}");
                assert_ne!(reply.status, 405, "{here}");
                asked += 1;
            }
        }
    }
    assert_eq!(asked, routes::all().count() * cases.len() * 2);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_recorded_with_who_and_what() {
    let world = World::new().await;
    let recorded: Vec<_> = routes::all().filter(|route| route.path.starts_with("/admin/")).collect();
    for route in &recorded {
        assert!(is_refused(&world.ask_admin(&producer(), ask(route, BANK)).await));
    }
    // The audit log is written in batches, off the requests.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let mut commands = Vec::new();
    for record in world.ports.audit_log.records() {
        if let Event::Admin { actor, command, done: false, .. } = record.event
            && &*actor == "producer"
        {
            commands.push(command.to_string());
        }
    }
    assert_eq!(commands, recorded.iter().map(|route| route.command).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_role_for_some_participants_sees_those_alone() {
    let world = World::new().await;
    let scoped = peer("auditor of one", "");
    assert_eq!(scoped.identity.roles.auditor, Scope::Some([BANK.parse().unwrap()].into()));
    let list = world.ask_admin(&scoped, Ask::get("/admin/v1/participants")).await.json();
    let ispbs: Vec<_> =
        list["participants"].as_array().unwrap().iter().map(|one| one["ispb"].clone()).collect();
    assert_eq!(ispbs, [BANK]);
    let page = world.ask_admin(&scoped, Ask::get("/")).await.text();
    assert!(page.contains(BANK) && !page.contains(OTHER), "{page}");
    let other = Ask::get(format!("/admin/v1/quarantine?ispb={OTHER}"));
    assert!(is_refused(&world.ask_admin(&scoped, other).await));
}

#[tokio::test(start_paused = true)]
async fn a_page_in_a_browser_causes_no_change_and_takes_no_data() {
    let world = World::new().await;
    for route in routes::all() {
        let from_page = ask(route, BANK).header("Origin", "https://evil.example");
        let reply = world.ask_admin(&admin(), from_page).await;
        let is_data = route.path.ends_with("/message") || route.path.ends_with("/export");
        assert_eq!(
            is_refused(&reply),
            route.method.is_change() || is_data,
            "{} {}",
            route.path,
            reply.text()
        );
    }
}
