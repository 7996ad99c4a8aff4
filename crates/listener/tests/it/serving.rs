//! Serving, limits and the end of serving (protocol, sections 1 and 7; design, section 7; issue 4, item 6).

use std::process::Command;
use std::time::Duration;

use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use pix_stream_listener::config::ListenerSettings;
use pix_stream_listener::drain::{Drain, Drained};
use pix_stream_listener::serve_plain;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::pki::Wish;
use crate::server::{BIG, PATIENCE, Server, get, last_get, one_answer, rest};

#[tokio::test]
async fn requests_follow_each_other_on_one_connection() {
    let server = Server::start();
    let mut stream = server.connect().await;
    for path in ["/one", "/two"] {
        stream.write_all(get(path).as_bytes()).await.unwrap();
        assert!(one_answer(&mut stream).await.ends_with(&format!("GET {path}")));
    }
    stream.write_all(last_get("/three").as_bytes()).await.unwrap();
    let last = rest(&mut stream).await;
    assert!(last.contains("Connection: close\r\n") && last.ends_with("GET /three"), "{last}");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Server::start();
    let answers = server.exchange(format!("{}{}{}", get("/1"), get("/2"), last_get("/3"))).await;
    let places: Vec<_> = ["GET /1", "GET /2", "GET /3"].map(|text| answers.find(text).unwrap()).into();
    assert!(places.is_sorted(), "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3);
}

#[tokio::test]
async fn http_1_0_is_answered_and_closed() {
    let server = Server::start();
    let answer = server.exchange("GET /old HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n") && answer.ends_with("GET /old"), "{answer}");
}

#[tokio::test]
async fn an_absolute_target_is_its_path() {
    let server = Server::start();
    let answer = server.exchange(last_get("https://localhost:8443/absolute?x=1")).await;
    assert!(answer.ends_with("GET /absolute"), "{answer}");
}

#[tokio::test]
async fn a_client_that_expects_100_gets_it_before_its_body() {
    let server = Server::start();
    let mut stream = server.connect().await;
    let head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    timeout(PATIENCE, stream.read_exact(&mut interim)).await.unwrap().unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").await.unwrap();
    assert!(one_answer(&mut stream).await.ends_with("[hello]"));
}

#[tokio::test]
async fn the_service_learns_who_asks() {
    let server = Server::start();
    let answer = server.exchange(last_get("/who")).await;
    assert!(answer.ends_with("bank One(Ispb(99999001)) Http1"), "{answer}");
}

#[tokio::test]
async fn a_large_answer_arrives_whole() {
    let server = Server::start();
    let answer = server.exchange(last_get("/big")).await;
    assert!(answer.ends_with(&"x".repeat(BIG)));
}

/// An HTTP/2 client of the usual certificate.
async fn http2_client(server: &Server) -> http2::SendRequest<Empty<bytes::Bytes>> {
    let mut config = server.pki.client(Some(&server.bank));
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = server.connect_with(config).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn http2_get(path: &str) -> Request<Empty<bytes::Bytes>> {
    Request::get(format!("https://localhost{path}")).body(Empty::new()).unwrap()
}

#[tokio::test]
async fn http_2_is_spoken_when_alpn_says_so() {
    let server = Server::start();
    let mut client = http2_client(&server).await;
    let answers = futures_util::future::join(
        client.send_request(http2_get("/who")),
        client.clone().send_request(http2_get("/big")),
    );
    let (who, big) = timeout(PATIENCE, answers).await.unwrap();
    let who = who.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert!(who.ends_with(b"Http2"), "{who:?}");
    assert_eq!(big.unwrap().into_body().collect().await.unwrap().to_bytes().len(), BIG);
}

#[tokio::test]
async fn an_http_2_head_over_its_limit_is_431() {
    let server = Server::start();
    let mut client = http2_client(&server).await;
    let mut request = http2_get("/x");
    request.headers_mut().insert("x-long", "y".repeat(17 * 1024).parse().unwrap());
    match timeout(PATIENCE, client.send_request(request)).await.unwrap() {
        Ok(answer) => assert_eq!(answer.status(), 431),
        // hyper's client may see the refused stream first.
        Err(fault) => assert!(!fault.is_timeout(), "{fault}"),
    }
    let answer = timeout(PATIENCE, client.send_request(http2_get("/after"))).await.unwrap();
    assert_eq!(answer.unwrap().status(), 200);
}

#[tokio::test]
async fn a_connection_over_the_nodes_limit_is_closed_after_its_handshake() {
    let settings = ListenerSettings { connections: 1, ..ListenerSettings::default() };
    let server = Server::start_with(settings);
    let mut first = server.connect().await;
    first.write_all(get("/first").as_bytes()).await.unwrap();
    one_answer(&mut first).await;
    let mut second = server.connect().await;
    assert_eq!(rest(&mut second).await, "");
    first.write_all(last_get("/still").as_bytes()).await.unwrap();
    assert!(rest(&mut first).await.ends_with("GET /still"));
    drop(first);
    let freed = async {
        while !server.exchange(last_get("/next")).await.ends_with("GET /next") {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, freed).await.expect("the place is free again");
}

#[tokio::test]
async fn a_participant_has_its_own_limit() {
    let settings = ListenerSettings { connections_per_participant: 1, ..ListenerSettings::default() };
    let server = Server::start_with(settings);
    let mut first = server.connect().await;
    first.write_all(get("/first").as_bytes()).await.unwrap();
    one_answer(&mut first).await;
    let mut second = server.connect().await;
    assert_eq!(rest(&mut second).await, "");

    let other = server.pki.issue(&Wish { ou: Some("ISPB-99999002"), serial: 11, ..Wish::default() });
    let producer = server.pki.issue(&Wish { ou: None, name: "producer", serial: 12, ..Wish::default() });
    for holder in [&other, &producer, &producer] {
        let mut stream = server.connect_with(server.pki.client(Some(holder))).await.unwrap();
        stream.write_all(last_get("/other").as_bytes()).await.unwrap();
        assert!(rest(&mut stream).await.ends_with("GET /other"));
    }
}

#[tokio::test]
async fn a_drain_lets_a_request_finish_and_closes_the_idle_at_once() {
    let server = Server::start();
    let mut idle = server.connect().await;
    idle.write_all(get("/idle").as_bytes()).await.unwrap();
    one_answer(&mut idle).await;
    server.one_entered().await;
    let mut fresh = server.connect().await;
    let mut busy = server.connect().await;
    busy.write_all(get("/gated").as_bytes()).await.unwrap();
    server.one_entered().await;

    let drain = server.drain.clone();
    let finish = tokio::spawn(async move { drain.finish(Duration::from_secs(10)).await });
    assert_eq!(rest(&mut idle).await, "");
    assert_eq!(rest(&mut fresh).await, "");
    assert!(!finish.is_finished());
    server.gate.add_permits(1);
    let answer = rest(&mut busy).await;
    assert!(answer.contains("Connection: close\r\n") && answer.ends_with("through"), "{answer}");
    drop((idle, fresh, busy));
    let drained = timeout(PATIENCE, finish).await.unwrap().unwrap();
    assert_eq!(drained.cut, 0);
    assert!(TcpStream::connect(server.address).await.is_err(), "the socket is closed");
}

#[tokio::test]
async fn a_drain_finishes_http_2_requests_too() {
    let server = Server::start();
    let mut client = http2_client(&server).await;
    let busy = tokio::spawn(client.send_request(http2_get("/gated")));
    server.one_entered().await;
    let drain = server.drain.clone();
    let finish = tokio::spawn(async move { drain.finish(Duration::from_secs(10)).await });
    server.drain.begun().await;
    server.gate.add_permits(1);
    assert_eq!(timeout(PATIENCE, busy).await.unwrap().unwrap().unwrap().status(), 200);
    drop(client);
    assert_eq!(timeout(PATIENCE, finish).await.unwrap().unwrap().cut, 0);
}

#[tokio::test]
async fn a_drain_cuts_and_counts_what_does_not_finish() {
    let server = Server::start();
    let mut busy = server.connect().await;
    busy.write_all(get("/gated").as_bytes()).await.unwrap();
    server.one_entered().await;
    let drained = timeout(PATIENCE, server.drain.finish(Duration::from_millis(200))).await.unwrap();
    assert_eq!(drained, Drained { finished: 0, cut: 1 });
    assert_eq!(rest(&mut busy).await, "");
    assert_eq!(server.drain.open_connections(), 0);
}

#[tokio::test]
async fn a_client_that_goes_away_frees_its_place() {
    let server = Server::start();
    let mut busy = server.connect().await;
    busy.write_all(get("/gated").as_bytes()).await.unwrap();
    server.one_entered().await;
    drop(busy);
    // Nobody opens the gate: the connection ends because its client is gone.
    let drained = timeout(PATIENCE, server.drain.finish(Duration::from_secs(10))).await.unwrap();
    assert_eq!(drained.cut, 0);
}

#[tokio::test]
async fn plain_http_serves_and_drains() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let drain = Drain::new();
    let service = |request: Request<hyper::body::Incoming>, _remote| async move {
        http::Response::new(http_body_util::Full::new(bytes::Bytes::from(request.uri().path().to_owned())))
    };
    let serving = tokio::spawn(serve_plain(listener, service, drain.clone()));
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(get("/health/live").as_bytes()).await.unwrap();
    let mut answer = vec![0; 17];
    timeout(PATIENCE, socket.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer, b"HTTP/1.1 200 OK\r\n");
    let mut malformed = TcpStream::connect(address).await.unwrap();
    malformed.write_all(b"GET /health/live HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, malformed.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "a request without Host: {answer}");
    assert_eq!(timeout(PATIENCE, drain.finish(Duration::from_secs(5))).await.unwrap().cut, 0);
    timeout(PATIENCE, serving).await.unwrap().unwrap();
}

/// Resident memory of this process, in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// Opens connections, each with a request that waits in the service. What stays in this process of the clients is
/// a bare socket each.
async fn open_waiting(server: &Server, count: usize) -> Vec<TcpStream> {
    let mut sockets = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = server.connect().await;
        stream.write_all(get("/gated").as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        server.one_entered().await;
        sockets.push(stream.into_inner().0);
    }
    sockets
}

/// Connections that are measured.
const COUNT: usize = 1_000;

/// Other tests of this process would be measured too, so this one runs itself again, alone.
#[test]
fn a_waiting_read_costs_at_most_60_kb() {
    const NAME: &str = "serving::a_waiting_read_costs_at_most_60_kb";
    if std::env::args().any(|argument| argument == "--exact") {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let each = runtime.block_on(measure_waiting());
        println!("{each} bytes of resident memory for each of {COUNT} waiting connections");
        assert!(each <= 60 * 1024, "{each} bytes for each connection");
        return;
    }
    let alone =
        Command::new(std::env::current_exe().unwrap()).args(["--exact", NAME, "--nocapture"]).output();
    let alone = alone.unwrap();
    println!("{}", String::from_utf8_lossy(&alone.stdout));
    assert!(alone.status.success(), "{}", String::from_utf8_lossy(&alone.stderr));
}

/// Bytes of resident memory for each waiting connection.
async fn measure_waiting() -> usize {
    let server = Server::start();
    let warm = open_waiting(&server, 50).await;
    let before = resident();
    let waiting = open_waiting(&server, COUNT).await;
    let each = resident().saturating_sub(before) / COUNT;
    // Others are served meanwhile.
    assert!(server.exchange(last_get("/other")).await.ends_with("GET /other"));
    drop((warm, waiting));
    each
}
