//! What a client cannot talk the server into (protocol, section 7; issue 7, item 4): old versions, suites without forward
//! secrecy or with CBC, compression, early data. No TLS library offers these any more, so the first message is made here.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::pki::server_name;
use crate::server::{PATIENCE, Server, last_get, rest};

/// Kinds of records.
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
/// Alerts.
const HANDSHAKE_FAILURE: u8 = 40;
const ILLEGAL_PARAMETER: u8 = 47;
const PROTOCOL_VERSION: u8 = 70;

const TLS_1_0: u16 = 0x0301;
const TLS_1_1: u16 = 0x0302;
const TLS_1_2: u16 = 0x0303;
/// `ECDHE-RSA-AES128-GCM-SHA256`, and the same for ECDSA: both always work.
const GOOD: [u16; 2] = [0xC02F, 0xC02B];

/// A length in front.
fn framed<const N: usize>(body: &[u8]) -> Vec<u8> {
    let length = u64::try_from(body.len()).unwrap().to_be_bytes();
    [&length[8 - N..], body].concat()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &framed::<2>(body)].concat()
}

/// A ClientHello in its record.
fn hello(version: u16, suites: &[u16], compressions: &[u8], more: &[Vec<u8>]) -> Vec<u8> {
    let suites: Vec<u8> = suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    let mut extensions = vec![
        // secp256r1 and x25519; uncompressed points; ECDSA and RSA with SHA-256.
        extension(10, &framed::<2>(&[0, 23, 0, 29])),
        extension(11, &framed::<1>(&[0])),
        extension(13, &framed::<2>(&[4, 3, 4, 1, 8, 4])),
    ];
    extensions.extend_from_slice(more);
    let body = [
        &version.to_be_bytes()[..],
        &[7; 32],
        &framed::<1>(&[]),
        &framed::<2>(&suites),
        &framed::<1>(compressions),
        &framed::<2>(&extensions.concat()),
    ]
    .concat();
    let message = [&[1][..], &framed::<3>(&body)].concat();
    [&[HANDSHAKE, 3, 1][..], &framed::<2>(&message)].concat()
}

/// The kind of the first record that comes back, and its second byte: of an alert, which one.
async fn answered(server: &Server, bytes: &[u8]) -> (u8, u8) {
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    let mut record = [0; 7];
    timeout(PATIENCE, socket.read_exact(&mut record)).await.expect("an answer in time").unwrap();
    (record[0], record[6])
}

#[tokio::test]
async fn old_versions_are_refused() {
    let server = Server::start();
    for version in [0x0300, TLS_1_0, TLS_1_1] {
        let refused = answered(&server, &hello(version, &GOOD, &[0], &[])).await;
        assert_eq!(refused, (ALERT, PROTOCOL_VERSION), "{version:04x}");
    }
    // The list of versions counts where there is one: 1.1 at most, whatever the field above says.
    let versions = extension(43, &framed::<1>(&TLS_1_1.to_be_bytes()));
    let refused = answered(&server, &hello(TLS_1_2, &GOOD, &[0], &[versions])).await;
    assert_eq!(refused, (ALERT, PROTOCOL_VERSION));
    // So that it is the version, and not these bytes.
    assert_eq!(answered(&server, &hello(TLS_1_2, &GOOD, &[0], &[])).await.0, HANDSHAKE);
}

#[tokio::test]
async fn suites_without_forward_secrecy_or_with_cbc_are_refused() {
    let server = Server::start();
    let weak: [(&str, u16); 10] = [
        ("NULL-SHA256", 0x003B),
        ("RC4-SHA", 0x0005),
        ("DES-CBC3-SHA", 0x000A),
        ("AES128-SHA", 0x002F),
        ("AES128-GCM-SHA256", 0x009C),
        ("ECDHE-RSA-AES128-SHA", 0xC013),
        ("ECDHE-ECDSA-AES128-SHA256", 0xC023),
        ("DHE-RSA-AES128-GCM-SHA256", 0x009E),
        ("ADH-AES128-SHA", 0x0034),
        ("EXP-RC4-MD5", 0x0003),
    ];
    for (name, suite) in weak {
        assert_eq!(answered(&server, &hello(TLS_1_2, &[suite], &[0], &[])).await.0, ALERT, "{name}");
    }
    let all: Vec<u16> = weak.iter().map(|(_, suite)| *suite).collect();
    assert_eq!(answered(&server, &hello(TLS_1_2, &all, &[0], &[])).await.0, ALERT);
}

#[tokio::test]
async fn compression_alone_is_refused() {
    let server = Server::start();
    let (kind, alert) = answered(&server, &hello(TLS_1_2, &GOOD, &[1], &[])).await;
    assert_eq!(kind, ALERT);
    assert!([HANDSHAKE_FAILURE, ILLEGAL_PARAMETER].contains(&alert), "{alert}");
}

#[tokio::test]
async fn tickets_promise_no_early_data() {
    let server = Server::start();
    let mut config = server.pki.client_with(
        Some(&server.bank),
        pix_stream_listener::tls::provider(),
        &[&rustls::version::TLS13],
    );
    config.enable_early_data = true;
    assert!(crate::tls::is_served(&server, config.clone()).await);
    let mut stream = server.connect_with(config.clone()).await.unwrap();
    assert_eq!(stream.get_ref().1.handshake_kind(), Some(rustls::HandshakeKind::Resumed));
    stream.write_all(last_get("/resumed").as_bytes()).await.unwrap();
    rest(&mut stream).await;
    // There is a ticket, and it allows none.
    let mut next = rustls::ClientConnection::new(config.into(), server_name()).unwrap();
    assert!(next.early_data().is_none());
}
