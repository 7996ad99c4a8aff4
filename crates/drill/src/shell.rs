//! Commands of a page, run by a shell as an operator would type them, and held against what is expected.
//!
//! A line `NAME=$(…)` sets a variable for the lines after it. Services are not known here: see [`crate::service`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Program, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use color_eyre::eyre::{Result, WrapErr as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::page::Command;

/// No command takes longer.
const LONGEST: Duration = Duration::from_secs(120);
/// Between two tries of a command that is repeated.
const AGAIN: Duration = Duration::from_millis(300);
const LOOK: Duration = Duration::from_millis(10);

/// What commands see: variables, a folder, a search path.
#[derive(Debug)]
pub struct Shell {
    folder: PathBuf,
    variables: BTreeMap<String, String>,
    background: Vec<Child>,
}

/// What a command said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its exit code; -1 when a signal ended it.
    pub exit: i32,
    /// stdout and stderr.
    pub text: String,
}

impl Shell {
    /// A shell in a folder, that finds a program before all others.
    pub fn new(folder: &Path, program: &Path) -> Self {
        let programs = program.parent().unwrap_or(folder).display();
        let path = format!("{programs}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        let variables = BTreeMap::from([("PATH".to_owned(), path), ("NO_COLOR".to_owned(), "1".to_owned())]);
        Self { folder: folder.to_owned(), variables, background: Vec::new() }
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.variables.insert(name.to_owned(), value.into());
    }

    /// The value of `$NAME`; any other word as it is.
    #[must_use]
    pub fn expand(&self, word: &str) -> String {
        let value = word.strip_prefix('$').and_then(|name| self.variables.get(name));
        value.cloned().unwrap_or_else(|| word.to_owned())
    }

    /// Runs a line once.
    ///
    /// # Errors
    /// The shell cannot be started; the line takes longer than the longest that a drill waits for one.
    pub fn run(&mut self, line: &str) -> Result<Said> {
        let assigned = assigned(line);
        let script = match assigned {
            // What it says on stderr is no part of the value.
            Some(name) => {
                format!(
                    "{{ {line}\n}} 2>.stderr || {{ STATUS=$?; cat .stderr; exit $STATUS; }}\nprintf %s \"${name}\""
                )
            }
            None => line.to_owned(),
        };
        let said = self.finish(self.start(&script)?, line)?;
        if let Some(name) = assigned.filter(|_| said.exit == 0) {
            self.set(name, said.text.trim());
        }
        Ok(said)
    }

    /// Runs a command of a page until it is as expected; what it said.
    ///
    /// # Errors
    /// It is not as expected, in time; with what it said.
    pub fn carry_out(
        &mut self,
        command: &Command,
        mut run: impl FnMut(&mut Self, &str) -> Result<Said>,
    ) -> Result<Said> {
        let until = now() + command.within;
        loop {
            let said = run(self, &command.text)?;
            let Some(why) = mismatch(command, &said) else { return Ok(said) };
            if now() >= until {
                bail!("line {} `{}`: {why}; it said:\n{}", command.line, command.text, said.text.trim_end());
            }
            thread::sleep(AGAIN);
        }
    }

    /// Starts a line that goes on beside everything else, until [`Self::end_background`] or the end.
    ///
    /// # Errors
    /// The shell cannot be started.
    pub fn begin(&mut self, line: &str) -> Result<()> {
        let log =
            std::fs::File::options().create(true).append(true).open(self.folder.join("background.log"))?;
        let mut program = self.program(line);
        let child = program.stdout(log.try_clone()?).stderr(log).spawn().wrap_err("cannot start bash")?;
        self.background.push(child);
        Ok(())
    }

    /// Ends what was begun.
    pub fn end_background(&mut self) {
        for mut child in self.background.drain(..) {
            end(&mut child);
        }
    }

    fn program(&self, script: &str) -> Program {
        use std::os::unix::process::CommandExt as _;
        let mut program = Program::new("/bin/bash");
        program.args(["-o", "pipefail", "-c", script]).env_clear().envs(&self.variables);
        program.current_dir(&self.folder).stdin(Stdio::null()).process_group(0);
        program
    }

    fn start(&self, script: &str) -> Result<(Child, PathBuf)> {
        let said = self.folder.join(".said");
        let file = std::fs::File::create(&said)?;
        let mut program = self.program(script);
        let child = program.stdout(file.try_clone()?).stderr(file).spawn().wrap_err("cannot start bash")?;
        Ok((child, said))
    }

    fn finish(&self, (mut child, said): (Child, PathBuf), line: &str) -> Result<Said> {
        let began = now();
        loop {
            if let Some(status) = child.try_wait()? {
                let text = String::from_utf8_lossy(&std::fs::read(&said)?).into_owned();
                return Ok(Said { exit: status.code().unwrap_or(-1), text });
            }
            if began.elapsed() > LONGEST {
                end(&mut child);
            }
            ensure!(began.elapsed() <= LONGEST, "`{line}` did not end within {LONGEST:?}");
            thread::sleep(LOOK);
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.end_background();
    }
}

/// Ends a shell and what it started.
fn end(child: &mut Child) {
    let _gone = kill_process_group(Pid::from_child(child), Signal::KILL);
    let _reaped = child.wait();
}

/// What is not as expected.
fn mismatch(command: &Command, said: &Said) -> Option<String> {
    if said.exit != command.exit {
        return Some(format!("it ended with {} instead of {}", said.exit, command.exit));
    }
    let missing = command.holds.iter().find(|text| !said.text.contains(text.as_str()));
    let surplus = command.lacks.iter().find(|text| said.text.contains(text.as_str()));
    missing
        .map(|text| format!("it does not say `{text}`"))
        .or(surplus.map(|text| format!("it says `{text}`")))
}

/// The variable that a line sets.
fn assigned(line: &str) -> Option<&str> {
    let (name, value) = line.split_once('=')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    (is_name && value.starts_with("$(")).then_some(name)
}

pub(crate) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a drill takes real time, and measures it")]
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page;

    fn shell(folder: &Path) -> Shell {
        Shell::new(folder, Path::new("/bin/true"))
    }

    #[test]
    fn a_variable_that_one_line_sets_is_there_for_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let mut shell = shell(folder.path());
        assert_eq!(shell.run("NAME=$(echo a b | tr a c)").unwrap().exit, 0);
        assert_eq!(shell.run("echo \"[$NAME]\"").unwrap().text, "[c b]\n");
    }

    #[test]
    fn a_command_is_repeated_until_it_is_as_expected() {
        let folder = tempfile::tempdir().unwrap();
        let page = "```sh drill=verify\necho x >> f; wc -l < f\n# => 3\n# within 5s\n```\n";
        let command = &page::read(page).unwrap()[0];
        let said = shell(folder.path()).carry_out(command, |shell, line| shell.run(line)).unwrap();
        assert_eq!(said.text.trim(), "3");
    }

    #[test]
    fn what_is_not_as_expected_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let command = &page::read("```sh drill=act\necho no\n# => yes\n```\n").unwrap()[0];
        let error = shell(folder.path()).carry_out(command, |shell, line| shell.run(line)).unwrap_err();
        assert!(error.to_string().contains("does not say `yes`"), "{error}");
    }

    #[test]
    fn what_was_begun_ends_with_the_shell() {
        let folder = tempfile::tempdir().unwrap();
        let mut shell = shell(folder.path());
        shell.begin("echo $$ > pid; while :; do sleep 0.1; done").unwrap();
        let read = "cat pid";
        while shell.run(read).unwrap().exit != 0 {}
        let pid = shell.run(read).unwrap().text;
        drop(shell);
        assert!(!Path::new(&format!("/proc/{}", pid.trim())).exists());
    }
}
