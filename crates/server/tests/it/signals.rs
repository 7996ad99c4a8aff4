//! Signals and what they must not miss: a second one ends at once, SIGHUP reads files again, and health without TLS
//! (cli.md; issue 4, items 6 and 8).

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use rcgen::{
    CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType, Issuer, KeyIdMethod,
    KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, SerialNumber,
};
use rustix::process::Signal;
use serde_json::Value;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::expect::transcript;
use crate::server::{Folder, ISPB, Process, Server, json_lines, wait_for};

/// What the server wrote to its log so far.
pub(crate) fn log(folder: &Folder) -> Vec<Value> {
    json_lines(&std::fs::read_to_string(folder.beside("serve.err")).unwrap())
}

/// The first line of the log with this message.
fn wait_for_log(folder: &Folder, message: &str) -> Value {
    wait_for(message, || log(folder).into_iter().find(|line| line["message"] == message))
}

/// Waits until a reload said that this was left as it was.
fn wait_for_refusal(folder: &Folder, what: &str) {
    let is_refusal =
        |line: &Value| line["message"] == "not reloaded; the old ones stay" && line["what"] == what;
    wait_for(what, || log(folder).into_iter().find(is_refusal));
}

/// A server that also answers health without TLS, and where.
fn serve_plain_health(folder: &Folder) -> (Server, SocketAddr) {
    let mut command = folder.serve_command();
    command.env("PIX_STREAM_LISTEN_PLAIN_HEALTH", "true");
    command.env("PIX_STREAM_LISTEN_PLAIN_HEALTH_LISTEN", "127.0.0.1:0");
    let server = Server::start(command, &folder.beside("serve.err")).unwrap();
    let address = wait_for_log(folder, "plain health")["address"].as_str().unwrap().parse().unwrap();
    (server, address)
}

/// The status and the body of `GET path` over plain HTTP.
fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut socket = TcpStream::connect(address).unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

#[test]
fn health_and_metrics_are_open_on_loopback_when_asked_for_and_nothing_else_is() {
    let folder = Folder::new();
    let (server, address) = serve_plain_health(&folder);
    for path in ["/health/live", "/health/ready"] {
        let (status, body) = get(address, path);
        assert_eq!(status, 200, "{path}: {body}");
    }
    folder.lines("publish", &["--generate", "3"]);
    let (status, metrics) = get(address, "/metrics");
    assert_eq!(status, 200);
    assert!(metrics.contains("pix_stream_"), "{metrics}");
    for path in ["/", "/admin/v1/participants", &format!("/api/v1/out/{ISPB}/stream/start")] {
        assert_eq!(get(address, path).0, 404, "{path}");
    }
    assert_eq!(server.terminate().1.code(), Some(0));
    assert!(TcpStream::connect(address).is_err(), "it ends with the server");
}

#[test]
fn without_being_asked_for_there_is_no_plain_listener() {
    let folder = Folder::new();
    let _server = folder.serve();
    wait_for_log(&folder, "serving");
    assert!(!log(&folder).iter().any(|line| line["message"] == "plain health"));
}

#[test]
fn a_second_signal_during_the_drain_ends_at_once_with_130() {
    let folder = Folder::new();
    let (mut server, address) = serve_plain_health(&folder);
    // Half a request is under way: the drain waits for it.
    let mut slow = TcpStream::connect(address).unwrap();
    slow.write_all(b"GET /health/live HTTP/1.1\r\nHost: loc").unwrap();
    // Answered over the same queue of connections, so the one before was accepted.
    assert_eq!(get(address, "/health/live").0, 200);
    server.signal(Signal::TERM);
    wait_for_log(&folder, "draining");
    server.signal(Signal::INT);
    assert_eq!(server.end().code(), Some(130));
    assert!(!log_is_drained(&folder), "it did not wait for the drain");
    drop(slow);
    // What an abrupt end leaves does not stand in the way of the next start.
    let server = folder.serve();
    let kept: Value =
        serde_json::from_slice(&std::fs::read(folder.dir().join("data/ready.json")).unwrap()).unwrap();
    assert_eq!(kept, server.ready);
}

/// Lines that are not JSON, such as the note of a second signal, are left out.
fn log_is_drained(folder: &Folder) -> bool {
    std::fs::read_to_string(folder.beside("serve.err")).unwrap().contains("\"drained\"")
}

#[test]
fn the_last_line_of_the_log_is_written_before_the_process_ends() {
    let folder = Folder::new();
    assert_eq!(folder.serve().terminate().1.code(), Some(0));
    assert_eq!(log(&folder).last().unwrap()["message"], "drained");
}

#[test]
fn a_reader_of_the_ready_line_that_went_away_does_not_end_the_server() {
    let folder = Folder::new();
    let mut command = folder.serve_command();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let err = std::fs::File::create(folder.beside("serve.err")).unwrap();
    let mut server = Process::spawn(command.stdout(writer).stderr(err));
    wait_for("ready.json", || folder.dir().join("data/ready.json").exists().then_some(()));
    assert_eq!(folder.lines("publish", &["--generate", "3"]).len(), 3);
    server.signal(Signal::TERM);
    assert_eq!(server.end("a server without a reader").code(), Some(0));
    assert!(!folder.dir().join("data/ready.json").exists());
}

/// The development CA of a folder, to sign with.
pub(crate) fn authority(folder: &Folder) -> Issuer<'static, KeyPair> {
    let key = std::fs::read_to_string(folder.dir().join("tls/ca.key")).unwrap();
    // Its subject, which is the issuer of what it signs.
    let mut authority = CertificateParams::default();
    authority.distinguished_name = DistinguishedName::new();
    authority.distinguished_name.push(DnType::OrganizationName, "pix-stream");
    authority.distinguished_name.push(DnType::CommonName, "pix-stream development CA (not for production)");
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Issuer::new(authority, KeyPair::from_pem(&key).unwrap())
}

/// A list of the development CA that revokes these certificates.
pub(crate) fn revocation_list(folder: &Folder, number: u64, revoked: &[&str]) -> String {
    let read = |name: &str| std::fs::read_to_string(folder.dir().join(name)).unwrap();
    let now = rcgen::date_time_ymd(2020, 1, 1);
    let serial = |name: &&str| {
        let pem = x509_parser::pem::parse_x509_pem(read(name).as_bytes()).unwrap().1;
        let serial = X509Certificate::from_der(&pem.contents).unwrap().1.raw_serial().to_vec();
        RevokedCertParams {
            serial_number: SerialNumber::from_slice(&serial),
            revocation_time: now,
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        }
    };
    let list = CertificateRevocationListParams {
        this_update: now,
        next_update: rcgen::date_time_ymd(2120, 1, 1),
        crl_number: SerialNumber::from(number),
        issuing_distribution_point: None,
        revoked_certs: revoked.iter().map(serial).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    list.signed_by(&authority(folder)).unwrap().pem().unwrap()
}

/// Whether the participant is let in with its certificate: read to the end, or hear of the certificate.
fn is_let_in(folder: &Folder, ispb: &str) -> bool {
    let [out, err] = ["let-in.out", "let-in.err"].map(|name| folder.beside(name));
    let mut command = folder.command("pull");
    let mut pull = Process::spawn_into(command.args(["--ispb", ispb]), &out, &err);
    let mut is_over = || {
        let has_ended = pull.has_ended();
        let said = std::fs::read_to_string(&err).unwrap();
        if said.to_lowercase().contains("certificate") {
            return Some(false);
        }
        has_ended.then(|| pull.end("a pull").success())
    };
    wait_for("an answer", &mut is_over)
}

#[test]
fn a_certificate_on_a_new_revocation_list_is_refused_after_sighup_and_others_are_not() {
    let folder = Folder::new();
    let list = folder.beside("revoked.crl");
    std::fs::write(&list, revocation_list(&folder, 1, &[])).unwrap();
    let mut command = folder.serve_command();
    command.env("PIX_STREAM_TLS_CRL", &list);
    let server = Server::start(command, &folder.beside("serve.err")).unwrap();
    let [revoked, other] = ["99999001", "99999002"];
    assert!(is_let_in(&folder, revoked) && is_let_in(&folder, other));

    // A list that cannot be read changes nothing.
    std::fs::write(&list, "not a list").unwrap();
    server.signal(Signal::HUP);
    wait_for_refusal(&folder, "certificates");
    assert!(is_let_in(&folder, revoked));

    std::fs::write(&list, revocation_list(&folder, 2, &["clients/psp-99999001.pem"])).unwrap();
    let reloads = || log(&folder).iter().filter(|line| line["message"] == "token keys are in force").count();
    let before = reloads();
    server.signal(Signal::HUP);
    // The keys are read after the certificates.
    wait_for("a reload", || (reloads() > before).then_some(()));
    assert!(!is_let_in(&folder, revoked) && is_let_in(&folder, other));
    assert_eq!(server.terminate().1.code(), Some(0));
}

#[test]
fn token_keys_are_read_again_on_sighup_and_too_many_are_refused() {
    let folder = Folder::new();
    let server = folder.serve();
    std::fs::write(folder.dir().join("keys/token-2.key"), "ab".repeat(32) + "\n").unwrap();
    server.signal(Signal::HUP);
    let is_read =
        |line: &Value| line["message"] == "token keys are in force" && line["keys"].to_string().contains('2');
    let line = wait_for("both keys", || log(&folder).into_iter().find(is_read));
    assert!(!line.to_string().contains("abab"), "no key in the log: {line}");
    folder.lines("publish", &["--generate", "25"]);
    assert_eq!(folder.lines("pull", &[]).len(), 25);

    // Three are too many: the two stay, and the server with them.
    std::fs::write(folder.dir().join("keys/token-3.key"), "cd".repeat(32) + "\n").unwrap();
    server.signal(Signal::HUP);
    wait_for_refusal(&folder, "token keys");
    folder.lines("publish", &["--generate", "5", "--seed", "2"]);
    assert_eq!(folder.lines("pull", &[]).len(), 5);
    // The next start says what is wrong.
    assert_eq!(server.terminate().1.code(), Some(0));
    let shown = transcript(&folder.serve_command().output().unwrap());
    assert!(shown.starts_with("exit 1") && shown.contains("at most 2 may be live"), "{shown}");
}
