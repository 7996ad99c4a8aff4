//! What the listener counts (issue 4, item 9): handshakes, rejected certificates, connections.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use pix_stream_listener::config::{ListenerSettings, TlsSettings};
use pix_stream_listener::metrics::{
    CONNECTIONS_ENDED, CONNECTIONS_OPEN, CONNECTIONS_REFUSED, TLS_CERTIFICATES_REJECTED, TLS_HANDSHAKES,
    TLS_REVOCATION_LIST_EXPIRY,
};
use pix_stream_listener::tls::TlsStore;
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Duration, timeout};

use crate::pki::Pki;
use crate::server::{PATIENCE, Server, get, last_get, one_answer, rest};

/// All values by name and labels, of all tests in this process.
#[derive(Clone, Default)]
struct Values(Arc<Mutex<BTreeMap<String, f64>>>);

/// One of them.
struct Value(Values, String);

impl Value {
    fn change(&self, change: impl FnOnce(f64) -> f64) {
        let mut values = self.0.0.lock().unwrap();
        let value = values.entry(self.1.clone()).or_default();
        *value = change(*value);
    }
}

impl CounterFn for Value {
    fn increment(&self, by: u64) {
        self.change(|value| value + by as f64);
    }
    fn absolute(&self, to: u64) {
        self.change(|_| to as f64);
    }
}

impl GaugeFn for Value {
    fn increment(&self, by: f64) {
        self.change(|value| value + by);
    }
    fn decrement(&self, by: f64) {
        self.change(|value| value - by);
    }
    fn set(&self, to: f64) {
        self.change(|_| to);
    }
}

impl Values {
    fn value(&self, key: &Key) -> Arc<Value> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        Arc::new(Value(self.clone(), format!("{} {}", key.name(), labels.join(" "))))
    }

    /// The value of a metric of one listener.
    fn of(&self, metric: &str, listener: &str, label: &str) -> f64 {
        let name = format!("{metric} listener={listener}{label}");
        self.0.lock().unwrap().get(&name).copied().unwrap_or_default()
    }
}

impl Recorder for Values {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.value(key))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.value(key))
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// The recorder of this process.
fn values() -> &'static Values {
    static VALUES: OnceLock<Values> = OnceLock::new();
    VALUES.get_or_init(|| {
        let values = Values::default();
        metrics::set_global_recorder(values.clone()).unwrap_or_else(|_| panic!("another recorder is there"));
        values
    })
}

#[tokio::test]
async fn handshakes_certificates_and_connections_are_counted() {
    const NAME: &str = "counted";
    let values = values();
    let limits = ListenerSettings { connections_per_participant: 1, ..ListenerSettings::default() };
    let server = Server::start_named(NAME, limits);
    let config = server.pki.client(Some(&server.bank));
    let mut first = server.connect_with(config.clone()).await.unwrap();
    first.write_all(get("/first").as_bytes()).await.unwrap();
    one_answer(&mut first).await;
    assert_eq!(values.of(CONNECTIONS_OPEN, NAME, ""), 1.0);

    let mut second = server.connect_with(config).await.unwrap();
    assert_eq!(rest(&mut second).await, "");
    let stranger = Pki::new("stranger").bank();
    let mut refused = server.connect_with(server.pki.client(Some(&stranger))).await.unwrap();
    let _alert = rest_or_fault(&mut refused).await;
    first.write_all(last_get("/last").as_bytes()).await.unwrap();
    rest(&mut first).await;
    drop((first, second, refused));
    timeout(PATIENCE, server.drain.finish(Duration::from_secs(10))).await.unwrap();

    assert_eq!(values.of(CONNECTIONS_OPEN, NAME, ""), 0.0);
    assert_eq!(values.of(TLS_HANDSHAKES, NAME, " outcome=full"), 1.0);
    assert_eq!(values.of(TLS_HANDSHAKES, NAME, " outcome=resumed"), 1.0);
    assert_eq!(values.of(TLS_HANDSHAKES, NAME, " outcome=rejected_certificate"), 1.0);
    assert_eq!(values.of(TLS_CERTIFICATES_REJECTED, NAME, " reason=unknown_issuer"), 1.0);
    assert_eq!(values.of(CONNECTIONS_REFUSED, NAME, " reason=participant_limit"), 1.0);
    // The drain may come while the server still waits for the client to close its side.
    let ended = |reason| values.of(CONNECTIONS_ENDED, NAME, reason);
    assert_eq!(ended(" reason=client") + ended(" reason=drain"), 1.0);
}

#[test]
fn the_end_of_a_revocation_list_is_shown_and_follows_a_reload() {
    let values = values();
    let pki = Pki::new("authority");
    let file = pki.revoke_until(&[], 2030);
    let settings = TlsSettings { crl: vec![file.clone()], ..pki.quick_settings() };
    let tls = TlsStore::load(&settings).unwrap();
    let shown = || {
        let name = format!("{TLS_REVOCATION_LIST_EXPIRY} file={}", file.display());
        values.0.lock().unwrap().get(&name).copied()
    };
    // The first seconds of 2030 and of 2031.
    assert_eq!(shown(), Some(1_893_456_000.0));
    pki.revoke_until(&[], 2031);
    tls.reload(&settings).unwrap();
    assert_eq!(shown(), Some(1_924_992_000.0));
}

async fn rest_or_fault(
    stream: &mut tokio_rustls::client::TlsStream<tokio::net::TcpStream>,
) -> std::io::Result<usize> {
    use tokio::io::AsyncReadExt as _;
    timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await.expect("an end in time")
}
