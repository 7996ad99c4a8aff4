//! Token signing keys on disk (protocol, section 5): who is live, who signs, how old they are, and how they are changed.
//!
//! - `token-<id>.key` holds one key: 64 hexadecimal digits, and since this build a second line `created=<Unix ms>`.
//! - `signing` holds the id of the key that signs. Without it the highest id signs, as before there was such a file.
//!
//! With `signing` a key can be on every node of a cluster before the first token needs it. How a token is signed is the
//! domain's business. No clock and no randomness is here: both are given by the caller.

mod change;
mod file;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pix_stream_domain::time::Timestamp;
use zeroize::Zeroizing;

pub use change::{Changed, make, retire, sign};
pub use file::{content as file_content, name as file_name};

/// Length of a signing key, in bytes.
pub const KEY_LEN: usize = 32;
/// Most keys that are live at a time (protocol, section 5).
pub const LIVE_MAX: usize = 2;
/// The age from which on the key that signs should be replaced.
pub const AGE_DUE: Duration = Duration::from_secs(90 * 24 * 3600);
/// The file with the id of the key that signs.
pub const SIGNING: &str = "signing";

/// One live key.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// Its number, 1 to 255, which is in every token that it signed.
    pub id: u8,
    /// When it was made: its own word, or when its file was last written where it has none.
    pub created: Timestamp,
    secret: Zeroizing<[u8; KEY_LEN]>,
}

/// The live keys of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// One or two, the highest id first.
    pub keys: Vec<Key>,
    /// The id of the one that signs.
    pub signing: u8,
}

/// Why keys cannot be used, or not be changed like that.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder or a file in it cannot be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// There is no key.
    #[error("{}: no token signing key; `pix-stream keys new --config F` makes one", .0.display())]
    None(PathBuf),
    /// More keys than can be live.
    #[error(
        "{}: {count} token signing keys, at most {LIVE_MAX} may be live; remove the ones with the lowest ids (their tokens end at once)",
        .path.display()
    )]
    TooMany {
        /// The folder.
        path: PathBuf,
        /// How many were found.
        count: usize,
    },
    /// A file's name has no usable id.
    #[error("{}: a key file is named token-<id>.key with an id from 1 to 255 and no leading zero", .0.display())]
    Name(PathBuf),
    /// A file's content is not a key.
    #[error(
        "{}: takes one line of {} hexadecimal digits in lower case, and at most a second one created=<Unix milliseconds>",
        .0.display(),
        KEY_LEN * 2
    )]
    Content(PathBuf),
    /// `signing` names no live key.
    #[error("{}: must hold the id of a key that is there, such as {}", .path.display(), .live)]
    Signing {
        /// The file.
        path: PathBuf,
        /// A key that is there.
        live: u8,
    },
    /// A third key would be needed.
    #[error("keys {0} and {1} are live, and there may be two: retire the one that does not sign first")]
    Full(u8, u8),
    /// No such key is live.
    #[error("key {0} is not live")]
    Unknown(u8),
    /// The key that signs would be retired.
    #[error("key {0} signs: have another one sign first")]
    Signs(u8),
}

impl Key {
    /// The key itself. Not for logs, answers or files other than its own.
    #[must_use]
    pub fn secret(&self) -> [u8; KEY_LEN] {
        *self.secret
    }

    /// How old it is; zero for a key of the future.
    #[must_use]
    pub const fn age(&self, now: Timestamp) -> Duration {
        now.since(self.created)
    }
}

/// Without the secret.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).field("created", &self.created).finish_non_exhaustive()
    }
}

impl Live {
    /// The key that signs.
    #[must_use]
    pub fn signer(&self) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == self.signing)
    }

    /// The one that only verifies: tokens of before, or of the next one that is spread but does not sign yet.
    #[must_use]
    pub fn other(&self) -> Option<&Key> {
        self.keys.iter().find(|key| key.id != self.signing)
    }

    /// Whether the key that signs should be replaced ([`AGE_DUE`]).
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.signer().is_some_and(|key| key.age(now) >= AGE_DUE)
    }
}

/// Reads the live keys of a folder. Files with other names are left alone.
///
/// # Errors
/// No key or more than [`LIVE_MAX`], a file that cannot be read or is not a key, `signing` names no live key.
pub fn load(directory: &Path) -> Result<Live, Error> {
    match find(directory)? {
        Some(live) => Ok(live),
        None => Err(Error::None(directory.to_owned())),
    }
}

fn find(directory: &Path) -> Result<Option<Live>, Error> {
    let mut keys = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(file::failed(directory))? {
        let path = entry.map_err(file::failed(directory))?.path();
        keys.extend(file::find_key(&path)?);
    }
    keys.sort_by_key(|key| std::cmp::Reverse(key.id));
    if keys.len() > LIVE_MAX {
        return Err(Error::TooMany { path: directory.to_owned(), count: keys.len() });
    }
    let Some(highest) = keys.first().map(|key| key.id) else { return Ok(None) };
    let path = directory.join(SIGNING);
    let signing = match std::fs::read_to_string(&path) {
        Ok(text) => {
            let named = file::read_id(text.trim_ascii());
            let live = named.filter(|id| keys.iter().any(|key| key.id == *id));
            live.ok_or(Error::Signing { path, live: highest })?
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => highest,
        Err(source) => return Err(Error::File { path, source }),
    };
    Ok(Some(Live { keys, signing }))
}

#[cfg(test)]
mod tests;
