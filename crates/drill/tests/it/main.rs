//! Runbooks that need nothing but a server are carried out with every test (issue 7, item 6).

use std::sync::OnceLock;

use pix_stream_drill::run::{self, FACTOR, Means};
use pix_stream_drill::{drills, page, server};

fn carry_out(name: &str) {
    static BINARY: OnceLock<std::path::PathBuf> = OnceLock::new();
    let binary = BINARY.get_or_init(|| server::build("dev").unwrap_or_else(|error| panic!("{error:#}")));
    let root = server::root();
    let means = Means { binary, root: &root, factor: FACTOR, say: &|_| () };
    let Some(drill) = drills::find(name) else { panic!("there is no drill {name}") };
    if let Err(error) = run::run(drill, &means) {
        panic!("{name}: {error:#}");
    }
}

macro_rules! carried_out {
    ($($test:ident = $name:literal;)*) => {
        $(#[test]
        fn $test() {
            carry_out($name);
        })*

        #[test]
        fn every_cheap_drill_is_here() {
            let named = [$($name),*];
            for drill in drills::all().filter(|drill| drill.is_cheap()) {
                assert!(named.contains(&drill.name), "{}", drill.name);
            }
        }
    };
}

carried_out! {
    onboarding = "onboarding";
    throttling = "throttling";
    cursor_reset = "cursor-reset";
    replay_request = "replay-request";
    legal_hold = "legal-hold";
    quarantine_flood = "quarantine-flood";
    key_rotation = "key-rotation";
    certificate_rotation = "certificate-rotation";
    load_balancer_saturation = "load-balancer-saturation";
    lag = "lag";
    invalid_tokens = "invalid-tokens";
    thread_limit = "thread-limit";
    latency = "latency";
    audit_queue = "audit-queue";
    silent_participant = "silent-participant";
}

#[test]
fn every_page_can_be_read_and_has_a_drill() {
    let folder = server::root().join("docs/runbooks");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if name == "README" {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let commands = page::read(&text).unwrap_or_else(|error| panic!("{name}.md: {error:?}"));
        assert!(!commands.is_empty(), "{name}.md has nothing to be carried out");
        assert!(drills::find(&name).is_some(), "no drill carries {name}.md out");
    }
}
