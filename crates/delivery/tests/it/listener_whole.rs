//! The listener with the real routes behind it: what only both together show (protocol, sections 3, 6 and 7).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use pix_stream_app::{Actor, App, Properties, Settings};
use pix_stream_delivery::{Shared, Wire, handle};
use pix_stream_domain::token::Keyring;
use pix_stream_listener::config::{CertificateFiles, ListenerSettings, TlsSettings};
use pix_stream_listener::drain::Drain;
use pix_stream_listener::identity::Peer;
use pix_stream_listener::tls::{TlsStore, provider};
use pix_stream_listener::{bind, serve};
use pix_stream_testkit::fake::FakePorts;
use pix_stream_testkit::sim_clock::{START, SimClock};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{PrivateKeyDer, ServerName};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// No wait is longer than this; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(20);
/// The subject attribute that says for whom a client speaks.
const BANK_OU: &str = "ISPB-99999001";

/// An authority, and the folder with what the server reads.
struct Pki {
    dir: TempDir,
    ca: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self {
            dir: TempDir::new().unwrap(),
            ca: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap(),
        }
    }

    fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(file);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn settings(&self) -> TlsSettings {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.ca).unwrap();
        TlsSettings {
            ca: vec![self.write("ca.pem", &self.ca.pem())],
            certificates: vec![CertificateFiles {
                chain: self.write("server.pem", &certificate.pem()),
                key: self.write("server.key", &key.serialize_pem()),
            }],
            ..TlsSettings::default()
        }
    }

    /// A client whose certificate has this organisational unit.
    fn client(&self, ou: Option<&str>) -> ClientConfig {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        if let Some(ou) = ou {
            params.distinguished_name.push(DnType::OrganizationalUnitName, ou);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.ca).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.der().clone()).unwrap();
        ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap()
    }
}

struct Node {
    address: SocketAddr,
    pki: Pki,
}

impl Node {
    async fn start() -> Self {
        let pki = Pki::new();
        let tls = TlsStore::load(&pki.settings()).unwrap();
        let settings = Settings { long_poll: Duration::ZERO, ..Settings::default() };
        let ports = FakePorts::new(7, SimClock::following_tokio(START));
        let app = App::start(ports, Keyring::new((1, [7; 32]), None), settings).await.unwrap();
        let actor = Actor { name: "test", request_id: "test", reason: "" };
        app.onboard("99999001".parse().unwrap(), Properties::default(), false, actor).await.unwrap();
        let render = Arc::new(String::new);
        let shared = Arc::new(Shared::new(app, Wire::default(), render, 1, "0.0.0-test").await);
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let limits =
            ListenerSettings { name: "whole", refuse: shared.refuse(), ..ListenerSettings::default() };
        let service =
            move |request: Request<Incoming>, peer: Peer| handle(Arc::clone(&shared), peer, request);
        tokio::spawn(serve(listener, tls, service, Drain::new(), limits));
        Self { address, pki }
    }

    /// Sends a request as the holder of a certificate with this organisational unit; all that comes until the
    /// server closes.
    async fn exchange(&self, ou: Option<&str>, bytes: &str) -> String {
        let connector = TlsConnector::from(Arc::new(self.pki.client(ou)));
        let socket = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = connector.connect(name, socket).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = timeout(PATIENCE, stream.read_to_string(&mut answer)).await;
        read.expect("the server closes in time").unwrap();
        answer
    }
}

fn last_get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn a_read_is_answered_with_headers_spelled_as_in_the_protocol() {
    let node = Node::start().await;
    let answer = node.exchange(Some(BANK_OU), &last_get("/api/v1/out/99999001/stream/start")).await;
    assert!(answer.starts_with("HTTP/1.1 204 No Content\r\n"), "{answer}");
    for header in [
        "\r\nPI-Pull-Next: /api/v1/out/99999001/stream/",
        "\r\nPI-Thread-Slot: 1/6\r\n",
        "\r\nX-Request-Id: ",
    ] {
        assert!(answer.contains(header), "{header}: {answer}");
    }
}

#[tokio::test]
async fn a_trusted_certificate_that_speaks_for_nobody_or_another_is_403() {
    let node = Node::start().await;
    for ou in [Some("ISPB-99999002"), None] {
        let answer = node.exchange(ou, &last_get("/api/v1/out/99999001/stream/start")).await;
        assert!(
            answer.starts_with("HTTP/1.1 403 Forbidden\r\n") && answer.contains("/forbidden<"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn what_the_parser_refuses_has_a_problem_body_and_a_request_id() {
    let node = Node::start().await;
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(20_000));
    let cases = [
        (long.as_str(), "431 Request Header Fields Too Large", "headTooLarge"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", "400 Bad Request", "invalidHeader"),
        ("GET / HTTP/1.1\r\n\r\n", "400 Bad Request", "invalidHeader"),
    ];
    for (request, status, code) in cases {
        let answer = node.exchange(Some(BANK_OU), request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
        for part in [
            "\r\nContent-Type: application/problem+xml\r\n",
            "\r\nX-Request-Id: ",
            "\r\nConnection: close\r\n",
        ] {
            assert!(answer.contains(part), "{part}: {answer}");
        }
        let end = format!("error/{code}</type><title>");
        assert!(answer.contains(&end) && answer.ends_with("</title></problem>"), "{answer}");
    }
}
