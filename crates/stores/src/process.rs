//! One child process: started, waited for, signalled, restarted with the same command line, stopped.
//!
//! What it is and when it is ready is told from outside. It writes a pid file, so that a start in the same folder
//! finds and ends what an earlier run left behind; and a small shell waits beside it to end it when we are killed.

mod guard;
mod identity;

use std::fs::{self, File, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::deadline::Deadline;
use crate::{Error, tail};
use guard::Guard;
use identity::{Identity, Owned};

/// How long a process is given to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(15);
/// How long a killed process may take to be gone.
const KILLED: Duration = Duration::from_secs(10);

/// How to start a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// What people call it, as in `redis 1`; also in errors.
    pub name: String,
    /// The program and its arguments. Absolute paths: it must work from elsewhere, too.
    pub argv: Vec<String>,
    /// Its working folder; made when it is missing.
    pub cwd: PathBuf,
    /// Where stderr goes, and stdout when [`Self::stdout`] is not set. Appended to.
    pub log: PathBuf,
    /// Where stdout goes. Emptied at each start.
    pub stdout: Option<PathBuf>,
    /// Its pid file.
    pub pid_file: PathBuf,
    /// How long it may take to be ready.
    pub limit: Duration,
}

/// What a probe sees of the process that it is asked about.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    launch: &'a Launch,
    log_from: u64,
}

impl View<'_> {
    /// What it has written to its log since it was started.
    #[must_use]
    pub fn log(&self) -> String {
        tail::since(&self.launch.log, self.log_from)
    }

    /// What it has written to stdout since it was started; its log where both are one.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.launch.stdout.as_ref().map_or_else(|| self.log(), |path| tail::since(path, 0))
    }
}

/// Says whether a process is ready.
pub type Probe = Box<dyn Fn(View<'_>) -> bool + Send + Sync>;

/// A child process that is ended when this is dropped.
pub struct Process {
    launch: Launch,
    probe: Probe,
    running: Mutex<Running>,
}

struct Running {
    child: Child,
    log_from: u64,
    guard: Guard,
}

impl Process {
    /// Starts it, without waiting until it is ready. What an earlier run left alive, by the pid file, is killed.
    ///
    /// # Errors
    /// The program cannot be started, a file cannot be written, or the pid file is in use by a running owner.
    pub fn start(launch: Launch, probe: Probe) -> Result<Self, Error> {
        fs::create_dir_all(&launch.cwd).map_err(Error::io(format!("make {}", launch.cwd.display())))?;
        end_leftover(&launch.pid_file)?;
        let running = Mutex::new(spawn(&launch)?);
        Ok(Self { launch, probe, running })
    }

    /// Waits until it is ready.
    ///
    /// # Errors
    /// It ended, or was not ready in time; with the end of its log.
    pub fn wait_ready(&self) -> Result<(), Error> {
        self.wait_until(&self.probe)
    }

    /// Waits until something is true of it.
    ///
    /// # Errors
    /// It ended, or that was not true in time; with the end of its log.
    pub fn wait_until(&self, is_true: &dyn Fn(View<'_>) -> bool) -> Result<(), Error> {
        let deadline = Deadline::after(self.launch.limit);
        loop {
            let status = self.running().child.try_wait().map_err(self.io("watch"))?;
            let name = self.launch.name.clone();
            if let Some(status) = status {
                return Err(Error::Died { name, status: status.to_string(), log: self.log_tail() });
            }
            if is_true(self.view()) {
                return Ok(());
            }
            if !deadline.pause() {
                return Err(Error::Late { name, waited: deadline.limit(), log: self.log_tail() });
            }
        }
    }

    /// What it has written since it was started.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View { launch: &self.launch, log_from: self.running().log_from }
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.launch.name
    }

    /// Its command line, to start it again by hand.
    #[must_use]
    pub fn argv(&self) -> &[String] {
        &self.launch.argv
    }

    /// Its working folder.
    #[must_use]
    pub fn cwd(&self) -> &Path {
        &self.launch.cwd
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.launch.log
    }

    /// The end of its log, for messages to people.
    #[must_use]
    pub fn log_tail(&self) -> String {
        tail::quote(&self.launch.log)
    }

    /// The id of the process that was started last.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.running().child.id()
    }

    /// Whether it runs; a paused one does.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        matches!(self.running().child.try_wait(), Ok(None))
    }

    /// Ends it at once (SIGKILL) and waits until it is gone.
    ///
    /// # Errors
    /// The system refuses.
    pub fn kill(&self) -> Result<(), Error> {
        self.signal(Signal::KILL)?;
        self.running().child.wait().map_err(self.io("wait for"))?;
        Ok(())
    }

    /// Asks it to end (SIGTERM), does not wait.
    ///
    /// # Errors
    /// The system refuses.
    pub fn terminate(&self) -> Result<(), Error> {
        self.signal(Signal::TERM)
    }

    /// Freezes it (SIGSTOP): connections stay open, nothing answers.
    ///
    /// # Errors
    /// The system refuses.
    pub fn pause(&self) -> Result<(), Error> {
        self.signal(Signal::STOP)
    }

    /// Lets a frozen one go on (SIGCONT).
    ///
    /// # Errors
    /// The system refuses.
    pub fn resume(&self) -> Result<(), Error> {
        self.signal(Signal::CONT)
    }

    /// Ends it if it runs, starts it again with the same command line, waits until it is ready.
    ///
    /// # Errors
    /// It cannot be started, ended again, or was not ready in time.
    pub fn restart(&self) -> Result<(), Error> {
        self.respawn()?;
        self.wait_ready()
    }

    /// As [`Self::restart`], without waiting until it is ready.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn respawn(&self) -> Result<(), Error> {
        self.kill()?;
        let next = spawn(&self.launch)?;
        let former = std::mem::replace(&mut *self.running(), next);
        former.guard.dismiss();
        Ok(())
    }

    /// Asks it to end, and kills it when that takes too long. Nothing happens when it is gone already.
    ///
    /// # Errors
    /// The system refuses.
    pub fn stop(&self) -> Result<(), Error> {
        self.terminate()?;
        // A paused process would not see it.
        self.resume()?;
        if !self.wait_gone(GRACE) {
            self.kill()?;
        }
        let _ = fs::remove_file(&self.launch.pid_file);
        Ok(())
    }

    /// Waits until it has ended; false when it still runs after that time.
    #[must_use]
    pub fn wait_gone(&self, limit: Duration) -> bool {
        let deadline = Deadline::after(limit);
        loop {
            if !self.is_alive() {
                return true;
            }
            if !deadline.pause() {
                return false;
            }
        }
    }

    fn signal(&self, signal: Signal) -> Result<(), Error> {
        let mut running = self.running();
        // Until it is waited for, its id cannot be another's.
        if running.child.try_wait().map_err(self.io("watch"))?.is_some() {
            return Ok(());
        }
        kill_process(Pid::from_child(&running.child), signal).map_err(|error| self.io("signal")(error.into()))
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn io(&self, what: &str) -> impl FnOnce(std::io::Error) -> Error {
        Error::io(format!("{what} {}", self.launch.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // There is nobody to tell; the guard and the next start in this folder try again.
        if self.kill().is_ok() {
            let _ = fs::remove_file(&self.launch.pid_file);
        }
    }
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process").field("launch", &self.launch).field("pid", &self.pid()).finish()
    }
}

fn spawn(launch: &Launch) -> Result<Running, Error> {
    let [program, arguments @ ..] = launch.argv.as_slice() else {
        return Err(Error::Options(format!("{} has no command line", launch.name)));
    };
    let log_from = tail::size(&launch.log);
    let log = open(&launch.log, true)?;
    let stdout = match &launch.stdout {
        Some(path) => open(path, false)?,
        None => log.try_clone().map_err(Error::io("share a log"))?,
    };
    let mut command = Command::new(program);
    command.args(arguments).current_dir(&launch.cwd);
    command.stdin(Stdio::null()).stdout(stdout).stderr(log);
    // An interrupt at the terminal is for us; we decide in which order they end.
    command.process_group(0);
    let child = command.spawn().map_err(Error::io(format!("start {} ({program})", launch.name)))?;
    let identity = Identity::of(child.id());
    let guard = Guard::start(&identity);
    let owned = Owned { process: identity, owner: Identity::of(std::process::id()) };
    let written = fs::write(&launch.pid_file, owned.to_line());
    let running = Running { child, log_from, guard };
    match written {
        Ok(()) => Ok(running),
        Err(source) => {
            let Running { mut child, guard, .. } = running;
            let _ = child.kill().and_then(|()| child.wait());
            guard.dismiss();
            Err(Error::Io { what: format!("write {}", launch.pid_file.display()), source })
        }
    }
}

fn open(path: &Path, append: bool) -> Result<File, Error> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Error::io(format!("make {}", folder.display())))?;
    }
    let mut options = OpenOptions::new();
    options.create(true);
    if append {
        options.append(true)
    } else {
        options.write(true).truncate(true)
    };
    options.open(path).map_err(Error::io(format!("open {}", path.display())))
}

/// Kills what an earlier run left behind: the process that a pid file names, if it is still that one.
///
/// # Errors
/// Whoever started it still runs, or it will not die.
pub fn end_leftover(pid_file: &Path) -> Result<(), Error> {
    let Ok(line) = fs::read_to_string(pid_file) else { return Ok(()) };
    let Some(Owned { process, owner }) = Owned::parse(&line) else { return Ok(()) };
    if !process.is_alive() {
        return Ok(());
    }
    let (shown, pid) = (pid_file.display(), process.pid());
    if owner.is_alive() {
        let owner = owner.pid();
        return Err(Error::Options(format!(
            "{shown} is of process {pid}, in use by process {owner}: take another folder, or end that one"
        )));
    }
    process.kill();
    let deadline = Deadline::after(KILLED);
    while process.is_alive() {
        if !deadline.pause() {
            return Err(Error::Options(format!("{shown}: process {pid} of an earlier run cannot be killed")));
        }
    }
    Ok(())
}
