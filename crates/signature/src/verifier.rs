//! The verdict: the digests of the three parts against the signed ones, and the signature against a certificate.

use crate::certificates::Certificates;
use crate::fault::{Fault, Part};
use crate::pass;

/// How far a signature is checked.
#[derive(Debug)]
enum Depth {
    Digests,
    Full(Certificates),
}

/// Decides whether messages' signatures hold. Cheap to share, and never changes: after a reload, make another.
#[derive(Debug)]
pub struct Verifier(Depth);

impl Verifier {
    /// Compares the digests only. That finds messages that were changed by accident or by a tool that writes XML anew;
    /// it proves nothing about who signed.
    #[must_use]
    pub fn digest() -> Self {
        Self(Depth::Digests)
    }

    /// Compares the digests, and the signature with the key of the certificate that it names by issuer and serial
    /// number. These certificates are trusted as they are: no chain is built and no revocation is asked for.
    #[must_use]
    pub fn full(certificates: Certificates) -> Self {
        Self(Depth::Full(certificates))
    }

    /// Checks a message. `xml` must have passed the examination at publish, which bounds its size, depth, prefixes and
    /// elements; `now_unix_s` is the time in Unix seconds, for the certificate's validity (not used for digests alone).
    ///
    /// # Errors
    /// The first reason why the signature does not hold, or [`Fault::Unsigned`].
    pub fn verify(&self, xml: &[u8], now_unix_s: u64) -> Result<(), Fault> {
        let read = pass::read(xml)?;
        let claims = &read.claims;
        for (part, found, signed) in [
            (Part::KeyInfo, read.key_info, claims.key_info),
            (Part::Header, read.header, claims.header),
            (Part::Document, read.document, claims.document),
        ] {
            if found != signed {
                return Err(Fault::Digest(part));
            }
        }
        match &self.0 {
            Depth::Digests => Ok(()),
            Depth::Full(certificates) => {
                let certificate = certificates.load(&claims.issuer, &claims.serial)?;
                certificate.check_time(now_unix_s)?;
                certificate.check_signature(&read.signed_info, &claims.value)
            }
        }
    }
}
