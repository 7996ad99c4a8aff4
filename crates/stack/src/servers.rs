//! The servers of a stack: given folders and a schema, started, told of their participants.
//!
//! The first one lives in the stack's own folder, so that `pix-stream ... --dir DIR` finds it there; the others have
//! folders below it that share certificates and token keys through links.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use pix_stream_stores::Process;
use pix_stream_stores::process::{Launch, View};
use serde::Deserialize;

use crate::Error;
use crate::plan::{self, CONFIG, Plan};

/// How long a server may take until it is ready, on a machine that is busy with everything else.
const LIMIT: Duration = Duration::from_secs(60);
/// What servers share.
const SHARED: [&str; 3] = ["clients", "keys", "tls"];

/// Sets variables and becomes the program behind them.
const ENV: &str = "/usr/bin/env";

/// A running server.
#[derive(Debug)]
pub struct Server {
    process: Process,
    api: String,
    admin: String,
    health: String,
    datacenter: String,
    dir: PathBuf,
}

impl Server {
    /// The process, to signal, restart or stop it.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Where participants and producers connect, as `https://127.0.0.1:8443`.
    #[must_use]
    pub fn api(&self) -> &str {
        &self.api
    }

    /// Where operators connect.
    #[must_use]
    pub fn admin(&self) -> &str {
        &self.admin
    }

    /// Health and metrics without TLS, as `http://127.0.0.1:9080`.
    #[must_use]
    pub fn health(&self) -> &str {
        &self.health
    }

    /// Its data centre and, where there are several, its region.
    #[must_use]
    pub fn datacenter(&self) -> &str {
        &self.datacenter
    }

    /// Its folder, good for `--dir`.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

/// What a server says when it is ready.
#[derive(Debug, Deserialize)]
struct Ready {
    api: String,
    admin: String,
}

/// The folder of a server, counted from 0.
fn folder(dir: &Path, server: usize) -> PathBuf {
    if server == 0 { dir.to_owned() } else { dir.join(format!("server-{}", server + 1)) }
}

/// Certificates, keys and one configuration a server. What an earlier start made stays, but for the configuration.
pub(crate) fn make_folders(
    dir: &Path,
    plan: &Plan,
    binary: &Path,
    participants: &[String],
    config: &dyn Fn(usize) -> String,
) -> Result<(), Error> {
    if !dir.join("clients").exists() {
        let mut init = Command::new(binary);
        init.arg("init").arg("--dir").arg(dir);
        for participant in participants {
            init.args(["--participant", participant]);
        }
        run(&mut init)?;
    }
    for server in 0..plan.servers.len() {
        let folder = folder(dir, server);
        fs::create_dir_all(&folder).map_err(Error::io("make", &folder))?;
        for shared in SHARED {
            let link = folder.join(shared);
            if !link.exists() {
                symlink(Path::new("..").join(shared), &link).map_err(Error::io("link", &link))?;
            }
        }
        let file = folder.join(CONFIG);
        fs::write(&file, config(server)).map_err(Error::io("write", &file))?;
    }
    Ok(())
}

/// What is run.
#[derive(Clone, Copy)]
pub(crate) struct Program<'a> {
    pub(crate) binary: &'a Path,
    pub(crate) environment: &'a [(String, String)],
}

/// Makes the schema, or what is missing of it; `also` goes into the environment beside what servers have there.
pub(crate) fn migrate(dir: &Path, program: Program<'_>, also: Vec<(String, String)>) -> Result<(), Error> {
    let mut migrate = Command::new(program.binary);
    migrate.envs(program.environment.iter().cloned()).envs(also);
    run(migrate.args(["migrate", "up", "--config"]).arg(dir.join(CONFIG)))
}

/// Starts all servers, waits until each is ready, onboards who has a certificate.
pub(crate) fn start(
    dir: &Path,
    plan: &Plan,
    program: Program<'_>,
    say: &dyn Fn(&str),
) -> Result<Vec<Server>, Error> {
    let processes: Vec<Process> =
        (0..plan.servers.len()).map(|server| spawn(dir, server, program)).collect::<Result<_, _>>()?;
    let mut servers = Vec::new();
    for (number, process) in processes.into_iter().enumerate() {
        process.wait_ready()?;
        let Ready { api, admin } = find_ready(&process.view().stdout())
            .ok_or_else(|| Error::NoReadyLine(process.name().to_owned()))?;
        servers.push(Server {
            process,
            api,
            admin,
            health: format!("http://127.0.0.1:{}", plan.servers[number].health),
            datacenter: plan::datacenter_name(plan.datacenter(number)),
            dir: folder(dir, number),
        });
    }
    say("servers are ready");
    onboard(dir, program.binary)?;
    Ok(servers)
}

fn spawn(dir: &Path, server: usize, program: Program<'_>) -> Result<Process, Error> {
    let cwd = folder(dir, server);
    let config = cwd.join(CONFIG).display().to_string();
    // Part of the command line, so that who starts a server again by hand need not know of it.
    let mut argv: Vec<String> =
        program.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if !argv.is_empty() {
        argv.insert(0, ENV.to_owned());
    }
    argv.extend([program.binary.display().to_string(), "serve".to_owned(), "--config".to_owned(), config]);
    let launch = Launch {
        name: format!("server {}", server + 1),
        argv,
        log: cwd.join("server.log"),
        stdout: Some(cwd.join("server.out")),
        pid_file: cwd.join("server.pid"),
        cwd,
        limit: LIMIT,
    };
    let is_ready = Box::new(|view: View<'_>| find_ready(&view.stdout()).is_some());
    Ok(Process::start(launch, is_ready)?)
}

fn find_ready(stdout: &str) -> Option<Ready> {
    stdout.lines().find_map(|line| serde_json::from_str(line).ok())
}

/// Everybody with a certificate; who is known already stays as they are.
fn onboard(dir: &Path, binary: &Path) -> Result<(), Error> {
    let clients = dir.join("clients");
    let files = fs::read_dir(&clients).map_err(Error::io("read", &clients))?;
    for file in files {
        let name = file.map_err(Error::io("read", &clients))?.file_name();
        let Some(ispb) = find_participant(&name.to_string_lossy()).map(str::to_owned) else { continue };
        let mut create = Command::new(binary);
        create.args(["admin", "--dir"]).arg(dir);
        create.args(["participants", "create", &ispb, "--reason", "cargo xtask stack up"]);
        run(&mut create)?;
    }
    Ok(())
}

/// The ISPB out of `psp-99999001.pem`.
fn find_participant(file: &str) -> Option<&str> {
    file.strip_prefix("psp-")?.strip_suffix(".pem")
}

/// Runs a command of the server; what it says is shown only when it fails.
fn run(command: &mut Command) -> Result<(), Error> {
    let program = PathBuf::from(command.get_program());
    let output = command.stdin(Stdio::null()).output().map_err(Error::io("start", &program))?;
    if output.status.success() {
        return Ok(());
    }
    let arguments = command.get_args().map(|argument| argument.to_string_lossy());
    let command = [std::borrow::Cow::Borrowed("pix-stream")].into_iter().chain(arguments);
    let command = command.collect::<Vec<_>>().join(" ");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).trim_end().to_owned();
    Err(Error::Command { command, status: output.status.to_string(), said })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_server_lives_in_the_folder_itself() {
        let dir = Path::new("/d");
        assert_eq!(folder(dir, 0), dir);
        assert_eq!(folder(dir, 1), dir.join("server-2"));
    }

    #[test]
    fn participants_are_those_with_a_certificate() {
        assert_eq!(find_participant("psp-9999900A.pem"), Some("9999900A"));
        assert_eq!(find_participant("psp-9999900A.key"), None);
        assert_eq!(find_participant("admin.pem"), None);
    }

    #[test]
    fn the_ready_line_is_found_when_it_is_whole() {
        let line = r#"{"event":"ready","api":"https://127.0.0.1:1","admin":"https://127.0.0.1:2","pid":4,"dir":"/d"}"#;
        assert_eq!(find_ready(line).unwrap().admin, "https://127.0.0.1:2");
        assert!(find_ready(&line[..30]).is_none());
    }
}
