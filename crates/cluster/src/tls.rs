//! TLS to the stores, from the files that a configuration names.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use zeroize::Zeroizing;

use crate::Error;

/// TLS to a store: trust in the authorities of `ca` and in nobody else, with a certificate of our own where one is asked
/// for.
///
/// # Errors
/// A file cannot be read, or holds no such thing.
pub(crate) fn client_config(ca: &Path, own: Option<(&Path, &Path)>) -> Result<Arc<ClientConfig>, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots.add(certificate).map_err(|error| file_error(ca, &error))?;
    }
    if roots.is_empty() {
        return Err(file_error(ca, &"holds no certificate"));
    }
    let builder = ClientConfig::builder().with_root_certificates(roots);
    let config = match own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let certified = certified(certificate, key)?;
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
        }
    };
    Ok(Arc::new(config))
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
    use super::*;

    #[test]
    fn trust_in_nobody_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, "").unwrap();
        let refused = client_config(&path, None).unwrap_err().to_string();
        assert!(refused.contains("holds no certificate"), "{refused}");
    }
}
