//! Rust files as tokens: where tests, functions, texts and macros stand. No types, no name resolution.
//!
//! Tokens rather than text, so that a brace in a string or a `todo!` in a comment misleads nobody.

use std::ops::RangeInclusive;

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};

use crate::tidy::Problem;
use crate::tidy::tree::Tree;

/// One Rust file that could be read.
pub(super) struct Source<'a> {
    /// Path from the root.
    pub(super) path: &'a str,
    /// The text, as it stands.
    pub(super) text: &'a str,
    /// What the compiler would see.
    pub(super) tokens: TokenStream,
    /// Line ranges of items under `#[cfg(test)]`.
    tests: Vec<RangeInclusive<usize>>,
}

/// A function with a body.
pub(super) struct Function {
    /// Its name, without path.
    pub(super) name: String,
    /// Line of its name.
    pub(super) line: usize,
    /// Lines between its braces.
    pub(super) body: RangeInclusive<usize>,
}

/// All Rust files; one that cannot be read is a problem.
pub(super) fn sources<'a>(tree: &'a Tree, problems: &mut Vec<Problem>) -> Vec<Source<'a>> {
    let mut sources = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| path.ends_with(".rs")) {
        match text.parse::<TokenStream>() {
            Ok(tokens) => {
                let mut tests = Vec::new();
                find_tests(&tokens, &mut tests);
                sources.push(Source { path, text, tokens, tests });
            }
            Err(error) => {
                let line = error.span().start().line;
                problems.push(Problem::new(path, line, "cannot be read as Rust"));
            }
        }
    }
    sources
}

impl Source<'_> {
    /// The folder under `crates/`, or `xtask`.
    pub(super) fn package(&self) -> Option<&str> {
        let mut parts = self.path.split('/');
        match parts.next()? {
            "crates" => parts.next(),
            "xtask" => Some("xtask"),
            _ => None,
        }
    }

    /// True for a file that holds nothing but tests: `tests/..`, `benches/..` and `foo/tests.rs`.
    pub(super) fn is_test(&self) -> bool {
        let mut parts = self.path.split('/').peekable();
        while let Some(part) = parts.next() {
            let is_last = parts.peek().is_none();
            if part == "tests.rs" || (!is_last && (part == "tests" || part == "benches")) {
                return true;
            }
        }
        false
    }

    /// True for a line that only tests see.
    pub(super) fn is_test_line(&self, line: usize) -> bool {
        self.is_test() || self.tests.iter().any(|range| range.contains(&line))
    }

    /// Lines that ship.
    pub(super) fn shipped_lines(&self) -> usize {
        (1..=self.lines()).filter(|&line| !self.is_test_line(line)).count()
    }

    /// All lines.
    pub(super) fn lines(&self) -> usize {
        self.text.lines().count()
    }

    /// All functions with a body, nested ones too.
    pub(super) fn functions(&self) -> Vec<Function> {
        let mut functions = Vec::new();
        find_functions(&self.tokens, &mut functions);
        functions
    }

    /// All plain string literals outside tests and attributes, with their lines.
    pub(super) fn texts(&self) -> Vec<(String, usize)> {
        let mut texts = Vec::new();
        find_texts(&self.tokens, &mut texts);
        texts.retain(|(_, line)| !self.is_test_line(*line));
        texts
    }
}

/// Every run of sibling tokens, outermost first: what a check has to look at to see neighbours.
pub(super) fn each_level(tokens: &TokenStream, see: &mut impl FnMut(&[TokenTree])) {
    let level: Vec<TokenTree> = tokens.clone().into_iter().collect();
    see(&level);
    for token in level {
        if let TokenTree::Group(group) = token {
            each_level(&group.stream(), see);
        }
    }
}

/// String literals among the tokens, with their lines; attributes (and so doc comments) are left out.
pub(super) fn find_texts(tokens: &TokenStream, texts: &mut Vec<(String, usize)>) {
    let level: Vec<TokenTree> = tokens.clone().into_iter().collect();
    for (at, token) in level.iter().enumerate() {
        match token {
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if let Some(text) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
                    texts.push((text.to_owned(), literal.span().start().line));
                }
            }
            TokenTree::Group(group) if find_attribute(&level[..=at]).is_none() => {
                find_texts(&group.stream(), texts);
            }
            TokenTree::Group(_) | TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}

/// The brackets of an attribute, when `level` ends with one: `#[..]` or `#![..]`.
pub(super) fn find_attribute(level: &[TokenTree]) -> Option<&Group> {
    let (TokenTree::Group(group), before) = level.split_last()? else { return None };
    let is_hash = |token: &TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == '#');
    let marked = match before {
        [.., hash, TokenTree::Punct(bang)] if bang.as_char() == '!' => is_hash(hash),
        [.., hash] => is_hash(hash),
        [] => false,
    };
    (marked && group.delimiter() == Delimiter::Bracket).then_some(group)
}

/// The name of a macro called at `at`: `name!(..)`, but not `name != ..`.
pub(super) fn find_macro(level: &[TokenTree], at: usize) -> Option<String> {
    match level.get(at..at + 2)? {
        [TokenTree::Ident(name), TokenTree::Punct(bang)]
            if bang.as_char() == '!' && bang.spacing() == Spacing::Alone =>
        {
            Some(name.to_string())
        }
        _ => None,
    }
}

fn find_tests(tokens: &TokenStream, ranges: &mut Vec<RangeInclusive<usize>>) {
    let level: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut at = 0;
    while at < level.len() {
        let is_marker =
            find_attribute(&level[..=at]).is_some_and(|group| squeezed(&group.stream()) == "cfg(test)");
        if is_marker {
            let first = level[at].span().start().line;
            let end = item_end(&level, at + 1);
            ranges.push(first..=level[end].span().end().line);
            at = end;
        } else if let TokenTree::Group(group) = &level[at] {
            find_tests(&group.stream(), ranges);
        }
        at += 1;
    }
}

/// Index of the token that ends the item which starts at `from`: its braces, or its semicolon.
fn item_end(level: &[TokenTree], from: usize) -> usize {
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => punct.as_char() == ';',
        TokenTree::Ident(_) | TokenTree::Literal(_) => false,
    };
    (from..level.len()).find(|&at| ends(&level[at])).unwrap_or(level.len() - 1)
}

fn find_functions(tokens: &TokenStream, functions: &mut Vec<Function>) {
    each_level(tokens, &mut |level| {
        for (at, pair) in level.windows(2).enumerate() {
            let [TokenTree::Ident(keyword), TokenTree::Ident(name)] = pair else { continue };
            if keyword != "fn" {
                continue;
            }
            if let TokenTree::Group(body) = &level[item_end(level, at + 2)] {
                functions.push(Function {
                    name: name.to_string(),
                    line: name.span().start().line,
                    body: body.span_open().start().line..=body.span_close().end().line,
                });
            }
        }
    });
}

/// Tokens without any space between them.
pub(super) fn squeezed(tokens: &TokenStream) -> String {
    tokens.to_string().split_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        Tree::of(&[(
            "crates/app/src/pull.rs",
            "//! Pulls.\nfn one() {\n    let s = \"}{\";\n}\n\n#[cfg(test)]\nmod tests {\n    fn two() {}\n}\n",
        )])
    }

    #[test]
    fn lines_under_cfg_test_do_not_ship() {
        let tree = tree();
        let sources = sources(&tree, &mut Vec::new());
        assert_eq!((sources[0].shipped_lines(), sources[0].lines()), (5, 9));
    }

    #[test]
    fn functions_are_found_with_their_lines() {
        let tree = tree();
        let found = sources(&tree, &mut Vec::new())[0].functions();
        let found: Vec<_> = found.into_iter().map(|f| (f.name, f.line, f.body)).collect();
        assert_eq!(found, [("one".to_owned(), 2, 2..=4), ("two".to_owned(), 8, 8..=8)]);
    }

    #[test]
    fn texts_leave_out_docs_and_tests() {
        let tree = Tree::of(&[(
            "crates/app/src/a.rs",
            "//! about \"x\"\nconst A: &str = \"kept\";\n#[cfg(test)]\nconst B: &str = \"test\";\n",
        )]);
        assert_eq!(sources(&tree, &mut Vec::new())[0].texts(), [("kept".to_owned(), 2)]);
    }

    #[test]
    fn test_files_are_known_by_their_place() {
        let tree = Tree::of(&[
            ("crates/app/src/seat.rs", ""),
            ("crates/app/src/seat/tests.rs", ""),
            ("crates/app/tests/sim/main.rs", ""),
        ]);
        let found: Vec<_> = sources(&tree, &mut Vec::new()).iter().map(Source::is_test).collect();
        assert_eq!(found, [false, true, true]);
    }

    #[test]
    fn a_file_that_is_no_rust_is_a_problem() {
        let mut problems = Vec::new();
        let tree = Tree::of(&[("xtask/src/a.rs", "fn a() {\n")]);
        assert!(sources(&tree, &mut problems).is_empty());
        assert_eq!(problems.len(), 1);
    }
}
