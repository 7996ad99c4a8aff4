//! Certificates for stores on loopback: an authority of their own, and what it signs. For tests, drills and stacks only.
//!
//! Files that are there already stay, so that a stack comes back as it was; nothing is ever renewed. The authority's own
//! key is forgotten at once: whoever needs another certificate makes another authority.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use crate::{Error, TlsFiles};

/// The names that a store's certificate holds: every address that a store here listens on.
const NAMES: [&str; 10] = [
    "localhost",
    "127.0.0.1",
    "127.0.0.2",
    "127.0.0.3",
    "127.0.0.4",
    "127.0.0.5",
    "127.0.0.6",
    "127.0.0.7",
    "127.0.0.8",
    "127.0.0.9",
];
/// Bytes of randomness in a password.
const PASSWORD_BYTES: usize = 24;

/// The files of one authority, in one folder: `ca.pem`, `store.pem`, `client.pem`, and the keys of the latter two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    directory: PathBuf,
}

impl Authority {
    /// The authority in a folder; makes it where there is none.
    ///
    /// # Errors
    /// The folder or a file cannot be written.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let directory =
            std::path::absolute(directory).map_err(Error::io(format!("find {}", directory.display())))?;
        fs::create_dir_all(&directory).map_err(Error::io(format!("make {}", directory.display())))?;
        let authority = Self { directory };
        // Written last, so that with it everything is there.
        if !authority.ca().exists() {
            authority.make()?;
        }
        Ok(authority)
    }

    /// The authority's own certificate.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// What a store shows, and whether it asks clients for a certificate of this authority.
    #[must_use]
    pub fn store(&self, ask_clients: bool) -> TlsFiles {
        let file = |name: &str| self.directory.join(name);
        TlsFiles { ca: self.ca(), certificate: file("store.pem"), key: file("store.key"), ask_clients }
    }

    /// What a client shows: certificate and key.
    #[must_use]
    pub fn client(&self) -> (PathBuf, PathBuf) {
        (self.directory.join("client.pem"), self.directory.join("client.key"))
    }

    /// A password in this folder, made when it is missing.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn password(&self, name: &str) -> Result<(PathBuf, String), Error> {
        let path = self.directory.join(name);
        if let Ok(text) = fs::read_to_string(&path) {
            return Ok((path, text.trim_end().to_owned()));
        }
        let password = random_password()?;
        write_private(&path, &password)?;
        Ok((path, password))
    }

    fn make(&self) -> Result<(), Error> {
        let failed = |error: rcgen::Error| Error::Options(format!("cannot make certificates: {error}"));
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "stores on loopback (not for production)");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(failed)?;
        let ca = CertifiedIssuer::self_signed(params, key).map_err(failed)?;
        // A replica is a client of its master, and each node of Cassandra one of every other.
        let both = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let client = vec![ExtendedKeyUsagePurpose::ClientAuth];
        for (name, hosts, usages) in [("store", &NAMES[..], both), ("client", &[], client)] {
            let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
            let mut params = CertificateParams::new(hosts).map_err(failed)?;
            params.distinguished_name.push(DnType::CommonName, format!("pix-stream {name}"));
            params.extended_key_usages = usages;
            let key = KeyPair::generate().map_err(failed)?;
            let certificate = params.signed_by(&key, &ca).map_err(failed)?;
            let path = self.directory.join(format!("{name}.pem"));
            fs::write(&path, certificate.pem()).map_err(Error::io(format!("write {}", path.display())))?;
            write_private(&self.directory.join(format!("{name}.key")), &key.serialize_pem())?;
        }
        fs::write(self.ca(), ca.pem()).map_err(Error::io(format!("write {}", self.ca().display())))
    }
}

/// Readable by its owner alone.
fn write_private(path: &Path, text: &str) -> Result<(), Error> {
    let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(Error::io(format!("write {}", path.display())))
}

fn random_password() -> Result<String, Error> {
    let mut bytes = [0; PASSWORD_BYTES];
    let source = fs::File::open("/dev/urandom");
    source
        .and_then(|mut source| std::io::Read::read_exact(&mut source, &mut bytes))
        .map_err(Error::io("read /dev/urandom"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn an_authority_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let first = Authority::open(folder.path()).unwrap();
        let (file, password) = first.password("redis-password").unwrap();
        let read = |authority: &Authority| fs::read(authority.store(false).certificate).unwrap();
        let certificate = read(&first);
        let again = Authority::open(folder.path()).unwrap();
        assert_eq!(read(&again), certificate);
        assert_eq!(again.password("redis-password").unwrap(), (file, password.clone()));
        assert_eq!(password.len(), 2 * PASSWORD_BYTES);
        assert_ne!(again.password("another").unwrap().1, password);
    }

    #[test]
    fn keys_and_passwords_are_their_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path()).unwrap();
        let files = [authority.store(true).key, authority.client().1, authority.password("p").unwrap().0];
        for file in files {
            assert_eq!(
                fs::metadata(&file).unwrap().permissions().mode() & 0o777,
                0o600,
                "{}",
                file.display()
            );
        }
    }
}
