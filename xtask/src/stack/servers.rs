//! The servers of a stack: built, given folders and a schema, started, told of their participants.
//!
//! The first one lives in the stack's own folder, so that `pix-stream ... --dir DIR` finds it there; the others have
//! folders below it that share certificates and token keys through links.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use color_eyre::eyre::{Result, WrapErr as _, ensure, eyre};
use pix_stream_stores::Process;
use pix_stream_stores::process::Launch;
use serde::Deserialize;

use super::plan::{self, CONFIG, Plan};
use crate::flags::Profile;
use crate::process;

/// How long a server may take until it is ready, on a machine that is busy with everything else.
const LIMIT: Duration = Duration::from_secs(60);
/// What servers share.
const SHARED: [&str; 3] = ["clients", "keys", "tls"];

/// A running server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) process: Process,
    pub(super) api: String,
    pub(super) admin: String,
    /// Health and metrics without TLS.
    pub(super) health: String,
    pub(super) datacenter: String,
    /// Its folder, good for `--dir`.
    pub(super) dir: PathBuf,
}

/// What a server says when it is ready.
#[derive(Debug, Deserialize)]
struct Ready {
    api: String,
    admin: String,
}

/// One line of cargo's about what it built.
#[derive(Debug, Deserialize)]
struct Built {
    executable: Option<PathBuf>,
}

/// Builds the server; where its binary is.
pub(super) fn build(profile: Profile) -> Result<PathBuf> {
    let mut cargo = process::cargo();
    cargo.args(["build", "--quiet", "--package", "pix-stream-server", "--bin", "pix-stream"]);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    match profile {
        Profile::Release => _ = cargo.arg("--release"),
        Profile::Dev => {}
    }
    let output = process::output(&mut cargo)?;
    let lines = output.split(|&byte| byte == b'\n');
    let built = lines.filter_map(|line| serde_json::from_slice::<Built>(line).ok());
    built
        .filter_map(|built| built.executable)
        .next_back()
        .ok_or_else(|| eyre!("cargo names no binary that it built"))
}

/// The folder of a server, counted from 0.
fn folder(dir: &Path, server: usize) -> PathBuf {
    if server == 0 { dir.to_owned() } else { dir.join(format!("server-{}", server + 1)) }
}

/// Certificates, keys and one configuration a server. What an earlier start made stays, but for the configuration.
pub(super) fn make_folders(
    dir: &Path,
    plan: &Plan,
    binary: &Path,
    participants: &[String],
    config: &dyn Fn(usize) -> String,
) -> Result<()> {
    if !dir.join("clients").exists() {
        let mut init = Command::new(binary);
        init.arg("init").arg("--dir").arg(dir).stdout(Stdio::null());
        for participant in participants {
            init.args(["--participant", participant]);
        }
        ensure!(process::succeeds(&mut init)?, "{} failed", process::shown(&init));
    }
    for server in 0..plan.servers.len() {
        let folder = folder(dir, server);
        fs::create_dir_all(&folder).wrap_err_with(|| format!("cannot make {}", folder.display()))?;
        for shared in SHARED {
            let link = folder.join(shared);
            if !link.exists() {
                symlink(Path::new("..").join(shared), &link)
                    .wrap_err_with(|| format!("cannot link {}", link.display()))?;
            }
        }
        let file = folder.join(CONFIG);
        fs::write(&file, config(server)).wrap_err_with(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// Migrates, starts all servers, waits until each is ready, onboards who has a certificate.
pub(super) fn start(dir: &Path, plan: &Plan, binary: &Path, say: &impl Fn(&str)) -> Result<Vec<Server>> {
    let mut migrate = Command::new(binary);
    migrate.args(["migrate", "up", "--config"]).arg(dir.join(CONFIG));
    run_quietly(&mut migrate)?;
    say("migrations are done");
    let processes: Vec<Process> =
        (0..plan.servers.len()).map(|server| spawn(dir, server, binary)).collect::<Result<_>>()?;
    let mut servers = Vec::new();
    for (number, process) in processes.into_iter().enumerate() {
        process.wait_ready().map_err(|error| eyre!("{error}"))?;
        let Ready { api, admin } = find_ready(&process.view().stdout())
            .ok_or_else(|| eyre!("{} has taken back its ready line", process.name()))?;
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
    onboard(dir, binary)?;
    Ok(servers)
}

fn spawn(dir: &Path, server: usize, binary: &Path) -> Result<Process> {
    let cwd = folder(dir, server);
    let config = cwd.join(CONFIG).display().to_string();
    let launch = Launch {
        name: format!("server {}", server + 1),
        argv: vec![binary.display().to_string(), "serve".to_owned(), "--config".to_owned(), config],
        log: cwd.join("server.log"),
        stdout: Some(cwd.join("server.out")),
        pid_file: cwd.join("server.pid"),
        cwd,
        limit: LIMIT,
    };
    let is_ready =
        Box::new(|view: pix_stream_stores::process::View<'_>| find_ready(&view.stdout()).is_some());
    Process::start(launch, is_ready).map_err(|error| eyre!("{error}"))
}

fn find_ready(stdout: &str) -> Option<Ready> {
    stdout.lines().find_map(|line| serde_json::from_str(line).ok())
}

/// Everybody with a certificate; who is known already stays as they are.
fn onboard(dir: &Path, binary: &Path) -> Result<()> {
    let clients = dir.join("clients");
    let files = fs::read_dir(&clients).wrap_err_with(|| format!("cannot read {}", clients.display()))?;
    for file in files {
        let name = file?.file_name();
        let Some(ispb) = find_participant(&name.to_string_lossy()).map(str::to_owned) else { continue };
        let mut create = Command::new(binary);
        create.args(["admin", "--dir"]).arg(dir);
        create.args(["participants", "create", &ispb, "--reason", "cargo xtask stack up"]);
        run_quietly(&mut create)?;
    }
    Ok(())
}

/// The ISPB out of `psp-99999001.pem`.
fn find_participant(file: &str) -> Option<&str> {
    file.strip_prefix("psp-")?.strip_suffix(".pem")
}

/// Shows what a command says only when it fails.
fn run_quietly(command: &mut Command) -> Result<()> {
    let shown = process::shown(command);
    let output = command.stdin(Stdio::null()).output().wrap_err_with(|| format!("cannot start {shown}"))?;
    if !output.status.success() {
        let _ = std::io::stderr().write_all(&output.stdout);
        let _ = std::io::stderr().write_all(&output.stderr);
    }
    ensure!(output.status.success(), "{shown} failed ({})", output.status);
    Ok(())
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
