//! Runbook pages as what can be carried out: the commands of their marked blocks, each with what it must say.
//!
//! A block begins with three backticks and `sh drill=check`, `drill=act`, `drill=verify` or `drill=afterwards`. Each
//! line of it is a command; a backslash at the end continues it. Comments after a command say what is expected of it:
//!
//! - `# => text`: what it prints holds this text; `# =>! text`: it does not,
//! - `# within 30s`: it is repeated until all of this is true, so long at most; otherwise it is run once,
//! - `# exit 1`: it ends so; otherwise with 0.
//!
//! Nothing is run here.

use std::time::Duration;

/// One command with what is expected of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The section it belongs to, as its block says.
    pub step: String,
    /// Where it stands, counted from 1.
    pub line: usize,
    /// As a shell takes it.
    pub text: String,
    /// What it must print.
    pub holds: Vec<String>,
    /// What it must not print.
    pub lacks: Vec<String>,
    /// How long it may be repeated.
    pub within: Duration,
    /// How it must end.
    pub exit: i32,
}

/// Why a page cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

const FENCE: &str = "```";
const MARK: &str = "drill=";

/// The commands of a page, in its order.
///
/// # Errors
/// A comment that asks for something unknown, an expectation without a command, a block without an end.
pub fn read(text: &str) -> Result<Vec<Command>, Error> {
    let mut commands = Vec::new();
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    while let Some((at, line)) = lines.next() {
        let Some(info) = line.trim_start().strip_prefix(FENCE) else { continue };
        let mark = info.split_whitespace().find_map(|word| word.strip_prefix(MARK));
        let mut block = Vec::new();
        let mut is_open = true;
        for (number, line) in lines.by_ref() {
            if line.trim_start().starts_with(FENCE) {
                is_open = false;
                break;
            }
            block.push((number, line));
        }
        if is_open {
            return Err(Error { line: at, what: "the block has no end".to_owned() });
        }
        if let Some(step) = mark {
            read_block(step, &block, &mut commands)?;
        }
    }
    Ok(commands)
}

fn read_block(step: &str, block: &[(usize, &str)], commands: &mut Vec<Command>) -> Result<(), Error> {
    let first = commands.len();
    let mut begun: Option<(usize, String)> = None;
    for &(line, text) in block {
        let text = text.trim();
        if let Some(comment) = text.strip_prefix('#').filter(|_| begun.is_none()) {
            let Some(command) = commands.get_mut(first..).and_then(<[Command]>::last_mut) else { continue };
            expect(command, comment.trim()).map_err(|what| Error { line, what })?;
            continue;
        }
        if text.is_empty() {
            continue;
        }
        let (number, so_far) = begun.take().unwrap_or((line, String::new()));
        match text.strip_suffix('\\') {
            Some(part) => begun = Some((number, so_far + part)),
            None => commands.push(Command {
                step: step.to_owned(),
                line: number,
                text: so_far + text,
                holds: Vec::new(),
                lacks: Vec::new(),
                within: Duration::ZERO,
                exit: 0,
            }),
        }
    }
    match begun {
        Some((line, _)) => Err(Error { line, what: "the last command goes on behind the block".to_owned() }),
        None => Ok(()),
    }
}

/// Takes in one comment; words for people are left alone.
fn expect(command: &mut Command, comment: &str) -> Result<(), String> {
    if let Some(text) = comment.strip_prefix("=>!") {
        command.lacks.push(text.trim().to_owned());
    } else if let Some(text) = comment.strip_prefix("=>") {
        command.holds.push(text.trim().to_owned());
    } else if let Some(text) = comment.strip_prefix("within ") {
        let seconds = text.trim().strip_suffix('s').and_then(|number| number.parse().ok());
        command.within = Duration::from_secs(seconds.ok_or(format!("`{text}` is no time such as 30s"))?);
    } else if let Some(text) = comment.strip_prefix("exit ") {
        command.exit = text.trim().parse().map_err(|_| format!("`{text}` is no exit code"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# A page\n\n```sh drill=check\n# Words for people.\npix-stream admin \\\n  --dir \"$DIR\" reload\n# => taken\n# =>! refused\n# within 5s\nfalse\n# exit 1\n```\n\n```text\nnot run\n```\n\n```sh drill=act\ntrue\n```\n";

    #[test]
    fn marked_commands_are_read_with_what_is_expected_of_them() {
        let commands = read(PAGE).unwrap();
        assert_eq!(commands.len(), 3);
        assert_eq!(commands[0].text, "pix-stream admin --dir \"$DIR\" reload");
        assert_eq!((commands[0].line, commands[0].step.as_str()), (5, "check"));
        assert_eq!((commands[0].holds[0].as_str(), commands[0].lacks[0].as_str()), ("taken", "refused"));
        assert_eq!(commands[0].within, Duration::from_secs(5));
        assert_eq!((commands[1].exit, commands[2].exit), (1, 0));
    }

    #[test]
    fn a_block_without_an_end_and_a_time_without_a_unit_are_named() {
        assert_eq!(read("```sh drill=act\ntrue\n").unwrap_err().line, 1);
        assert_eq!(read("```sh drill=act\ntrue\n# within 5\n```\n").unwrap_err().line, 3);
        assert_eq!(read("```sh drill=act\ntrue \\\n```\n").unwrap_err().line, 2);
    }
}
