//! The certificates whose keys may sign, found by issuer and serial number.
//!
//! They come as the contents of a folder's files; whoever reads the folder is elsewhere. A file that cannot be used
//! is a problem, and all problems are told at once, so that a folder is taken whole or not at all.

mod name;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use x509_parser::certificate::X509Certificate;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;

use crate::fault::Fault;
use name::Name;

const PEM_BEGIN: &[u8] = b"-----BEGIN ";
const PEM_CERTIFICATE: &str = "CERTIFICATE";
/// Sizes of RSA keys that may sign, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A file, or a certificate in it, that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct Problem {
    /// The file's name, as it was given.
    pub file: String,
    /// What is wrong with it.
    pub reason: Reason,
}

/// Why a file of certificates is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// PEM that does not end, or whose content is no base64.
    #[error("is not valid PEM")]
    Pem,
    /// A key, a request or a list of revocations: none of them belongs here, and a key should lie elsewhere.
    #[error("holds a PEM block that is not a certificate")]
    Label,
    /// Neither PEM nor the DER of one certificate.
    #[error("is not a certificate in PEM or DER")]
    NotACertificate,
    /// An issuer that is empty, so that no message can name it.
    #[error("the certificate has no issuer")]
    Issuer,
    /// A serial number that is negative.
    #[error("the certificate's serial number is negative")]
    Serial,
    /// Messages are signed with RSA alone.
    #[error("the certificate's key is not RSA of 2048 to 8192 bits")]
    Key,
    /// The same issuer and serial number as another certificate, which is not the same.
    #[error("another certificate has the same issuer and serial number")]
    Ambiguous,
}

/// A certificate, as far as it is needed.
#[derive(Debug)]
pub(crate) struct Certificate {
    key: ParsedPublicKey,
    /// Unix seconds; both ends included (RFC 5280, section 4.1.2.5).
    not_before: i64,
    not_after: i64,
    der: Vec<u8>,
}

impl Certificate {
    pub(crate) fn check_time(&self, now_unix_s: u64) -> Result<(), Fault> {
        let now = i64::try_from(now_unix_s).unwrap_or(i64::MAX);
        if now < self.not_before {
            Err(Fault::NotYetValid)
        } else if now > self.not_after {
            Err(Fault::Expired)
        } else {
            Ok(())
        }
    }

    pub(crate) fn check_signature(&self, signed: &[u8], signature: &[u8]) -> Result<(), Fault> {
        self.key.verify_sig(signed, signature).map_err(|_| Fault::Signature)
    }
}

/// Certificates by issuer and serial number (decimal, without leading zeros).
#[derive(Debug, Default)]
pub struct Certificates(BTreeMap<(Name, String), Certificate>);

impl Certificates {
    /// Takes files, each of one certificate in DER, or of any number in PEM with whatever text around them. The name
    /// is used in problems only. The same certificate may come twice. Whether a certificate is valid *now* is decided
    /// when a message names it, not here.
    ///
    /// # Errors
    /// All problems of all files, in their order.
    pub fn from_files<N, B>(files: impl IntoIterator<Item = (N, B)>) -> Result<Self, Vec<Problem>>
    where
        N: Into<String>,
        B: AsRef<[u8]>,
    {
        let (mut certificates, mut problems) = (Self::default(), Vec::new());
        for (file, bytes) in files {
            let file = file.into();
            for der in blocks(bytes.as_ref()) {
                if let Err(reason) = der.and_then(|der| certificates.add(der)) {
                    problems.push(Problem { file: file.clone(), reason });
                }
            }
        }
        if problems.is_empty() { Ok(certificates) } else { Err(problems) }
    }

    /// How many certificates there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none, so that no message can pass.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The certificate that a message names.
    pub(crate) fn load(&self, issuer: &str, serial: &str) -> Result<&Certificate, Fault> {
        let issuer = Name::from_text(issuer).ok_or(Fault::IssuerName)?;
        let serial = decimal(serial).ok_or(Fault::SerialNumber)?;
        self.0.get(&(issuer, serial)).ok_or(Fault::UnknownCertificate)
    }

    fn add(&mut self, der: Vec<u8>) -> Result<(), Reason> {
        let (rest, parsed) = X509Certificate::from_der(&der).map_err(|_| Reason::NotACertificate)?;
        if !rest.is_empty() {
            return Err(Reason::NotACertificate);
        }
        let issuer = Name::from_certificate(parsed.issuer()).ok_or(Reason::Issuer)?;
        if parsed.raw_serial().first().is_some_and(|byte| byte & 0x80 != 0) {
            return Err(Reason::Serial);
        }
        let serial = parsed.tbs_certificate.serial.to_string();
        let is_fit = match parsed.public_key().parsed() {
            Ok(PublicKey::RSA(rsa)) => RSA_BITS.contains(&rsa.key_size()),
            Ok(_) | Err(_) => false,
        };
        let key = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, parsed.public_key().raw);
        let key = key.ok().filter(|_| is_fit).ok_or(Reason::Key)?;
        let (not_before, not_after) = (parsed.validity().not_before, parsed.validity().not_after);
        let (not_before, not_after) = (not_before.timestamp(), not_after.timestamp());
        match self.0.entry((issuer, serial)) {
            Entry::Vacant(place) => {
                place.insert(Certificate { key, not_before, not_after, der });
                Ok(())
            }
            Entry::Occupied(place) if place.get().der == der => Ok(()),
            Entry::Occupied(_) => Err(Reason::Ambiguous),
        }
    }
}

/// The certificates of one file, in DER.
fn blocks(bytes: &[u8]) -> Vec<Result<Vec<u8>, Reason>> {
    if !bytes.windows(PEM_BEGIN.len()).any(|window| window == PEM_BEGIN) {
        return vec![Ok(bytes.to_vec())];
    }
    let block = |pem: Result<Pem, _>| match pem {
        Ok(pem) if pem.label == PEM_CERTIFICATE => Ok(pem.contents),
        Ok(_) => Err(Reason::Label),
        Err(_) => Err(Reason::Pem),
    };
    Pem::iter_from_buffer(bytes).map(block).collect()
}

/// A decimal number of any length in the one way to write it, if it is one. Blanks around it are its type's own
/// (XML Schema: `integer` collapses them).
fn decimal(text: &str) -> Option<String> {
    let digits = text.trim_matches([' ', '\t', '\r', '\n']);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    Some(if digits.is_empty() { "0".to_owned() } else { digits.to_owned() })
}

#[cfg(test)]
mod tests;
