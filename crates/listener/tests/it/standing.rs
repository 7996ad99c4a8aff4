//! What a reload means for connections that are open (protocol, section 7; issue 7, item 4): those that would not be
//! let in now end, all others go on as if nothing had happened.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pix_stream_listener::config::{CertificateFiles, ListenerSettings, TlsSettings};
use pix_stream_listener::identity::{IdentityRules, Match, Role, RoleRule, Scope};
use pix_stream_listener::tls::{ListExpiry, TlsStore};
use rcgen::KeyPair;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, HandshakeKind};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::pki::{Holder, Pki, Wish};
use crate::server::{Server, get, last_get, one_answer, rest};
use crate::tls::{TestTime, YEAR_2030, is_served};

/// A server, and what it was told.
fn start(settings: impl FnOnce(&Pki) -> TlsSettings) -> (Server, TlsSettings) {
    let pki = Pki::new("authority");
    let settings = settings(&pki);
    let tls = TlsStore::load(&settings).unwrap();
    (Server::start_on(pki, tls, ListenerSettings::default()), settings)
}

/// A connection that has had an answer and is open.
async fn idle(server: &Server, config: ClientConfig) -> TlsStream<TcpStream> {
    let mut stream = server.connect_with(config).await.unwrap();
    stream.write_all(get("/idle").as_bytes()).await.unwrap();
    one_answer(&mut stream).await;
    server.one_entered().await;
    stream
}

/// A connection whose request waits for the gate.
async fn busy(server: &Server, config: ClientConfig) -> TlsStream<TcpStream> {
    let mut stream = server.connect_with(config).await.unwrap();
    stream.write_all(get("/gated").as_bytes()).await.unwrap();
    server.one_entered().await;
    stream
}

async fn goes_on(stream: &mut TlsStream<TcpStream>) {
    stream.write_all(get("/on").as_bytes()).await.unwrap();
    assert!(one_answer(stream).await.ends_with("GET /on"));
    stream.write_all(last_get("/still").as_bytes()).await.unwrap();
    assert!(rest(stream).await.ends_with("GET /still"));
}

fn first_certificate(files: &CertificateFiles) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(&files.chain).unwrap()
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_connections_and_ends_no_old_one() {
    let (server, settings) = start(Pki::quick_settings);
    let mut waiting = busy(&server, server.pki.client(Some(&server.bank))).await;
    let mut open = idle(&server, server.pki.client(Some(&server.bank))).await;
    let next = server.pki.server_certificate("next", &KeyPair::generate().unwrap(), (2020, 2090));
    let told = TlsSettings { certificates: vec![next.clone()], ..settings.clone() };
    server.tls.reload(&told).unwrap();

    let mut new = idle(&server, server.pki.client(Some(&server.bank))).await;
    assert_eq!(new.get_ref().1.peer_certificates().unwrap()[0], first_certificate(&next));
    assert_ne!(first_certificate(&next), first_certificate(&settings.certificates[0]));
    server.gate.add_permits(1);
    assert!(one_answer(&mut waiting).await.ends_with("through"));
    for stream in [&mut waiting, &mut open, &mut new] {
        goes_on(stream).await;
    }
}

#[tokio::test]
async fn a_removed_authority_ends_those_who_hang_on_it_and_nobody_else() {
    let gone = Pki::new("gone");
    let (server, settings) = start(|pki| TlsSettings {
        ca: vec![pki.path("ca.pem"), gone.path("ca.pem")],
        ..pki.quick_settings()
    });
    let of_gone = gone.issue(&Wish { ou: Some("ISPB-99999002"), serial: 11, ..Wish::default() });
    let mut waiting = busy(&server, server.pki.client(Some(&server.bank))).await;
    let mut open = idle(&server, server.pki.client(Some(&server.bank))).await;
    let mut cut = busy(&server, server.pki.client(Some(&of_gone))).await;
    let mut closed = idle(&server, server.pki.client(Some(&of_gone))).await;
    // A ticket, too, is worth nothing any more.
    let resumable = server.pki.client(Some(&of_gone));
    assert!(is_served(&server, resumable.clone()).await);

    server.tls.reload(&TlsSettings { ca: vec![server.pki.path("ca.pem")], ..settings }).unwrap();
    assert_eq!(rest(&mut cut).await, "");
    assert_eq!(rest(&mut closed).await, "");
    assert!(!is_served(&server, resumable).await);
    server.gate.add_permits(1);
    assert!(one_answer(&mut waiting).await.ends_with("through"));
    goes_on(&mut waiting).await;
    goes_on(&mut open).await;
}

#[tokio::test]
async fn a_revoked_authority_in_between_ends_those_whom_it_signed() {
    let (server, settings) = start(Pki::quick_settings);
    let chained = server.pki.issue_through("between", &Wish { serial: 12, ..Wish::default() });
    let mut closed = idle(&server, server.pki.client(Some(&chained))).await;
    let mut open = idle(&server, server.pki.client(Some(&server.bank))).await;
    let (_, between) = X509Certificate::from_der(&chained.chain[1]).unwrap();
    let between = Holder { chain: Vec::new(), key: Vec::new(), serial: between.raw_serial().to_vec() };
    let crl = vec![server.pki.revoke(&[&between])];
    server.tls.reload(&TlsSettings { crl, ..settings }).unwrap();
    assert_eq!(rest(&mut closed).await, "");
    goes_on(&mut open).await;
}

#[tokio::test]
async fn a_role_that_somebody_else_gets_ends_no_connection() {
    let (server, settings) = start(Pki::quick_settings);
    let mut open = idle(&server, server.pki.client(Some(&server.bank))).await;
    let roles =
        vec![RoleRule { subject: Match::Name("somebody else".to_owned()), role: Role::Admin(Scope::All) }];
    let identity = IdentityRules { roles, ..IdentityRules::default() };
    server.tls.reload(&TlsSettings { identity, ..settings }).unwrap();
    goes_on(&mut open).await;
}

#[tokio::test]
async fn an_open_connection_ends_with_the_validity_of_its_certificate() {
    // The last second of validity is the first of 2030.
    let time = Arc::new(TestTime(AtomicU64::new(YEAR_2030)));
    let pki = Pki::new("authority");
    let tls = TlsStore::load_with(&pki.quick_settings(), Arc::clone(&time) as Arc<dyn TimeProvider>);
    let server = Server::start_on(pki, tls.unwrap(), ListenerSettings::default());
    let ends = server.pki.issue(&Wish { years: (2020, 2030), serial: 13, ..Wish::default() });
    let mut closed = idle(&server, server.pki.client(Some(&ends))).await;
    let mut last = busy(&server, server.pki.client(Some(&ends))).await;
    let mut open = idle(&server, server.pki.client(Some(&server.bank))).await;
    time.0.store(YEAR_2030 + 1, Ordering::SeqCst);
    assert_eq!(rest(&mut closed).await, "");
    // The request under way is answered, and no other.
    server.gate.add_permits(1);
    assert!(rest(&mut last).await.ends_with("through"));
    goes_on(&mut open).await;
}

#[tokio::test]
async fn where_lists_must_be_fresh_a_stale_one_refuses_resumed_sessions_too() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let time = Arc::new(TestTime(AtomicU64::new(YEAR_2030 - 600)));
        let pki = Pki::new("authority");
        let crl = vec![pki.revoke_until(&[], 2030)];
        let settings = TlsSettings { crl, fresh_crl: true, ..pki.quick_settings() };
        let tls = TlsStore::load_with(&settings, Arc::clone(&time) as Arc<dyn TimeProvider>).unwrap();
        let server = Server::start_on(pki, tls, ListenerSettings::default());
        let provider = pix_stream_listener::tls::provider();
        let config = server.pki.client_with(Some(&server.bank), provider, &[version]);
        assert!(is_served(&server, config.clone()).await);
        time.0.store(YEAR_2030 + 600, Ordering::SeqCst);
        let mut stream = server.connect_with(config.clone()).await.unwrap();
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed), "{version:?}");
        assert_eq!(rest(&mut stream).await, "", "{version:?}");
        assert!(!is_served(&server, server.pki.client(Some(&server.bank))).await);

        // With the next list everything is as it was.
        server.pki.revoke_until(&[], 2031);
        server.tls.reload(&settings).unwrap();
        assert!(is_served(&server, config).await);
    }
}

#[test]
fn the_end_of_each_revocation_list_is_known() {
    let pki = Pki::new("authority");
    let file = pki.revoke_until(&[], 2030);
    let tls = TlsStore::load(&TlsSettings { crl: vec![file.clone()], ..pki.quick_settings() }).unwrap();
    let next_update = i64::try_from(YEAR_2030).unwrap();
    // The first second of 2020.
    assert_eq!(tls.list_expiries(), [ListExpiry { file, issued: 1_577_836_800, next_update }]);
}
