//! What is in a line, and what becomes of lines that nobody reads.

use std::sync::Mutex;

use super::*;

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A target that is stuck until it is let go.
struct Stuck(Receiver<()>, Memory);

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.recv();
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_json_line_carries_fields_and_the_request_of_its_span() {
    let memory = Memory::default();
    let (queue, guard) = start_writer(memory.clone(), Form::Json).unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(lines(Form::Json, queue)), || {
        tracing::info_span!("request", request_id = "abc")
            .in_scope(|| tracing::info!(status = 200, "answered"));
    });
    drop(guard);
    let line: serde_json::Value = serde_json::from_slice(&memory.0.lock().unwrap()).unwrap();
    assert_eq!((&line["message"], &line["level"]), (&"answered".into(), &"INFO".into()));
    assert_eq!((&line["status"], &line["span"]["request_id"]), (&200.into(), &"abc".into()));
}

/// Issue 7, item 3: trace ids in logs.
#[test]
fn a_line_of_a_request_carries_its_ids_in_both_forms() {
    const PARENT: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = pix_stream_telemetry::Observer::quiet().begin(Some(PARENT), tokio::time::Instant::now());
    for form in [Form::Json, Form::Text] {
        let memory = Memory::default();
        let (queue, guard) = start_writer(memory.clone(), form).unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines(form, queue)), || {
            pix_stream_telemetry::within(&request, || tracing::info!(status = 200, "answered"));
            tracing::info!("outside");
        });
        drop(guard);
        let text = String::from_utf8(memory.0.lock().unwrap().clone()).unwrap();
        let (first, second) = text.trim_end().split_once('\n').unwrap();
        let span = request.span().to_string();
        assert!(first.contains("4bf92f3577b34da6a3ce929d0e0e4736") && first.contains(&span), "{first}");
        assert!(!second.contains("trace_id"), "{second}");
        if form == Form::Json {
            let line: serde_json::Value = serde_json::from_str(first).unwrap();
            assert_eq!((&line["span_id"], &line["status"]), (&span.into(), &200.into()));
        }
    }
}

#[test]
fn dropping_the_guard_writes_what_is_queued() {
    let memory = Memory::default();
    let (queue, guard) = start_writer(memory.clone(), Form::Json).unwrap();
    for _ in 0..1000 {
        (&queue).write_all(b"line\n").unwrap();
    }
    drop(guard);
    assert_eq!(memory.0.lock().unwrap().len(), 5_000);
}

#[test]
fn a_stuck_reader_costs_lines_and_never_time() {
    let memory = Memory::default();
    let (let_go, held) = sync_channel(0);
    let (queue, guard) = start_writer(Stuck(held, memory.clone()), Form::Json).unwrap();
    let surplus = 100;
    for _ in 0..QUEUE_LINES + surplus {
        (&queue).write_all(b"line\n").unwrap();
    }
    // One line at most is in the writer's hand; the others that did not fit are counted.
    let dropped = queue.dropped.load(Ordering::Relaxed);
    assert!((surplus as u64 - 1..=surplus as u64).contains(&dropped), "{dropped}");
    drop(let_go);
    drop(guard);
    let text = String::from_utf8(memory.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains(&format!("\"count\":{dropped}")), "the loss is reported");
}
