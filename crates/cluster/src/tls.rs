//! TLS to the stores, from the files that a configuration names.
//!
//! The files are read again for every connection that is made, so that certificates and authorities of stores are
//! exchanged without a restart; connections that are open stay. A file that is of no use then changes nothing.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme};
use zeroize::Zeroizing;

use crate::Error;

/// TLS to a store: trust in the authorities of `ca` and in nobody else, with a certificate of our own where one is asked
/// for.
///
/// # Errors
/// A file cannot be read, or holds no such thing.
pub(crate) fn client_config(ca: &Path, own: Option<(&Path, &Path)>) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(default_provider());
    let trust = Arc::new(Trust::new(ca, &provider)?);
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| file_error(ca, &error))?
        .dangerous()
        .with_custom_certificate_verifier(trust);
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder.with_client_cert_resolver(Arc::new(Own::new(certificate, key)?)),
    };
    // A resumed session is one that nobody looked at again; connections to stores are few and live long.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// What is read of files, as it was when it was last of use.
struct Kept<T> {
    read: Box<dyn Fn() -> Result<T, Error> + Send + Sync>,
    good: Mutex<T>,
}

impl<T: Clone> Kept<T> {
    fn new(read: impl Fn() -> Result<T, Error> + Send + Sync + 'static) -> Result<Self, Error> {
        let first = read()?;
        Ok(Self { read: Box::new(read), good: Mutex::new(first) })
    }

    /// What stands in the files now; what was good last where that is of no use.
    fn read_again(&self) -> T {
        match (self.read)() {
            Ok(now) => *self.good.lock().unwrap_or_else(PoisonError::into_inner) = now,
            Err(error) => tracing::warn!(%error, "TLS to a store goes on with what was read before"),
        }
        self.last()
    }

    fn last(&self) -> T {
        self.good.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The authorities that sign the certificates of a store.
struct Trust(Kept<Arc<WebPkiServerVerifier>>);

impl Trust {
    fn new(ca: &Path, provider: &Arc<CryptoProvider>) -> Result<Self, Error> {
        let (ca, provider) = (ca.to_owned(), Arc::clone(provider));
        Kept::new(move || verifier(&ca, &provider)).map(Self)
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trust")
    }
}

/// All by rustls' own verifier: this decides only which authorities it knows.
impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let verifier = self.0.read_again();
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0.last().verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0.last().verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.last().supported_verify_schemes()
    }
}

/// Our own certificate for a store.
struct Own(Kept<Arc<CertifiedKey>>);

impl Own {
    fn new(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        Kept::new(move || certified(&certificate, &key).map(Arc::new)).map(Self)
    }
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Own")
    }
}

impl ResolvesClientCert for Own {
    fn resolve(&self, _authorities: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read_again()).filter(|own| own.key.choose_scheme(schemes).is_some())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn verifier(ca: &Path, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots.add(certificate).map_err(|error| file_error(ca, &error))?;
    }
    if roots.is_empty() {
        return Err(file_error(ca, &"holds no certificate"));
    }
    let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    builder.build().map_err(|error| file_error(ca, &error))
}

/// A chain and its key; what was read of the key is overwritten.
fn certified(certificate: &Path, key: &Path) -> Result<CertifiedKey, Error> {
    let chain = certificates(certificate)?;
    let bytes = Zeroizing::new(std::fs::read(key).map_err(|error| file_error(key, &error))?);
    let private = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| file_error(key, &error))?;
    let private = Zeroizing::new(private);
    let signing = any_supported_type(&private).map_err(|error| file_error(key, &error))?;
    let certified = CertifiedKey::new(chain, signing);
    certified.keys_match().map_err(|error| file_error(key, &error))?;
    Ok(certified)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    read.map_err(|error| file_error(path, &error))
}

fn file_error(path: &Path, reason: &impl ToString) -> Error {
    Error::File { path: path.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

    use super::*;

    /// An authority, and a certificate of it for 127.0.0.1 with its key, as PEM.
    fn made() -> [String; 3] {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &ca).unwrap();
        [ca.pem(), certificate.pem(), key.serialize_pem()]
    }

    fn write(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn trust_in_nobody_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(&folder, "ca.pem", "");
        let refused = client_config(&path, None).unwrap_err().to_string();
        assert!(refused.contains("holds no certificate"), "{refused}");
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let ([ca, certificate, _], [_, _, key]) = (made(), made());
        let ca = write(&folder, "ca.pem", &ca);
        let own = [write(&folder, "own.pem", &certificate), write(&folder, "own.key", &key)];
        assert!(client_config(&ca, Some((&own[0], &own[1]))).is_err());
    }

    #[test]
    fn an_authority_that_is_exchanged_counts_for_the_next_connection() {
        let folder = tempfile::tempdir().unwrap();
        let ([first, of_first, _], [second, of_second, _]) = (made(), made());
        let path = write(&folder, "ca.pem", &first);
        let trust = Trust::new(&path, &Arc::new(default_provider())).unwrap();
        let is_trusted = |pem: &str| {
            let leaf = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
            let name = ServerName::try_from("127.0.0.1").unwrap();
            // The middle of 2026.
            let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_782_000_000));
            trust.verify_server_cert(&leaf, &[], &name, &[], now).is_ok()
        };
        assert!(is_trusted(&of_first) && !is_trusted(&of_second));
        write(&folder, "ca.pem", &second);
        assert!(!is_trusted(&of_first) && is_trusted(&of_second));
        // What is of no use changes nothing.
        write(&folder, "ca.pem", "half a file");
        assert!(!is_trusted(&of_first) && is_trusted(&of_second));
    }

    #[test]
    fn a_certificate_of_our_own_is_exchanged_with_its_key_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let ([_, first, first_key], [_, second, second_key]) = (made(), made());
        let own = [write(&folder, "own.pem", &first), write(&folder, "own.key", &first_key)];
        let own = Own::new(&own[0], &own[1]).unwrap();
        let shown = || own.resolve(&[], &[SignatureScheme::ECDSA_NISTP256_SHA256]).unwrap().cert[0].clone();
        let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        assert_eq!(shown(), der(&first));
        write(&folder, "own.pem", &second);
        assert_eq!(shown(), der(&first), "its key is not there yet");
        write(&folder, "own.key", &second_key);
        assert_eq!(shown(), der(&second));
    }
}
