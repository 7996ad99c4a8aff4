//! How a file opens, and what it may not hold: no `mod.rs`, no `allow`, no unfinished code, no test that
//! is skipped in silence or passes by panicking.
//!
//! Clippy knows some of these too, but warns only where its lints reach: not in code behind a `cfg`.

use proc_macro2::{Group, TokenTree};

use crate::tidy::Problem;
use crate::tidy::rust::{self, Source};

const UNFINISHED: [&str; 3] = ["todo", "unimplemented", "dbg"];

/// Attributes that are refused, and what to do instead.
const REFUSED: [(&str, &str); 3] = [
    ("allow", "use `#[expect(.., reason = \"..\")]`"),
    ("ignore", "skip loudly, by an environment variable"),
    ("should_panic", "match on the error"),
];

/// Finds files that open without a header, and tokens that have no place.
pub(super) fn check(sources: &[Source<'_>]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for source in sources {
        if !source.text.starts_with("//!") {
            problems.push(Problem::new(
                source.path,
                1,
                "must open with `//!`: what it is, and what it is not",
            ));
        }
        if source.path.ends_with("/mod.rs") {
            problems.push(Problem::new(source.path, 1, "use `foo.rs` beside `foo/`, not `foo/mod.rs`"));
        }
        rust::each_level(&source.tokens, &mut |level| check_level(source, level, &mut problems));
    }
    problems
}

fn check_level(source: &Source<'_>, level: &[TokenTree], problems: &mut Vec<Problem>) {
    for (at, token) in level.iter().enumerate() {
        let line = || token.span().start().line;
        if let Some(name) = rust::find_macro(level, at).filter(|name| UNFINISHED.contains(&name.as_str())) {
            problems.push(Problem::new(source.path, line(), format!("`{name}!` has no place here")));
        }
        let attribute = rust::find_attribute(&level[..=at]);
        if let Some((name, instead)) = attribute.and_then(find_refused) {
            problems.push(Problem::new(source.path, line(), format!("no `{name}` attribute: {instead}")));
        }
    }
}

/// The refused word an attribute starts with, also inside `cfg_attr(.., word)`.
fn find_refused(attribute: &Group) -> Option<(&'static str, &'static str)> {
    let text = rust::squeezed(&attribute.stream());
    let inner = match text.strip_prefix("cfg_attr(") {
        Some(conditional) => conditional.split_once(',')?.1,
        None => &text,
    };
    let word: String = inner.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    REFUSED.into_iter().find(|(name, _)| *name == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::Tree;

    fn problems(path: &str, text: &str) -> Vec<String> {
        let tree = Tree::of(&[(path, text)]);
        let sources = rust::sources(&tree, &mut Vec::new());
        check(&sources).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_without_header_is_found() {
        assert_eq!(problems("xtask/src/a.rs", "fn a() {}\n").len(), 1);
        assert!(problems("xtask/src/a.rs", "//! A.\nfn a() {}\n").is_empty());
    }

    #[test]
    fn mod_rs_is_found() {
        assert_eq!(problems("crates/app/src/seat/mod.rs", "//! A.\n").len(), 1);
    }

    #[test]
    fn allow_is_found_on_items_on_files_and_behind_conditions() {
        for text in [
            "//! A.\n#[allow(dead_code)]\nfn a() {}\n",
            "//! A.\n#![allow(dead_code)]\n",
            "//! A.\n#[cfg_attr(test, allow(dead_code))]\nfn a() {}\n",
            "//! A.\nmod b {\n    fn c() {\n        #[allow(unused)]\n        let d = 1;\n    }\n}\n",
        ] {
            assert_eq!(problems("xtask/src/a.rs", text).len(), 1, "{text}");
        }
        assert!(
            problems("xtask/src/a.rs", "//! A.\n#[expect(dead_code, reason = \"x\")]\nfn a() {}\n")
                .is_empty()
        );
    }

    #[test]
    fn unfinished_code_is_found_but_not_in_texts() {
        assert_eq!(
            problems("xtask/src/a.rs", "//! A.\nfn a() {\n    todo!()\n}\n"),
            ["xtask/src/a.rs:3: `todo!` has no place here"]
        );
        assert!(problems("xtask/src/a.rs", "//! A.\n// todo!()\nconst A: &str = \"dbg!(1)\";\n").is_empty());
        assert!(
            problems("xtask/src/a.rs", "//! A.\nfn a(todo: u8) -> bool {\n    todo != 1\n}\n").is_empty()
        );
    }

    #[test]
    fn silent_skips_are_found() {
        assert_eq!(problems("xtask/src/a.rs", "//! A.\n#[test]\n#[ignore]\nfn a() {}\n").len(), 1);
        assert_eq!(
            problems("xtask/src/a.rs", "//! A.\n#[should_panic(expected = \"x\")]\nfn a() {}\n").len(),
            1
        );
    }
}
