//! Changes of the live keys, each tried first on paper: a dry run is the same without the files.
//!
//! Every step leaves a folder that a server can read, so that a crash in between costs nothing: `signing` pins the key
//! that signs before a new one appears, and names the new one only once it is there.

use std::path::Path;

use pix_stream_domain::time::Timestamp;
use zeroize::Zeroizing;

use crate::{Error, KEY_LEN, Key, LIVE_MAX, Live, SIGNING, file, find, load};

/// What became of the keys, or would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Before; `None` if there was no key at all.
    pub before: Option<Live>,
    /// After.
    pub after: Live,
}

impl Changed {
    /// Whether anything changed, or would.
    #[must_use]
    pub fn is_change(&self) -> bool {
        self.before.as_ref() != Some(&self.after)
    }
}

/// Makes a key with the next id. With `signs` it signs from now on, else only after [`sign`]; a first key signs at once.
///
/// # Errors
/// Two keys are live already, or a file cannot be read or written.
pub fn make(
    directory: &Path,
    secret: [u8; KEY_LEN],
    created: Timestamp,
    signs: bool,
    dry_run: bool,
) -> Result<Changed, Error> {
    let _turn = file::lock(directory)?;
    let before = find(directory)?;
    let mut keys = before.as_ref().map(|live| live.keys.clone()).unwrap_or_default();
    if let [first, second, ..] = &keys[..] {
        debug_assert_eq!(keys.len(), LIVE_MAX, "more are refused when they are read");
        return Err(Error::Full(first.id, second.id));
    }
    let id = next_id(keys.first().map_or(0, |key| key.id));
    let signing = before.as_ref().filter(|_| !signs).map_or(id, |live| live.signing);
    keys.push(Key { id, created, secret: Zeroizing::new(secret) });
    keys.sort_by_key(|key| std::cmp::Reverse(key.id));
    let changed = Changed { before, after: Live { keys, signing } };
    if !dry_run {
        if let Some(before) = &changed.before {
            write_signing(directory, before.signing)?;
        }
        let content = Zeroizing::new(file::content(&secret, created));
        file::write(directory, &file::name(id), &content)?;
        write_signing(directory, signing)?;
    }
    Ok(changed)
}

/// Has a live key sign from now on. The same again changes nothing.
///
/// # Errors
/// No such key is live, or a file cannot be read or written.
pub fn sign(directory: &Path, id: u8, dry_run: bool) -> Result<Changed, Error> {
    let _turn = file::lock(directory)?;
    let before = load(directory)?;
    if !before.keys.iter().any(|key| key.id == id) {
        return Err(Error::Unknown(id));
    }
    if !dry_run {
        // Also where it signs already, for being the highest: from now on by name.
        write_signing(directory, id)?;
    }
    Ok(Changed { after: Live { signing: id, ..before.clone() }, before: Some(before) })
}

/// Removes a key: tokens that it signed are refused as soon as servers read the folder again. One that is gone already
/// changes nothing.
///
/// # Errors
/// It is the one that signs, or a file cannot be read or written.
pub fn retire(directory: &Path, id: u8, dry_run: bool) -> Result<Changed, Error> {
    let _turn = file::lock(directory)?;
    let before = load(directory)?;
    if before.signing == id {
        return Err(Error::Signs(id));
    }
    let mut after = before.clone();
    after.keys.retain(|key| key.id != id);
    let changed = Changed { before: Some(before), after };
    if changed.is_change() && !dry_run {
        file::remove(directory, &file::name(id))?;
    }
    Ok(changed)
}

fn write_signing(directory: &Path, id: u8) -> Result<(), Error> {
    file::write(directory, SIGNING, &format!("{id}\n"))
}

/// After 255 comes 1 again: its last tokens ended years ago.
const fn next_id(highest: u8) -> u8 {
    match highest.checked_add(1) {
        Some(id) => id,
        None => 1,
    }
}
