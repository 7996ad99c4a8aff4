//! The server under measurement: a fresh folder with many participants, started and stopped as often as needed.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use color_eyre::eyre::{OptionExt as _, Result, WrapErr as _, ensure};
use rustls::ClientConfig;
use serde::Deserialize;
use tempfile::TempDir;

use crate::pinned::Pinned;
use crate::process;
use crate::{connection, gauge, pinned};

/// Participants that messages are published for.
pub(crate) const READERS: usize = 4;
/// Streams of a participant, the most that the protocol allows.
pub(crate) const STREAMS: usize = 6;
/// Participants without messages, whose reads wait: a thousand, six each.
pub(crate) const WAITERS: usize = 167;
/// Longest wait for the ready line.
const READY_TIMEOUT: Duration = Duration::from_secs(60);

/// The folder that `init` wrote.
pub(crate) struct Site {
    folder: TempDir,
    binary: PathBuf,
    /// Clients of participants, readers first.
    clients: Vec<Arc<ClientConfig>>,
    producer: Arc<ClientConfig>,
}

/// How a server is started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tuning {
    /// Value of `stream.long_poll`.
    pub(crate) long_poll: &'static str,
    /// Whether everything published may stay in memory; otherwise the default limits hold.
    pub(crate) hot: bool,
}

/// A running server.
pub(crate) struct Running {
    process: Pinned,
    pub(crate) api: SocketAddr,
    /// From the start of the process to its ready line.
    pub(crate) ready_after: Duration,
}

#[derive(Debug, Deserialize)]
struct Ready {
    api: String,
}

/// The ISPB of a participant by its number.
pub(crate) fn ispb(participant: usize) -> String {
    format!("7777{participant:04}")
}

impl Site {
    /// Runs `init` in a new temporary folder.
    pub(crate) fn init(binary: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("pix-stream-bench-").tempdir()?;
        let site = folder.path().join("site");
        let mut command = Command::new(binary);
        command.arg("init").arg("--dir").arg(&site).stdout(Stdio::null());
        for participant in 0..READERS + WAITERS {
            command.args(["--participant", &ispb(participant)]);
        }
        ensure!(process::succeeds(&mut command)?, "{} failed", process::shown(&command));
        let client = |participant| connection::tls(&site, &format!("psp-{}", ispb(participant)));
        let clients = (0..READERS + WAITERS).map(client).collect::<Result<_>>()?;
        let producer = connection::tls(&site, "producer")?;
        Ok(Self { folder, binary: binary.to_owned(), clients, producer })
    }

    pub(crate) fn client(&self, participant: usize) -> &Arc<ClientConfig> {
        &self.clients[participant]
    }

    pub(crate) fn producer(&self) -> &Arc<ClientConfig> {
        &self.producer
    }

    /// Where `init` wrote.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().join("site")
    }

    /// A folder beside it, for others.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the server on its core, and waits until it is ready.
    pub(crate) fn serve(&self, tuning: Tuning) -> Result<Running> {
        let log = File::options().create(true).append(true).open(self.beside("server.log"))?;
        let mut command = pinned::command(&self.binary);
        command.arg("serve").arg("--config").arg(self.folder().join("pix-stream.toml"));
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        command.env("PIX_STREAM_RATE_REQUESTS_PER_SECOND", "1000000");
        command.env("PIX_STREAM_LIMITS_BACKLOG_HIGH_WATER", "10000000");
        command.env("PIX_STREAM_STREAM_LONG_POLL", tuning.long_poll);
        if tuning.hot {
            command.env("PIX_STREAM_LIMITS_HOT_BYTES", "8GiB");
            command.env("PIX_STREAM_LIMITS_HOT_BYTES_PER_PARTICIPANT", "2GiB");
        }
        command.stdout(Stdio::piped()).stderr(log);
        let started = gauge::now();
        let mut process = Pinned::start(&mut command)?;
        let stdout = process.child().stdout.take().ok_or_eyre("the server's output was not piped")?;
        let (sender, line) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(stdout).read_line(&mut line).map(|_| line);
            // Nobody waits any more when the line came too late.
            let _ = sender.send((read, gauge::now()));
        });
        let (line, at) = line.recv_timeout(READY_TIMEOUT).wrap_err("the server did not get ready in time")?;
        let line = line?;
        let log = || std::fs::read_to_string(self.beside("server.log")).unwrap_or_default();
        let ready: Ready = serde_json::from_str(&line)
            .wrap_err_with(|| format!("the server said no ready line; its log:\n{}", log()))?;
        let api = ready.api.trim_start_matches("https://").parse()?;
        Ok(Running { process, api, ready_after: at.duration_since(started) })
    }
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Ends it by SIGTERM.
    pub(crate) fn stop(self) -> Result<()> {
        self.process.stop()
    }
}
