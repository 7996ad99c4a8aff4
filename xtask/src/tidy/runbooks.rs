//! Runbooks: pages have the six sections and stand in the index, alerts lead to pages, commands exist.
//!
//! Which subcommands there are is read from the enums with `Subcommand` in the crates of the command line. That a page
//! does what it says is shown by `cargo xtask drill`, not here.

use std::collections::BTreeSet;

use proc_macro2::TokenTree;

use crate::tidy::Problem;
use crate::tidy::rust::{self, Source};
use crate::tidy::tree::Tree;

const FOLDER: &str = "docs/runbooks/";
const INDEX: &str = "docs/runbooks/README.md";
const RULES: &str = "deploy/prometheus/rules.yml";
const DRILLS: &str = "crates/drill/src/drills.rs";
const SECTIONS: [&str; 6] = ["Symptom", "Impact", "Check", "Act", "Verify", "Afterwards"];
/// Where subcommands are defined.
const COMMAND_LINES: [&str; 2] = ["crates/operate/src/", "crates/server/src/"];
/// Commands whose next word is a command, too.
const PARENTS: [&str; 13] = [
    "admin",
    "audit",
    "catalog",
    "config",
    "keys",
    "log",
    "migrate",
    "participants",
    "quarantine",
    "regions",
    "replay",
    "slot",
    "token",
];

/// Checks all pages, and the rules that link to them.
pub(super) fn check(tree: &Tree, sources: &[Source<'_>]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let commands = commands(sources);
    for (path, text) in pages(tree) {
        check_sections(path, text, &mut problems);
        check_index(tree, path, &mut problems);
        check_blocks(path, text, &commands, &mut problems);
    }
    check_alerts(tree, &mut problems);
    problems
}

fn pages(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    tree.files().filter(|(path, _)| path.starts_with(FOLDER) && path.ends_with(".md") && *path != INDEX)
}

fn check_sections(path: &str, text: &str, problems: &mut Vec<Problem>) {
    let found: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    if found != SECTIONS {
        let message = format!("has the sections {}, not {}", found.join(", "), SECTIONS.join(", "));
        problems.push(Problem::new(path, 1, message));
    }
}

fn check_index(tree: &Tree, path: &str, problems: &mut Vec<Problem>) {
    let file = path.trim_start_matches(FOLDER);
    if !tree.find(INDEX).is_some_and(|index| index.contains(&format!("({file})"))) {
        problems.push(Problem::new(INDEX, 1, format!("`{file}` is not in the index")));
    }
    let name = file.trim_end_matches(".md");
    if !tree.find(DRILLS).is_some_and(|drills| drills.contains(&format!("\"{name}\""))) {
        problems.push(Problem::new(path, 1, format!("no drill in {DRILLS} carries it out")));
    }
}

/// Every block of commands is marked with the section that it is in, and its commands exist.
fn check_blocks(path: &str, text: &str, commands: &BTreeSet<String>, problems: &mut Vec<Problem>) {
    let (mut section, mut block) = (String::new(), None);
    for (number, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line)) {
        if let Some(info) = line.trim_start().strip_prefix("```") {
            let is_commands = block.is_none() && info.starts_with("sh");
            if is_commands && info != format!("sh drill={}", section.to_lowercase()) {
                let message = format!("a block of commands in `{section}` is marked `{info}`");
                problems.push(Problem::new(path, number, message));
            }
            block = if block.is_some() { None } else { Some(is_commands) };
        } else if let Some(name) = line.strip_prefix("## ").filter(|_| block.is_none()) {
            name.clone_into(&mut section);
        } else if block == Some(true)
            && let Some(unknown) = find_unknown(line, commands)
        {
            problems.push(Problem::new(path, number, format!("there is no command `{unknown}`")));
        }
    }
}

/// The first word of a `pix-stream` line that should be a command and is none.
fn find_unknown(line: &str, commands: &BTreeSet<String>) -> Option<String> {
    let line = line.split(" # ").next().unwrap_or_default();
    let (_, rest) = line.split_once("pix-stream ").filter(|_| !line.trim_start().starts_with('#'))?;
    let mut words = rest.split_whitespace();
    loop {
        let word = words.next()?.trim_end_matches([')', ';']);
        if word.starts_with("--") {
            // All options of these commands that come before a subcommand take a value.
            words.next();
            continue;
        }
        // The name of a service, as in `systemctl restart pix-stream && …`.
        if !word.starts_with(|c: char| c.is_ascii_lowercase()) {
            return None;
        }
        if !commands.contains(word) {
            return Some(word.to_owned());
        }
        if !PARENTS.contains(&word) {
            return None;
        }
    }
}

/// Names of subcommands as they are typed: variants of enums that derive `Subcommand`.
fn commands(sources: &[Source<'_>]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let is_command_line = |path: &str| COMMAND_LINES.iter().any(|folder| path.starts_with(folder));
    for source in sources.iter().filter(|source| is_command_line(source.path)) {
        rust::each_level(&source.tokens, &mut |level| {
            let mut derives = false;
            for window in level.windows(3) {
                if let [TokenTree::Punct(mark), TokenTree::Group(attribute), _] = window
                    && mark.as_char() == '#'
                {
                    derives |= attribute.stream().to_string().contains("Subcommand");
                }
                if let [TokenTree::Ident(keyword), TokenTree::Ident(_), TokenTree::Group(body)] = window
                    && keyword == "enum"
                {
                    if derives {
                        add_variants(body, &mut names);
                    }
                    derives = false;
                }
                if matches!(window.first(), Some(TokenTree::Ident(keyword)) if keyword == "struct") {
                    derives = false;
                }
            }
        });
    }
    names
}

fn add_variants(body: &proc_macro2::Group, names: &mut BTreeSet<String>) {
    let mut is_start = true;
    for token in body.stream() {
        match token {
            TokenTree::Ident(name) if is_start => {
                names.insert(kebab(&name.to_string()));
                is_start = false;
            }
            TokenTree::Punct(mark) if mark.as_char() == ',' => is_start = true,
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Group(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// `TakeOver` as `take-over`.
fn kebab(name: &str) -> String {
    let mut text = String::new();
    for (at, letter) in name.chars().enumerate() {
        if letter.is_ascii_uppercase() && at > 0 {
            text.push('-');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

/// Every alert links to a page that exists.
fn check_alerts(tree: &Tree, problems: &mut Vec<Problem>) {
    let Some(text) = tree.find(RULES) else { return };
    let mut open: Option<(usize, String)> = None;
    let mut report = |open: &mut Option<(usize, String)>| {
        if let Some((line, alert)) = open.take() {
            problems.push(Problem::new(
                RULES,
                line,
                format!("{alert} has no runbook_url to a page that exists"),
            ));
        }
    };
    for (number, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line.trim())) {
        if let Some(alert) = line.strip_prefix("- alert:") {
            report(&mut open);
            open = Some((number, alert.trim().to_owned()));
        }
        let page = line.strip_prefix("runbook_url:").map(|page| page.trim().trim_matches('"'));
        if page.is_some_and(|page| page.starts_with(FOLDER) && tree.find(page).is_some()) {
            open = None;
        }
    }
    report(&mut open);
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLI: &str = "//! C.\n#[derive(Debug, Subcommand)]\npub enum Command {\n    /// A\n    Admin(AdminArgs),\n    #[command(after_help = \"x\")]\n    Participants { command: P },\n    TakeOver,\n}\n";
    const RULE: &str = "- alert: A\n  annotations:\n    runbook_url: docs/runbooks/lag.md\n";

    fn problems(page: &str, rules: &str) -> Vec<String> {
        let tree = Tree::of(&[
            ("crates/server/src/cli.rs", CLI),
            (INDEX, "| [lag](lag.md) |\n"),
            (DRILLS, "page(\"lag\")"),
            ("docs/runbooks/lag.md", page),
            (RULES, rules),
        ]);
        let sources = rust::sources(&tree, &mut Vec::new());
        check(&tree, &sources).iter().map(ToString::to_string).collect()
    }

    fn page(block: &str) -> String {
        format!(
            "# L\n\n## Symptom\n\n## Impact\n\n## Check\n\n{block}\n\n## Act\n\n## Verify\n\n## Afterwards\n"
        )
    }

    #[test]
    fn a_page_with_all_sections_and_known_commands_is_fine() {
        let block = "```sh drill=check\nA=$(pix-stream admin --dir \"$DIR\" participants)\n# pix-stream nonsense\npix-stream take-over dc1\n```";
        assert_eq!(problems(&page(block), RULE), Vec::<String>::new());
    }

    #[test]
    fn an_unknown_command_a_wrong_mark_and_a_missing_section_are_found() {
        let unknown = problems(&page("```sh drill=check\npix-stream admin --dir d nonsense\n```"), RULE);
        assert_eq!(unknown, ["docs/runbooks/lag.md:10: there is no command `nonsense`"]);
        let mark = problems(&page("```sh\ntrue\n```"), RULE);
        assert!(mark[0].contains("is marked `sh`"), "{mark:?}");
        assert!(problems("# L\n\n## Symptom\n", RULE)[0].contains("has the sections Symptom"), "sections");
    }

    #[test]
    fn an_alert_without_a_page_is_found() {
        let found = problems(&page(""), "- alert: A\n- alert: B\n  runbook_url: docs/runbooks/gone.md\n");
        assert_eq!(found.len(), 2, "{found:?}");
    }
}
