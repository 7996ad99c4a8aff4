//! Processes of any kind: ended, paused, started again, never left behind (issue 6, item 7).

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use pix_stream_stores::Error;
use pix_stream_stores::process::{Launch, Probe, Process};

fn launch(directory: &Path, script: &str) -> Launch {
    Launch {
        name: "a script".to_owned(),
        argv: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
        cwd: directory.to_path_buf(),
        log: directory.join("log"),
        stdout: Some(directory.join("stdout")),
        pid_file: directory.join("pid"),
        limit: Duration::from_secs(10),
    }
}

fn says(text: &'static str) -> Probe {
    Box::new(move |view| view.log().contains(text))
}

#[test]
fn a_process_that_ends_too_early_is_an_error_that_quotes_its_log() {
    let directory = tempfile::tempdir().unwrap();
    let launch = launch(directory.path(), "echo out of luck >&2; exit 7");
    let process = Process::start(launch, says("ready")).unwrap();
    let error = process.wait_ready().unwrap_err();
    assert!(matches!(error, Error::Died { .. }), "{error}");
    assert!(error.to_string().contains("out of luck") && error.to_string().contains('7'), "{error}");
}

#[test]
fn a_process_that_says_nothing_is_too_late() {
    let directory = tempfile::tempdir().unwrap();
    let launch = Launch { limit: Duration::from_millis(100), ..launch(directory.path(), "exec sleep 60") };
    let process = Process::start(launch, says("ready")).unwrap();
    assert!(matches!(process.wait_ready(), Err(Error::Late { .. })));
    assert!(process.is_alive());
}

#[test]
fn a_restarted_process_must_become_ready_anew() {
    let directory = tempfile::tempdir().unwrap();
    let launch = launch(directory.path(), "echo ready >&2; echo $$; exec sleep 60");
    let process = Process::start(launch, says("ready")).unwrap();
    process.wait_ready().unwrap();
    let first = process.pid();
    process.restart().unwrap();
    assert_ne!(process.pid(), first);
    assert_eq!(fs::read_to_string(directory.path().join("stdout")).unwrap(), format!("{}\n", process.pid()));
    assert_eq!(fs::read_to_string(directory.path().join("log")).unwrap(), "ready\nready\n");
    process.stop().unwrap();
    assert!(!process.is_alive());
    assert!(!directory.path().join("pid").exists());
}

#[test]
fn one_that_ignores_the_request_to_end_is_gone_when_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let script = "trap '' TERM; echo ready >&2; while :; do sleep 1; done";
    let process = Process::start(launch(directory.path(), script), says("ready")).unwrap();
    process.wait_ready().unwrap();
    process.terminate().unwrap();
    let pid = process.pid();
    drop(process);
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn what_a_dead_owner_left_is_killed_by_the_next_start_with_that_pid_file() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let script = "echo ready >&2; exec sleep 60";
    let left = Process::start(launch(one.path(), script), says("ready")).unwrap();
    left.wait_ready().unwrap();
    let line = fs::read_to_string(one.path().join("pid")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    // A process with this id lives, but it began at another time.
    let of_a_dead_owner = format!("{} {} {} 1", words[0], words[1], words[2]);
    fs::write(other.path().join("pid"), of_a_dead_owner).unwrap();
    let next = Process::start(launch(other.path(), script), says("ready")).unwrap();
    next.wait_ready().unwrap();
    assert!(left.wait_gone(Duration::from_secs(10)));
    assert!(next.is_alive());
}

#[test]
fn a_folder_in_use_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let script = "echo ready >&2; exec sleep 60";
    let first = Process::start(launch(directory.path(), script), says("ready")).unwrap();
    let refused = Process::start(launch(directory.path(), script), says("ready")).unwrap_err();
    assert!(refused.to_string().contains("in use by process"), "{refused}");
    assert!(first.is_alive());
}

/// Where the test below has itself started again, as an owner that will be killed.
const OWNED: &str = "PIX_STORES_TEST_OWNED";

#[test]
fn what_a_killed_owner_had_started_ends_by_itself() {
    #[expect(clippy::disallowed_methods, reason = "how this test tells its second process what it is")]
    let owned = std::env::var_os(OWNED);
    if let Some(directory) = owned {
        let script = "echo ready >&2; exec sleep 60";
        let process = Process::start(launch(Path::new(&directory), script), says("ready")).unwrap();
        process.wait_ready().unwrap();
        println!("\npid {}", process.pid());
        loop {
            thread::park();
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "process::what_a_killed_owner_had_started_ends_by_itself", "--nocapture"])
        .env(OWNED, directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let pid = lines.map_while(Result::ok).find_map(|line| Some(line.strip_prefix("pid ")?.to_owned()));
    let stat = format!("/proc/{}/stat", pid.unwrap());
    let is_alive = || fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
    assert!(is_alive());
    owner.kill().unwrap();
    owner.wait().unwrap();
    // Ends, or this test never does.
    while is_alive() {
        thread::yield_now();
    }
}
