//! What runs: servers, and with a stack Redis and Cassandra; started, signalled and started again by their own command
//! lines.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use color_eyre::eyre::{OptionExt as _, Result, WrapErr as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::binary;
use crate::flags::Profile;
use crate::scenario::{Scenario, Target};

/// A server must be ready within this time of its start.
const SERVER_START_MAX: Duration = Duration::from_secs(30);
/// A store must answer within this time of its start; Cassandra takes half a minute on a busy machine.
const STORE_START_MAX: Duration = Duration::from_secs(180);
/// A stack must be ready within this time, the server's build included.
const STACK_START_MAX: Duration = Duration::from_secs(900);
const LOOK: Duration = Duration::from_millis(20);

/// Of the environment.
type Settings = &'static [(&'static str, &'static str)];

/// One process.
#[derive(Clone)]
pub(crate) struct Proc(Arc<Inner>);

struct Inner {
    name: String,
    /// Its data centre, in a stack.
    datacenter: Option<String>,
    /// Where it listens: `https://…` of a server, `host:port` of a store.
    address: String,
    admin: Option<String>,
    argv: Vec<String>,
    cwd: PathBuf,
    log: PathBuf,
    settings: Settings,
    running: Mutex<Running>,
}

struct Running {
    pid: u32,
    /// Ours, once it was started here; dropping it kills it.
    child: Option<Child>,
    since: Instant,
}

impl Proc {
    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    pub(crate) fn address(&self) -> &str {
        &self.0.address
    }

    pub(crate) fn datacenter(&self) -> Option<&str> {
        self.0.datacenter.as_deref()
    }

    pub(crate) fn admin(&self) -> Option<&str> {
        self.0.admin.as_deref()
    }

    /// The program that it runs.
    pub(crate) fn program(&self) -> &str {
        self.0.argv.first().map_or("", String::as_str)
    }

    /// Its folder.
    pub(crate) fn cwd(&self) -> &Path {
        &self.0.cwd
    }

    pub(crate) fn pid(&self) -> u32 {
        self.running().pid
    }

    /// How long it has been running.
    pub(crate) fn age(&self) -> Duration {
        self.running().since.elapsed()
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.pid();
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_eyre("a process without an id")?;
        kill_process(pid, signal).wrap_err_with(|| format!("{} cannot be signalled", self.name()))
    }

    /// Waits until it has ended.
    pub(crate) async fn wait_gone(&self, most: Duration) -> Result<()> {
        let began = Instant::now();
        while !is_gone(self.pid()) {
            if let Some(child) = &mut self.running().child {
                let _reaped = child.try_wait();
            }
            ensure!(began.elapsed() < most, "{} did not end within {most:?}", self.name());
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// Starts it again, as it was started before, and waits until it answers.
    pub(crate) async fn restart(&self) -> Result<()> {
        let Inner { argv, cwd, log, settings, .. } = &*self.0;
        let (mut child, mut lines) = spawn(argv, cwd, log, settings)?;
        let pid = child.id().ok_or_eyre("it ended at once")?;
        if self.0.admin.is_some() {
            let ready = timeout(SERVER_START_MAX, ready_line(&mut lines)).await;
            if !matches!(ready, Ok(Ok(_))) {
                let _killed = child.start_kill();
                bail!("{} was not ready within {SERVER_START_MAX:?}; see {}", self.name(), log.display());
            }
        } else {
            self.wait_open().await?;
        }
        *self.running() = Running { pid, child: Some(child), since: Instant::now() };
        Ok(())
    }

    async fn wait_open(&self) -> Result<()> {
        let began = Instant::now();
        while TcpStream::connect(self.address()).await.is_err() {
            ensure!(began.elapsed() < STORE_START_MAX, "{} does not answer", self.name());
            sleep(10 * LOOK).await;
        }
        Ok(())
    }
}

/// Gone, or only waiting for whoever started it to look.
fn is_gone(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with('Z'))
}

type Stdout = Lines<BufReader<ChildStdout>>;

fn spawn(argv: &[String], cwd: &Path, log: &Path, settings: Settings) -> Result<(Child, Stdout)> {
    let (program, arguments) = argv.split_first().ok_or_eyre("a process without a command line")?;
    let log = std::fs::File::options().create(true).append(true).open(log)?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(cwd).envs(settings.iter().copied()).stdin(Stdio::null());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .wrap_err_with(|| format!("cannot start {program}"))?;
    let stdout = child.stdout.take().ok_or_eyre("no stdout")?;
    Ok((child, BufReader::new(stdout).lines()))
}

/// The ready line of a server or of a stack.
#[derive(Debug, Deserialize)]
struct Ready {
    api: Option<String>,
    admin: Option<String>,
    pid: Option<u32>,
    #[serde(default)]
    servers: Vec<Entry>,
    #[serde(default)]
    redis_nodes: Vec<Entry>,
    #[serde(default)]
    cassandra: Vec<Entry>,
}

/// One process of a stack.
#[derive(Debug, Deserialize)]
struct Entry {
    api: Option<String>,
    admin: Option<String>,
    addr: Option<String>,
    /// Of a Redis process: `server` or `sentinel`.
    role: Option<String>,
    datacenter: Option<String>,
    pid: u32,
    argv: Vec<String>,
    cwd: PathBuf,
}

async fn ready_line(lines: &mut Stdout) -> Result<Ready> {
    while let Some(line) = lines.next_line().await? {
        if let Ok(ready) = serde_json::from_str(&line) {
            return Ok(ready);
        }
    }
    bail!("it ended before it was ready")
}

/// Everything that runs.
pub(crate) struct Site {
    pub(crate) dir: PathBuf,
    servers: Vec<Proc>,
    redis: Vec<Proc>,
    cassandra: Vec<Proc>,
    /// Stops what it started when it is told to end.
    stack: Option<Child>,
}

impl Site {
    /// Starts what a scenario names, with a certificate for each participant.
    pub(crate) async fn start(
        scenario: &Scenario,
        dir: &Path,
        participants: &[String],
        (server, profile): (Option<&Path>, Profile),
    ) -> Result<Self> {
        match scenario.target {
            Target::Embedded => {
                let binary = match server {
                    Some(binary) => std::path::absolute(binary)?,
                    None => binary::build(profile).await?,
                };
                Self::start_embedded(dir, participants, &binary, scenario.settings).await
            }
            Target::Stack { servers, cassandra_nodes, datacenters, is_sentinel } => {
                let mut command = Command::new("cargo");
                command
                    .args(["xtask", "stack", "up", "--json", "--profile", profile.name(), "--dir"])
                    .arg(dir);
                if let Some(binary) = server {
                    command.arg("--server").arg(std::path::absolute(binary)?);
                }
                command.envs(scenario.settings.iter().copied());
                command.args(["--servers", &servers.to_string()]);
                command.args(["--cassandra-nodes", &cassandra_nodes.to_string()]);
                command.args(["--datacenters", &datacenters.to_string()]);
                command.args(["--redis", if is_sentinel { "sentinel" } else { "single" }]);
                participants.iter().for_each(|ispb| _ = command.args(["--participant", ispb]));
                Self::start_stack(command, dir, scenario.settings).await
            }
        }
    }

    async fn start_embedded(
        dir: &Path,
        participants: &[String],
        binary: &Path,
        settings: Settings,
    ) -> Result<Self> {
        let folder = dir.join("site");
        let mut init = Command::new(binary);
        init.arg("init").arg("--dir").arg(&folder).args([
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
        ]);
        participants.iter().for_each(|ispb| _ = init.args(["--participant", ispb]));
        let made = init.stdout(Stdio::null()).stderr(Stdio::inherit()).status().await?;
        ensure!(made.success(), "pix-stream init failed");
        let config = folder.join("pix-stream.toml").display().to_string();
        let mut argv = vec![binary.display().to_string(), "serve".to_owned(), "--config".to_owned(), config];
        let log = dir.join("server.log");
        let (child, mut lines) = spawn(&argv, dir, &log, settings)?;
        let ready = timeout(SERVER_START_MAX, ready_line(&mut lines))
            .await
            .wrap_err("the server did not start")??;
        let (api, admin) = (ready.api.ok_or_eyre("no address")?, ready.admin.ok_or_eyre("no admin address")?);
        // On the same ports again, whatever was free at first.
        for (flag, url) in [("--listen", &api), ("--admin-listen", &admin)] {
            argv.extend([flag.to_owned(), url.trim_start_matches("https://").to_owned()]);
        }
        let running = Running {
            pid: ready.pid.or(child.id()).ok_or_eyre("no process id")?,
            child: Some(child),
            since: Instant::now(),
        };
        let server = Proc(Arc::new(Inner {
            name: "server".to_owned(),
            datacenter: None,
            address: api,
            admin: Some(admin),
            argv,
            cwd: dir.to_owned(),
            log,
            settings,
            running: Mutex::new(running),
        }));
        Ok(Self { dir: folder, servers: vec![server], redis: Vec::new(), cassandra: Vec::new(), stack: None })
    }

    async fn start_stack(mut command: Command, dir: &Path, settings: Settings) -> Result<Self> {
        command.current_dir(binary::root()).stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(
            std::fs::File::options().create(true).append(true).open(dir.with_extension("stack.log"))?,
        );
        let mut child = command.spawn().wrap_err("cannot start cargo xtask stack up")?;
        let mut lines = BufReader::new(child.stdout.take().ok_or_eyre("no stdout")?).lines();
        let ready = timeout(STACK_START_MAX, ready_line(&mut lines)).await;
        let Ok(Ok(ready)) = ready else {
            bail!("the stack is not ready; see {}", dir.with_extension("stack.log").display());
        };
        let is_server = |entry: &Entry| entry.role.as_deref() != Some("sentinel");
        let redis = ready.redis_nodes.into_iter().filter(is_server).collect();
        let named = |entries: Vec<Entry>, name: &str| {
            let procs = entries.into_iter().enumerate();
            procs
                .map(|(n, entry)| foreign(entry, format!("{name} {}", n + 1), (dir, settings)))
                .collect::<Vec<_>>()
        };
        Ok(Self {
            dir: dir.to_owned(),
            servers: named(ready.servers, "server"),
            redis: named(redis, "redis"),
            cassandra: named(ready.cassandra, "cassandra"),
            stack: Some(child),
        })
    }

    pub(crate) fn servers(&self) -> &[Proc] {
        &self.servers
    }

    pub(crate) fn redis(&self) -> &[Proc] {
        &self.redis
    }

    pub(crate) fn cassandra(&self) -> &[Proc] {
        &self.cassandra
    }

    pub(crate) fn all(&self) -> Vec<Proc> {
        [&self.servers[..], &self.redis, &self.cassandra].concat()
    }

    /// Ends everything: first what was started here, then the stack.
    pub(crate) async fn stop(mut self) -> Result<()> {
        for process in self.all() {
            let child = process.running().child.take();
            if let Some(mut child) = child {
                let _ending = process.signal(Signal::TERM);
                if timeout(Duration::from_secs(15), child.wait()).await.is_err() {
                    child.kill().await?;
                }
            }
        }
        let Some(mut stack) = self.stack.take() else { return Ok(()) };
        let pid = stack.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            kill_process(pid, Signal::TERM)?;
        }
        timeout(Duration::from_secs(60), stack.wait()).await.wrap_err("the stack does not end")??;
        Ok(())
    }
}

/// A process that the stack started.
fn foreign(entry: Entry, name: String, (dir, settings): (&Path, Settings)) -> Proc {
    let log = dir.join(format!("{}.again.log", name.replace(' ', "-")));
    Proc(Arc::new(Inner {
        name,
        datacenter: entry.datacenter,
        address: entry.api.or(entry.addr).unwrap_or_default(),
        admin: entry.admin,
        argv: entry.argv,
        cwd: entry.cwd,
        log,
        settings,
        running: Mutex::new(Running { pid: entry.pid, child: None, since: Instant::now() }),
    }))
}
