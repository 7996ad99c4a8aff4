//! Certificates, trust and revocation lists that are read again while a server is at work, by signal and by command
//! (issue 7, item 4): what may go on goes on, on the same connection; what may not ends.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};
use rustix::process::Signal;
use rustls::client::Resumption;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use crate::expect::transcript;
use crate::server::{Folder, ISPB, Server, wait_for};
use crate::signals::{authority, log, revocation_list};

/// Longer than anything takes; a read that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// Participants with a certificate of `init`.
const OTHER: &str = "99999002";

type Stream = BufReader<StreamOwned<ClientConnection, TcpStream>>;

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

/// A client with a certificate, trusting the server's authority.
fn client(folder: &Folder, certificate: &Path, key: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(&read(&folder.dir().join("tls/ca.pem"))) {
        roots.add(root.unwrap()).unwrap();
    }
    let chain = CertificateDer::pem_slice_iter(&read(certificate)).map(Result::unwrap).collect();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(&read(key)).unwrap())
        .unwrap();
    config.resumption = Resumption::in_memory_sessions(4);
    Arc::new(config)
}

fn bank(folder: &Folder, ispb: &str) -> Arc<ClientConfig> {
    let file = |end: &str| folder.dir().join(format!("clients/psp-{ispb}.{end}"));
    client(folder, &file("pem"), &file("key"))
}

fn connect(server: &Server, config: &Arc<ClientConfig>) -> Stream {
    let address: SocketAddr =
        server.ready["api"].as_str().unwrap().trim_start_matches("https://").parse().unwrap();
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let session = ClientConnection::new(Arc::clone(config), ServerName::from(address.ip())).unwrap();
    BufReader::new(StreamOwned::new(session, socket))
}

fn ask(stream: &mut Stream, path: &str) -> std::io::Result<()> {
    let stream = stream.get_mut();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    stream.flush()
}

/// Status and next path of one answer; nothing when the server closed.
fn answer(stream: &mut Stream) -> Option<(u16, String)> {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        // Closed without TLS' farewell counts as closed.
        if stream.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        head += &line;
    }
    let field = |name: &str| {
        head.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
    };
    let length: usize = field("Content-Length:").map_or(0, |length| length.parse().unwrap());
    stream.read_exact(&mut vec![0; length]).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Some((status, field("PI-Pull-Next:").unwrap_or_default()))
}

/// Whether the server has closed this connection. On a busy machine the read that was under way was answered before.
fn has_ended(stream: &mut Stream) -> bool {
    match answer(stream) {
        None => true,
        Some((204, next)) => ask(stream, &next).is_err() || answer(stream).is_none(),
        Some(_) => false,
    }
}

fn start_of(ispb: &str) -> String {
    format!("/api/v1/out/{ispb}/stream/start")
}

/// An open connection that has had its first answer, and where it goes on.
fn opened(server: &Server, config: &Arc<ClientConfig>, ispb: &str) -> (Stream, String) {
    let mut stream = connect(server, config);
    ask(&mut stream, &start_of(ispb)).unwrap();
    let (status, next) = answer(&mut stream).unwrap();
    assert_eq!(status, 204);
    (stream, next)
}

fn served_certificate(server: &Server, config: &Arc<ClientConfig>) -> CertificateDer<'static> {
    let (stream, _) = opened(server, config, ISPB);
    stream.get_ref().conn.peer_certificates().unwrap()[0].clone()
}

/// Sends SIGHUP and waits until the certificates were taken.
fn reload_by_signal(folder: &Folder, server: &Server) {
    let taken = || {
        let message = "certificates, trust and revocation lists were read again";
        log(folder).iter().filter(|line| line["message"] == message).count()
    };
    let before = taken();
    server.signal(Signal::HUP);
    wait_for("a reload", || (taken() > before).then_some(()));
}

fn reload_by_command(folder: &Folder) {
    let output = admin(folder, "reload --reason drill").output().unwrap();
    assert!(output.status.success(), "{}", transcript(&output));
}

fn admin(folder: &Folder, line: &str) -> Command {
    let mut command = folder.command("admin");
    command.args(line.split(' '));
    command
}

/// An authority of its own with a certificate for a bank, as files.
fn stranger(folder: &Folder, ispb: &str) -> [PathBuf; 3] {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "second authority");
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, ispb);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &ca).unwrap();
    let write = |name: &str, text: String| {
        let path = folder.beside(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    [
        write("second-ca.pem", ca.pem()),
        write("second.pem", certificate.pem()),
        write("second.key", key.serialize_pem()),
    ]
}

/// A server whose reads wait long enough for a reload to come in between.
fn serve(folder: &Folder, more: &[(&str, &Path)]) -> Server {
    let mut command = folder.serve_command();
    command.env("PIX_STREAM_STREAM_LONG_POLL", "2s");
    command.envs(more.iter().copied());
    Server::start(command, &folder.beside("serve.err")).unwrap()
}

/// Puts another certificate of the server in place of the first.
fn replace_certificate(folder: &Folder) {
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority(folder)).unwrap();
    std::fs::write(folder.dir().join("tls/server.pem"), certificate.pem()).unwrap();
    std::fs::write(folder.dir().join("tls/server.key"), key.serialize_pem()).unwrap();
}

#[test]
fn a_new_certificate_is_shown_to_new_connections_while_a_read_waits_on_an_old_one() {
    let folder = Folder::new();
    let server = serve(&folder, &[]);
    let config = bank(&folder, ISPB);
    let old = served_certificate(&server, &config);
    let (mut stream, next) = opened(&server, &config, ISPB);
    // Under way while everything is read again, twice.
    ask(&mut stream, &next).unwrap();
    replace_certificate(&folder);
    reload_by_signal(&folder, &server);
    reload_by_command(&folder);
    let (status, next) = answer(&mut stream).unwrap();
    assert_eq!(status, 204);
    assert_ne!(served_certificate(&server, &config), old);
    ask(&mut stream, &next).unwrap();
    folder.lines("publish", &["--generate", "1"]);
    assert_eq!(answer(&mut stream).unwrap().0, 200, "the same stream goes on over the same connection");
    assert_eq!(server.terminate().1.code(), Some(0));
}

#[test]
fn a_removed_authority_ends_the_connections_of_those_who_hang_on_it_alone() {
    let folder = Folder::new();
    let [ca, certificate, key] = stranger(&folder, OTHER);
    let both = folder.beside("both.pem");
    let own = read(&folder.dir().join("tls/ca.pem"));
    std::fs::write(&both, [own.as_slice(), b"\n", &read(&ca)].concat()).unwrap();
    let server = serve(&folder, &[("PIX_STREAM_TLS_CA", &both)]);
    let (mut stays, stays_next) = opened(&server, &bank(&folder, ISPB), ISPB);
    let second = client(&folder, &certificate, &key);
    let (mut waits, waits_next) = opened(&server, &second, OTHER);
    ask(&mut waits, &waits_next).unwrap();
    ask(&mut stays, &stays_next).unwrap();

    std::fs::write(&both, own).unwrap();
    reload_by_signal(&folder, &server);
    assert!(has_ended(&mut waits));
    let (status, next) = answer(&mut stays).unwrap();
    assert_eq!(status, 204);
    ask(&mut stays, &next).unwrap();
    assert_eq!(answer(&mut stays).unwrap().0, 204);
    let mut again = connect(&server, &second);
    assert!(ask(&mut again, &start_of(OTHER)).is_err() || answer(&mut again).is_none());
}

#[test]
fn a_revoked_certificate_is_refused_on_an_open_connection_and_with_its_ticket() {
    let folder = Folder::new();
    let list = folder.beside("revoked.crl");
    std::fs::write(&list, revocation_list(&folder, 1, &[])).unwrap();
    let server = serve(&folder, &[("PIX_STREAM_TLS_CRL", &list)]);
    let config = bank(&folder, ISPB);
    opened(&server, &config, ISPB);
    let (mut resumed, next) = opened(&server, &config, ISPB);
    assert_eq!(resumed.get_ref().conn.handshake_kind(), Some(HandshakeKind::Resumed));
    ask(&mut resumed, &next).unwrap();
    let (mut other, other_next) = opened(&server, &bank(&folder, OTHER), OTHER);
    ask(&mut other, &other_next).unwrap();

    std::fs::write(&list, revocation_list(&folder, 2, &["clients/psp-99999001.pem"])).unwrap();
    reload_by_command(&folder);
    assert!(has_ended(&mut resumed));
    let mut again = connect(&server, &config);
    assert!(ask(&mut again, &start_of(ISPB)).is_err() || answer(&mut again).is_none());
    assert_eq!(answer(&mut other).unwrap().0, 204);
}
