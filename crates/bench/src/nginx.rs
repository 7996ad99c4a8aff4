//! nginx beside us: one worker on the same core, the same certificates, the same bytes from a file.
//!
//! It only sends a file; it reads no token, moves no cursor, renders nothing. It is the measure of what TLS and
//! HTTP alone cost on this machine.

use std::cell::Cell;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use color_eyre::eyre::{Result, bail, ensure};

use crate::pinned::{self, Pinned};
use crate::pull::{Coding, Taken};
use crate::site::Site;

/// Where Debian puts it; it is not on every user's path.
const PROGRAM: &str = "/usr/sbin/nginx";
/// How often, and how long apart, a starting nginx is tried.
const START_TRIES: usize = 100;
const START_STEP: Duration = Duration::from_millis(50);

/// A running nginx.
pub(crate) struct Nginx {
    process: Pinned,
    worker: u32,
    folder: PathBuf,
    offered: Cell<u32>,
    pub(crate) address: SocketAddr,
}

impl Nginx {
    /// Starts it with nothing to serve yet.
    pub(crate) fn start(site: &Site) -> Result<Self> {
        ensure!(Path::new(PROGRAM).exists(), "{PROGRAM} is missing; `apt-get install nginx-light`");
        let folder = site.beside("nginx");
        fs::create_dir_all(&folder)?;
        // The port is free again a moment before nginx takes it; somebody else may be faster, then this fails.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        fs::write(folder.join("nginx.conf"), configuration(&site.folder(), &folder, address))?;
        let mut command = pinned::command(Path::new(PROGRAM));
        command.arg("-p").arg(&folder).arg("-c").arg(folder.join("nginx.conf")).stdout(Stdio::null());
        let process = Pinned::start(&mut command)?;
        for _ in 0..START_TRIES {
            if TcpStream::connect(address).is_ok()
                && let Some(worker) = find_worker(process.pid())
            {
                return Ok(Self { process, worker, folder, offered: Cell::new(0), address });
            }
            std::thread::sleep(START_STEP);
        }
        bail!("nginx does not start; see {}", folder.join("error.log").display())
    }

    /// Puts a body where nginx serves it. Returns the path: a new one each time, for nginx keeps files open.
    pub(crate) fn offer(&self, taken: &Taken, coding: Coding) -> Result<String> {
        self.offered.set(self.offered.get() + 1);
        let name = format!("{}-{}", coding.name(), self.offered.get());
        fs::write(self.folder.join(&name), &taken.body)?;
        Ok(format!("/{name}"))
    }

    /// The process that does the work.
    pub(crate) fn pid(&self) -> u32 {
        self.worker
    }

    pub(crate) fn stop(self) -> Result<()> {
        self.process.stop()
    }
}

fn find_worker(master: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{master}/task/{master}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

/// The worker keeps the user who started it (another one could not read the temporary folder). No access log, no limits on requests of a connection, the file kept open: nginx at its best for this task.
fn configuration(site: &Path, folder: &Path, address: SocketAddr) -> String {
    let (site, folder) = (site.display(), folder.display());
    format!(
        "daemon off;
user root;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=16 inactive=600s;
    open_file_cache_valid 600s;
    types {{ }}
    default_type \"multipart/mixed; boundary=benchmark\";
    server {{
        listen {address} ssl;
        ssl_certificate {site}/tls/server.pem;
        ssl_certificate_key {site}/tls/server.key;
        ssl_client_certificate {site}/tls/ca.pem;
        ssl_verify_client on;
        ssl_protocols TLSv1.3;
        root {folder};
        location /gzip- {{ add_header Content-Encoding gzip; }}
    }}
}}
"
    )
}
