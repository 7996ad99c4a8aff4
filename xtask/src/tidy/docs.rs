//! Documents: links between them resolve, `docs/invariants.md` names tests that exist, and each folder of
//! fixtures says where it comes from. Wording is not checked.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::TokenTree;

use crate::tidy::Problem;
use crate::tidy::rust::{self, Source};
use crate::tidy::tree::Tree;

const INVARIANTS: &str = "docs/invariants.md";
/// Invariants of the design (section 6).
const INVARIANT_COUNT: usize = 10;

/// Checks all documents.
pub(super) fn check(tree: &Tree, sources: &[Source<'_>]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| path.ends_with(".md")) {
        check_links(tree, path, text, &mut problems);
    }
    check_invariants(tree, sources, &mut problems);
    check_fixtures(tree, &mut problems);
    problems
}

/// Lines outside code fences, with their numbers.
pub(super) fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        (!fenced && !is_fence).then_some((number + 1, line))
    })
}

/// What stands between single backticks.
pub(super) fn backticked(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn check_links(tree: &Tree, path: &str, text: &str, problems: &mut Vec<Problem>) {
    for (number, line) in prose(text) {
        for target in links(line) {
            let file = target.split('#').next().unwrap_or_default();
            let is_elsewhere = file.is_empty() || file.contains(':');
            if !is_elsewhere && !find_target(path, file).is_some_and(|target| tree.holds(&target)) {
                problems.push(Problem::new(path, number, format!("link to `{target}` leads nowhere")));
            }
        }
    }
}

/// Targets of `[text](target)` and `[text]: target`, outside inline code.
fn links(line: &str) -> Vec<String> {
    let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join("code");
    let mut targets: Vec<String> = plain
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next())
        .map(str::to_owned)
        .collect();
    if let Some((_, target)) = plain.split_once("]: ").filter(|_| plain.starts_with('[')) {
        targets.extend(target.split_whitespace().next().map(str::to_owned));
    }
    targets
}

/// A link's target as a path from the root; `None` when it leaves the repository.
fn find_target(from: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    if link.starts_with('/') {
        parts.clear();
    }
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

fn check_invariants(tree: &Tree, sources: &[Source<'_>], problems: &mut Vec<Problem>) {
    let Some(text) = tree.find(INVARIANTS) else {
        problems.push(Problem::new(INVARIANTS, 1, "is missing: it names the tests of each invariant"));
        return;
    };
    let functions = functions(sources);
    let mut sections: BTreeMap<usize, (usize, Vec<&str>)> = BTreeMap::new();
    let mut current = None;
    for (number, line) in prose(text) {
        if let Some(invariant) = find_number(line) {
            current = Some(invariant);
            sections.entry(invariant).or_insert((number, Vec::new()));
        }
        if let Some((_, names)) = current.and_then(|invariant| sections.get_mut(&invariant)) {
            for word in backticked(line) {
                let name = word.rsplit("::").next().unwrap_or(word);
                if functions.contains(name) {
                    names.push(name);
                } else if word.contains("::tests::") {
                    problems.push(Problem::new(INVARIANTS, number, format!("test `{word}` does not exist")));
                }
            }
        }
    }
    for invariant in 1..=INVARIANT_COUNT {
        match sections.get(&invariant) {
            None => {
                problems.push(Problem::new(INVARIANTS, 1, format!("invariant {invariant} is not listed")))
            }
            Some((line, names)) if names.is_empty() => {
                let message = format!("invariant {invariant} names no test that exists");
                problems.push(Problem::new(INVARIANTS, *line, message));
            }
            Some(_) => {}
        }
    }
}

/// The number a heading, a list item or a table row starts with: `## 3. ..`, `3. ..`, `| 3 | ..`.
fn find_number(line: &str) -> Option<usize> {
    let rest = line.trim_start_matches(['#', '|', ' ']);
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    let (digits, after) = rest.split_at(end);
    let is_marked =
        after.starts_with(['.', ':']) || (line.starts_with('|') && after.trim_start().starts_with('|'));
    digits.parse().ok().filter(|_| is_marked)
}

/// Names after `fn`, wherever they stand: tests made by a macro have no body that a parser would see.
fn functions(sources: &[Source<'_>]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for source in sources {
        rust::each_level(&source.tokens, &mut |level| {
            for pair in level.windows(2) {
                if let [TokenTree::Ident(keyword), TokenTree::Ident(name)] = pair
                    && keyword == "fn"
                {
                    names.insert(name.to_string());
                }
            }
        });
    }
    names
}

fn check_fixtures(tree: &Tree, problems: &mut Vec<Problem>) {
    let folders: BTreeSet<&str> = tree
        .files()
        .filter(|(path, _)| path.starts_with("fixtures/"))
        .filter_map(|(path, _)| path.rsplit_once('/').map(|(folder, _)| folder))
        .collect();
    for folder in folders {
        let readme = format!("{folder}/README.md");
        if tree.find(&readme).is_none() {
            problems.push(Problem::new(&readme, 1, "is missing: it says where the fixtures come from"));
        }
    }
}

#[cfg(test)]
mod tests;
