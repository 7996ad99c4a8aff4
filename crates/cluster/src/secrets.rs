//! What a configuration names and does not hold: passwords in files, and TLS to the stores.

use std::path::Path;
use std::sync::Arc;

use pix_stream_config::Secret;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::Error;

/// The password of a section: the one that stands there, or the one in the file that it names. A line end after it
/// does not count.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn password(secret: &Secret, file: Option<&Path>) -> Result<String, Error> {
    let Some(path) = file else { return Ok(secret.expose().to_owned()) };
    let text = std::fs::read_to_string(path).map_err(|error| file_error(path, &error))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// TLS to a store: trust in the authorities of `ca` and in nobody else, with a certificate of our own where one is asked
/// for.
///
/// # Errors
/// A file cannot be read, or holds no such thing.
pub(crate) fn tls(ca: &Path, own: Option<(&Path, &Path)>) -> Result<Arc<ClientConfig>, Error> {
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
            let chain = certificates(certificate)?;
            let private = PrivateKeyDer::from_pem_file(key).map_err(|error| file_error(key, &error))?;
            builder.with_client_auth_cert(chain, private).map_err(|error| file_error(certificate, &error))?
        }
    };
    Ok(Arc::new(config))
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
    fn the_line_end_of_a_password_file_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "s3cret \r\n").unwrap();
        assert_eq!(password(&Secret::default(), Some(&path)).unwrap(), "s3cret ");
        let missing = password(&Secret::default(), Some(&folder.path().join("none"))).unwrap_err().to_string();
        assert!(missing.contains("none: "), "{missing}");
    }

    #[test]
    fn trust_in_nobody_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, "").unwrap();
        let refused = tls(&path, None).unwrap_err().to_string();
        assert!(refused.contains("holds no certificate"), "{refused}");
    }
}
