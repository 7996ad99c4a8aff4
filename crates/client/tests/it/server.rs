//! A scripted server: answers what it is told, in order, and remembers what it was asked.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::{self, Write as _};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use pix_stream_client::{Credentials, Dial, Dialing, Endpoint, Options, Pipe, Stop};
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::time::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

pub(crate) const ISPB: &str = "99999001";

/// What the server does with one request.
#[derive(Clone)]
pub(crate) enum Answer {
    Reply {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    /// Reads the request and closes the connection.
    Lost,
    /// Answers after this much time.
    Late(Duration, Box<Self>),
    /// Sends the head and part of the body, then closes.
    Cut(Box<Self>),
}

impl Answer {
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Reply { headers, .. } = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }

    pub(crate) fn gzipped(self) -> Self {
        let Self::Reply { status, headers, body } = self else { return self };
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&body).unwrap();
        Self::Reply { status, headers, body: encoder.finish().unwrap() }.with("Content-Encoding", "gzip")
    }

    pub(crate) fn late(self, seconds: u64) -> Self {
        Self::Late(Duration::from_secs(seconds), Box::new(self))
    }
}

pub(crate) fn id(number: u8) -> ResourceId {
    ResourceId::new(Timestamp::from_unix_millis(1_800_000_000_000), [number; 16])
}

pub(crate) fn xml(number: u8) -> String {
    format!("<?xml version=\"1.0\"?>\r\n<E><BizMsgIdr>M{number:031}</BizMsgIdr>\u{1F600}</E>")
}

pub(crate) fn path(token: &str) -> String {
    format!("/api/v1/out/{ISPB}/stream/{token}")
}

fn read(status: u16, next: &str, body: String) -> Answer {
    Answer::Reply { status, headers: vec![], body: body.into() }.with("PI-Pull-Next", &path(next))
}

pub(crate) fn empty(next: &str) -> Answer {
    read(204, next, String::new())
}

pub(crate) fn single(next: &str, number: u8) -> Answer {
    let answer = read(200, next, xml(number)).with("PI-ResourceId", &id(number).to_string());
    answer.with("Content-Type", "application/xml; charset=utf-8")
}

pub(crate) fn batch(next: &str, numbers: &[u8]) -> Answer {
    let part = |&number: &u8| {
        let head = "Content-Type: application/xml; charset=utf-8";
        format!("--tok3n\r\n{head}\r\nPI-ResourceId: {}\r\n\r\n{}\r\n", id(number), xml(number))
    };
    let parts: String = numbers.iter().map(part).collect();
    read(200, next, format!("{parts}--tok3n--\r\n")).with("Content-Type", "multipart/mixed; boundary=tok3n")
}

pub(crate) fn problem(status: u16, code: &str) -> Answer {
    let body = format!(
        "<problem xmlns=\"urn:ietf:rfc:7807\"><type>https://x/error/{code}</type><title>no {code}</title></problem>"
    );
    let answer = Answer::Reply { status, headers: vec![], body: body.into() };
    answer.with("Content-Type", "application/problem+xml").with("X-Request-Id", "req-7")
}

pub(crate) fn ok() -> Answer {
    Answer::Reply { status: 200, headers: vec![], body: vec![] }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Method and last segment of the path: `GET start`.
    pub(crate) line: String,
    pub(crate) path: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

type Script = Box<dyn FnMut(&Seen) -> Answer + Send>;

pub(crate) struct Server {
    acceptor: TlsAcceptor,
    script: Mutex<Script>,
    seen: Mutex<Vec<Seen>>,
    connections: Mutex<u32>,
}

/// Certificates, made once for all tests.
pub(crate) struct Certificates {
    pub(crate) client: Credentials,
    server: Arc<rustls::ServerConfig>,
}

pub(crate) fn certificates() -> Certificates {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(vec![]).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let issuer = Issuer::new(ca, ca_key);
    let issue = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem())
    };
    let (server, server_key) = issue("localhost");
    let (client, client_key) = issue("psp");

    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider));
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(server.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(server_key.as_bytes()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Certificates {
        client: Credentials { ca: ca_pem.into(), certificate: client.into(), key: client_key.into() },
        server: Arc::new(config),
    }
}

pub(crate) static CERTIFICATES: LazyLock<Certificates> = LazyLock::new(certificates);

impl Server {
    /// Answers in order; once the script is through, reads are empty and closes succeed.
    pub(crate) fn scripted(script: impl IntoIterator<Item = Answer>) -> Arc<Self> {
        let mut script: VecDeque<Answer> = script.into_iter().collect();
        Self::answering(move |seen| {
            let after = if seen.line.starts_with("DELETE") { ok() } else { empty("idle").late(5) };
            script.pop_front().unwrap_or(after)
        })
    }

    pub(crate) fn answering(script: impl FnMut(&Seen) -> Answer + Send + 'static) -> Arc<Self> {
        Arc::new(Self {
            acceptor: TlsAcceptor::from(Arc::clone(&CERTIFICATES.server)),
            script: Mutex::new(Box::new(script)),
            seen: Mutex::default(),
            connections: Mutex::default(),
        })
    }

    /// An endpoint that reaches this server through memory.
    pub(crate) fn endpoint(self: &Arc<Self>) -> Endpoint {
        let endpoint = Endpoint::new("https://localhost:8443", &CERTIFICATES.client).unwrap();
        endpoint.with_dialer(self.dialer())
    }

    pub(crate) fn dialer(self: &Arc<Self>) -> Arc<dyn Dial> {
        Arc::new(Memory(Arc::clone(self)))
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|seen| seen.line.clone()).collect()
    }

    pub(crate) fn requests(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> u32 {
        *self.connections.lock().unwrap()
    }

    pub(crate) async fn serve(self: Arc<Self>, pipe: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        *self.connections.lock().unwrap() += 1;
        let Ok(tls) = self.acceptor.accept(pipe).await else { return };
        let service = service_fn(|request| self.answer(request));
        let connection = hyper::server::conn::http1::Builder::new();
        // The ways in which a connection ends are the client's subject, not the server's.
        drop(connection.serve_connection(TokioIo::new(tls), service).await);
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, io::Error> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let line = format!("{} {}", head.method, path.rsplit('/').next().unwrap());
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let seen = Seen { line, path, headers: head.headers, body };
        let mut answer = (self.script.lock().unwrap())(&seen);
        self.seen.lock().unwrap().push(seen);
        if let Answer::Late(wait, then) = answer {
            tokio::time::sleep(wait).await;
            answer = *then;
        }
        match answer {
            Answer::Reply { status, headers, body } => Ok(reply(status, headers, Body::whole(body))),
            Answer::Cut(whole) => match *whole {
                Answer::Reply { status, headers, body } => Ok(reply(status, headers, Body::cut(body))),
                Answer::Lost | Answer::Late(..) | Answer::Cut(_) => Err(io::Error::other("nothing to cut")),
            },
            Answer::Lost | Answer::Late(..) => Err(io::Error::other("lost")),
        }
    }
}

fn reply(status: u16, headers: Vec<(&'static str, String)>, body: Body) -> Response<Body> {
    let builder = Response::builder().status(status);
    headers.into_iter().fold(builder, |b, (name, value)| b.header(name, value)).body(body).unwrap()
}

/// A body that may promise more than it sends.
pub(crate) struct Body {
    whole: Full<Bytes>,
    missing: u64,
}

impl Body {
    fn whole(body: Vec<u8>) -> Self {
        Self { whole: Full::new(body.into()), missing: 0 }
    }

    fn cut(mut body: Vec<u8>) -> Self {
        let half = body.split_off(body.len() / 2);
        Self { whole: Full::new(body.into()), missing: half.len() as u64 }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        std::pin::Pin::new(&mut self.whole).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.missing == 0 && self.whole.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        let sent = self.whole.size_hint().exact().unwrap_or_default();
        hyper::body::SizeHint::with_exact(sent + self.missing)
    }
}

struct Memory(Arc<Server>);

impl Dial for Memory {
    fn dial(&self) -> Dialing {
        let server = Arc::clone(&self.0);
        Box::pin(async move {
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            tokio::spawn(server.serve(theirs));
            Ok(Box::new(ours) as Box<dyn Pipe>)
        })
    }
}

/// Options whose jitter is the same in every run.
pub(crate) fn options(stop: Stop) -> Options {
    let mut options = Options::new(stop);
    options.seed = 7;
    options
}

/// A shutdown that never comes in time: a test that would hang fails instead, after an hour that takes no time.
pub(crate) async fn an_hour() {
    tokio::time::sleep(Duration::from_secs(3600)).await;
}
