//! From `--dir` or `--url` to a server's address with the certificate to show there.
//!
//! A folder of `init` holds all of it: `data/ready.json` says where the running server listens. Nothing is sent here.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pix_stream_client::{Credentials, Endpoint};
use pix_stream_domain::ispb::Ispb;
use serde::Deserialize;

use crate::args::Target;
use crate::failure::Failure;

/// How long the first connection to a server may take.
const REACH_TIMEOUT: Duration = Duration::from_secs(3);
const PORT_DEFAULT: u16 = 443;

/// Whose certificate is shown, and which of the two listeners it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Who publishes, to the API.
    Producer,
    /// A participant, to the API.
    Participant(Ispb),
    /// Who may do everything, to the admin listener.
    Admin,
    /// An operator, to the admin listener.
    Operator,
    /// An auditor, to the admin listener.
    Auditor,
}

impl Caller {
    /// The name of its certificate in `clients/`.
    fn file_stem(self) -> String {
        match self {
            Self::Producer => "producer".to_owned(),
            Self::Participant(ispb) => format!("psp-{ispb}"),
            Self::Admin => "admin".to_owned(),
            Self::Operator => "operator".to_owned(),
            Self::Auditor => "auditor".to_owned(),
        }
    }
}

/// The files of mutual TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The authority of the server's certificate.
    pub ca: PathBuf,
    /// The client's certificate.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Where to go, and what to show there.
#[derive(Debug, Clone)]
pub struct Reached {
    /// The server with the credentials.
    pub endpoint: Endpoint,
    /// Its address, for people.
    pub url: String,
}

/// What a running server says of itself in `data/ready.json`.
#[derive(Debug, Deserialize)]
struct Running {
    api: String,
    admin: String,
    pid: i32,
}

/// The files of a caller in a folder of `init`.
#[must_use]
pub fn files(dir: &Path, caller: Caller) -> Files {
    let stem = dir.join("clients").join(caller.file_stem());
    Files {
        ca: dir.join("tls").join("ca.pem"),
        cert: stem.with_extension("pem"),
        key: stem.with_extension("key"),
    }
}

/// Finds the server that the arguments mean.
///
/// # Errors
/// The folder is none of `init`, no server runs on it, or a certificate cannot be used; the message says what to do.
pub fn find(target: &Target, caller: Caller) -> Result<Reached, Failure> {
    let Some(dir) = &target.dir else {
        let [Some(url), Some(ca), Some(cert), Some(key)] = [
            target.url.clone().map(PathBuf::from),
            target.ca.clone(),
            target.cert.clone(),
            target.key.clone(),
        ] else {
            return Err(Failure::usage("name a server: --dir DIR, or --url with --ca, --cert and --key"));
        };
        let url = url.to_string_lossy().trim_end_matches('/').to_owned();
        return reached(url, &Files { ca, cert, key });
    };
    if !dir.join("pix-stream.toml").exists() {
        return Err(Failure::new(format_args!("{} is no folder of `pix-stream init`", dir.display()))
            .next(format_args!("make it: pix-stream init --dir {}", dir.display())));
    }
    let files = files(dir, caller);
    if !files.cert.exists() {
        return Err(no_certificate(dir, &files.cert));
    }
    let running = find_running(dir)?;
    let url = match caller {
        Caller::Producer | Caller::Participant(_) => running.api,
        Caller::Admin | Caller::Operator | Caller::Auditor => running.admin,
    };
    reached(connectable(&url), &files)
}

/// Makes sure that something answers at the address, so that a mistyped one fails at once and not after retries.
///
/// # Errors
/// Nothing takes the connection within three seconds.
pub async fn check_reachable(reached: &Reached) -> Result<(), Failure> {
    let address: http::Uri = reached.url.parse().map_err(Failure::new)?;
    let host = address.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    let dial = tokio::net::TcpStream::connect((host, address.port_u16().unwrap_or(PORT_DEFAULT)));
    let error = match tokio::time::timeout(REACH_TIMEOUT, dial).await {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(error)) => error,
        Err(_) => io::Error::from(io::ErrorKind::TimedOut),
    };
    Err(Failure::new(format_args!("cannot connect to {}: {error}", reached.url))
        .next("is the server running, and is this its address? `pix-stream serve` prints it as it starts"))
}

fn reached(url: String, files: &Files) -> Result<Reached, Failure> {
    let credentials = Credentials::from_files(&files.ca, &files.cert, &files.key).map_err(Failure::new)?;
    let endpoint = Endpoint::new(&url, &credentials).map_err(Failure::new)?;
    Ok(Reached { endpoint, url })
}

fn find_running(dir: &Path) -> Result<Running, Failure> {
    let path = dir.join("data").join("ready.json");
    let not_running = |why: &str| {
        Failure::new(format_args!("no server is running on {}{why}", dir.display())).next(format_args!(
            "start it: pix-stream serve --config {}",
            dir.join("pix-stream.toml").display()
        ))
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(not_running("")),
        Err(error) => return Err(Failure::new(format_args!("{}: {error}", path.display()))),
    };
    let running: Running = serde_json::from_str(&text)
        .map_err(|error| Failure::new(format_args!("{}: {error}", path.display())))?;
    if is_alive(running.pid) { Ok(running) } else { Err(not_running(" (the last one was killed)")) }
}

fn is_alive(pid: i32) -> bool {
    use rustix::process::{Pid, test_kill_process};
    let Some(pid) = Pid::from_raw(pid) else { return false };
    // Not being allowed to signal it means that it is there.
    !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH))
}

fn no_certificate(dir: &Path, wanted: &Path) -> Failure {
    let mut known: Vec<String> = std::fs::read_dir(dir.join("clients"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".pem")?.to_owned()))
        .collect();
    known.sort();
    Failure::new(format_args!("there is no certificate {}", wanted.display())).next(format_args!(
        "{} has those of {}",
        dir.join("clients").display(),
        known.join(", ")
    ))
}

/// An address that listens everywhere is reached through this machine's own name.
fn connectable(url: &str) -> String {
    url.replace("//0.0.0.0:", "//localhost:").replace("//[::]:", "//localhost:")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(dir: &Path) -> Target {
        Target { dir: Some(dir.to_owned()), url: None, ca: None, cert: None, key: None }
    }

    #[test]
    fn a_folder_of_something_else_is_told_how_to_be_made() {
        let dir = tempfile::tempdir().unwrap();
        let failure = find(&of(dir.path()), Caller::Producer).unwrap_err();
        assert!(failure.next.contains("pix-stream init --dir"), "{failure:?}");
    }

    #[test]
    fn a_folder_without_a_running_server_says_how_to_start_it() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["clients", "data"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        for file in ["pix-stream.toml", "clients/psp-99999001.pem"] {
            std::fs::write(dir.path().join(file), "").unwrap();
        }
        let participant = Caller::Participant("99999001".parse().unwrap());
        let failure = find(&of(dir.path()), participant).unwrap_err();
        assert!(failure.next.contains("pix-stream serve --config"), "{failure:?}");
        let failure = find(&of(dir.path()), Caller::Admin).unwrap_err();
        assert!(failure.next.contains("psp-99999001"), "{failure:?}");
        // The highest process number of Linux is 2^22.
        let stale = r#"{"api":"https://127.0.0.1:1","admin":"https://127.0.0.1:2","pid":2147483647}"#;
        std::fs::write(dir.path().join("data/ready.json"), stale).unwrap();
        let failure = find(&of(dir.path()), participant).unwrap_err();
        assert!(failure.message.contains("was killed"), "{failure:?}");
    }

    #[test]
    fn a_server_that_listens_everywhere_is_reached_here() {
        assert_eq!(connectable("https://0.0.0.0:8443"), "https://localhost:8443");
        assert_eq!(connectable("https://[::]:8443"), "https://localhost:8443");
        assert_eq!(connectable("https://127.0.0.1:1"), "https://127.0.0.1:1");
    }
}
