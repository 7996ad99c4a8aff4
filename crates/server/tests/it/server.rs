//! A folder of `init` and a server on it: free ports of loopback, stopped by its process number, never left behind.
//!
//! The folder is made once a test run and copied: making RSA keys is the slow part. Waits look again until a deadline.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::expect::{pix_stream, transcript};

/// How long anything may take before a test fails. Far more than it takes: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Most tests end with an empty read, and need not wait for it as long as a bank does.
const LONG_POLL: (&str, &str) = ("PIX_STREAM_STREAM_LONG_POLL", "250ms");
pub(crate) const ISPB: &str = "99999001";

/// Looks until something is there.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    panic!("{what}: not within {PATIENCE:?}");
}

/// A folder of `init` with room for a test's own files beside it.
pub(crate) struct Folder {
    parent: TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        static TEMPLATE: OnceLock<TempDir> = OnceLock::new();
        let template = TEMPLATE.get_or_init(|| {
            let template = tempfile::tempdir().unwrap();
            let output =
                pix_stream().args(["init", "--dir"]).arg(template.path().join("d")).output().unwrap();
            assert!(output.status.success(), "{}", transcript(&output));
            template
        });
        let parent = tempfile::tempdir().unwrap();
        copy(&template.path().join("d"), &parent.path().join("d"));
        Self { parent }
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.parent.path().join("d")
    }

    /// A path beside the folder.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.parent.path().join(name)
    }

    /// `serve`, on free ports.
    pub(crate) fn serve_command(&self) -> Command {
        let mut command = pix_stream();
        command.env(LONG_POLL.0, LONG_POLL.1);
        command.args(["serve", "--config"]).arg(self.dir().join("pix-stream.toml"));
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        command
    }

    /// A server on free ports.
    pub(crate) fn serve(&self) -> Server {
        Server::start(self.serve_command(), &self.beside("serve.err")).unwrap()
    }

    /// A server on the ports of an earlier one.
    pub(crate) fn serve_again(&self, ready: &Value) -> Server {
        let address = |name: &str| ready[name].as_str().unwrap().trim_start_matches("https://").to_owned();
        wait_for("a server on the same ports", || {
            let mut command = pix_stream();
            command.env(LONG_POLL.0, LONG_POLL.1);
            command.args(["serve", "--config"]).arg(self.dir().join("pix-stream.toml"));
            command.args(["--listen", &address("api"), "--admin-listen", &address("admin")]);
            Server::start(command, &self.beside("serve.err"))
        })
    }

    /// A command with `--dir` of this folder.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = pix_stream();
        command.arg(name).arg("--dir").arg(self.dir());
        command
    }

    /// `publish` or `pull` for the participant, to its end; its lines as JSON.
    pub(crate) fn lines(&self, name: &str, arguments: &[&str]) -> Vec<Value> {
        let output = self.command(name).args(["--ispb", ISPB, "--json"]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{name} {arguments:?}: {}", transcript(&output));
        json_lines(&String::from_utf8(output.stdout).unwrap())
    }
}

/// Each line as JSON; one that is not whole yet is left out.
pub(crate) fn json_lines(text: &str) -> Vec<Value> {
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The texts under a key.
pub(crate) fn texts(lines: &[Value], key: &str) -> Vec<String> {
    lines.iter().map(|line| line[key].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A process that a test started. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self { child: command.spawn().unwrap() }
    }

    /// Runs with stdout and stderr going to files.
    pub(crate) fn spawn_into(command: &mut Command, out: &Path, err: &Path) -> Self {
        Self::spawn(command.stdout(File::create(out).unwrap()).stderr(File::create(err).unwrap()))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for the end.
    pub(crate) fn end(&mut self, what: &str) -> ExitStatus {
        wait_for(what, || self.child.try_wait().unwrap())
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that said it is ready.
pub(crate) struct Server {
    process: Process,
    pub(crate) ready: Value,
}

impl Server {
    /// Waits for the ready line; `None` if it ended without one.
    pub(crate) fn start(mut command: Command, err: &Path) -> Option<Self> {
        let err = File::options().create(true).append(true).open(err).unwrap();
        let mut process = Process::spawn(command.stdout(Stdio::piped()).stderr(err));
        let mut line = String::new();
        let mut stdout = BufReader::new(process.child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).ok()?;
        Some(Self { process, ready })
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) -> Value {
        self.process.signal(Signal::KILL);
        self.process.end("a killed server");
        self.ready.take()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Waits for the end.
    pub(crate) fn end(&mut self) -> ExitStatus {
        self.process.end("a server")
    }

    /// SIGTERM, and how it ended.
    pub(crate) fn terminate(mut self) -> (Value, ExitStatus) {
        self.process.signal(Signal::TERM);
        let status = self.process.end("a drained server");
        (self.ready.take(), status)
    }
}
