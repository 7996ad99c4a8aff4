//! A child process on core 0, ended when its owner is: nothing that was started here outlives the run.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use color_eyre::eyre::{Result, WrapErr as _, bail};

use crate::process;

/// How often, and how long apart, an ending process is looked at before it is killed.
const END_TRIES: usize = 150;
const END_STEP: Duration = Duration::from_millis(100);

/// The core of what is measured.
const CORE: &str = "0";

/// A command that will run on the measured core. `taskset` replaces itself, so the process id is the program's.
pub(crate) fn command(program: &std::path::Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", CORE]).arg(program).stdin(Stdio::null());
    command
}

/// A running child.
pub(crate) struct Pinned(Child);

impl Pinned {
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        Ok(Self(command.spawn().wrap_err_with(|| format!("cannot start {}", process::shown(command)))?))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// Ends it in order, and waits.
    pub(crate) fn stop(mut self) -> Result<()> {
        match self.terminate()? {
            Some(status) if status.success() => Ok(()),
            Some(status) => bail!("a measured process ended with {status}"),
            None => bail!("a measured process did not end in time"),
        }
    }

    fn terminate(&mut self) -> Result<Option<ExitStatus>> {
        if let Some(status) = self.0.try_wait()? {
            return Ok(Some(status));
        }
        process::succeeds_quietly(Command::new("kill").args(["-TERM", &self.pid().to_string()]));
        for _ in 0..END_TRIES {
            if let Some(status) = self.0.try_wait()? {
                return Ok(Some(status));
            }
            std::thread::sleep(END_STEP);
        }
        Ok(None)
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if !matches!(self.terminate(), Ok(Some(_))) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}
