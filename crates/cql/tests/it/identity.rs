//! Who talks to whom: names of certificates, names and passwords.

use std::sync::Arc;

use pix_stream_cql::{Credentials, Error, Session, Settings};
use pix_stream_cql_mock::Mock;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::support::{echo, echo_script, settings};

/// A server with a certificate for these names, and a client that trusts it.
fn tls(names: &[&str]) -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let provider = Arc::new(default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}

#[tokio::test]
async fn an_address_in_the_certificate_is_accepted() {
    let (server, client) = tls(&["127.0.0.1"]);
    let mock = Mock::builder().nodes(2).tls(server).start(echo_script).await.unwrap();
    let session = Session::connect(Settings { tls: Some(client), ..settings(&mock) }).await.unwrap();
    assert_eq!(echo(&session, "word").await.as_deref(), Ok("word"));
}

#[tokio::test]
async fn a_name_in_the_certificate_is_accepted_for_the_contact_point_of_that_name() {
    let (server, client) = tls(&["localhost"]);
    let mock = Mock::builder().tls(server).start(echo_script).await.unwrap();
    let port = mock.nodes()[0].address().port();
    let contact_points = vec![format!("localhost:{port}")];
    let named = Settings { tls: Some(client), contact_points, ..settings(&mock) };
    let session = Session::connect(named).await.unwrap();
    assert_eq!(echo(&session, "word").await.as_deref(), Ok("word"));
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let (server, client) = tls(&["cassandra.example", "127.0.0.2"]);
    let mock = Mock::builder().tls(server).start(echo_script).await.unwrap();
    let refused = Session::connect(Settings { tls: Some(client), ..settings(&mock) }).await;
    let Err(Error::Unavailable(why)) = refused else { panic!("another name") };
    assert!(why.contains("certificate"), "{why}");
}

#[tokio::test]
async fn a_certificate_of_nobody_we_trust_is_refused() {
    let (server, _) = tls(&["127.0.0.1"]);
    let (_, client) = tls(&["127.0.0.1"]);
    let mock = Mock::builder().tls(server).start(echo_script).await.unwrap();
    let refused = Session::connect(Settings { tls: Some(client), ..settings(&mock) }).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn the_right_name_and_password_open_the_door_and_others_are_rejected() {
    let mock = Mock::builder().credentials("app", "right").start(echo_script).await.unwrap();
    let with = |password: &str| {
        let credentials = Credentials { username: "app".to_owned(), password: password.to_owned().into() };
        Session::connect(Settings { credentials: Some(credentials), ..settings(&mock) })
    };
    let session = with("right").await.unwrap();
    assert_eq!(echo(&session, "word").await.as_deref(), Ok("word"));
    assert!(matches!(with("wrong").await, Err(Error::Rejected { code: 0x0100, .. })));
    assert!(matches!(Session::connect(settings(&mock)).await, Err(Error::Rejected { code: 0x0100, .. })));
}
