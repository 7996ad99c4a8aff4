//! Requests that no honest client sends, over a raw TLS connection (protocol, sections 6 and 8: HTTP is read
//! strictly; issue 4, hardness). Each gets a clear answer or a closed connection, and never a second reading.

use std::time::Duration;

use pix_stream_listener::config::ListenerSettings;
use tokio::io::AsyncWriteExt as _;

use crate::server::{Server, get, last_get, one_answer, rest};

const POST: &str = "POST /echo HTTP/1.1\r\nHost: localhost\r\n";
/// A request that must never be answered: it is inside, or behind, a malformed one.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// The head of a TLS record whose ClientHello does not come.
const HELLO_PIECE: &[u8] = &[22, 3, 1, 2];

fn is_400_and_close(answer: &str) {
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(!answer.contains("smuggled"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.").count(), 1, "{answer}");
}

#[tokio::test]
async fn two_different_lengths_are_400_and_close() {
    let server = Server::start();
    is_400_and_close(
        &server
            .exchange(format!("{POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello{SMUGGLED}"))
            .await,
    );
    for value in ["5, 6", "5, 5", "+5", "-1", "5 5", "0x5", "", "18446744073709551616"] {
        is_400_and_close(
            &server.exchange(format!("{POST}Content-Length: {value}\r\n\r\nhello{SMUGGLED}")).await,
        );
    }
}

#[tokio::test]
async fn the_same_length_twice_is_that_length() {
    let server = Server::start();
    let answer = server
        .exchange(format!(
            "{POST}Content-Length: 5\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello{SMUGGLED}"
        ))
        .await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("[hello]"), "{answer}");
}

#[tokio::test]
async fn length_and_chunks_are_read_by_chunks_alone_and_close() {
    let server = Server::start();
    for headers in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n",
    ] {
        let answer = server.exchange(format!("{POST}{headers}\r\n5\r\nhello\r\n0\r\n\r\n{SMUGGLED}")).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("[hello]"), "{answer}");
        assert!(!answer.contains("smuggled"), "{answer}");
    }
}

#[tokio::test]
async fn other_codings_are_400_and_close() {
    let server = Server::start();
    for coding in
        ["gzip", "identity", "gzip, chunked", "chunked, chunked", "chunked, identity", "xchunked", ""]
    {
        is_400_and_close(
            &server
                .exchange(format!(
                    "{POST}Transfer-Encoding: {coding}\r\n\r\n5\r\nhello\r\n0\r\n\r\n{SMUGGLED}"
                ))
                .await,
        );
    }
    is_400_and_close(
        &server
            .exchange(format!(
                "{POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{SMUGGLED}"
            ))
            .await,
    );
    let old = "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let answer = server.exchange(format!("{old}{SMUGGLED}")).await;
    assert!(answer.contains(" 400 ") && !answer.contains("smuggled"), "{answer}");
}

#[tokio::test]
async fn without_a_host_or_with_two_it_is_400_and_close() {
    let server = Server::start();
    for head in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    ] {
        let answer = server.exchange(format!("{head}{SMUGGLED}")).await;
        is_400_and_close(&answer);
        assert!(answer.ends_with("<problem>malformed</problem>"), "{answer}");
    }
}

#[tokio::test]
async fn malformed_heads_are_400_and_close() {
    let server = Server::start();
    for head in [
        "GET / HTTP/1.1\r\nHost: a\r\nX-Folded: one\r\n two\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n: nothing\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET /\r\nHost: a\r\n\r\n",
        "G\u{1}T / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a\u{7f}b HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let answer = server.exchange(format!("{head}{SMUGGLED}")).await;
        is_400_and_close(&answer);
        assert!(answer.ends_with("<problem>malformed</problem>"), "{head:?}: {answer}");
    }
}

#[tokio::test]
async fn a_malformed_head_in_the_record_of_a_request_is_400_with_a_body_and_close() {
    let server = Server::start();
    let malformed = "GET /second HTTP/1.1\r\nHost : a\r\n\r\n";
    let sent = format!("{POST}Content-Length: 5\r\n\r\nhello{malformed}{SMUGGLED}");
    for sent in [sent, format!("{}{malformed}{SMUGGLED}", get("/first"))] {
        let answer = server.exchange(&sent).await;
        let (first, second) = answer.split_once("HTTP/1.1 400 Bad Request\r\n").unwrap();
        assert!(first.ends_with("[hello]") || first.ends_with("GET /first"), "{answer}");
        assert!(second.ends_with("\r\n\r\n<problem>malformed</problem>"), "{answer}");
    }
}

#[tokio::test]
async fn a_piece_of_a_head_in_the_record_of_a_request_has_the_time_of_a_head() {
    let settings =
        ListenerSettings { head_timeout: Duration::from_millis(200), ..ListenerSettings::default() };
    let server = Server::start_with(settings);
    // Idle time is longer than this test waits.
    let answer = server.exchange(format!("{}GET /second HT", get("/first"))).await;
    assert!(answer.ends_with("GET /first"), "{answer}");
}

#[tokio::test]
async fn a_bare_line_feed_ends_a_line() {
    let server = Server::start();
    let answer = server.exchange("GET /bare HTTP/1.1\nHost: localhost\nConnection: close\n\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("GET /bare"), "{answer}");
}

#[tokio::test]
async fn malformed_chunks_are_400_and_close() {
    let server = Server::start();
    for body in [
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhelloXX0\r\n\r\n",
        "g\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        "10000000000000000\r\nhello\r\n0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nbad trailer\r\n\r\n",
    ] {
        let answer =
            server.exchange(format!("{POST}Transfer-Encoding: chunked\r\n\r\n{body}{SMUGGLED}")).await;
        is_400_and_close(&answer);
        assert!(answer.ends_with("bad body"), "{body:?}: {answer}");
    }
}

#[tokio::test]
async fn a_body_that_nobody_reads_is_never_a_request() {
    let server = Server::start();
    for framing in [
        format!("Content-Length: {}\r\n\r\n{SMUGGLED}", SMUGGLED.len()),
        format!("Content-Length: {}\r\n\r\n{SMUGGLED}", SMUGGLED.len() * 2),
        format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len()),
        format!("Transfer-Encoding: chunked\r\n\r\nzz\r\n{SMUGGLED}"),
    ] {
        let answer = server
            .exchange(format!("GET /outer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{framing}"))
            .await;
        assert!(answer.ends_with("GET /outer"), "{answer}");
        assert_eq!(answer.matches("HTTP/1.").count(), 1, "{answer}");
    }
}

#[tokio::test]
async fn a_head_over_its_limit_is_431_with_a_body_that_arrives() {
    let server = Server::start();
    let many = "X: y\r\n".repeat(200);
    let long = format!("X: {}\r\n", "y".repeat(17 * 1024));
    let endless = format!("X: {}", "y".repeat(200 * 1024));
    let long_target = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(17 * 1024));
    for head in [
        format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\n{long}\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\n{endless}"),
        long_target,
    ] {
        let answer = server.exchange(head).await;
        assert!(answer.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\n<problem>headTooLarge</problem>"), "{answer}");
    }
}

#[tokio::test]
async fn a_head_just_under_the_limit_is_read() {
    let server = Server::start();
    let long = "y".repeat(16 * 1024 - 100);
    let answer = server
        .exchange(format!("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: {long}\r\n\r\n"))
        .await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn a_head_that_is_not_finished_in_time_ends_the_connection() {
    let settings =
        ListenerSettings { head_timeout: Duration::from_millis(200), ..ListenerSettings::default() };
    let server = Server::start_with(settings);
    let mut silent = server.connect().await;
    let mut slow = server.connect().await;
    slow.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n").await.unwrap();
    let mut second_is_slow = server.connect().await;
    second_is_slow.write_all(get("/first").as_bytes()).await.unwrap();
    assert!(one_answer(&mut second_is_slow).await.ends_with("GET /first"));
    second_is_slow.write_all(b"GET /second HTTP/1.1\r\n").await.unwrap();

    assert!(server.exchange(last_get("/other")).await.ends_with("GET /other"));
    for stream in [&mut silent, &mut slow, &mut second_is_slow] {
        assert_eq!(rest(stream).await, "");
    }
}

#[tokio::test]
async fn an_http_2_connection_that_asks_nothing_is_ended() {
    use tokio::io::AsyncReadExt as _;
    let settings =
        ListenerSettings { head_timeout: Duration::from_millis(200), ..ListenerSettings::default() };
    let server = Server::start_with(settings);
    let mut config = server.pki.client(Some(&server.bank));
    config.alpn_protocols = vec![b"h2".to_vec()];
    let mut silent = server.connect_with(config.clone()).await.unwrap();
    let mut polite = server.connect_with(config).await.unwrap();
    polite.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    for stream in [&mut silent, &mut polite] {
        let mut bytes = Vec::new();
        let _farewell_or_not = tokio::time::timeout(crate::server::PATIENCE, stream.read_to_end(&mut bytes))
            .await
            .expect("ended in time");
    }
}

#[tokio::test]
async fn an_idle_connection_lives_longer_than_a_slow_head_but_not_forever() {
    let settings = ListenerSettings {
        head_timeout: Duration::from_millis(100),
        idle_timeout: Duration::from_millis(600),
        ..ListenerSettings::default()
    };
    let server = Server::start_with(settings);
    let mut stream = server.connect().await;
    stream.write_all(get("/first").as_bytes()).await.unwrap();
    one_answer(&mut stream).await;
    let before = tokio::time::Instant::now();
    assert_eq!(rest(&mut stream).await, "");
    assert!(before.elapsed() > Duration::from_millis(500), "closed after {:?}", before.elapsed());
}

#[tokio::test]
async fn a_client_that_takes_no_answers_is_ended_and_others_are_served() {
    let settings =
        ListenerSettings { idle_timeout: Duration::from_millis(300), ..ListenerSettings::default() };
    let server = Server::start_with(settings);
    let mut greedy = server.connect().await;
    let asking = async {
        // Once all buffers are full, writing waits until the server has had enough.
        while greedy.write_all(get("/big").as_bytes()).await.is_ok() {}
    };
    let asked = tokio::time::timeout(crate::server::PATIENCE, asking);
    let (asked, other) = tokio::join!(asked, server.exchange(last_get("/other")));
    asked.expect("ended in time");
    assert!(other.ends_with("GET /other"), "{other}");
}

#[tokio::test]
async fn bytes_that_are_not_tls_end_the_connection() {
    use tokio::io::AsyncReadExt as _;
    let server = Server::start();
    let mut socket = tokio::net::TcpStream::connect(server.address).await.unwrap();
    socket.write_all(get("/plain").as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let _reset = tokio::time::timeout(crate::server::PATIENCE, socket.read_to_end(&mut bytes))
        .await
        .expect("closed in time");
    assert!(!String::from_utf8_lossy(&bytes).contains("HTTP"));
}

#[tokio::test]
async fn a_handshake_that_stalls_is_ended_and_others_are_served() {
    use tokio::io::AsyncReadExt as _;
    let settings = ListenerSettings {
        handshake_timeout: Duration::from_millis(300),
        pending: 3,
        handshakes: 2,
        ..ListenerSettings::default()
    };
    let server = Server::start_with(settings);
    let mut stalled = Vec::new();
    for first_bytes in [&b""[..], HELLO_PIECE].repeat(2) {
        let mut socket = tokio::net::TcpStream::connect(server.address).await.unwrap();
        socket.write_all(first_bytes).await.unwrap();
        stalled.push(socket);
    }
    assert!(server.exchange(last_get("/other")).await.ends_with("GET /other"));
    for socket in &mut stalled {
        let ended = tokio::time::timeout(crate::server::PATIENCE, socket.read(&mut [0; 64])).await;
        assert!(matches!(ended, Ok(Ok(0) | Err(_))));
    }
}

#[tokio::test]
async fn silent_sockets_take_no_turn_at_handshakes() {
    let settings = ListenerSettings {
        handshake_timeout: Duration::from_secs(600),
        handshakes: 2,
        ..ListenerSettings::default()
    };
    let server = Server::start_with(settings);
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(tokio::net::TcpStream::connect(server.address).await.unwrap());
    }
    assert!(server.exchange(last_get("/other")).await.ends_with("GET /other"));
    // All of them were accepted before, and are open still.
    assert!(server.drain.open_connections() >= silent.len());
}

#[tokio::test]
async fn sockets_without_a_handshake_are_limited() {
    let settings = ListenerSettings {
        handshake_timeout: Duration::from_secs(600),
        pending: 3,
        ..ListenerSettings::default()
    };
    let server = Server::start_with(settings);
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(tokio::net::TcpStream::connect(server.address).await.unwrap());
    }
    let full = async {
        while server.drain.open_connections() < 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::server::PATIENCE, full).await.unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.drain.open_connections(), 3);
}
