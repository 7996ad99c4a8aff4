//! Evidence: what `docs/security/` says of a control or a threat leads to something that exists.
//!
//! - A word in backticks that is a path (`crates/config/src/value.rs`, `deploy/redis/users.acl`) names a file or folder
//!   of the repository; with `::name` behind it, a function of that Rust file, mostly a test.
//! - Every row of `checklist.md` has such evidence in its last cell; every row of `threat-model.md` has it there, or
//!   says `Accepted:` and why.
//!
//! Links are `docs`' business, and whether the evidence convinces is a reader's.

use std::collections::BTreeSet;

use proc_macro2::TokenTree;

use crate::tidy::Problem;
use crate::tidy::docs::{backticked, prose};
use crate::tidy::rust::{self, Source};
use crate::tidy::tree::Tree;

const FOLDER: &str = "docs/security/";
const CHECKLIST: &str = "docs/security/checklist.md";
const THREATS: &str = "docs/security/threat-model.md";
/// What a row says in place of evidence.
const ACCEPTED: &str = "Accepted:";
/// Where paths start; other words with a slash are URLs of the API, types of media, or fractions.
const ROOTS: [&str; 13] = [
    "crates/",
    "deploy/",
    "docs/",
    "fixtures/",
    "fuzz",
    "migrations/",
    "xtask/",
    ".cargo/",
    ".ci/",
    ".deny.toml",
    "Cargo.",
    "rust-toolchain.toml",
    "SECURITY.md",
];

/// Checks the documents of security.
pub(super) fn check(tree: &Tree, sources: &[Source<'_>]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for required in [CHECKLIST, THREATS] {
        if tree.find(required).is_none() {
            problems.push(Problem::new(required, 1, "is missing: it names the evidence of each control"));
        }
    }
    for (path, text) in tree.files().filter(|(path, _)| path.starts_with(FOLDER) && path.ends_with(".md")) {
        for (number, line) in prose(text) {
            for word in backticked(line).into_iter().filter(|word| is_evidence(word)) {
                if let Some(fault) = find_fault(tree, sources, word) {
                    problems.push(Problem::new(path, number, fault));
                }
            }
            if let Some(fault) = find_bare(path, line) {
                problems.push(Problem::new(path, number, fault));
            }
        }
    }
    problems
}

fn is_evidence(word: &str) -> bool {
    ROOTS.iter().any(|root| word.starts_with(root)) && !word.contains([' ', '*', '<', '{'])
}

fn find_fault(tree: &Tree, sources: &[Source<'_>], word: &str) -> Option<String> {
    let Some((file, name)) = word.split_once("::") else {
        return (!tree.holds(word)).then(|| format!("evidence `{word}` does not exist"));
    };
    let Some(source) = sources.iter().find(|source| source.path == file) else {
        return Some(format!("evidence `{word}`: there is no file `{file}`"));
    };
    // Modules in between are for people: a name stands once in a file.
    let name = name.rsplit("::").next().unwrap_or(name);
    (!functions(source).contains(name)).then(|| format!("evidence `{word}`: there is no `fn {name}` in it"))
}

/// A row of a table that should name evidence and does not.
fn find_bare(path: &str, line: &str) -> Option<&'static str> {
    if !line.starts_with('|') || is_rule(line) || is_header(line) {
        return None;
    }
    let last = line.trim_end().trim_end_matches('|').rsplit('|').next().unwrap_or_default();
    let is_shown = backticked(last).iter().any(|word| is_evidence(word));
    match path {
        CHECKLIST if !is_shown => Some("this row names no evidence in its last cell"),
        THREATS if !is_shown && !last.contains(ACCEPTED) => {
            Some("this row names neither evidence nor `Accepted:` and why")
        }
        _ => None,
    }
}

fn is_rule(line: &str) -> bool {
    line.chars().all(|c| matches!(c, '|' | '-' | ':' | ' '))
}

/// Headers say what stands in a column, and that one says this.
fn is_header(line: &str) -> bool {
    line.trim_end().ends_with("| evidence |")
}

/// Names after `fn`: tests that a macro makes are found, too.
fn functions(source: &Source<'_>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    rust::each_level(&source.tokens, &mut |level| {
        for pair in level.windows(2) {
            if let [TokenTree::Ident(keyword), TokenTree::Ident(name)] = pair
                && keyword == "fn"
            {
                names.insert(name.to_string());
            }
        }
    });
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: (&str, &str) =
        ("crates/listener/tests/it/tls.rs", "//! T.\n#[test]\nfn a_stranger_is_refused() {}\n");
    const HEAD: &str = "| control | evidence |\n|---|---|\n";

    fn problems(checklist: &str, threats: &str) -> Vec<String> {
        let tree = Tree::of(&[CODE, (CHECKLIST, checklist), (THREATS, threats)]);
        let sources = rust::sources(&tree, &mut Vec::new());
        check(&tree, &sources).iter().map(ToString::to_string).collect()
    }

    fn table(row: &str) -> String {
        format!("{HEAD}{row}\n")
    }

    #[test]
    fn evidence_that_exists_is_fine() {
        let rows = table(
            "| mutual TLS | `crates/listener/tests/it/tls.rs::a_stranger_is_refused`, `crates/listener` |",
        );
        assert_eq!(problems(&rows, &table("| a thief | Accepted: a lock |")), Vec::<String>::new());
    }

    #[test]
    fn files_and_tests_that_do_not_exist_are_found() {
        let rows = table("| a | `crates/listener/tests/it/tls.rs::gone` |\n| b | `crates/gone.rs` |");
        assert_eq!(
            problems(&rows, ""),
            [
                "docs/security/checklist.md:3: evidence `crates/listener/tests/it/tls.rs::gone`: there is no `fn gone` in it",
                "docs/security/checklist.md:4: evidence `crates/gone.rs` does not exist",
            ]
        );
    }

    #[test]
    fn a_row_without_evidence_is_found() {
        let found = problems(&table("| a | we promise |"), &table("| b | `GET /admin/v1/node` |"));
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn missing_documents_are_problems() {
        assert_eq!(check(&Tree::of(&[]), &[]).len(), 2);
    }
}
