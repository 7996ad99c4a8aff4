//! Java and its command line for a node: little memory, quick start, and what Cassandra needs opened on Java 17.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Options, Place};
use crate::{Error, install};

/// Where Debian puts Java 17 on any architecture.
const FOLDER: &str = "/usr/lib/jvm";
/// Versions that Cassandra 5.0 runs on.
const VERSIONS: [u32; 2] = [11, 17];

/// Of a node for tests: C1 alone, since the second compiler costs more processor time at start than it gives back in a
/// test.
const SMALL: [&str; 2] = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
/// Of a node for load: what Cassandra itself comes with.
const LOADED: [&str; 2] = ["-XX:+UseG1GC", "-XX:MaxGCPauseMillis=50"];

/// For every node. Sentences say why where a name does not: the size of a row's overhead, since measuring it takes up to 1.7 s a start. The ring as a node last knew it stays loaded at start: one
/// that has to learn it anew counts itself as all copies there are, and then agrees with itself (serial writes of a node that
/// came back were carried out alone).
const COMMON: [&str; 20] = [
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",
    "--add-exports=java.rmi/sun.rmi.registry=ALL-UNNAMED",
    "--add-exports=java.rmi/sun.rmi.server=ALL-UNNAMED",
    "--add-exports=java.base/jdk.internal.misc=ALL-UNNAMED",
    "--add-opens=java.base/jdk.internal.ref=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.net=ALL-UNNAMED",
    "-Dio.netty.tryReflectionSetAccessible=true",
    "-Dcassandra-foreground=yes",
    "-Dcassandra.ring_delay_ms=100",
    // By itself twice the ring delay: then nodes that start slowly together forget each other before they have joined.
    "-Dcassandra.gossip_quarantine_delay_ms=60000",
    "-Dcassandra.skip_wait_for_gossip_to_settle=0",
    "-Dcassandra.superuser_setup_delay_ms=0",
    "-Dcassandra.consistent.rangemovement=false",
    "-Dcassandra.memtable.row_overhead_size=181",
    "-Dcassandra.shutdown_announce_in_ms=100",
    "-Djava.net.preferIPv4Stack=true",
];

/// Where a fitting Java is; installs one when there is none and that needs no question.
pub(super) fn bring() -> Result<PathBuf, Error> {
    if let Some(java) = find() {
        return Ok(java);
    }
    let _ = install::bring(install::JAVA)?;
    find().ok_or_else(|| Error::Missing {
        program: "Java 17".to_owned(),
        hint: format!(
            "another version is there; install it with `apt-get install {}`",
            install::JAVA.package
        ),
    })
}

fn find() -> Option<PathBuf> {
    let folders = std::fs::read_dir(FOLDER).into_iter().flatten().flatten();
    let of_debian = folders
        .filter(|folder| folder.file_name().to_string_lossy().starts_with("java-17-openjdk-"))
        .map(|folder| folder.path().join("bin").join("java"))
        .find(|java| java.is_file());
    of_debian.or_else(|| install::find(install::JAVA).filter(|java| fits(java)))
}

fn fits(java: &Path) -> bool {
    let output = Command::new(java).arg("-version").output();
    // It speaks of its version on stderr.
    output.is_ok_and(|said| {
        major(&String::from_utf8_lossy(&said.stderr)).is_some_and(|major| VERSIONS.contains(&major))
    })
}

/// The major version out of `openjdk version "17.0.15" 2025-04-15`.
fn major(text: &str) -> Option<u32> {
    let quoted = text.split('"').nth(1)?;
    quoted.split(['.', '-', '_']).next()?.parse().ok()
}

/// The command line. As root it gives up the right to lock memory: Cassandra would pin all of its heap.
pub(super) fn argv(java: &Path, arguments: &Path) -> Vec<String> {
    let mut argv = Vec::new();
    let setpriv = install::find(install::Program { name: "setpriv", package: "util-linux" });
    if let Some(setpriv) = setpriv.filter(|_| rustix::process::geteuid().is_root()) {
        argv.push(setpriv.display().to_string());
        argv.extend(["--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock"].map(str::to_owned));
    }
    argv.extend([java.display().to_string(), format!("@{}", arguments.display())]);
    argv
}

/// The file of arguments: Java reads it as if it stood on the command line.
pub(super) fn arguments(place: &Place, options: &Options, jars: &Path) -> Result<String, Error> {
    let (directory, heap_mib) = (place.directory.display(), options.heap_mib);
    let mut lines = vec![format!("-Xms{heap_mib}m"), format!("-Xmx{heap_mib}m")];
    let sized = if options.is_for_load() { LOADED } else { SMALL };
    lines.extend(sized.map(str::to_owned));
    lines.extend(COMMON.map(str::to_owned));
    lines.extend([
        format!("-Dcassandra.storagedir={directory}/data"),
        format!("-Dcassandra.logdir={directory}/log"),
        format!("-Djava.io.tmpdir={directory}/tmp"),
        format!("-Dcassandra.config=file://{directory}/conf/cassandra.yaml"),
        format!("-Dcassandra-rackdc.properties=file://{directory}/conf/cassandra-rackdc.properties"),
        format!("-Dlogback.configurationFile=file://{directory}/conf/logback.xml"),
        format!("-Dcassandra.jmx.local.port={}", place.jmx_port),
    ]);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(jars)
        .map_err(Error::io(format!("read {}", jars.display())))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jar"))
        .collect();
    paths.sort();
    let agent = paths.iter().find(|path| file_name(path).starts_with("jamm-"));
    lines.extend(agent.map(|agent| format!("-javaagent:{}", agent.display())));
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    lines.extend([
        "-cp".to_owned(),
        paths.join(":"),
        "org.apache.cassandra.service.CassandraDaemon".to_owned(),
    ]);
    let quoted: Vec<String> = lines.iter().map(|line| quoted(line)).collect();
    Ok(quoted.join("\n") + "\n")
}

/// In quotation marks, so that folders may have blanks in their names.
fn quoted(argument: &str) -> String {
    format!("\"{}\"", argument.replace('\\', "\\\\").replace('"', "\\\""))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_java_says() {
        assert_eq!(major("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK"), Some(17));
        assert_eq!(major("openjdk version \"21\" 2023-09-19"), Some(21));
        assert_eq!(major("java version \"1.8.0_292\""), Some(1));
        assert_eq!(major("sh: no java"), None);
    }

    #[test]
    fn arguments_with_blanks_stay_one() {
        assert_eq!(quoted("-Dx=a b\"c"), "\"-Dx=a b\\\"c\"");
    }
}
