//! The certificates that revocation lists name, for checks outside a handshake.

use std::collections::{HashMap, HashSet};

use pix_stream_domain::digest::Digest;

use x509_parser::prelude::{CertificateRevocationList, FromDer};

use super::problem::Fault;
use crate::identity::CertificateId;

/// A set of revoked certificates: about 100 bytes each.
#[derive(Debug, Default)]
pub(super) struct Revoked {
    named: HashSet<CertificateId>,
    /// Until when the newest list of an issuer counts, where a list that is out of date refuses everybody.
    until: HashMap<Digest, i64>,
}

/// When a list was issued and when the next one was promised, in Unix time.
pub(super) struct Update {
    pub(super) issued: i64,
    pub(super) next: Option<i64>,
}

impl Revoked {
    /// Adds what one list in DER names.
    pub(super) fn add(&mut self, der: &[u8]) -> Result<Update, Fault> {
        let (_, list) = CertificateRevocationList::from_der(der)
            .map_err(|fault| Fault::RevocationList(fault.to_string()))?;
        let issuer = list.issuer().as_raw();
        self.named.extend(
            list.iter_revoked_certificates().map(|entry| CertificateId::new(issuer, entry.raw_serial())),
        );
        let next = list.next_update().map(|until| until.timestamp());
        if let Some(next) = next {
            let until = self.until.entry(Digest::of(issuer)).or_insert(next);
            *until = next.max(*until);
        }
        Ok(Update { issued: list.last_update().timestamp(), next })
    }

    /// Lists count for ever.
    pub(super) fn forget_expiries(&mut self) {
        self.until.clear();
    }

    /// Whether the lists of the certificate's issuer are all out of date, and that matters.
    pub(super) fn is_stale_for(&self, certificate: &CertificateId, now: i64) -> bool {
        self.until.get(certificate.issuer()).is_some_and(|until| *until < now)
    }

    /// Whether a list names this certificate.
    pub(super) fn names(&self, certificate: &CertificateId) -> bool {
        self.named.contains(certificate)
    }

    /// How many certificates are revoked.
    pub(super) fn len(&self) -> usize {
        self.named.len()
    }
}
