//! Mutual TLS (protocol, section 7): versions, certificates, trust, revocation, reload.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pix_stream_listener::config::{ListenerSettings, TlsSettings};
use pix_stream_listener::identity::{IdentityRules, Match, Role, RoleRule, Scope};
use pix_stream_listener::tls::{Fault, TlsStore, provider};
use rcgen::{ExtendedKeyUsagePurpose, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::cipher_suite;
use rustls::time_provider::TimeProvider;
use rustls::{CipherSuite, ClientConfig, HandshakeKind, ProtocolVersion};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{PrivateKeyDer, UnixTime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::pki::{Holder, Pki, Wish};
use crate::server::{PATIENCE, Server, get, last_get, one_answer, rest};

fn start(settings: impl FnOnce(&Pki) -> TlsSettings) -> Server {
    let pki = Pki::new("authority");
    let tls = TlsStore::load(&settings(&pki)).unwrap();
    Server::start_on(pki, tls, ListenerSettings::default())
}

/// Connects, asks once; tells whether an answer came.
pub(crate) async fn is_served(server: &Server, config: ClientConfig) -> bool {
    // With TLS 1.3 a client believes in the handshake before the server has seen its certificate.
    let Ok(mut stream) = server.connect_with(config).await else { return false };
    let mut answer = Vec::new();
    let asked = stream.write_all(last_get("/asked").as_bytes()).await;
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("an end in time");
    let text = String::from_utf8(answer).unwrap();
    assert!(text.is_empty() || (asked.is_ok() && read.is_ok()), "{text}");
    text.ends_with("GET /asked")
}

#[tokio::test]
async fn a_tls_1_2_client_with_one_rsa_suite_gets_the_rsa_certificate() {
    let server = start(Pki::settings);
    let one_suite = CryptoProvider {
        cipher_suites: vec![cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256],
        ..provider()
    };
    let config = server.pki.client_with(Some(&server.bank), one_suite, &[&rustls::version::TLS12]);
    let mut stream = server.connect_with(config).await.unwrap();
    let session = stream.get_ref().1;
    assert_eq!(session.protocol_version(), Some(ProtocolVersion::TLSv1_2));
    assert_eq!(
        session.negotiated_cipher_suite().unwrap().suite(),
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    );
    stream.write_all(last_get("/rsa").as_bytes()).await.unwrap();
    assert!(rest(&mut stream).await.ends_with("GET /rsa"));
}

#[tokio::test]
async fn clients_that_can_check_it_get_the_p_256_certificate() {
    let server = start(Pki::settings);
    let p256 = std::fs::read(server.pki.path("server.pem")).unwrap();
    let p256 =
        <rustls_pki_types::CertificateDer<'_> as rustls_pki_types::pem::PemObject>::from_pem_slice(&p256);
    let p256 = p256.unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = server.pki.client_with(Some(&server.bank), provider(), &[version]);
        let stream = server.connect_with(config).await.unwrap();
        assert_eq!(stream.get_ref().1.peer_certificates().unwrap()[0], p256);
    }
}

#[tokio::test]
async fn certificates_that_are_not_trusted_fail_the_handshake() {
    let server = start(Pki::quick_settings);
    let stranger = Pki::new("stranger").bank();
    let impostor = Pki::new("authority").bank();
    let issue = |wish: Wish<'_>| server.pki.issue(&wish);
    let expired = issue(Wish { years: (2020, 2021), ..Wish::default() });
    let early = issue(Wish { years: (2080, 2090), ..Wish::default() });
    let purpose = issue(Wish { purpose: ExtendedKeyUsagePurpose::ServerAuth, ..Wish::default() });
    let refused: [(&str, Option<&Holder>); 6] = [
        ("none", None),
        ("of another authority", Some(&stranger)),
        ("of another authority of the same name", Some(&impostor)),
        ("expired", Some(&expired)),
        ("not yet valid", Some(&early)),
        ("for servers", Some(&purpose)),
    ];
    for (what, holder) in refused {
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let config = server.pki.client_with(holder, provider(), &[version]);
            assert!(!is_served(&server, config).await, "{what}, {version:?}");
        }
    }
    assert!(is_served(&server, server.pki.client(Some(&server.bank))).await);
}

#[tokio::test]
async fn rsa_certificates_and_chains_of_authorities_are_trusted() {
    let server = start(Pki::quick_settings);
    let rsa = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let rsa = server.pki.issue_for(&Wish { serial: 11, ..Wish::default() }, &rsa);
    let chained = server.pki.issue_through("between", &Wish { serial: 12, ..Wish::default() });
    for holder in [&rsa, &chained] {
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let config = server.pki.client_with(Some(holder), provider(), &[version]);
            assert!(is_served(&server, config).await, "{version:?}");
        }
    }
}

#[tokio::test]
async fn a_revoked_certificate_fails_the_handshake() {
    let pki = Pki::new("authority");
    let other = pki.issue(&Wish { serial: 77, ..Wish::default() });
    let settings = TlsSettings { crl: vec![pki.revoke(&[&other])], ..pki.quick_settings() };
    let tls = TlsStore::load(&settings).unwrap();
    let server = Server::start_on(pki, tls, ListenerSettings::default());
    assert!(!is_served(&server, server.pki.client(Some(&other))).await);
    assert!(is_served(&server, server.pki.client(Some(&server.bank))).await);
}

#[tokio::test]
async fn a_refused_client_learns_why() {
    let server = start(Pki::quick_settings);
    let stranger = Pki::new("stranger").bank();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = server.pki.client_with(Some(&stranger), provider(), &[version]);
        let told = match server.connect_with(config).await {
            Err(fault) => fault,
            Ok(mut stream) => {
                // Bytes that the server never reads must not destroy its alert.
                stream.write_all(get("/early").repeat(100).as_bytes()).await.unwrap();
                timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await.unwrap().unwrap_err()
            }
        };
        assert!(told.to_string().contains("received fatal alert"), "{version:?}: {told}");
    }
}

#[tokio::test]
async fn a_session_is_resumed_until_its_certificate_is_revoked() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let pki = Pki::new("authority");
        let settings = pki.quick_settings();
        let tls = TlsStore::load(&settings).unwrap();
        let server = Server::start_on(pki, tls, ListenerSettings::default());
        let config = server.pki.client_with(Some(&server.bank), provider(), &[version]);
        assert!(is_served(&server, config.clone()).await);
        let stream = server.connect_with(config.clone()).await.unwrap();
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed), "{version:?}");
        assert!(is_served(&server, config.clone()).await);

        let crl = vec![server.pki.revoke(&[&server.bank])];
        server.tls.reload(&TlsSettings { crl, ..settings }).unwrap();
        assert!(!is_served(&server, config).await, "{version:?}");
    }
}

#[tokio::test]
async fn open_connections_of_a_revoked_certificate_are_closed_and_others_stay() {
    let pki = Pki::new("authority");
    let settings = pki.quick_settings();
    let tls = TlsStore::load(&settings).unwrap();
    let server = Server::start_on(pki, tls, ListenerSettings::default());
    let good = server.pki.issue(&Wish { ou: Some("ISPB-99999002"), serial: 11, ..Wish::default() });
    let mut idle = server.connect().await;
    idle.write_all(get("/idle").as_bytes()).await.unwrap();
    one_answer(&mut idle).await;
    server.one_entered().await;
    let mut busy = server.connect().await;
    busy.write_all(get("/gated").as_bytes()).await.unwrap();
    server.one_entered().await;
    let mut other = server.connect_with(server.pki.client(Some(&good))).await.unwrap();
    other.write_all(get("/other").as_bytes()).await.unwrap();
    one_answer(&mut other).await;

    let crl = vec![server.pki.revoke(&[&server.bank])];
    server.tls.reload(&TlsSettings { crl, ..settings }).unwrap();
    assert_eq!(rest(&mut idle).await, "");
    assert_eq!(rest(&mut busy).await, "");
    other.write_all(last_get("/still").as_bytes()).await.unwrap();
    assert!(rest(&mut other).await.ends_with("GET /still"));
}

#[tokio::test]
async fn connections_end_after_their_request_when_roles_change() {
    let pki = Pki::new("authority");
    let settings = pki.quick_settings();
    let tls = TlsStore::load(&settings).unwrap();
    let server = Server::start_on(pki, tls, ListenerSettings::default());
    let mut busy = server.connect().await;
    busy.write_all(get("/gated").as_bytes()).await.unwrap();
    server.one_entered().await;
    let roles = vec![RoleRule { subject: Match::Name("bank".to_owned()), role: Role::Admin(Scope::All) }];
    let identity = IdentityRules { roles, ..IdentityRules::default() };
    server.tls.reload(&TlsSettings { identity, ..settings }).unwrap();
    server.gate.add_permits(1);
    assert!(rest(&mut busy).await.ends_with("through"));
}

/// A clock that tests set.
#[derive(Debug)]
pub(crate) struct TestTime(pub(crate) AtomicU64);

impl TimeProvider for TestTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0.load(Ordering::SeqCst))))
    }
}

/// The first second of 2030 and of 2090.
pub(crate) const YEAR_2030: u64 = 1_893_456_000;
const YEAR_2090: i64 = 3_786_912_000;

#[tokio::test]
async fn a_session_is_not_served_past_its_certificates_end() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let time = Arc::new(TestTime(AtomicU64::new(YEAR_2030 - 600)));
        let pki = Pki::new("authority");
        let tls = TlsStore::load_with(&pki.quick_settings(), Arc::clone(&time) as Arc<dyn TimeProvider>);
        let server = Server::start_on(pki, tls.unwrap(), ListenerSettings::default());
        let ends = server.pki.issue(&Wish { years: (2020, 2030), ..Wish::default() });
        let config = server.pki.client_with(Some(&ends), provider(), &[version]);
        assert!(is_served(&server, config.clone()).await);
        time.0.store(YEAR_2030 + 600, Ordering::SeqCst);
        let mut stream = server.connect_with(config).await.unwrap();
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed), "{version:?}");
        assert_eq!(rest(&mut stream).await, "", "{version:?}");
    }
}

#[test]
fn all_problems_are_told_at_once_with_their_files() {
    let pki = Pki::new("authority");
    let key = KeyPair::generate().unwrap();
    let good = pki.server_certificate("good", &key, (2020, 2090));
    let expired = pki.server_certificate("expired", &key, (2020, 2021));
    let early = pki.server_certificate("early", &key, (2080, 2090));
    let mut mismatch = pki.server_certificate("mismatch", &KeyPair::generate().unwrap(), (2020, 2090));
    mismatch.key.clone_from(&good.key);
    let mut keyless = good.clone();
    keyless.key = pki.write("empty.key", "nothing here\n");
    let settings = TlsSettings {
        ca: vec![pki.path("missing.pem"), pki.write("cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n")],
        certificates: vec![good, expired, early, mismatch, keyless],
        crl: vec![pki.write("list.pem", "no list\n")],
        ..TlsSettings::default()
    };
    let problems = TlsStore::load(&settings).unwrap_err();
    let faults: Vec<_> = problems
        .0
        .iter()
        .map(|problem| (problem.path.file_name().unwrap().to_str().unwrap(), &problem.fault))
        .collect();
    assert!(
        matches!(
            faults.as_slice(),
            [
                ("missing.pem", Fault::Read(_)),
                ("cut.pem", Fault::Pem(_)),
                ("expired.pem", Fault::Expired(_)),
                ("early.pem", Fault::NotYetValid(_)),
                ("good.key", Fault::KeyMismatch { .. }),
                ("empty.key", Fault::Missing(_)),
                ("list.pem", Fault::Missing(_)),
            ]
        ),
        "{faults:?}"
    );
    let text = problems.to_string();
    assert_eq!(text.lines().count(), 7, "{text}");
    assert!(text.contains("good.key: is not the key of the certificate in") && text.contains("mismatch.pem"));
    assert!(text.contains("Fri, 01 Jan 2021 00:00:00 +0000"), "{text}");
}

#[tokio::test]
async fn a_reload_with_problems_changes_nothing() {
    let pki = Pki::new("authority");
    let settings = pki.quick_settings();
    let tls = TlsStore::load(&settings).unwrap();
    let server = Server::start_on(pki, tls, ListenerSettings::default());
    let config = server.pki.client(Some(&server.bank));
    assert!(is_served(&server, config.clone()).await);
    let bad = TlsSettings { ca: vec![server.pki.path("missing.pem")], ..settings };
    assert_eq!(server.tls.reload(&bad).unwrap_err().0.len(), 1);
    let stream = server.connect_with(config).await.unwrap();
    assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed));
}

#[test]
fn without_files_there_is_no_tls() {
    let problems = TlsStore::load(&TlsSettings::default()).unwrap_err().to_string();
    assert_eq!(
        problems,
        "tls.ca: names no file; mutual TLS needs at least one\n\
         tls.certificates: names no file; mutual TLS needs at least one"
    );
}

#[test]
fn no_key_is_in_the_debug_form() {
    let pki = Pki::new("authority");
    let settings = pki.settings();
    let tls = TlsStore::load(&settings).unwrap();
    let shown = format!("{tls:?} {settings:?}");
    for files in &settings.certificates {
        let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
        // Bytes are mostly shown as a list of numbers.
        let bytes = format!("{:?}", &key.secret_der()[40..56]);
        assert!(!shown.contains(bytes.trim_matches(['[', ']'])) && !shown.contains("PRIVATE"), "{shown}");
    }
}

#[test]
fn the_end_of_each_certificate_is_known() {
    let pki = Pki::new("authority");
    let tls = TlsStore::load(&pki.quick_settings()).unwrap();
    let expiries = tls.expiries();
    assert_eq!(expiries.len(), 1);
    assert_eq!(expiries[0].second, YEAR_2090);
}
