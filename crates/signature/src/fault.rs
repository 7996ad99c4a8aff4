//! Why a signature does not hold. No text here quotes the message: answers carry these words (protocol, section 6).

use std::fmt;

use crate::form::Element;

/// What one of the three references covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `KeyInfo`: which key signed.
    KeyInfo,
    /// `AppHdr` without the signature.
    Header,
    /// `Document`.
    Document,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyInfo => "KeyInfo",
            Self::Header => "AppHdr",
            Self::Document => "Document",
        })
    }
}

/// Why a message's signature was refused; the first reason found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The reader refused the bytes; does not happen to a message that was examined.
    #[error("not well-formed XML")]
    Malformed,
    /// There is no `Sgntr`, or nothing in it. Whether that may pass is the caller's rule, not ours.
    #[error("the message is not signed")]
    Unsigned,
    /// The envelope holds something else than one `AppHdr` and one `Document` of its own namespace, in this order.
    #[error("Envelope must hold one AppHdr and one Document, in this order, and nothing else")]
    Envelope,
    /// An attribute that no reference covers.
    #[error("Envelope carries an attribute, which no reference covers")]
    EnvelopeAttribute,
    /// `Sgntr` twice, or more in it than one `Signature`.
    #[error("AppHdr must hold one Sgntr with one Signature in it, and nothing else")]
    Sgntr,
    /// An element of XML-Signature outside `AppHdr/Sgntr`.
    #[error("an element of XML-Signature stands outside AppHdr/Sgntr")]
    Stray,
    /// `xsi:type` names a type by a prefix, and exclusive canonicalization does not cover what the prefix stands for.
    #[error("xsi:type is not allowed in a signed message: the signature does not cover its prefix")]
    TypeAttribute,
    /// Children other than the accepted ones, in their order and number, or text between them.
    #[error("{0} does not hold exactly what a Pix signature has there")]
    Content(Element),
    /// An attribute that is not accepted there, or one that is missing.
    #[error("{0} has an attribute too many, or lacks one")]
    Attribute(Element),
    /// An algorithm outside the accepted ones: exc-c14n, rsa-sha256, sha256, enveloped-signature.
    #[error("{0} names an algorithm that is not accepted")]
    Algorithm(Element),
    /// The three references do not name the key, the header and the document, each once.
    #[error("the references must be KeyInfo (by its Id), AppHdr (URI=\"\") and Document (no URI), each once")]
    References,
    /// The transforms of a reference are not those that a Pix signature has for this part.
    #[error("the transforms of the reference to {0} are not accepted")]
    Transforms(Part),
    /// Two elements have the same identifier, so that a reference could mean either.
    #[error("two elements have the same Id")]
    RepeatedId,
    /// Not base64, or a digest of another length.
    #[error("{0} is not the base64 of such a value")]
    Base64(Element),
    /// A part is not what was signed.
    #[error("the digest of {0} is not the signed one")]
    Digest(Part),
    /// Not a distinguished name (RFC 4514).
    #[error("X509IssuerName is not a distinguished name")]
    IssuerName,
    /// Not a decimal number.
    #[error("X509SerialNumber is not a decimal number")]
    SerialNumber,
    /// No certificate of that issuer and serial number is configured.
    #[error("no certificate with this issuer and serial number is known")]
    UnknownCertificate,
    /// The certificate starts to be valid later.
    #[error("the certificate is not valid yet")]
    NotYetValid,
    /// The certificate was valid until some time ago.
    #[error("the certificate has expired")]
    Expired,
    /// The signature value was not made with the certificate's key over this `SignedInfo`.
    #[error("the signature value does not hold with the certificate's key")]
    Signature,
}
