//! Support: a listener with a service of its own, and raw clients that say what they like.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use pix_stream_listener::config::ListenerSettings;
use pix_stream_listener::drain::Drain;
use pix_stream_listener::identity::Peer;
use pix_stream_listener::tls::TlsStore;
use pix_stream_listener::{Refuse, bind, serve};
use rustls::ClientConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::pki::{Holder, Pki, server_name};

/// No wait in a test is longer than this; reaching it is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Length of the body at `/big`: ten messages of the usual size.
pub(crate) const BIG: usize = 37_000;

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Arc<TlsStore>,
    pub(crate) drain: Drain,
    /// Requests to `/gated` wait for a permit.
    pub(crate) gate: Arc<Semaphore>,
    /// Gets a permit for each request that reached the service.
    pub(crate) entered: Arc<Semaphore>,
    pub(crate) pki: Pki,
    pub(crate) bank: Holder,
}

impl Server {
    /// With the usual limits.
    pub(crate) fn start() -> Self {
        Self::start_with(ListenerSettings::default())
    }

    pub(crate) fn start_with(settings: ListenerSettings) -> Self {
        let pki = Pki::new("authority");
        let tls = TlsStore::load(&pki.quick_settings()).unwrap();
        Self::start_on(pki, tls, settings)
    }

    /// With a name of its own in the metrics.
    pub(crate) fn start_named(name: &'static str, settings: ListenerSettings) -> Self {
        Self::start_with(ListenerSettings { name, ..settings })
    }

    pub(crate) fn start_on(pki: Pki, tls: Arc<TlsStore>, settings: ListenerSettings) -> Self {
        let settings = ListenerSettings { refuse: Refuse::new(problem), ..settings };
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let (gate, entered) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (gates, enters) = (Arc::clone(&gate), Arc::clone(&entered));
        let service = move |request: Request<Incoming>, peer: Peer| {
            enters.add_permits(1);
            answer(request, peer, Arc::clone(&gates))
        };
        let drain = Drain::new();
        tokio::spawn(serve(listener, Arc::clone(&tls), service, drain.clone(), settings));
        let bank = pki.bank();
        Self { address, tls, drain, gate, entered, pki, bank }
    }

    /// A connection of the usual client.
    pub(crate) async fn connect(&self) -> TlsStream<TcpStream> {
        self.connect_with(self.pki.client(Some(&self.bank))).await.unwrap()
    }

    pub(crate) async fn connect_with(&self, config: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
        let socket = TcpStream::connect(self.address).await?;
        let connector = TlsConnector::from(Arc::new(config));
        timeout(PATIENCE, connector.connect(server_name(), socket)).await.unwrap()
    }

    /// Sends bytes on a new connection and returns all that comes until the server closes.
    pub(crate) async fn exchange(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_ref()).await.unwrap();
        rest(&mut stream).await
    }

    /// Waits until one more request has reached the service.
    pub(crate) async fn one_entered(&self) {
        timeout(PATIENCE, self.entered.acquire()).await.unwrap().unwrap().forget();
    }
}

/// All that comes until the server closes, in order and without a reset.
pub(crate) async fn rest(stream: &mut TlsStream<TcpStream>) -> String {
    let mut bytes = Vec::new();
    match timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the server closes in time") {
        Ok(_) => {}
        // Closed without a farewell of TLS: allowed after a timeout, and still an end.
        Err(fault) => assert_eq!(fault.kind(), std::io::ErrorKind::UnexpectedEof, "{fault}"),
    }
    String::from_utf8(bytes).unwrap()
}

/// One answer with a `Content-Length`, leaving the connection open.
pub(crate) async fn one_answer(stream: &mut TlsStream<TcpStream>) -> String {
    let mut bytes = Vec::new();
    let read = async {
        loop {
            if let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
                let length: usize = text
                    .split("content-length: ")
                    .nth(1)
                    .and_then(|rest| rest.lines().next()?.parse().ok())
                    .unwrap_or(0);
                if bytes.len() >= head + 4 + length {
                    return;
                }
            }
            let more = stream.read_buf(&mut bytes).await.unwrap();
            assert_ne!(more, 0, "closed in the middle of an answer: {}", String::from_utf8_lossy(&bytes));
        }
    };
    timeout(PATIENCE, read).await.expect("an answer in time");
    String::from_utf8(bytes).unwrap()
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

pub(crate) fn last_get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

fn problem(status: StatusCode) -> Response<Bytes> {
    let code = if status == StatusCode::BAD_REQUEST { "malformed" } else { "headTooLarge" };
    Response::builder()
        .header("content-type", "application/problem+xml")
        .body(Bytes::from(format!("<problem>{code}</problem>")))
        .unwrap()
}

async fn answer(request: Request<Incoming>, peer: Peer, gate: Arc<Semaphore>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let (status, text) = match (&head.method, path.as_str()) {
        (&Method::POST, "/echo") => match body.collect().await {
            Ok(body) => (StatusCode::OK, format!("[{}]", String::from_utf8_lossy(&body.to_bytes()))),
            Err(_) => (StatusCode::BAD_REQUEST, "bad body".to_owned()),
        },
        (_, "/gated") => {
            gate.acquire().await.unwrap().forget();
            (StatusCode::OK, "through".to_owned())
        }
        (_, "/big") => (StatusCode::OK, "x".repeat(BIG)),
        (_, "/who") => {
            (StatusCode::OK, format!("{} {:?} {:?}", peer.identity.name, peer.identity.ispb, peer.protocol))
        }
        (method, path) => (StatusCode::OK, format!("{method} {path}")),
    };
    Response::builder().status(status).body(Full::new(Bytes::from(text))).unwrap()
}
