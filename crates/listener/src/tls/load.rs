//! From files to a snapshot. Goes on after a bad file, so that the operator sees all problems at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pix_stream_domain::digest::Digest;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls_pki_types::pem::{Error as PemError, PemObject};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;
use zeroize::Zeroizing;

use super::problem::{Fault, Problem, Problems};
use super::resolver::BySignature;
use super::revoked::Revoked;
use super::standing::Verdicts;
use super::{Expiry, ListExpiry, Snapshot, provider};
use crate::config::{CertificateFiles, TlsSettings};

/// Protocols offered by ALPN, the preferred one first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];
/// Tickets sent after a full TLS 1.3 handshake; each use of one brings a new one.
const TICKETS: usize = 1;

/// Collects problems while reading goes on.
#[derive(Default)]
struct Findings(Vec<Problem>);

impl Findings {
    fn note(&mut self, path: &Path, fault: Fault) {
        self.0.push(Problem { path: path.to_owned(), fault });
    }

    /// The value, or nothing and a note.
    fn keep<T>(&mut self, path: &Path, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.note(path, fault)).ok()
    }
}

pub(super) fn snapshot(settings: &TlsSettings, time: &Arc<dyn TimeProvider>) -> Result<Snapshot, Problems> {
    let provider = Arc::new(provider());
    let mut findings = Findings::default();
    let (roots, trust) = load_roots(&settings.ca, &mut findings);
    let (keys, expiries) = load_certificates(&settings.certificates, time, &mut findings);
    let Lists { ders, mut revoked, expiries: lists } = load_lists(&settings.crl, &roots, &mut findings);
    if !findings.0.is_empty() {
        return Err(Problems(findings.0));
    }
    // An authority without a list has revoked nothing: that is the state of a new installation.
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider))
        .with_crls(ders)
        .allow_unknown_revocation_status();
    let verifier = if settings.fresh_crl {
        verifier.enforce_revocation_expiration()
    } else {
        revoked.forget_expiries();
        verifier
    };
    let verifier = verifier.build().map_err(|fault| unusable("tls", &fault.to_string()))?;
    let mut config = ServerConfig::builder_with_details(provider, Arc::clone(time))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|fault| unusable("tls", &fault.to_string()))?
        .with_client_cert_verifier(Arc::clone(&verifier))
        .with_cert_resolver(Arc::new(BySignature::new(keys)));
    config.alpn_protocols = ALPN.iter().map(|name| name.to_vec()).collect();
    config.ignore_client_order = true;
    // Tickets only, with keys that die with this snapshot: nothing to bound, and a reload ends all sessions,
    // which otherwise would be resumed past a new revocation list.
    config.ticketer = Ticketer::new().map_err(|fault| unusable("tls", &fault.to_string()))?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = TICKETS;
    let (config, rules) = (Arc::new(config), settings.identity.clone());
    Ok(Snapshot { config, revoked, rules, trust, verdicts: Verdicts::new(verifier), expiries, lists })
}

fn unusable(section: &str, fault: &str) -> Problems {
    Problems(vec![Problem { path: PathBuf::from(section), fault: Fault::Unusable(fault.to_owned()) }])
}

fn load_roots(files: &[PathBuf], findings: &mut Findings) -> (Arc<RootCertStore>, Digest) {
    let mut roots = RootCertStore::empty();
    let mut ders = Vec::new();
    if files.is_empty() {
        findings.note(Path::new("tls.ca"), Fault::NoFile);
    }
    for path in files {
        let found = findings.keep(path, read_all::<CertificateDer<'static>>(path, "certificate"));
        for certificate in found.into_iter().flatten() {
            ders.push(certificate.to_vec());
            let added = roots.add(certificate).map_err(|fault| Fault::Certificate(fault.to_string()));
            findings.keep(path, added);
        }
    }
    ders.sort();
    (Arc::new(roots), Digest::of(&ders.concat()))
}

fn load_certificates(
    files: &[CertificateFiles],
    time: &Arc<dyn TimeProvider>,
    findings: &mut Findings,
) -> (Vec<Arc<CertifiedKey>>, Vec<Expiry>) {
    if files.is_empty() {
        findings.note(Path::new("tls.certificates"), Fault::NoFile);
    }
    let mut keys = Vec::new();
    let mut expiries = Vec::new();
    for pair in files {
        let chain =
            findings.keep(&pair.chain, read_all::<CertificateDer<'static>>(&pair.chain, "certificate"));
        let key = findings.keep(&pair.key, load_key(&pair.key));
        let Some(chain) = chain else { continue };
        let second = findings.keep(&pair.chain, check_validity(&chain, time));
        let (Some(key), Some(second)) = (key, second) else { continue };
        expiries.push(Expiry { chain: pair.chain.clone(), second });
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            // A key that can't tell its public half can't be compared; the first handshake would.
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
                keys.push(Arc::new(certified));
            }
            Err(rustls::Error::InconsistentKeys(_)) => {
                findings.note(&pair.key, Fault::KeyMismatch { chain: pair.chain.clone() });
            }
            Err(fault) => findings.note(&pair.chain, Fault::Certificate(fault.to_string())),
        }
    }
    (keys, expiries)
}

fn load_key(path: &Path) -> Result<Arc<dyn rustls::sign::SigningKey>, Fault> {
    let bytes = Zeroizing::new(std::fs::read(path).map_err(Fault::Read)?);
    let key = match PrivateKeyDer::from_pem_slice(&bytes) {
        Ok(key) => Zeroizing::new(key),
        Err(PemError::NoItemsFound) => {
            return Err(Fault::Missing("private key in PEM (an encrypted one can't be used)"));
        }
        Err(fault) => return Err(Fault::Pem(fault.to_string())),
    };
    // By reference, so that our copy can be overwritten: `KeyProvider` takes one and drops it as it is.
    any_supported_type(&key).map_err(|fault| Fault::Key(fault.to_string()))
}

/// The last second of the leaf's validity, when now is within it.
fn check_validity(chain: &[CertificateDer<'_>], time: &Arc<dyn TimeProvider>) -> Result<i64, Fault> {
    let leaf = chain.first().ok_or(Fault::Missing("certificate"))?;
    let (_, certificate) =
        X509Certificate::from_der(leaf).map_err(|fault| Fault::Certificate(fault.to_string()))?;
    let validity = certificate.validity();
    let now = now(time);
    if now > validity.not_after.timestamp() {
        return Err(Fault::Expired(text(validity.not_after)));
    }
    if now < validity.not_before.timestamp() {
        return Err(Fault::NotYetValid(text(validity.not_before)));
    }
    Ok(validity.not_after.timestamp())
}

fn text(time: ASN1Time) -> String {
    time.to_rfc2822().unwrap_or_else(|_| time.to_string())
}

/// What all files of revocation lists come to.
#[derive(Default)]
struct Lists {
    ders: Vec<CertificateRevocationListDer<'static>>,
    revoked: Revoked,
    expiries: Vec<ListExpiry>,
}

fn load_lists(files: &[PathBuf], roots: &Arc<RootCertStore>, findings: &mut Findings) -> Lists {
    let mut lists = Lists::default();
    for path in files {
        let mut soonest: Option<ListExpiry> = None;
        let found =
            findings.keep(path, read_all::<CertificateRevocationListDer<'static>>(path, "revocation list"));
        for list in found.into_iter().flatten() {
            let taken = check_list(&list, roots).and_then(|()| lists.revoked.add(&list));
            let Some(update) = findings.keep(path, taken) else { continue };
            lists.ders.push(list);
            let Some(next_update) = update.next else { continue };
            if soonest.as_ref().is_none_or(|soonest| next_update < soonest.next_update) {
                soonest = Some(ListExpiry { file: path.clone(), issued: update.issued, next_update });
            }
        }
        lists.expiries.extend(soonest);
    }
    lists
}

/// Whether the handshake could use this list; asked for each one, so that the fault has a file.
fn check_list(list: &CertificateRevocationListDer<'static>, roots: &Arc<RootCertStore>) -> Result<(), Fault> {
    if roots.is_empty() {
        return Ok(());
    }
    WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::new(provider()))
        .with_crls([list.clone()])
        .build()
        .map(|_| ())
        .map_err(|fault| Fault::RevocationList(fault.to_string()))
}

/// Seconds of Unix time; without a clock, the end of time, at which nothing is valid.
fn now(time: &Arc<dyn TimeProvider>) -> i64 {
    time.current_time().and_then(|now| i64::try_from(now.as_secs()).ok()).unwrap_or(i64::MAX)
}

/// All items of one kind in a file: PEM, or else one item in DER.
fn read_all<T: PemObject + From<Vec<u8>>>(path: &Path, what: &'static str) -> Result<Vec<T>, Fault> {
    let bytes = std::fs::read(path).map_err(Fault::Read)?;
    // A sequence with a length in long form, which no text starts with.
    let is_der = matches!(bytes.as_slice(), [0x30, 0x81..=0x84, ..]);
    if is_der {
        return Ok(vec![T::from(bytes)]);
    }
    let items: Vec<T> =
        T::pem_slice_iter(&bytes).collect::<Result<_, _>>().map_err(|fault| Fault::Pem(fault.to_string()))?;
    if items.is_empty() { Err(Fault::Missing(what)) } else { Ok(items) }
}
