//! Makes a folder that works as it is: configuration, development CA, certificates, keys, data (cli.md, "What `init` writes").
//!
//! Nothing is half done: everything is made aside and moved into place at the end, and a failure takes it back.
//! Certificates of production never come from here; the CA says so in its name.

mod authority;
mod folder;
mod subject;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use pix_stream_config::{Config, Unsigned};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::time::Timestamp;
use pix_stream_keys as keys;

use folder::{File, Folder};

/// The participants of a folder when nobody names any. Codes with 99999 belong to no real institution.
pub const DEFAULT_PARTICIPANTS: [&str; 3] = ["99999001", "99999002", "9999900A"];

/// What to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The folder; its parents are made too.
    pub directory: PathBuf,
    /// `listen.api` in the configuration; the default where `None`.
    pub listen: Option<SocketAddr>,
    /// `listen.admin` in the configuration; the default where `None`.
    pub admin_listen: Option<SocketAddr>,
    /// Who gets a certificate and is onboarded; [`default_participants`] where empty.
    pub participants: Vec<Ispb>,
    /// Whether configuration, certificates and keys that exist are replaced. `data/` is always kept.
    pub force: bool,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The folder, absolute.
    pub directory: PathBuf,
    /// The configuration file.
    pub config: PathBuf,
    /// Who has a certificate, without repetition.
    pub participants: Vec<Ispb>,
}

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something of ours is there already.
    #[error("{} exists already: {}", .directory.display(), .found.join(", "))]
    Exists {
        /// The folder.
        directory: PathBuf,
        /// What was found in it.
        found: Vec<&'static str>,
    },
    /// A file or folder could not be made.
    #[error("{}: {source}", .path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A certificate could not be made.
    #[error("cannot make the certificate of {name}: {source}")]
    Certificate {
        /// Whose.
        name: String,
        /// Why it failed.
        source: rcgen::Error,
    },
    /// The participants could not be onboarded.
    #[error("cannot onboard the participants: {0}")]
    Onboard(String),
}

/// Registers participants with the journal of a folder: called with the folder that holds `data/`.
pub type Onboard<'a> = &'a dyn Fn(&Path, &[Ispb]) -> Result<(), String>;

/// What comes from outside.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    /// The time: certificates are valid from the day before.
    pub now: SystemTime,
    /// The token signing key, drawn at random.
    pub signing_key: [u8; keys::KEY_LEN],
    /// Registers the participants, once `data/` exists and before anything else is put into place. It must bear
    /// participants that are known already, since `data/` outlives `--force`.
    pub onboard: Onboard<'a>,
}

/// The participants of a folder when nobody names any.
#[must_use]
pub fn default_participants() -> Vec<Ispb> {
    DEFAULT_PARTICIPANTS.iter().filter_map(|ispb| ispb.parse().ok()).collect()
}

/// Makes the folder.
///
/// # Errors
/// Something is in the way and `force` is not set; a file or certificate cannot be made; onboarding failed.
pub fn create(request: &Request, means: &Means<'_>) -> Result<Made, Error> {
    let directory = std::path::absolute(&request.directory)
        .map_err(|source| Error::Write { path: request.directory.clone(), source })?;
    let found = folder::find_existing(&directory);
    if !found.is_empty() && !request.force {
        return Err(Error::Exists { directory, found });
    }
    let participants = participants(request);
    let mut files = authority::issue(&participants, means.now)?;
    files.push(File::public(folder::CONFIG, config(request).to_commented_toml()));
    let key = keys::file_content(&means.signing_key, created(means.now));
    files.push(File::private(format!("keys/{}", keys::file_name(1)), key));
    let folder = Folder::prepare(&directory, &files)?;
    (means.onboard)(folder.data_root(), &participants).map_err(Error::Onboard)?;
    folder.commit()?;
    Ok(Made { config: directory.join(folder::CONFIG), directory, participants })
}

fn created(now: SystemTime) -> Timestamp {
    let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

fn participants(request: &Request) -> Vec<Ispb> {
    let mut participants =
        if request.participants.is_empty() { default_participants() } else { request.participants.clone() };
    participants.sort_unstable();
    participants.dedup();
    participants
}

fn config(request: &Request) -> Config {
    let mut config = Config::default();
    // The central bank's own examples are not signed, and should work in a folder for development.
    config.schemas.unsigned = Unsigned::Accept;
    if let Some(listen) = request.listen {
        config.listen.api = listen;
    }
    if let Some(listen) = request.admin_listen {
        config.listen.admin = listen;
    }
    config
}

#[cfg(test)]
mod tests;
