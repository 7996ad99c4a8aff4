//! What a drill stands on: a server with everything in it, or a whole stack; and the services that can be stopped there.
//!
//! A page says `systemctl start redis-server`; here the same is done to the process that plays this part.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use color_eyre::eyre::{Result, WrapErr as _, bail, ensure, eyre};
use pix_stream_stack::{Caller, Options, RedisKind, Stack};
use pix_stream_stores::process::{Launch, View};
use pix_stream_stores::{Process, ports};

use crate::shell::Shell;

/// Participants of every drill.
pub const PARTICIPANTS: [&str; 3] = ["99999001", "99999002", "9999900A"];
/// A server must be ready within this time.
const READY: Duration = Duration::from_secs(60);

/// What a drill asks for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// What is started.
    pub kind: Kind,
    /// Variables of the servers' environment.
    pub settings: &'static [(&'static str, &'static str)],
    /// Size of the file system that `data` lies on, in MiB; the machine's own when `None`.
    pub disk_mib: Option<u32>,
}

/// What is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One server, embedded stores.
    Embedded,
    /// Redis, Cassandra, servers.
    Stack {
        /// In each data centre.
        cassandra_nodes: u8,
        /// Each with a server of its own; two servers where it is one.
        datacenters: u8,
    },
}

/// Everything that runs.
pub struct Ground {
    dir: PathBuf,
    running: Running,
    disk: Option<Disk>,
}

enum Running {
    Embedded { server: Box<Process>, ports: [u16; 3] },
    Stack(Box<Stack>),
}

impl Ground {
    /// Starts what is wanted in a folder.
    ///
    /// # Errors
    /// Something cannot be started, or is not ready in time.
    pub fn start(wanted: &Wanted, folder: &Path, binary: &Path) -> Result<Self> {
        let dir = folder.join("pix");
        match wanted.kind {
            Kind::Embedded => Self::start_embedded(wanted, &dir, binary),
            Kind::Stack { cassandra_nodes, datacenters } => {
                let environment = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
                let options = Options {
                    cassandra_nodes,
                    datacenters,
                    redis: RedisKind::Single,
                    participants: PARTICIPANTS.iter().map(|ispb| (*ispb).to_owned()).collect(),
                    environment: wanted.settings.iter().map(environment).collect(),
                    ..Options::new(&dir)
                };
                let build = || Ok(binary.to_owned());
                let stack = Stack::start(&options, &Caller { build: &build, say: &|_| () })?;
                Ok(Self { dir, running: Running::Stack(Box::new(stack)), disk: None })
            }
        }
    }

    fn start_embedded(wanted: &Wanted, dir: &Path, binary: &Path) -> Result<Self> {
        let free = || ports::free_port(Ipv4Addr::LOCALHOST);
        let [api, admin, health] = [free()?, free()?, free()?];
        let mut init = Command::new(binary);
        init.arg("init").arg("--dir").arg(dir).args(["--listen", &format!("127.0.0.1:{api}")]);
        init.args(["--admin-listen", &format!("127.0.0.1:{admin}")]);
        PARTICIPANTS.iter().for_each(|ispb| _ = init.args(["--participant", ispb]));
        let made = init.stdin(Stdio::null()).stdout(Stdio::null()).output().wrap_err("pix-stream init")?;
        ensure!(made.status.success(), "pix-stream init: {}", String::from_utf8_lossy(&made.stderr));
        let disk = wanted.disk_mib.map(|mib| Disk::mount(&dir.join("data"), mib)).transpose()?;
        allow_plain_health(&dir.join("pix-stream.toml"), health)?;
        let mut argv = vec!["/usr/bin/env".to_owned()];
        argv.extend(wanted.settings.iter().map(|(name, value)| format!("{name}={value}")));
        argv.extend([binary.display().to_string(), "serve".to_owned(), "--config".to_owned()]);
        argv.push(dir.join("pix-stream.toml").display().to_string());
        let launch = Launch {
            name: "pix-stream".to_owned(),
            argv,
            cwd: dir.to_owned(),
            log: dir.join("server.log"),
            stdout: Some(dir.join("server.out")),
            pid_file: dir.join("server.pid"),
            limit: READY,
        };
        let server = Process::start(launch, Box::new(|view: View<'_>| view.stdout().contains("\"ready\"")))?;
        server.wait_ready()?;
        Ok(Self {
            dir: dir.to_owned(),
            running: Running::Embedded { server: Box::new(server), ports: [api, admin, health] },
            disk,
        })
    }

    /// Tells a shell where everything is, in the words of docs/runbooks/README.md.
    pub fn introduce(&self, shell: &mut Shell) {
        shell.set("DIR", self.dir.display().to_string());
        shell.set("ISPB", PARTICIPANTS[0]);
        shell.set("OTHER", PARTICIPANTS[1]);
        let (dir, ispb) = (self.dir.display(), PARTICIPANTS[0]);
        let file = |name: &str| format!("{dir}/clients/psp-{ispb}.{name}");
        shell.set("PSP", format!("--cacert {dir}/tls/ca.pem --cert {} --key {}", file("pem"), file("key")));
        match &self.running {
            Running::Embedded { ports: [api, admin, health], .. } => {
                shell.set("API", format!("https://127.0.0.1:{api}"));
                shell.set("ADMIN", format!("https://127.0.0.1:{admin}"));
                shell.set("HEALTH", format!("http://127.0.0.1:{health}"));
            }
            Running::Stack(stack) => introduce_stack(stack, shell),
        }
    }

    /// Where metrics can be read without a certificate, as `127.0.0.1:9080`.
    #[must_use]
    pub fn scraped(&self) -> Vec<String> {
        match &self.running {
            Running::Embedded { ports: [_, _, health], .. } => vec![format!("127.0.0.1:{health}")],
            Running::Stack(stack) => {
                let plain = |server: &pix_stream_stack::Server| server.health().replace("http://", "");
                stack.servers().iter().map(plain).collect()
            }
        }
    }

    /// Does to a service what `systemctl ACTION UNIT` says; `host` is a data centre where there are several.
    ///
    /// # Errors
    /// No such service or action; the process does not do it in time.
    pub fn service(&self, host: Option<&str>, action: &str, unit: &str) -> Result<()> {
        let processes = self.processes(host, unit)?;
        for process in processes {
            match action {
                "start" if process.is_alive() => {}
                "start" | "restart" => {
                    process.stop()?;
                    process.restart()?;
                }
                "stop" => process.stop()?,
                // As SIGKILL, SIGSTOP and SIGCONT of `systemctl kill`.
                "kill" => process.kill()?,
                "freeze" => process.pause()?,
                "thaw" => process.resume()?,
                _ => bail!("systemctl {action} is not known to drills"),
            }
        }
        Ok(())
    }

    /// `cassandra-2` is the second node, `pix-stream-1` the first server; without a number all of them are meant.
    fn processes(&self, host: Option<&str>, unit: &str) -> Result<Vec<&Process>> {
        let numbered = unit.rsplit_once('-').map(|(name, number)| (name, number.parse::<usize>().ok()));
        let (name, number) = numbered.filter(|(_, number)| number.is_some()).unwrap_or((unit, None));
        let all: Vec<(Option<&str>, &Process)> = match (&self.running, name) {
            (Running::Embedded { server, .. }, "pix-stream") => vec![(None, server.as_ref())],
            (Running::Stack(stack), "pix-stream") => {
                stack.servers().iter().map(|server| (Some(server.datacenter()), server.process())).collect()
            }
            (Running::Stack(stack), "cassandra") => {
                let nodes = stack.cassandra().nodes().iter();
                nodes.map(|node| (Some(node.datacenter()), node.process())).collect()
            }
            (Running::Stack(stack), "redis-server") => {
                let names: Vec<Option<&str>> = match stack.redis().len() {
                    1 => vec![None],
                    count => DATACENTERS.iter().take(count).map(|name| Some(*name)).collect(),
                };
                names.into_iter().zip(stack.redis().iter().map(|redis| redis.first().process())).collect()
            }
            _ => bail!("there is no service {unit} here"),
        };
        let is_meant = |at: &Option<&str>| host.is_none() || at.is_none() || *at == host;
        let here: Vec<&Process> =
            all.into_iter().filter(|(at, _)| is_meant(at)).map(|(_, process)| process).collect();
        match number {
            None => Ok(here),
            Some(number) => {
                let one = number.checked_sub(1).and_then(|at| here.get(at).copied());
                Ok(vec![one.ok_or_else(|| eyre!("there is no service {unit} here"))?])
            }
        }
    }

    /// Stops everything.
    ///
    /// # Errors
    /// The system refuses.
    pub fn stop(self) -> Result<()> {
        match &self.running {
            Running::Embedded { server, .. } => server.stop()?,
            Running::Stack(stack) => stack.stop()?,
        }
        drop(self.disk);
        Ok(())
    }
}

const DATACENTERS: [&str; 3] = ["dc1", "dc2", "dc3"];

fn introduce_stack(stack: &Stack, shell: &mut Shell) {
    for (server, number) in stack.servers().iter().zip(1..) {
        shell.set(&format!("DIR_{number}"), server.dir().display().to_string());
        shell.set(&format!("API_{number}"), server.api());
        shell.set(&format!("HEALTH_{number}"), server.health());
    }
    if let Some(first) = stack.servers().first() {
        shell.set("API", first.api());
        shell.set("ADMIN", first.admin());
        shell.set("HEALTH", first.health());
    }
    if let Some(redis) = stack.redis().first() {
        let address = redis.first().address();
        shell.set("REDIS_HOST", address.ip().to_string());
        shell.set("REDIS_PORT", address.port().to_string());
    }
}

/// Health and metrics without a certificate, as scrapers on the machine itself want them.
fn allow_plain_health(config: &Path, port: u16) -> Result<()> {
    let text = fs::read_to_string(config)?;
    let mut is_set = false;
    let lines = text.lines().map(|line| match line.split_once('=').map(|(key, _)| key.trim()) {
        Some("plain_health") => {
            is_set = true;
            "plain_health = true".to_owned()
        }
        Some("plain_health_listen") => format!("plain_health_listen = \"127.0.0.1:{port}\""),
        Some("unsigned") => "unsigned = \"accept\"".to_owned(),
        Some(_) | None => line.to_owned(),
    });
    let text = lines.collect::<Vec<_>>().join("\n") + "\n";
    ensure!(is_set, "the configuration of `pix-stream init` has no plain_health");
    fs::write(config, text).wrap_err("cannot write the configuration")
}

/// A small file system in memory, to be filled.
struct Disk(PathBuf);

/// What can be mounted by root alone.
#[must_use]
pub fn may_mount() -> bool {
    rustix::process::geteuid().is_root()
}

impl Disk {
    fn mount(at: &Path, mib: u32) -> Result<Self> {
        let aside = at.with_extension("before");
        fs::rename(at, &aside)?;
        fs::create_dir_all(at)?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mib}m,mode=0700"), "tmpfs"]).arg(at);
        let done = mount.output().wrap_err("cannot start mount")?;
        ensure!(
            done.status.success(),
            "a file system of {mib} MiB cannot be mounted: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        let disk = Self(at.to_owned());
        let copied = Command::new("cp").arg("-a").arg(aside.join(".")).arg(at).status()?;
        ensure!(copied.success(), "{} cannot be copied", aside.display());
        Ok(disk)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: somebody may still be on it.
        let _gone = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}
