//! Token signing keys on disk: one file a key, `token-<id>.key`, one line of 64 lower-case hexadecimal digits.
//!
//! The highest id signs, the other one still verifies. How a token is signed is the domain's business.

use std::path::{Path, PathBuf};

/// Length of a signing key, in bytes.
pub const KEY_LEN: usize = 32;
/// Most keys that are live at a time (protocol, section 5).
pub const LIVE_MAX: usize = 2;

/// A key's number and its bytes.
pub type SigningKey = (u8, [u8; KEY_LEN]);

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder or a file in it cannot be read.
    #[error("{}: {source}", .path.display())]
    Read {
        /// What was read.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// There is no key.
    #[error("{}: no token signing key; write 64 hexadecimal digits (`openssl rand -hex 32`) to token-1.key in it", .0.display())]
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
    #[error("{}: takes one line of {} hexadecimal digits in lower case", .0.display(), KEY_LEN * 2)]
    Content(PathBuf),
}

/// The name of the file that holds the key with this id.
#[must_use]
pub fn file_name(id: u8) -> String {
    format!("token-{id}.key")
}

/// The content of a key's file.
#[must_use]
pub fn file_content(key: &[u8; KEY_LEN]) -> String {
    use std::fmt::Write as _;
    let mut text = key.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    text.push('\n');
    text
}

/// Reads the live keys of a folder, the one that signs first. Files with other names are left alone.
///
/// # Errors
/// No key or more than [`LIVE_MAX`], a file that cannot be read or is not a key.
pub fn load(directory: &Path) -> Result<Vec<SigningKey>, Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Read { path, source }
    };
    let mut keys = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed(directory))? {
        let path = entry.map_err(failed(directory))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let Some(id) = name.strip_prefix("token-").and_then(|name| name.strip_suffix(".key")) else {
            continue;
        };
        let id = read_id(id).ok_or_else(|| Error::Name(path.clone()))?;
        let content = std::fs::read_to_string(&path).map_err(failed(&path))?;
        keys.push((id, read_key(&content).ok_or(Error::Content(path))?));
    }
    keys.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
    match keys.len() {
        0 => Err(Error::None(directory.to_owned())),
        1..=LIVE_MAX => Ok(keys),
        count => Err(Error::TooMany { path: directory.to_owned(), count }),
    }
}

fn read_id(text: &str) -> Option<u8> {
    // One spelling an id, or two files could claim the same one.
    if text.starts_with('0') || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn read_key(content: &str) -> Option<[u8; KEY_LEN]> {
    let digits = content.strip_suffix('\n').unwrap_or(content);
    let is_hex = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if digits.len() != KEY_LEN * 2 || !is_hex {
        return None;
    }
    let mut key = [0; KEY_LEN];
    for (index, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        folder
    }

    #[test]
    fn the_highest_id_comes_first() {
        let [old, new] = [file_content(&[1; KEY_LEN]), file_content(&[2; KEY_LEN])];
        let folder = folder(&[("token-9.key", &old), ("token-10.key", &new), ("README", "")]);
        assert_eq!(load(folder.path()).unwrap(), [(10, [2; KEY_LEN]), (9, [1; KEY_LEN])]);
    }

    #[test]
    fn a_third_key_is_refused_with_advice() {
        let key = file_content(&[7; KEY_LEN]);
        let folder = folder(&[("token-1.key", &key), ("token-2.key", &key), ("token-3.key", &key)]);
        let error = load(folder.path()).unwrap_err();
        assert!(error.to_string().contains("remove the ones with the lowest ids"), "{error}");
    }

    #[test]
    fn an_empty_folder_is_refused_with_advice() {
        let error = load(folder(&[]).path()).unwrap_err();
        assert!(error.to_string().contains("openssl rand -hex 32"), "{error}");
    }

    #[test]
    fn names_and_contents_with_other_spellings_are_refused() {
        let key = file_content(&[7; KEY_LEN]);
        for name in
            ["token-0.key", "token-01.key", "token-256.key", "token-a.key", "token-.key", "token-+1.key"]
        {
            assert!(matches!(load(folder(&[(name, &key)]).path()), Err(Error::Name(_))), "{name}");
        }
        for content in ["", "ab", &key.to_uppercase().replace('7', "A"), &format!("{key}\n")] {
            assert!(
                matches!(load(folder(&[("token-1.key", content)]).path()), Err(Error::Content(_))),
                "{content}"
            );
        }
    }
}
