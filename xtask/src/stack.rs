//! `cargo xtask stack up`: flags, signals and words around [`pix_stream_stack`], in the foreground until interrupted.
//!
//! Nothing is restarted: who kills a process for a drill starts it again by hand, as the ready line says.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use color_eyre::eyre::{Result, eyre};
use pix_stream_stack::{self as stack, Caller, Error, Options, Stack};
use serde::Deserialize;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::console;
use crate::flags::{Profile, RedisKind, StackCommand, StackFlags, UpFlags};
use crate::process::{self, Stopwatch};

/// How often the processes are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// What ends a stack.
const SIGNALS: [i32; 2] = [SIGINT, SIGTERM];
/// How long after the first signal another one says nothing new.
const PATIENCE: Duration = Duration::from_millis(300);
/// Exit code of an impatient end.
const INTERRUPTED: i32 = 130;

/// Runs one stack until a signal ends it.
pub(crate) fn run(flags: &StackFlags) -> Result<bool> {
    let StackCommand::Up(flags) = &flags.command;
    let watch = Stopwatch::start();
    let say = |line: &str| {
        if !flags.json {
            console::progress(&format!("[stack] {line}"));
        }
    };
    let build = || match &flags.server {
        Some(binary) => std::path::absolute(binary).map_err(|error| Error::Build(error.to_string())),
        None => build(flags.profile).map_err(|error| Error::Build(error.to_string())),
    };
    let stack = Stack::start(&options(flags), &Caller { build: &build, say: &say });
    let stack = match stack {
        Ok(stack) => stack,
        Err(error) => {
            console::progress(&format!("[stack] {error}"));
            return Ok(false);
        }
    };
    let ended = listen_for_signals()?;
    console::result(&stack.ready_line())?;
    say(&format!("ready after {}; interrupt to stop", watch.shown()));
    for server in stack.servers() {
        say(&format!("{} in {}: {}", server.process().name(), server.datacenter(), server.api()));
    }
    watch_until(&ended, &stack);
    say("stopping");
    grow_impatient(&ended)?;
    stack.stop()?;
    say("stopped");
    Ok(true)
}

fn options(flags: &UpFlags) -> Options {
    Options {
        servers: flags.servers,
        cassandra_nodes: flags.cassandra_nodes,
        datacenters: flags.datacenters,
        redis: match flags.redis {
            RedisKind::Single => stack::RedisKind::Single,
            RedisKind::Sentinel => stack::RedisKind::Sentinel,
        },
        participants: flags.participants.clone(),
        is_secure: flags.secure,
        ..Options::new(&flags.dir)
    }
}

/// One line of cargo's about what it built.
#[derive(Debug, Deserialize)]
struct Built {
    executable: Option<PathBuf>,
}

/// Builds the server; where its binary is.
fn build(profile: Profile) -> Result<PathBuf> {
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
    let binary = built.filter_map(|built| built.executable).next_back();
    binary.ok_or_else(|| eyre!("cargo names no binary that it built"))
}

/// Set by the first signal.
fn listen_for_signals() -> Result<Arc<AtomicBool>> {
    let ended = Arc::new(AtomicBool::new(false));
    for signal in SIGNALS {
        flag::register(signal, Arc::clone(&ended))?;
    }
    Ok(ended)
}

/// From now on a signal ends the process at once; the guards of the stores see to the rest. Not right after the first
/// one: `timeout` sends two, to us and to our group.
fn grow_impatient(ended: &Arc<AtomicBool>) -> Result<()> {
    thread::sleep(PATIENCE);
    for signal in SIGNALS {
        flag::register_conditional_shutdown(signal, INTERRUPTED, Arc::clone(ended))?;
    }
    Ok(())
}

/// Names each process once that dies by itself, or by a drill.
fn watch_until(ended: &AtomicBool, stack: &Stack) {
    let mut dead = HashSet::new();
    while !ended.load(Ordering::Relaxed) {
        for process in stack.processes() {
            if !process.is_alive() && dead.insert(process.pid()) {
                let (name, pid, log) = (process.name(), process.pid(), process.log().display());
                console::progress(&format!("[stack] {name} (process {pid}) has ended; its log: {log}"));
            }
        }
        thread::sleep(LOOK);
    }
}
