//! Issue 7, item 3: traces reach a collector, over plain HTTP and over TLS, or are dropped without harm.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use pix_stream_collector::{Collector, attributes};
use pix_stream_otlp::{Error, Exporter, Settings};
use pix_stream_telemetry::{Done, Observer, Sampling, Store, enter, note_store, timed};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

const TRACE: [u8; 16] = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes();
const PARENT: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// Longer than any of this takes, so that a failure is one and not a hanging test.
const LIMIT: Duration = Duration::from_secs(20);

fn settings(endpoint: String) -> Settings {
    let headers = "authorization=Bearer abc".to_owned();
    let timeout = Duration::from_secs(5);
    Settings { endpoint, headers, ca: None, timeout, version: "1", instance: "a".to_owned() }
}

/// One traced request, as the server makes them.
async fn request(exporter: &Settings) -> Exporter {
    let (exporter, queue) = Exporter::start(exporter).unwrap();
    let observer = Observer::new(pix_stream_telemetry::Settings {
        seed: 1,
        sampling: Sampling { per_million: 1_000_000, follow_clients: false },
        traces: Some(queue),
        log_sample: 0,
        slow: Duration::from_secs(1),
        now: || SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
    });
    let request = observer.begin(Some(PARENT), Instant::now());
    let (outcome, work) = timed(&request, async {
        let step = enter("app.pull");
        note_store(Store::Coordinator, "swap", (Instant::now(), Instant::now()), true);
        step.close(Err::<(), ()>(()))
    })
    .await;
    assert_eq!(outcome, Err(()));
    let done = Done {
        method: "GET",
        route: "pull",
        ispb: Some("99999001"),
        request_id: "r-1",
        status: 503,
        code: Some("unavailable"),
        work,
    };
    observer.end(&request, &done);
    exporter
}

#[tokio::test]
async fn a_trace_arrives_with_its_steps_attributes_and_headers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/v1/traces?tenant=7", listener.local_addr().unwrap());
    let collector = Collector::default();
    let taking = tokio::spawn({
        let collector = collector.clone();
        async move { collector.take(listener.accept().await.unwrap().0).await.unwrap() }
    });
    let exporter = request(&settings(endpoint)).await;
    let spans = timeout(LIMIT, collector.wait_for(&TRACE, 3)).await.unwrap();
    taking.await.unwrap();
    exporter.finish(LIMIT).await;
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let (http, app, store) = (named("GET pull"), named("app.pull"), named("coordinator swap"));
    assert_eq!(http.parent_span_id, 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes());
    assert_eq!((&app.parent_span_id, &store.parent_span_id), (&http.span_id, &app.span_id));
    assert_eq!([http.kind, app.kind, store.kind], [2, 1, 3], "server, internal, client");
    assert!(
        [http, app, store].iter().all(|span| span.status.as_ref().is_some_and(|status| status.code == 2))
    );
    let told = attributes(http);
    for expected in ["http.response.status_code=503", "error.type=unavailable", "pix_stream.ispb=99999001"] {
        assert!(told.iter().any(|attribute| attribute == expected), "{told:?}");
    }
    let head = collector.heads().await.remove(0).to_ascii_lowercase();
    assert!(head.starts_with("post /v1/traces?tenant=7 http/1.1"), "{head}");
    assert!(head.contains("authorization: bearer abc") && head.contains("application/x-protobuf"), "{head}");
}

#[tokio::test]
async fn a_collector_behind_tls_is_believed_by_its_authority_alone() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let chain = vec![CertificateDer::from(made.cert.der().to_vec())];
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://localhost:{}/v1/traces", listener.local_addr().unwrap().port());
    let collector = Collector::default();
    let taking = tokio::spawn({
        let collector = collector.clone();
        async move {
            let stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
            collector.take(stream).await.unwrap();
        }
    });
    let exporter = request(&Settings { ca: Some(ca), ..settings(endpoint) }).await;
    assert_eq!(timeout(LIMIT, collector.wait_for(&TRACE, 3)).await.unwrap().len(), 3);
    taking.await.unwrap();
    exporter.finish(LIMIT).await;
}

#[tokio::test]
async fn a_collector_that_is_away_costs_its_spans_and_nothing_else() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    drop(listener);
    let exporter = request(&settings(endpoint)).await;
    timeout(LIMIT, exporter.finish(LIMIT)).await.unwrap();
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused_at_the_start() {
    let start = |settings: Settings| Exporter::start(&settings).map(|_| ()).unwrap_err();
    let missing = Settings { ca: Some("/no/such.pem".into()), ..settings("https://localhost".to_owned()) };
    assert!(matches!(start(missing), Error::Tls(_)));
    let headers = Settings { headers: "secret".to_owned(), ..settings("http://localhost".to_owned()) };
    assert!(matches!(start(headers), Error::Headers));
    assert!(matches!(start(settings("http://".to_owned())), Error::Endpoint(_)));
}
