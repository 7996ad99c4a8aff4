//! The listener with the real routes behind it: what only both together show (protocol, sections 3, 6 and 7).

use std::net::SocketAddr;
use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;
use pix_stream_app::{Actor, App, Settings};
use pix_stream_delivery::config::ListenerSettings;
use pix_stream_delivery::drain::Drain;
use pix_stream_delivery::identity::Peer;
use pix_stream_delivery::listener::{Refuse, bind, serve};
use pix_stream_delivery::tls::TlsStore;
use pix_stream_delivery::{Shared, Wire, handle};
use pix_stream_domain::participant::Limits;
use pix_stream_domain::token::Keyring;
use pix_stream_testkit::fake::FakePorts;
use pix_stream_testkit::sim_clock::{START, SimClock};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::listener_server::{last_get, rest};
use crate::tls_pki::{Holder, Pki, Wish, server_name};

struct Node {
    address: SocketAddr,
    pki: Pki,
}

impl Node {
    async fn start() -> Self {
        let pki = Pki::new("authority");
        let tls = TlsStore::load(&pki.quick_settings()).unwrap();
        let settings = Settings { long_poll: std::time::Duration::ZERO, ..Settings::default() };
        let ports = FakePorts::new(7, SimClock::following_tokio(START));
        let app = App::start(ports, Keyring::new((1, [7; 32]), None), settings).await.unwrap();
        let actor = Actor { name: "test", request_id: "test", reason: "" };
        app.onboard("99999001".parse().unwrap(), String::new(), Limits::default(), actor).await.unwrap();
        let render = Arc::new(String::new);
        let shared = Arc::new(Shared::new(app, Wire::default(), render, 1, "0.0.0-test").await);
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let limits = ListenerSettings {
            name: "whole",
            refuse: Refuse::problems(&shared),
            ..ListenerSettings::default()
        };
        let service =
            move |request: Request<Incoming>, peer: Peer| handle(Arc::clone(&shared), peer, request);
        tokio::spawn(serve(listener, tls, service, Drain::new(), limits));
        Self { address, pki }
    }

    async fn exchange(&self, holder: &Holder, bytes: &str) -> String {
        let connector = TlsConnector::from(Arc::new(self.pki.client(Some(holder))));
        let socket = TcpStream::connect(self.address).await.unwrap();
        let mut stream = connector.connect(server_name(), socket).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        rest(&mut stream).await
    }
}

#[tokio::test]
async fn a_read_is_answered_with_headers_spelled_as_in_the_protocol() {
    let node = Node::start().await;
    let answer = node.exchange(&node.pki.bank(), &last_get("/api/v1/out/99999001/stream/start")).await;
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
    let wishes = [
        Wish { ou: Some("ISPB-99999002"), serial: 11, ..Wish::default() },
        Wish { ou: None, serial: 12, ..Wish::default() },
    ];
    for wish in wishes {
        let holder = node.pki.issue(&wish);
        let answer = node.exchange(&holder, &last_get("/api/v1/out/99999001/stream/start")).await;
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
        let answer = node.exchange(&node.pki.bank(), request).await;
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
