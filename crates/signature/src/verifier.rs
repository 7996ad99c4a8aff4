//! The verdict: the digests of the three parts against the signed ones, and the signature against a certificate.

use xml::reader::XmlEvent;

use crate::certificates::Certificates;
use crate::fault::{Fault, Part};
use crate::pass::{self, Pass, Read};

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
        self.judge(&pass::read(xml)?, now_unix_s)
    }

    /// Begins a check that takes its events from a reader that reads the message anyway; see [`Check`].
    #[must_use]
    pub fn begin(&self) -> Check<'_> {
        Check { verifier: self, pass: Pass::default() }
    }

    fn judge(&self, read: &Read, now_unix_s: u64) -> Result<(), Fault> {
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

/// A check under way, for a caller that reads the message itself: a second pass costs more than all the rest.
///
/// The reader must be set as the examination sets it: comments ignored, CDATA and blanks as characters, UTF-8, several
/// roots and entities refused; only then do its events mean what [`Verifier::verify`] would read.
pub struct Check<'a> {
    verifier: &'a Verifier,
    pass: Pass,
}

impl Check<'_> {
    /// Takes the next event, in order and without a gap.
    ///
    /// # Errors
    /// The first reason why the signature does not hold; after it, the check must not be continued.
    pub fn take(&mut self, event: &XmlEvent) -> Result<(), Fault> {
        self.pass.take(event)
    }

    /// The verdict, after the last event. The time is that of [`Verifier::verify`].
    ///
    /// # Errors
    /// As [`Verifier::verify`].
    pub fn finish(self, now_unix_s: u64) -> Result<(), Fault> {
        self.verifier.judge(&self.pass.finish()?, now_unix_s)
    }
}
