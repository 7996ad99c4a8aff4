//! The page of commands is made from the command line's definition (issue 7, item 2).

use std::fmt::Write as _;
use std::path::Path;

use clap::{Command as Definition, CommandFactory as _};

use crate::cli::Cli;

const PAGE: &str = "../../docs/COMMANDS.md";
const HEAD: &str = "# Commands

<!-- Made from the definition of the command line in crates/operate/src/args and crates/server/src/cli. Change that, then
     run UPDATE_EXPECT=1 cargo test -p pix-stream-server --lib cli -->

What `pix-stream` can do. `--help` behind any of these shows options and two examples. Results go to stdout, all else to
stderr; `--json` prints one JSON object a line, with keys that stay. Exit codes: 0 done, 1 failed, 2 wrong usage, 130
interrupted. `pix-stream completions bash` (zsh, fish, elvish, powershell) has a shell complete all of it.

`admin` speaks to the admin listener of a running server: name it with `--dir DIR` and perhaps `--as admin|operator|auditor`,
or with `--url`, `--ca`, `--cert` and `--key`. Commands that change something take `--reason TEXT`, which goes to the audit log,
and `--dry-run`, which changes nothing and says what would happen; the same again is no error.
Times are `2026-11-23T10:00:00Z`, `2026-11-23`, or how long ago: `15m`, `2h`, `30d`.
";

#[test]
fn the_page_of_commands_is_generated() {
    let mut page = HEAD.to_owned();
    let definition = Cli::command();
    let (alone, groups): (Vec<_>, Vec<_>) =
        definition.get_subcommands().partition(|command| !command.has_subcommands());
    table(&mut page, "Commands on their own", "pix-stream", &alone);
    for group in groups {
        sections(&mut page, "pix-stream", group);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    if must_update() {
        std::fs::write(&path, &page).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == page, "{PAGE} differs; UPDATE_EXPECT=1 rewrites it");
}

/// A section for the commands right below a group, then those of the groups in it.
fn sections(page: &mut String, prefix: &str, group: &Definition) {
    let prefix = format!("{prefix} {}", group.get_name());
    let (leaves, groups): (Vec<_>, Vec<_>) =
        group.get_subcommands().partition(|command| !command.has_subcommands());
    table(page, &about(group), &prefix, &leaves);
    for group in groups {
        sections(page, &prefix, group);
    }
}

fn table(page: &mut String, title: &str, prefix: &str, commands: &[&Definition]) {
    write!(page, "\n## `{prefix}`\n\n{title}.\n\n| command | does |\n|---|---|\n").unwrap();
    for command in commands {
        let arguments = command.get_positionals().map(|argument| {
            let name = argument.get_value_names().map(|names| names.join(" ")).unwrap_or_default();
            let many = if argument.get_num_args().is_some_and(|n| n.max_values() > 1) { "…" } else { "" };
            if argument.is_required_set() { format!(" {name}{many}") } else { format!(" [{name}{many}]") }
        });
        let name = command.get_name();
        let has_dry_run = command.get_arguments().any(|argument| argument.get_id() == "dry_run");
        let mark = if has_dry_run { " `--dry-run`" } else { "" };
        writeln!(
            page,
            "| `{prefix} {name}{}`{mark} | {} |",
            arguments.collect::<String>(),
            about(command).replace('|', "\\|")
        )
        .unwrap();
    }
}

fn about(command: &Definition) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "a switch for whoever runs the tests, not configuration")]
fn must_update() -> bool {
    std::env::var_os("UPDATE_EXPECT").is_some()
}
