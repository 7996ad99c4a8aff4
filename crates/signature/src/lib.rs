//! Whether the XML signature of a Pix message holds (requirement: optional signature check at publish).
//!
//! The one form that the SPI signs with is understood, and everything else is refused: a signature in
//! `AppHdr/Sgntr`, exclusive canonicalization, SHA-256, RSA with SHA-256, and three references: the key's name, the
//! header without the signature, the document. Elements are found by where they stand, never by a search, so that
//! what was digested is what everybody else reads (ADR 0013).
//!
//! Pure and synchronous: the bytes of messages and certificates come as arguments, and so does the time. This is not
//! a library for XML signatures in general, and builds no chain of certificates: what the operator put into the
//! folder is trusted, nothing else is.
//!
//! Reading path: [`Verifier`], then `pass` (one pass of the reader), `form` (what may stand where in a signature),
//! `canonical` (the bytes that are digested), `certificates`.

mod canonical;
mod certificates;
mod fault;
mod form;
mod pass;
mod verifier;

pub use certificates::{Certificates, Problem, Reason};
pub use fault::{Fault, Part};
pub use form::{Element, NAMESPACE};
pub use verifier::{Check, Verifier};
