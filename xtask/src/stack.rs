//! `cargo xtask stack up`: Redis, Cassandra and servers on loopback, without containers (issue 6, item 7; cli.md).
//!
//! Starts them in order, says where they are, watches, and stops them in the reverse order. Nothing is restarted: who
//! kills a process for a drill starts it again by hand, with the command line of the ready line.

mod plan;
mod report;
mod servers;
mod settings;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use color_eyre::eyre::{Result, WrapErr as _, eyre};
use pix_stream_stores::redis::{self, Topology};
use pix_stream_stores::{Cassandra, Error, Process, Redis, cassandra};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::console;
use crate::flags::{RedisKind, StackCommand, StackFlags, UpFlags};
use crate::process::Stopwatch;
use plan::Plan;
use servers::Server;

/// How often the processes are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Exit code of an impatient end.
const INTERRUPTED: i32 = 130;
/// Heap of a Cassandra node that is alone, and of one among several, in MiB.
const HEAP_ALONE_MIB: u32 = 512;
const HEAP_MIB: u32 = 256;
/// Sentinels of a data centre.
const SENTINELS: u8 = 3;

/// Everything that runs; what is left ends when this is dropped, servers first.
#[derive(Debug)]
struct Stack {
    servers: Vec<Server>,
    /// One of each data centre.
    redis: Vec<Redis>,
    cassandra: Cassandra,
}

/// Runs one stack until a signal ends it.
pub(crate) fn run(flags: &StackFlags) -> Result<bool> {
    let StackCommand::Up(flags) = &flags.command;
    let watch = Stopwatch::start();
    let dir = std::path::absolute(&flags.dir).wrap_err("the folder has no absolute path")?;
    let plan = Plan::prepare(&dir, flags)?;
    let say = |line: &str| {
        if !flags.json {
            console::progress(&format!("[stack] {line}"));
        }
    };
    let stack = start(&dir, &plan, flags, &say)?;
    let ended = listen_for_signals()?;
    console::result(&report::ready(&dir, &stack).to_string())?;
    say(&format!("ready after {}; interrupt to stop", watch.shown()));
    for hint in report::hints(&dir, &stack) {
        say(&hint);
    }
    watch_until(&ended, &stack);
    say("stopping");
    stack.stop()?;
    say("stopped");
    Ok(true)
}

fn start(dir: &Path, plan: &Plan, flags: &UpFlags, say: &impl Fn(&str)) -> Result<Stack> {
    thread::scope(|scope| {
        let cassandra = scope.spawn(|| start_cassandra(dir, plan));
        let redis = scope.spawn(|| start_redis(dir, plan));
        // Both take seconds, and the build may take minutes.
        let binary = if plan.servers.is_empty() { None } else { Some(servers::build(flags.profile)?) };
        let died = |_| eyre!("a thread that starts a store died");
        let redis = redis.join().map_err(died)?.map_err(|error| eyre!("{error}"))?;
        let cassandra = cassandra.join().map_err(died)?.map_err(|error| eyre!("{error}"))?;
        say("Redis and Cassandra are ready");
        let mut stack = Stack { servers: Vec::new(), redis, cassandra };
        if let Some(binary) = binary {
            let config = |number: usize| {
                let redis = &stack.redis[plan.datacenter(number)];
                settings::text(plan, number, &stack.cassandra, redis)
            };
            servers::make_folders(dir, plan, &binary, &flags.participants, &config)?;
            stack.servers = servers::start(dir, plan, &binary, say)?;
        }
        Ok(stack)
    })
}

fn start_redis(dir: &Path, plan: &Plan) -> Result<Vec<Redis>, Error> {
    let one = |(at, &port): (usize, &u16)| {
        Redis::start(&redis::Options {
            port: Some(port),
            topology: match plan.shape.redis {
                RedisKind::Single => Topology::Single,
                RedisKind::Sentinel => Topology::sentinel(SENTINELS),
            },
            ..redis::Options::new(dir.join("redis").join(plan::datacenter_name(at)))
        })
    };
    plan.redis.iter().enumerate().map(one).collect()
}

fn start_cassandra(dir: &Path, plan: &Plan) -> Result<Cassandra, Error> {
    let datacenters = vec![plan.shape.cassandra_nodes.into(); plan.shape.datacenters.into()];
    let is_alone = datacenters.iter().sum::<usize>() == 1;
    Cassandra::start(&cassandra::Options {
        datacenters,
        port: Some(plan.cassandra),
        storage_port: Some(plan.cassandra_storage),
        heap_mib: if is_alone { HEAP_ALONE_MIB } else { HEAP_MIB },
        ..cassandra::Options::new(dir.join("cassandra"))
    })
}

/// Set by the first signal; a second one ends the process at once, and the guards of the stores see to the rest.
fn listen_for_signals() -> Result<Arc<AtomicBool>> {
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_shutdown(signal, INTERRUPTED, Arc::clone(&ended))?;
        flag::register(signal, Arc::clone(&ended))?;
    }
    Ok(ended)
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

impl Stack {
    fn processes(&self) -> impl Iterator<Item = &Process> {
        let redis = self.redis.iter().flat_map(Redis::nodes).map(redis::Node::process);
        let cassandra = self.cassandra.nodes().iter().map(cassandra::Node::process);
        self.servers.iter().map(|server| &server.process).chain(redis).chain(cassandra)
    }

    /// Servers first: they drain while the stores are there.
    fn stop(&self) -> Result<()> {
        let told = |result: Result<(), Error>| result.map_err(|error| eyre!("{error}"));
        for server in &self.servers {
            told(server.process.terminate())?;
        }
        for server in &self.servers {
            told(server.process.stop())?;
        }
        for redis in &self.redis {
            told(redis.stop())?;
        }
        told(self.cassandra.stop())
    }
}
