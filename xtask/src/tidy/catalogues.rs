//! Catalogues: what the code names and what the documents list are the same.
//!
//! - **Metrics.** Every text `pix_stream_..` in `crates/*/src/metrics.rs` or `crates/*/src/metrics/` stands in
//!   `docs/metrics.md`, and the other way round. In the document a name counts where it stands in backticks in
//!   a heading or in the first cell with backticks of a table row; labels after `{` are left out.
//! - **Error codes.** The texts of `const CODES` in `crates/delivery/src/error.rs` or `error/` and those of
//!   `docs/errors.md`, found in the same places.

use std::collections::BTreeMap;

use proc_macro2::TokenTree;

use crate::tidy::Problem;
use crate::tidy::docs::{backticked, prose};
use crate::tidy::rust::{self, Source};
use crate::tidy::tree::Tree;

const METRICS: &str = "docs/metrics.md";
const ERRORS: &str = "docs/errors.md";
const METRIC_PREFIX: &str = "pix_stream_";
const ERROR_SOURCES: &str = "crates/delivery/src/error";

/// A name, and where it stands first.
type Names = BTreeMap<String, (String, usize)>;

/// Compares both catalogues with the code.
pub(super) fn check(tree: &Tree, sources: &[Source<'_>]) -> Vec<Problem> {
    let mut problems = Vec::new();
    compare(tree, METRICS, &metrics(sources), is_metric, &mut problems);
    let codes = codes(sources);
    if codes.is_empty() {
        let message = "no `const CODES` with the error codes in `error.rs` or `error/`";
        problems.push(Problem::new(&format!("{ERROR_SOURCES}.rs"), 1, message));
    }
    compare(tree, ERRORS, &codes, is_code, &mut problems);
    problems
}

fn compare(tree: &Tree, path: &str, coded: &Names, is_name: fn(&str) -> bool, problems: &mut Vec<Problem>) {
    let Some(text) = tree.find(path) else {
        problems.push(Problem::new(path, 1, "is missing: it lists what the code names"));
        return;
    };
    let listed = listed(path, text, is_name);
    for (name, (source, line)) in coded.iter().filter(|(name, _)| !listed.contains_key(*name)) {
        problems.push(Problem::new(source, *line, format!("`{name}` is not listed in {path}")));
    }
    for (name, (_, line)) in listed.iter().filter(|(name, _)| !coded.contains_key(*name)) {
        problems.push(Problem::new(path, *line, format!("`{name}` is not in the code")));
    }
}

/// Names in headings and in the first cell with backticks of each table row.
fn listed(path: &str, text: &str, is_name: fn(&str) -> bool) -> Names {
    let mut names = Names::new();
    for (number, line) in prose(text) {
        let place = match line.chars().next() {
            Some('#') => Some(line),
            Some('|') => line.split('|').find(|cell| cell.contains('`')),
            _ => None,
        };
        for word in place.map(backticked).unwrap_or_default() {
            let name = word.split('{').next().unwrap_or_default();
            if is_name(name) {
                names.entry(name.to_owned()).or_insert_with(|| (path.to_owned(), number));
            }
        }
    }
    names
}

fn metrics(sources: &[Source<'_>]) -> Names {
    let mut names = Names::new();
    let in_metrics = |path: &str| path.ends_with("/src/metrics.rs") || path.contains("/src/metrics/");
    for source in sources.iter().filter(|s| s.path.starts_with("crates/") && in_metrics(s.path)) {
        for (text, line) in source.texts().into_iter().filter(|(text, _)| is_metric(text)) {
            names.entry(text).or_insert_with(|| (source.path.to_owned(), line));
        }
    }
    names
}

fn codes(sources: &[Source<'_>]) -> Names {
    let mut names = Names::new();
    let in_error = |path: &str| {
        path.strip_prefix(ERROR_SOURCES).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    };
    for source in sources.iter().filter(|source| in_error(source.path)) {
        rust::each_level(&source.tokens, &mut |level| {
            let is_start = |pair: &[TokenTree]| matches!(pair, [TokenTree::Ident(a), TokenTree::Ident(b)] if a == "const" && b == "CODES");
            let Some(start) = level.windows(2).position(is_start) else { return };
            let is_end = |token: &TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == ';');
            let item = level[start..].iter().take_while(|token| !is_end(token)).cloned().collect();
            let mut texts = Vec::new();
            rust::find_texts(&item, &mut texts);
            for (text, line) in texts {
                names.entry(text).or_insert_with(|| (source.path.to_owned(), line));
            }
        });
    }
    names
}

fn is_metric(word: &str) -> bool {
    word.strip_prefix(METRIC_PREFIX).is_some_and(|rest| {
        !rest.is_empty() && rest.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    })
}

/// The form of an error code: one word, a small letter first.
fn is_code(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase()) && word.chars().all(|c| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "//! E.\npub const CODES: [&str; 2] = [\"forbidden\", \"notFound\"];\n";

    fn problems(metrics: &str, metrics_doc: &str, errors: &str, errors_doc: &str) -> Vec<String> {
        let tree = Tree::of(&[
            ("crates/app/src/metrics.rs", metrics),
            ("crates/delivery/src/error/code.rs", errors),
            (METRICS, metrics_doc),
            (ERRORS, errors_doc),
        ]);
        let sources = rust::sources(&tree, &mut Vec::new());
        check(&tree, &sources).iter().map(ToString::to_string).collect()
    }

    const METRIC: &str = "//! M.\npub const A: &str = \"pix_stream_stream_slots\";\n";
    const METRIC_DOC: &str = "| name | unit |\n|---|---|\n| `pix_stream_stream_slots{ispb}` | `slots` |\n";
    const ERROR_DOC: &str = "# Errors\n\n## 403 `forbidden`\n\n| 404 | `notFound` | see `retry` |\n";

    #[test]
    fn equal_catalogues_are_fine() {
        assert_eq!(problems(METRIC, METRIC_DOC, CODE, ERROR_DOC), Vec::<String>::new());
    }

    #[test]
    fn a_metric_that_is_not_listed_is_found_at_its_const() {
        assert_eq!(
            problems(METRIC, "# Metrics\n", CODE, ERROR_DOC),
            ["crates/app/src/metrics.rs:2: `pix_stream_stream_slots` is not listed in docs/metrics.md"]
        );
    }

    #[test]
    fn a_listed_metric_that_nobody_emits_is_found_at_its_row() {
        let doc = format!("{METRIC_DOC}| `pix_stream_gone_total` | |\n");
        assert_eq!(
            problems(METRIC, &doc, CODE, ERROR_DOC),
            ["docs/metrics.md:4: `pix_stream_gone_total` is not in the code"]
        );
    }

    #[test]
    fn error_codes_are_compared_both_ways() {
        let doc = ERROR_DOC.replace("notFound", "notThere");
        assert_eq!(
            problems(METRIC, METRIC_DOC, CODE, &doc),
            [
                "crates/delivery/src/error/code.rs:2: `notFound` is not listed in docs/errors.md",
                "docs/errors.md:5: `notThere` is not in the code",
            ]
        );
    }

    #[test]
    fn missing_lists_are_problems() {
        let tree = Tree::of(&[("crates/app/src/lib.rs", "//! A.\n")]);
        let sources = rust::sources(&tree, &mut Vec::new());
        assert_eq!(check(&tree, &sources).len(), 3);
    }
}
