//! What `init` writes (cli.md), and that it never leaves half of it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use pix_stream_config::{self as config, Environment, Flags};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::prelude::*;

use super::authority::SERVER_NAMES;
use super::*;

fn request(directory: PathBuf) -> Request {
    Request { directory, listen: None, admin_listen: None, participants: Vec::new(), force: false }
}

#[expect(clippy::disallowed_methods, reason = "a test's certificates are valid today")]
fn now() -> SystemTime {
    SystemTime::now()
}

fn means<'a>(onboard: Onboard<'a>) -> Means<'a> {
    Means { now: now(), signing_key: [7; keys::KEY_LEN], onboard }
}

fn without_journal(_: &Path, _: &[Ispb]) -> Result<(), String> {
    Ok(())
}

/// Every file below a folder with its content, and every folder.
fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![directory.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let content = if path.is_dir() { Vec::new() } else { std::fs::read(&path).unwrap() };
            if path.is_dir() {
                open.push(path.clone());
            }
            found.insert(path.strip_prefix(directory).unwrap().to_owned(), content);
        }
    }
    found
}

/// The DER form of a certificate's file.
fn certificate(path: &Path) -> Vec<u8> {
    let (_, pem) = parse_x509_pem(&std::fs::read(path).unwrap()).unwrap();
    pem.contents
}

#[test]
fn the_folder_has_all_that_is_promised() {
    let parent = tempfile::tempdir().unwrap();
    let made = create(&request(parent.path().join("a/b")), &means(&without_journal)).unwrap();
    let files = contents(&made.directory);
    let mut expected: Vec<String> =
        ["pix-stream.toml", "keys/token-1.key", "data", "data/audit", "tls", "clients", "keys"]
            .map(str::to_owned)
            .into();
    for name in [
        "tls/ca",
        "tls/server",
        "tls/server-rsa",
        "clients/producer",
        "clients/admin",
        "clients/operator",
        "clients/auditor",
    ] {
        expected.extend([format!("{name}.pem"), format!("{name}.key")]);
    }
    for ispb in DEFAULT_PARTICIPANTS {
        expected.extend([format!("clients/psp-{ispb}.pem"), format!("clients/psp-{ispb}.key")]);
    }
    expected.sort();
    let mut found: Vec<_> = files.keys().map(|path| path.display().to_string()).collect();
    found.sort();
    assert_eq!(found, expected);
    assert_eq!(contents(parent.path()).keys().filter(|path| path.components().count() == 1).count(), 1);
}

#[test]
fn private_keys_are_for_their_owner_alone() {
    let parent = tempfile::tempdir().unwrap();
    let made = create(&request(parent.path().join("d")), &means(&without_journal)).unwrap();
    for path in
        contents(&made.directory).keys().filter(|path| path.extension().is_some_and(|end| end == "key"))
    {
        let mode = std::fs::metadata(made.directory.join(path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
}

#[test]
fn the_configuration_has_no_problem_and_every_file_it_names() {
    let parent = tempfile::tempdir().unwrap();
    let listen = Some("127.0.0.1:0".parse().unwrap());
    let request = Request { listen, ..request(parent.path().join("d")) };
    let made = create(&request, &means(&without_journal)).unwrap();
    let config = config::load(&made.config, &Environment::default(), Flags::default()).unwrap();
    assert_eq!(config.missing_files(), []);
    assert_eq!(Some(config.listen.api), listen);
    assert_eq!(keys::load(&config.keys.directory).unwrap().keys.len(), 1);
}

#[test]
fn participants_carry_their_ispb_among_several_ous() {
    let parent = tempfile::tempdir().unwrap();
    let made = create(&request(parent.path().join("d")), &means(&without_journal)).unwrap();
    let der = certificate(&made.directory.join("clients/psp-9999900A.pem"));
    let (_, parsed) = X509Certificate::from_der(&der).unwrap();
    let units: Vec<_> =
        parsed.subject().iter_organizational_unit().map(|unit| unit.as_str().unwrap()).collect();
    assert_eq!(units.iter().position(|unit| *unit == "ISPB-9999900A"), Some(2));
    assert!(units.len() >= 4);
    let usage = parsed.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.client_auth && !usage.server_auth);
}

#[test]
fn every_certificate_names_the_ca_and_what_it_is_for() {
    let parent = tempfile::tempdir().unwrap();
    let made = create(&request(parent.path().join("d")), &means(&without_journal)).unwrap();
    let authority = certificate(&made.directory.join("tls/ca.pem"));
    let (_, authority) = X509Certificate::from_der(&authority).unwrap();
    assert!(authority.subject().to_string().contains("development CA"));
    let usage = authority.key_usage().unwrap().unwrap().value;
    assert!(usage.key_cert_sign() && usage.crl_sign() && authority.is_ca());
    for name in ["tls/server", "tls/server-rsa", "clients/producer", "clients/psp-99999001"] {
        let der = certificate(&made.directory.join(format!("{name}.pem")));
        let (_, leaf) = X509Certificate::from_der(&der).unwrap();
        assert_eq!(leaf.issuer(), authority.subject(), "{name}");
        assert!(!leaf.is_ca(), "{name}");
        if name.starts_with("tls/") {
            let names = &leaf.subject_alternative_name().unwrap().unwrap().value.general_names;
            assert!(names.contains(&GeneralName::DNSName("localhost")), "{name}");
            assert!(names.contains(&GeneralName::IPAddress(&[127, 0, 0, 1])), "{name}");
        }
    }
}

#[test]
fn both_sides_trust_the_certificates_for_their_purpose_alone() {
    let parent = tempfile::tempdir().unwrap();
    let made = create(&request(parent.path().join("d")), &means(&without_journal)).unwrap();
    let read = |name: &str| CertificateDer::from(certificate(&made.directory.join(format!("{name}.pem"))));
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(read("tls/ca")).unwrap();
    let roots = std::sync::Arc::new(roots);
    let clients =
        WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone()).build().unwrap();
    let servers = WebPkiServerVerifier::builder_with_provider(roots, provider).build().unwrap();
    let now = UnixTime::since_unix_epoch(now().duration_since(std::time::UNIX_EPOCH).unwrap());
    for name in
        ["clients/psp-99999001", "clients/producer", "clients/admin", "clients/operator", "clients/auditor"]
    {
        clients.verify_client_cert(&read(name), &[], now).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    assert!(clients.verify_client_cert(&read("tls/server"), &[], now).is_err());
    for name in ["tls/server", "tls/server-rsa"] {
        for host in SERVER_NAMES {
            let host = ServerName::try_from(host).unwrap();
            servers
                .verify_server_cert(&read(name), &[], &host, &[], now)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

#[test]
fn what_exists_is_not_overwritten() {
    let parent = tempfile::tempdir().unwrap();
    let request = request(parent.path().join("d"));
    let made = create(&request, &means(&without_journal)).unwrap();
    let before = contents(&made.directory);
    let error = create(&request, &means(&without_journal)).unwrap_err();
    assert!(matches!(&error, Error::Exists { found, .. } if found.len() == 4), "{error}");
    assert_eq!(contents(&made.directory), before);
}

#[test]
fn force_replaces_all_but_data() {
    let parent = tempfile::tempdir().unwrap();
    let request = request(parent.path().join("d"));
    let made = create(&request, &means(&without_journal)).unwrap();
    std::fs::write(made.directory.join("data/journal"), "precious").unwrap();
    std::fs::write(made.directory.join("clients/stale.pem"), "").unwrap();
    let before = contents(&made.directory);
    create(&Request { force: true, ..request }, &means(&without_journal)).unwrap();
    let after = contents(&made.directory);
    let [ca, journal, stale] = ["tls/ca.pem", "data/journal", "clients/stale.pem"].map(Path::new);
    assert_ne!(before[ca], after[ca]);
    assert_eq!(before[journal], after[journal]);
    assert!(!after.contains_key(stale));
    assert_eq!(after.len(), before.len() - 1);
}

#[test]
fn a_folder_with_other_things_in_it_is_taken() {
    let parent = tempfile::tempdir().unwrap();
    std::fs::write(parent.path().join("mine"), "x").unwrap();
    create(&request(parent.path().to_owned()), &means(&without_journal)).unwrap();
    let files = contents(parent.path());
    assert!(files.contains_key(Path::new("mine")) && files.contains_key(Path::new("pix-stream.toml")));
    assert!(files.keys().all(|path| !path.display().to_string().starts_with(".init-")));
}

#[test]
fn a_failed_onboarding_leaves_nothing_new() {
    let parent = tempfile::tempdir().unwrap();
    let error = create(&request(parent.path().join("d")), &means(&|_, _| Err("no".to_owned()))).unwrap_err();
    assert!(matches!(error, Error::Onboard(_)));
    assert_eq!(contents(parent.path()).len(), 0);
}

#[test]
fn a_failed_onboarding_under_force_keeps_what_was_there() {
    let parent = tempfile::tempdir().unwrap();
    let request = request(parent.path().join("d"));
    let made = create(&request, &means(&without_journal)).unwrap();
    let before = contents(&made.directory);
    create(&Request { force: true, ..request }, &means(&|_, _| Err("no".to_owned()))).unwrap_err();
    assert_eq!(contents(&made.directory), before);
}

#[test]
fn onboarding_sees_data_and_every_participant_once() {
    let parent = tempfile::tempdir().unwrap();
    let twice: Ispb = "99999001".parse().unwrap();
    let request = Request { participants: vec![twice, twice], ..request(parent.path().join("d")) };
    let onboard = |root: &Path, participants: &[Ispb]| {
        assert!(root.join("data/audit").is_dir());
        assert_eq!(participants, [twice]);
        Ok(())
    };
    create(&request, &means(&onboard)).unwrap();
}
