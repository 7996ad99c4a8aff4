//! Who is at the other end of a connection: a name, an ISPB, roles, read from the client certificate once.
//!
//! Whether the certificate is trusted was decided by the handshake, and whether it is revoked by [`crate::tls`].
//! What an identity may do on which path is the handlers' business.

mod rules;

use std::net::SocketAddr;
use std::sync::Arc;

use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

pub use rules::{IdentityRules, IspbSource, Match, Role, RoleRule, Roles, Scope};

/// What an `OU` that holds an ISPB starts with (protocol, section 7).
const OU_PREFIX: &str = "ISPB-";

/// The holder of a client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The subject's `CN`; of a certificate without one, the fingerprint. For logs, audit and role rules.
    pub name: String,
    /// SHA-256 of the certificate's DER.
    pub fingerprint: Digest,
    /// Which certificate it is, in the words of a revocation list.
    pub certificate: CertificateId,
    /// The participant that the certificate speaks for.
    pub ispb: IspbClaim,
    /// What else the certificate may do; a certificate with a role needs no ISPB.
    pub roles: Roles,
    /// Validity, first and last second, in Unix time.
    pub validity: (i64, i64),
}

/// The other end of a connection. Clones share the identity.
#[derive(Debug, Clone)]
pub struct Peer {
    /// From the client certificate, read once for a connection.
    pub identity: Arc<Identity>,
    /// The address of the client, or of what forwards to us.
    pub remote: SocketAddr,
    /// What is spoken.
    pub protocol: Protocol,
}

/// What a connection speaks, as agreed by ALPN; without ALPN it is HTTP/1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 or 1.0.
    Http1,
    /// HTTP/2.
    Http2,
}

/// What a certificate says about its ISPB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IspbClaim {
    /// Nothing.
    None,
    /// One ISPB, perhaps several times.
    One(Ispb),
    /// Two different ones: the certificate speaks for nobody (403).
    Conflict,
}

/// Issuer and serial number, as a revocation list names a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CertificateId {
    /// SHA-256 of the issuer's name in DER.
    issuer: Digest,
    /// The serial number, big-endian, without leading zeros.
    serial: Vec<u8>,
}

/// Why no identity can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a certificate in DER.
    #[error("the certificate can't be read: {0}")]
    Unreadable(String),
}

impl Identity {
    /// Reads an identity from a certificate.
    ///
    /// # Errors
    /// The bytes are not a certificate.
    pub fn from_der(der: &[u8], rules: &IdentityRules) -> Result<Self, Error> {
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|fault| Error::Unreadable(fault.to_string()))?;
        let subject = certificate.subject();
        let fingerprint = Digest::of(der);
        let names: Vec<&str> = texts(subject.iter_common_name());
        let name = names.first().map_or_else(|| fingerprint.to_string(), |name| (*name).to_owned());
        Ok(Self {
            ispb: claim(subject, &rules.ispb_from),
            roles: rules.roles_of(&names, &fingerprint),
            certificate: CertificateId::new(certificate.issuer().as_raw(), certificate.raw_serial()),
            validity: (
                certificate.validity().not_before.timestamp(),
                certificate.validity().not_after.timestamp(),
            ),
            name,
            fingerprint,
        })
    }

    /// The ISPB, if the certificate names exactly one.
    #[must_use]
    pub fn ispb(&self) -> Option<Ispb> {
        match self.ispb {
            IspbClaim::One(ispb) => Some(ispb),
            IspbClaim::None | IspbClaim::Conflict => None,
        }
    }

    /// Whether the certificate is valid at this second of Unix time.
    #[must_use]
    pub fn is_valid_at(&self, second: i64) -> bool {
        self.validity.0 <= second && second <= self.validity.1
    }
}

impl CertificateId {
    /// From an issuer's name in DER and a serial number as DER holds it.
    #[must_use]
    pub fn new(issuer: &[u8], serial: &[u8]) -> Self {
        let leading = serial.iter().take_while(|&&byte| byte == 0).count();
        Self { issuer: Digest::of(issuer), serial: serial[leading..].to_vec() }
    }

    /// SHA-256 of the issuer's name in DER.
    pub(crate) const fn issuer(&self) -> &Digest {
        &self.issuer
    }

    /// The serial number in lower-case hexadecimal digits.
    #[must_use]
    pub fn serial_hex(&self) -> String {
        self.serial.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The first source that says anything decides.
fn claim(subject: &X509Name<'_>, sources: &[IspbSource]) -> IspbClaim {
    let of = |source: &IspbSource| match source {
        IspbSource::Ou => agreed(
            texts(subject.iter_organizational_unit())
                .into_iter()
                .filter_map(|unit| unit.strip_prefix(OU_PREFIX)?.parse().ok()),
        ),
        IspbSource::Cn => {
            agreed(texts(subject.iter_common_name()).into_iter().filter_map(|name| name.parse().ok()))
        }
    };
    sources.iter().map(of).find(|claim| *claim != IspbClaim::None).unwrap_or(IspbClaim::None)
}

fn agreed(ispbs: impl Iterator<Item = Ispb>) -> IspbClaim {
    ispbs.fold(IspbClaim::None, |claim, ispb| match claim {
        IspbClaim::None => IspbClaim::One(ispb),
        IspbClaim::One(known) if known == ispb => claim,
        IspbClaim::One(_) | IspbClaim::Conflict => IspbClaim::Conflict,
    })
}

/// Values in a text type that we don't read grant nothing, so they are passed over.
fn texts<'a>(attributes: impl Iterator<Item = &'a AttributeTypeAndValue<'a>>) -> Vec<&'a str> {
    attributes.filter_map(|attribute| attribute.as_str().ok()).collect()
}

#[cfg(test)]
mod tests;
