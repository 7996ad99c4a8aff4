//! `cargo xtask tidy`: the house plan as checks. It finds what the compiler and clippy cannot know.
//!
//! Each check is a function from a [`Tree`] (and, for the arrows, cargo's metadata) to problems; only
//! this file reads the disk. What a check demands is said at its head; changing a rule takes an ADR.

mod arrows;
mod budgets;
mod catalogues;
mod docs;
mod evidence;
mod headers;
mod observed;
mod paths;
mod pins;
mod runbooks;
mod rust;
mod tree;

use std::fmt;

use color_eyre::eyre::Result;

use crate::console;
use crate::tidy::tree::Tree;

/// One broken rule, at the line where a person would mend it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    path: String,
    line: usize,
    message: String,
}

impl Problem {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Checks the working tree, prints every problem; true when there is none.
pub(crate) fn run() -> Result<bool> {
    let tree = Tree::read()?;
    let mut problems = check(&tree);
    problems.extend(arrows::check(&arrows::read()?));
    problems.sort();
    problems.dedup();
    for problem in &problems {
        console::result(&problem.to_string())?;
    }
    match problems.len() {
        0 => console::progress(&format!("[tidy] {} files, no problem", tree.len())),
        count => console::progress(&format!("[tidy] {count} problems")),
    }
    Ok(problems.is_empty())
}

/// All checks that look at files alone.
fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    let sources = rust::sources(tree, &mut problems);
    problems.extend(budgets::check(&sources));
    problems.extend(headers::check(&sources));
    problems.extend(catalogues::check(tree, &sources));
    problems.extend(docs::check(tree, &sources));
    problems.extend(runbooks::check(tree, &sources));
    problems.extend(observed::check(tree));
    problems.extend(evidence::check(tree, &sources));
    problems.extend(paths::check(tree));
    problems.extend(pins::check(tree));
    problems
}
