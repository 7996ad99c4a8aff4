//! What the log holds (protocol, section 6, What never leaves).

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::routes::world::{Ask, BANK, World, bank, impatient, producer};
use pix_stream_delivery::Wire;

/// Keeps every event as one line.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("pix_stream")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_one_line_without_content_or_token() {
    let lines = Lines::default();
    // While a process has a single subscriber, an event that another test's thread meets first is cached as
    // unwanted for all threads; a second one ends that shortcut of tracing's.
    let _second = tracing::Dispatch::new(Lines::default());
    let _guard = tracing::subscriber::set_default(lines.clone());
    let world = World::with(Wire::default(), impatient()).await;
    let token = world.ask(&bank(), Ask::start(BANK)).await.next();
    let token = token.rsplit('/').next().unwrap();
    lines.0.lock().unwrap().clear();
    let changed = format!("{token}x");
    let read = Ask::get(format!("/api/v1/out/{BANK}/stream/{changed}")).header("X-Request-Id", "read-1");
    world.ask(&bank(), read.header("Cookie", "session=7")).await.problem(400, "invalidCursor");
    let body = "<m id=\"secret-id\" to=\"x\">secret-content</m>";
    let publish = Ask::publish(BANK, "application/xml", body).header("X-Request-Id", "publish-1");
    world.ask(&producer(), publish).await.problem(400, "invalidMessage");
    let lines = lines.0.lock().unwrap();
    let of = |id: &str| {
        let mut of_it = lines.iter().filter(|line| line.contains(id));
        let line = of_it.next().unwrap();
        assert_eq!(of_it.next(), None, "one line a request");
        line.clone()
    };
    let (read, publish) = (of("read-1"), of("publish-1"));
    assert!(read.starts_with("INFO") && read.contains("route=\"pull\"") && read.contains(BANK), "{read}");
    assert!(read.contains(&token[..8]) && !read.contains(&token[..9]), "{read}");
    assert!(
        publish.contains("code=\"invalidMessage\"") && publish.contains("peer=\"producer\""),
        "{publish}"
    );
    for line in lines.iter() {
        assert!(!line.contains("secret") && !line.contains("session"), "{line}");
    }
}
