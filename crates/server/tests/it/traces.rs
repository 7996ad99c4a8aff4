//! Issue 7, item 3: one request seen from everywhere - the collector, the log, the metrics, the slow requests - and none of
//! what must not leave.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use pix_stream_collector::{Collector, attributes};
use pix_stream_testkit::http::Ask;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::ask::ask_server;
use crate::server::{Folder, ISPB, json_lines, wait_for};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// Longer than any of this takes.
const LIMIT: Duration = Duration::from_secs(60);

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_is_one_trace_of_http_use_case_and_store_below_the_clients_own_step() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let collector = Collector::default();
    tokio::spawn({
        let collector = collector.clone();
        async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _broken_off = collector.take(stream).await;
            }
        }
    });
    let folder = Folder::new();
    let server = tokio::task::block_in_place(|| {
        let mut command = folder.serve_command();
        command.env("PIX_STREAM_TRACES_SAMPLE_PER_MILLION", "1000000");
        command.env("PIX_STREAM_TRACES_ENDPOINT", &endpoint);
        command.env("PIX_STREAM_LOG_FORMAT", "json").env("PIX_STREAM_LOG_SAMPLE", "1");
        let server = crate::server::Server::start(command, &folder.beside("serve.err")).unwrap();
        folder.lines("publish", &["--generate", "3"]);
        server
    });
    let address = |name: &str| -> SocketAddr {
        server.ready[name].as_str().unwrap().trim_start_matches("https://").parse().unwrap()
    };
    let ask = Ask::start(ISPB).many().header("traceparent", PARENT);
    let reply = ask_server(&folder.dir(), address("api"), &format!("psp-{ISPB}"), &ask).await;
    assert_eq!((reply.status, reply.messages().len()), (200, 3));

    let spans = timeout(LIMIT, collector.wait_for(&bytes(TRACE), 3)).await.unwrap();
    let http = spans.iter().find(|span| span.name == "GET start").unwrap();
    let app = spans.iter().find(|span| span.name == "app.open").unwrap();
    let swap = spans.iter().find(|span| span.name == "coordinator swap").unwrap();
    assert_eq!(http.parent_span_id, bytes("00f067aa0ba902b7"), "the client's step");
    assert_eq!((&app.parent_span_id, &swap.parent_span_id), (&http.span_id, &app.span_id));
    assert!(http.start_time_unix_nano <= app.start_time_unix_nano);
    assert!(app.end_time_unix_nano <= http.end_time_unix_nano && swap.start_time_unix_nano > 0);
    let told: Vec<String> = spans.iter().flat_map(attributes).collect();
    assert!(told.contains(&format!("pix_stream.ispb={ISPB}")), "{told:?}");
    let token = reply.next().rsplit('/').next().unwrap().to_owned();
    assert!(!told.iter().any(|attribute| attribute.contains(&token[..12])), "{told:?}");

    let span = http.span_id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let log = folder.beside("serve.err");
    let line = wait_for("the request's line in the log", || {
        let lines = json_lines(&std::fs::read_to_string(&log).unwrap());
        lines.into_iter().find(|line| line["trace_id"] == TRACE && line["message"] == "answered")
    });
    assert_eq!((&line["span_id"], &line["status"]), (&span.into(), &200.into()));
    assert_eq!(line["request_id"], reply.header("X-Request-Id"));

    let metrics = ask_server(&folder.dir(), address("admin"), "auditor", &Ask::get("/metrics")).await.text();
    for name in ["pix_stream_last_read_seconds{", "pix_stream_disk_free_bytes{directory=\"journal\"}"] {
        assert!(metrics.contains(name), "{name}\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_reads_are_counted_for_their_participant_and_by_their_code() {
    let folder = Folder::new();
    let server = tokio::task::block_in_place(|| folder.serve());
    let address = |name: &str| -> SocketAddr {
        server.ready[name].as_str().unwrap().trim_start_matches("https://").parse().unwrap()
    };
    let forged = Ask::get(format!("/api/v1/out/{ISPB}/stream/forged")).many();
    let reply = ask_server(&folder.dir(), address("api"), &format!("psp-{ISPB}"), &forged).await;
    assert_eq!(reply.status, 400);
    let other = Ask::get("/api/v1/out/99999002/stream/forged").many();
    let refused = ask_server(&folder.dir(), address("api"), &format!("psp-{ISPB}"), &other).await;
    assert_eq!(refused.status, 403);
    let metrics = ask_server(&folder.dir(), address("admin"), "auditor", &Ask::get("/metrics")).await.text();
    let lines: Vec<_> =
        metrics.lines().filter(|line| line.starts_with("pix_stream_read_refused_total")).collect();
    assert_eq!(lines, [format!("pix_stream_read_refused_total{{ispb=\"{ISPB}\",code=\"invalidCursor\"}} 1")]);
}

/// Labels of each metric, as the catalogue has them.
fn catalogued() -> BTreeMap<String, BTreeSet<String>> {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md")).unwrap();
    let ticked =
        |cell: &str| -> BTreeSet<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let rows = page.lines().filter(|line| line.starts_with("| `pix_stream_"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').collect();
        (cells[1].trim().trim_matches('`').to_owned(), ticked(cells[3]))
    };
    rows.map(row).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_series_of_a_server_is_in_the_catalogue_with_exactly_its_labels() {
    let folder = Folder::new();
    let server = tokio::task::block_in_place(|| {
        let server = folder.serve();
        folder.lines("publish", &["--generate", "3"]);
        assert_eq!(folder.lines("pull", &[]).len(), 3);
        server
    });
    let admin = server.ready["admin"].as_str().unwrap().trim_start_matches("https://").parse().unwrap();
    let metrics = ask_server(&folder.dir(), admin, "auditor", &Ask::get("/metrics")).await.text();
    let catalogue = catalogued();
    let mut seen = BTreeSet::new();
    for line in metrics.lines().filter(|line| line.starts_with("pix_stream_")) {
        let (series, _value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let name = of_histogram.filter(|name| catalogue.contains_key(*name)).unwrap_or(name);
        let labels = labels.trim_end_matches('}').split("\",").filter_map(|pair| pair.split_once('='));
        let labels: BTreeSet<String> =
            labels.map(|(label, _)| label.to_owned()).filter(|label| label != "le").collect();
        assert_eq!(catalogue.get(name), Some(&labels), "{line}");
        seen.insert(name.to_owned());
    }
    assert!(seen.len() > 40, "{seen:?}");
}
