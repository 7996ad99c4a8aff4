//! The certificates that revocation lists name, for checks outside a handshake.

use std::collections::HashSet;

use x509_parser::prelude::{CertificateRevocationList, FromDer};

use super::problem::Fault;
use crate::identity::CertificateId;

/// A set of revoked certificates: about 100 bytes each.
#[derive(Debug, Default)]
pub(super) struct Revoked(HashSet<CertificateId>);

impl Revoked {
    /// Adds what one list in DER names; tells when the next list was promised, in Unix time.
    pub(super) fn add(&mut self, der: &[u8]) -> Result<Option<i64>, Fault> {
        let (_, list) = CertificateRevocationList::from_der(der)
            .map_err(|fault| Fault::RevocationList(fault.to_string()))?;
        let issuer = list.issuer().as_raw();
        self.0.extend(
            list.iter_revoked_certificates().map(|entry| CertificateId::new(issuer, entry.raw_serial())),
        );
        Ok(list.next_update().map(|until| until.timestamp()))
    }

    /// Whether a list names this certificate.
    pub(super) fn names(&self, certificate: &CertificateId) -> bool {
        self.0.contains(certificate)
    }

    /// How many certificates are revoked.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
