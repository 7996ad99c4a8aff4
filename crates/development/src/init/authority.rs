//! The development CA and the certificates it issues.
//!
//! The CA is RSA and every client too, because that is what clients in the field have; the server gets P-256 as well.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use pix_stream_domain::ispb::Ispb;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize,
};

use super::Error;
use super::folder::File;
use super::subject::{self, Attribute};

const DAY: Duration = Duration::from_secs(86_400);
const CA_LIFE: Duration = Duration::from_secs(3_652 * 86_400);
/// The longest life that every common TLS client still accepts.
const LEAF_LIFE: Duration = Duration::from_secs(825 * 86_400);
const CA_NAME: &str = "pix-stream development CA (not for production)";
/// What a server certificate is valid for.
pub(super) const SERVER_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A certificate to be made.
struct Order {
    /// Where it goes, without the extension.
    path: String,
    subject: Vec<(Attribute, String)>,
    usage: ExtendedKeyUsagePurpose,
    algorithm: Algorithm,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    P256,
    Rsa2048,
}

/// Makes the CA and all certificates with their keys: everything below `tls/` and `clients/`.
pub(super) fn issue(participants: &[Ispb], now: SystemTime) -> Result<Vec<File>, Error> {
    let (issuer, mut files) = authority(now).map_err(|source| failed(CA_NAME, source))?;
    let orders = Mutex::new(orders(participants));
    let next = || orders.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    // RSA keys take a tenth of a second each, and `demo` makes them while somebody watches.
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let made = std::thread::scope(|scope| {
        let work = || {
            let mut made = Vec::new();
            while let Some(order) = next() {
                made.extend(make(&order, &issuer, now).map_err(|source| failed(&order.path, source))?);
            }
            Ok::<_, Error>(made)
        };
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect::<Vec<_>>()
    });
    for result in made {
        files.extend(result?);
    }
    Ok(files)
}

fn failed(name: &str, source: rcgen::Error) -> Error {
    Error::Certificate { name: name.to_owned(), source }
}

fn authority(now: SystemTime) -> Result<(Issuer<'static, KeyPair>, Vec<File>), rcgen::Error> {
    let key = generate(Algorithm::Rsa2048)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "pix-stream");
    params.distinguished_name.push(DnType::CommonName, CA_NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    live_for(&mut params, now, CA_LIFE);
    let certificate = params.self_signed(&key)?;
    let files =
        vec![File::public("tls/ca.pem", certificate.pem()), File::private("tls/ca.key", key.serialize_pem())];
    Ok((Issuer::new(params, key), files))
}

fn orders(participants: &[Ispb]) -> VecDeque<Order> {
    let mut orders: VecDeque<_> = participants.iter().map(|ispb| participant(*ispb)).collect();
    orders.extend(["producer", "admin", "operator", "auditor"].map(operator));
    orders.push_back(server("tls/server-rsa", Algorithm::Rsa2048));
    orders.push_back(server("tls/server", Algorithm::P256));
    orders
}

/// A subject like those of real certificates: several OUs, the one with the ISPB somewhere among them (protocol, section 7).
fn participant(ispb: Ispb) -> Order {
    let subject = [
        (Attribute::Country, "BR".to_owned()),
        (Attribute::Organization, "pix-stream development".to_owned()),
        (Attribute::OrganizationalUnit, "Autoridade de desenvolvimento".to_owned()),
        (Attribute::OrganizationalUnit, "Certificado Pix A1".to_owned()),
        (Attribute::OrganizationalUnit, format!("ISPB-{ispb}")),
        (Attribute::OrganizationalUnit, "SPI".to_owned()),
        (Attribute::CommonName, format!("Participante {ispb}")),
    ];
    Order {
        path: format!("clients/psp-{ispb}"),
        subject: subject.into(),
        usage: ExtendedKeyUsagePurpose::ClientAuth,
        algorithm: Algorithm::Rsa2048,
    }
}

fn operator(role: &str) -> Order {
    Order {
        path: format!("clients/{role}"),
        subject: vec![
            (Attribute::Organization, "pix-stream development".to_owned()),
            (Attribute::CommonName, role.to_owned()),
        ],
        usage: ExtendedKeyUsagePurpose::ClientAuth,
        algorithm: Algorithm::Rsa2048,
    }
}

fn server(path: &str, algorithm: Algorithm) -> Order {
    Order {
        path: path.to_owned(),
        subject: vec![
            (Attribute::Organization, "pix-stream development".to_owned()),
            (Attribute::CommonName, "localhost".to_owned()),
        ],
        usage: ExtendedKeyUsagePurpose::ServerAuth,
        algorithm,
    }
}

fn make(order: &Order, issuer: &Issuer<'_, KeyPair>, now: SystemTime) -> Result<[File; 2], rcgen::Error> {
    let key = generate(order.algorithm)?;
    let is_server = order.usage == ExtendedKeyUsagePurpose::ServerAuth;
    let names: Vec<String> = if is_server { SERVER_NAMES.map(str::to_owned).into() } else { Vec::new() };
    let mut params = CertificateParams::new(names)?;
    params.extended_key_usages = vec![order.usage.clone()];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    if order.algorithm == Algorithm::Rsa2048 {
        params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
    }
    params.use_authority_key_identifier_extension = true;
    live_for(&mut params, now, LEAF_LIFE);
    let certificate = params.signed_by(&key, issuer)?;
    let certificate = subject::replace(certificate.der(), &order.subject, issuer.key())?;
    Ok([
        File::public(format!("{}.pem", order.path), subject::certificate_pem(&certificate)),
        File::private(format!("{}.key", order.path), key.serialize_pem()),
    ])
}

fn generate(algorithm: Algorithm) -> Result<KeyPair, rcgen::Error> {
    match algorithm {
        Algorithm::P256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
        Algorithm::Rsa2048 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
    }
}

/// Valid from yesterday: clocks of machines that talk to each other differ.
fn live_for(params: &mut CertificateParams, now: SystemTime, life: Duration) {
    params.not_before = (now - DAY).into();
    params.not_after = (now + life).into();
}
