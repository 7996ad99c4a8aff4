//! The check of a message's signature, while the message is read.

use pix_stream_signature::{Check, Fault, Verifier};
use xml::reader::XmlEvent;

use crate::decode::instant;

/// The check of the signature, if there is to be one, over the same events.
pub(super) enum Signature<'a> {
    Off,
    Checking(Box<Check<'a>>),
    Broken(Fault),
}

impl<'a> Signature<'a> {
    pub(super) fn new(verifier: Option<&'a Verifier>) -> Self {
        verifier.map_or(Self::Off, |verifier| Self::Checking(Box::new(verifier.begin())))
    }

    pub(super) fn take(&mut self, event: &XmlEvent) {
        if let Self::Checking(check) = self
            && let Err(fault) = check.take(event)
        {
            *self = Self::Broken(fault);
        }
    }

    /// Whether the signature holds, by a certificate that was valid when the message was made.
    pub(super) fn finish(self, created: &str) -> Result<(), String> {
        match self {
            Self::Off => Ok(()),
            Self::Broken(fault) => Err(fault.to_string()),
            Self::Checking(check) => {
                let created =
                    instant::unix_seconds(created).ok_or("CreDt is no time to hold a certificate against")?;
                check.finish(created).map_err(|fault| fault.to_string())
            }
        }
    }
}
