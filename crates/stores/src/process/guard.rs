//! A shell that waits for our end: when we are killed its input closes, and it kills what we had started.
//!
//! The kernel could do that (`PR_SET_PDEATHSIG`), but only through unsafe code and bound to a thread.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};

use super::identity::Identity;

/// Waits for the end of its input, then kills process `$1` if that one began at `$2`.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
read -r _
stat=$(cat "/proc/$1/stat" 2>/dev/null) || exit 0
pid=$1 began=$2
set -- ${stat##*) }
[ "${20}" = "$began" ] && kill -KILL "$pid"
exit 0
"#;

/// The waiting shell; `None` where it could not be started, and then nobody waits.
pub(super) struct Guard {
    shell: Option<(Child, ChildStdin)>,
}

impl Guard {
    /// Begins to wait.
    pub(super) fn start(identity: &Identity) -> Self {
        if identity.began().is_empty() {
            return Self { shell: None };
        }
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "guard", &identity.pid().to_string(), identity.began()]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let shell = command.spawn().ok().and_then(|mut child| {
            let input = child.stdin.take()?;
            Some((child, input))
        });
        Self { shell }
    }

    /// Ends it, once the process is gone.
    pub(super) fn dismiss(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some((mut child, input)) = self.shell.take() {
            drop(input);
            let _ = child.wait();
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.end();
    }
}
