//! `systemctl` in pages, and what it does here: it is understood, not run, because the processes of a drill are its own.

use color_eyre::eyre::Result;

use crate::ground::Ground;
use crate::shell::{Said, Shell};

/// A line that is about a service.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Order {
    host: Option<String>,
    action: String,
    unit: String,
}

/// Runs a line, by the shell or on a service.
///
/// # Errors
/// The shell cannot be started, the line takes too long, the service cannot be brought to it.
pub fn run(ground: &Ground, shell: &mut Shell, line: &str) -> Result<Said> {
    match order(shell, line) {
        Some(Order { host, action, unit }) => {
            ground.service(host.as_deref(), &action, &unit)?;
            Ok(Said { exit: 0, text: String::new() })
        }
        None => shell.run(line),
    }
}

/// `systemctl ACTION UNIT`, and the same behind `ssh HOST`.
fn order(shell: &Shell, line: &str) -> Option<Order> {
    let words: Vec<String> =
        line.split_whitespace().map(|word| shell.expand(word.trim_matches('"'))).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (host, rest) = match words.as_slice() {
        ["ssh", host, rest @ ..] => (Some((*host).to_owned()), rest),
        rest => (None, rest),
    };
    match rest {
        ["systemctl", action, unit] => {
            Some(Order { host, action: (*action).to_owned(), unit: (*unit).to_owned() })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn orders_to_services_are_told_from_commands() {
        let folder = tempfile::tempdir().unwrap();
        let mut shell = Shell::new(folder.path(), Path::new("/bin/true"));
        shell.set("LOST", "dc1");
        let order = |line| order(&shell, line);
        let there = order("ssh \"$LOST\" systemctl start cassandra").unwrap();
        assert_eq!(
            (there.host.as_deref(), there.action.as_str(), there.unit.as_str()),
            (Some("dc1"), "start", "cassandra")
        );
        assert_eq!(order("systemctl restart pix-stream").unwrap().host, None);
        assert_eq!(order("echo systemctl restart pix-stream now"), None);
    }
}
