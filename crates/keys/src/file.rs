//! One file: a key as text, and files written whole or not at all. Which files there are is not decided here.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::UNIX_EPOCH;

use pix_stream_domain::time::Timestamp;
use zeroize::Zeroizing;

use crate::{Error, KEY_LEN, Key};

/// Readable by the server alone.
const OWNER_ONLY: u32 = 0o600;
const CREATED: &str = "created=";

/// The name of the file that holds the key with this id.
#[must_use]
pub fn name(id: u8) -> String {
    format!("token-{id}.key")
}

/// The content of a key's file.
#[must_use]
pub fn content(secret: &[u8; KEY_LEN], created: Timestamp) -> String {
    use std::fmt::Write as _;
    let mut text = secret.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    let _ = write!(text, "\n{CREATED}{}\n", created.unix_millis());
    text
}

/// The key in a file, if its name is that of a key.
pub(crate) fn find_key(path: &Path) -> Result<Option<Key>, Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some(id) = name.strip_prefix("token-").and_then(|name| name.strip_suffix(".key")) else {
        return Ok(None);
    };
    let id = read_id(id).ok_or_else(|| Error::Name(path.to_owned()))?;
    let content = Zeroizing::new(std::fs::read_to_string(path).map_err(failed(path))?);
    let (secret, created) = read(&content).ok_or_else(|| Error::Content(path.to_owned()))?;
    let created = match created {
        Some(created) => created,
        None => written(path).map_err(failed(path))?,
    };
    Ok(Some(Key { id, created, secret }))
}

/// The id in a text.
pub(crate) fn read_id(text: impl AsRef<[u8]>) -> Option<u8> {
    let text = text.as_ref();
    // One spelling an id, or two files could claim the same one.
    if text.starts_with(b"0") || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The key, and when it was made if the file says so: those of earlier builds do not.
fn read(content: &str) -> Option<(Zeroizing<[u8; KEY_LEN]>, Option<Timestamp>)> {
    let text = content.strip_suffix('\n').unwrap_or(content);
    let (digits, created) = match text.split_once('\n') {
        Some((digits, second)) => {
            let millis = second.strip_prefix(CREATED)?;
            let is_number = !millis.is_empty() && millis.bytes().all(|byte| byte.is_ascii_digit());
            let millis = is_number.then(|| millis.parse().ok()).flatten()?;
            (digits, Some(Timestamp::from_unix_millis(millis)))
        }
        None => (text, None),
    };
    let is_hex = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if digits.len() != KEY_LEN * 2 || !is_hex {
        return None;
    }
    let mut secret = Zeroizing::new([0; KEY_LEN]);
    for (index, byte) in secret.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some((secret, created))
}

fn written(path: &Path) -> io::Result<Timestamp> {
    let since_epoch = std::fs::metadata(path)?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Timestamp::from_unix_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)))
}

/// Writes a file so that it is there whole, also after a crash, or as it was before.
pub(crate) fn write(directory: &Path, name: &str, content: &str) -> Result<(), Error> {
    let (path, aside) = (directory.join(name), directory.join(format!(".{name}.new")));
    let write = || {
        // What a crash left there is written over, and keeps its mode, which was the same.
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(OWNER_ONLY).open(&aside)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&aside, &path)
    };
    write().map_err(failed(&path))?;
    settle(directory)
}

/// Removes a file, also for after a crash.
pub(crate) fn remove(directory: &Path, name: &str) -> Result<(), Error> {
    let path = directory.join(name);
    std::fs::remove_file(&path).map_err(failed(&path))?;
    settle(directory)
}

/// Keeps other changes of this folder away, of whatever process, until it is dropped.
pub(crate) fn lock(directory: &Path) -> Result<File, Error> {
    let folder = File::open(directory).map_err(failed(directory))?;
    folder.lock().map_err(failed(directory))?;
    Ok(folder)
}

/// A new name is a promise only once its folder is on disk.
fn settle(directory: &Path) -> Result<(), Error> {
    File::open(directory).and_then(|folder| folder.sync_all()).map_err(failed(directory))
}

pub(crate) fn failed(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { path, source }
}
