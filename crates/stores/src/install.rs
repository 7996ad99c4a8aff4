//! Programs that come from the distribution: found, installed where that needs no question, or named in an error.
//!
//! Installs as root with apt-get alone; on other machines the error says what to install.

use std::fs;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;

/// A program and the Debian package that brings it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its name on the search path.
    pub name: &'static str,
    /// The package's name.
    pub package: &'static str,
}

/// Redis.
pub const REDIS: Program = Program { name: "redis-server", package: "redis-server" };
/// Maven, which fetches Cassandra.
pub const MAVEN: Program = Program { name: "mvn", package: "maven" };
/// Java, which runs it.
pub const JAVA: Program = Program { name: "java", package: "openjdk-17-jre-headless" };
/// `promtool`, which tries rules of Prometheus; Prometheus comes with it.
pub const PROMTOOL: Program = Program { name: "promtool", package: "prometheus" };
/// `xmllint`, the second opinion on XML.
pub const XMLLINT: Program = Program { name: "xmllint", package: "libxml2-utils" };

/// Folders looked through: the usual search path of services, not the environment.
const FOLDERS: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// Debian's switch that keeps packages from starting their services.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Where a program is, if it is there.
#[must_use]
pub fn find(program: Program) -> Option<PathBuf> {
    FOLDERS.iter().map(|folder| Path::new(folder).join(program.name)).find(|path| is_executable(path))
}

/// Where a program is; installs it when it is missing and that can be done without a question.
///
/// # Errors
/// [`Error::Missing`], with what to install.
pub fn bring(program: Program) -> Result<PathBuf, Error> {
    if let Some(path) = find(program) {
        return Ok(path);
    }
    let package = program.package;
    let missing = |hint| Error::Missing { program: program.name.to_owned(), hint };
    if !rustix::process::geteuid().is_root() {
        return Err(missing(format!("install it with `sudo apt-get install {package}`")));
    }
    install(package)
        .map_err(|said| missing(format!("`apt-get install --yes {package}` was tried and failed\n{said}")))?;
    find(program).ok_or_else(|| {
        missing(format!("package {package} was installed, but {} is in none of its folders", program.name))
    })
}

/// Installs a package; what apt-get said when it cannot.
fn install(package: &str) -> Result<(), String> {
    let _quiet = KeepServicesDown::new();
    let wanted = ["install", "--yes", "--no-install-recommends", package];
    if apt_get(&wanted).is_ok() {
        return Ok(());
    }
    // A bare machine has no list of packages yet.
    apt_get(&["update"])?;
    apt_get(&wanted)
}

fn apt_get(arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new("apt-get");
    // Another apt-get may be at work; it is waited for.
    command.args(["-qq", "-o", "DPkg::Lock::Timeout=120"]).args(arguments);
    command.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("    apt-get: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<String> = said.lines().map(|line| format!("    {line}")).collect();
    Err(lines.join("\n"))
}

/// While it lives, installed packages do not start their services. An existing policy is left alone.
struct KeepServicesDown {
    is_ours: bool,
}

impl KeepServicesDown {
    fn new() -> Self {
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(POLICY);
        let written =
            file.and_then(|mut file| std::io::Write::write_all(&mut file, b"#!/bin/sh\nexit 101\n"));
        Self { is_ours: written.is_ok() }
    }
}

impl Drop for KeepServicesDown {
    fn drop(&mut self) {
        if self.is_ours {
            // It existed a moment ago; without it the machine is as it was.
            let _ = fs::remove_file(POLICY);
        }
    }
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_is_found_and_nonsense_is_not() {
        assert!(find(Program { name: "sh", package: "dash" }).is_some());
        assert_eq!(find(Program { name: "no-such-program", package: "none" }), None);
    }
}
