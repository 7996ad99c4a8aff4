//! What can be wrong with the files of TLS, in words for the operator: always with the file's name.

use std::fmt;
use std::path::PathBuf;

/// All problems of one reading, at least one.
#[derive(Debug)]
pub struct Problems(pub Vec<Problem>);

/// A file and what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct Problem {
    /// The file.
    pub path: PathBuf,
    /// The fault.
    pub fault: Fault,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It can't be read from disk.
    #[error("can't be read: {0}")]
    Read(std::io::Error),
    /// PEM that is cut off or has bad base64.
    #[error("is damaged PEM: {0}")]
    Pem(String),
    /// It holds nothing of what is needed.
    #[error("holds no {0}")]
    Missing(&'static str),
    /// A certificate that can't be used.
    #[error("holds a certificate that can't be used: {0}")]
    Certificate(String),
    /// A private key that can't be used.
    #[error("holds a private key that can't be used: {0}")]
    Key(String),
    /// The key is of another certificate.
    #[error("is not the key of the certificate in {}", chain.display())]
    KeyMismatch {
        /// The file of the certificate.
        chain: PathBuf,
    },
    /// The server's certificate is past its validity.
    #[error("holds a certificate that expired on {0}")]
    Expired(String),
    /// The server's certificate is before its validity.
    #[error("holds a certificate that is not valid before {0}")]
    NotYetValid(String),
    /// A revocation list that can't be used.
    #[error("holds a revocation list that can't be used: {0}")]
    RevocationList(String),
    /// The configuration names no file at all.
    #[error("names no file; mutual TLS needs at least one")]
    NoFile,
    /// All files are good but together they are not.
    #[error("can't be put to use: {0}")]
    Unusable(String),
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
