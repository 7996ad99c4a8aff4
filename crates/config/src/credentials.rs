//! Who a store is logged in to as: the user, and the password from wherever it stands.
//!
//! This reads the one kind of file that the configuration both names and understands: a password alone.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::sections::{Cassandra, Redis, Traces};
use crate::value::Secret;

/// Longest password, in bytes; what is longer is some other file.
const PASSWORD_MAX: usize = 4_096;

/// A user and a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user; empty for the default one of Redis.
    pub username: String,
    /// The password, never empty.
    pub password: Secret,
}

/// Why a password file is of no use. The content is never told.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The file cannot be read.
    #[error("{key}: {} cannot be read: {source}", path.display())]
    Read {
        /// The key that names the file.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds nothing, several lines, bytes that are no text, or far too much.
    #[error("{key}: {} must hold one line, the password, of at most {PASSWORD_MAX} bytes", path.display())]
    Content {
        /// The key that names the file.
        key: &'static str,
        /// The file.
        path: PathBuf,
    },
}

impl Cassandra {
    /// The user and the password; `None` where Cassandra asks nobody. Reads `password_file`.
    ///
    /// # Errors
    /// The file cannot be read, or holds no password.
    pub fn find_credentials(&self) -> Result<Option<Credentials>, PasswordError> {
        find(&self.username, &self.password_secret, self.password_file.as_deref(), "cassandra.password_file")
    }
}

impl Redis {
    /// The user and the password; `None` where Redis asks nobody. Reads `password_file`.
    ///
    /// # Errors
    /// The file cannot be read, or holds no password.
    pub fn find_credentials(&self) -> Result<Option<Credentials>, PasswordError> {
        find(&self.username, &self.password_secret, self.password_file.as_deref(), "redis.password_file")
    }

    /// The user and the password of the sentinels; `None` where they ask nobody. Reads `sentinel_password_file`.
    ///
    /// # Errors
    /// The file cannot be read, or holds no password.
    pub fn find_sentinel_credentials(&self) -> Result<Option<Credentials>, PasswordError> {
        let (secret, file) = (&self.sentinel_password_secret, self.sentinel_password_file.as_deref());
        find(&self.sentinel_username, secret, file, "redis.sentinel_password_file")
    }
}

impl Traces {
    /// The headers for the collector, as `name=value` with commas between them; empty for none. Reads `headers_file`.
    ///
    /// # Errors
    /// The file cannot be read, or holds more or less than one line.
    pub fn find_headers(&self) -> Result<Secret, PasswordError> {
        match &self.headers_file {
            Some(path) => read(path, "traces.headers_file"),
            None => Ok(self.headers_secret.clone()),
        }
    }
}

fn find(
    username: &str,
    secret: &Secret,
    file: Option<&Path>,
    key: &'static str,
) -> Result<Option<Credentials>, PasswordError> {
    let password = match file {
        Some(path) => read(path, key)?,
        None if secret.is_empty() => return Ok(None),
        None => secret.clone(),
    };
    Ok(Some(Credentials { username: username.to_owned(), password }))
}

fn read(path: &Path, key: &'static str) -> Result<Secret, PasswordError> {
    let limit = PASSWORD_MAX as u64 + 3; // One byte too many, and a line end.
    // As much as is ever read, so that it does not move and leave a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(PASSWORD_MAX + 64));
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|source| PasswordError::Read { key, path: path.to_owned(), source })?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let password = text.strip_suffix('\n').unwrap_or(text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() || password.len() > PASSWORD_MAX || password.contains(['\n', '\r', '\0']) {
        return Err(PasswordError::Content { key, path: path.to_owned() });
    }
    Ok(Secret::new(password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_file(content: &[u8]) -> Result<Option<Credentials>, PasswordError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, content).unwrap();
        Redis { password_file: Some(path), ..Redis::default() }.find_credentials()
    }

    #[test]
    fn a_password_file_may_end_with_a_line_end() {
        for content in ["hunter2", "hunter2\n", "hunter2\r\n"] {
            assert_eq!(from_file(content.as_bytes()).unwrap().unwrap().password.expose(), "hunter2");
        }
    }

    #[test]
    fn a_file_that_is_no_password_is_refused_without_its_content() {
        let long = "x".repeat(PASSWORD_MAX + 1);
        for content in [&b""[..], b"\n", b"secret\nline\n", b"\xff\xfe", long.as_bytes()] {
            let error = from_file(content).unwrap_err().to_string();
            assert!(error.contains("redis.password_file") && !error.contains("secret"), "{error}");
        }
        assert!(from_file("x".repeat(PASSWORD_MAX).as_bytes()).is_ok());
    }

    #[test]
    fn credentials_are_shown_without_their_password() {
        let shown = format!("{:?}", from_file(b"hunter2").unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_missing_file_names_its_key() {
        let section = Cassandra { password_file: Some("/nowhere/at/all".into()), ..Cassandra::default() };
        assert!(section.find_credentials().unwrap_err().to_string().starts_with("cassandra.password_file: "));
    }

    #[test]
    fn without_a_password_there_are_no_credentials() {
        assert_eq!(Cassandra::default().find_credentials().unwrap(), None);
    }
}
