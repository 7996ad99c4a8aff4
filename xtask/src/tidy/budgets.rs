//! Budgets: how long files, functions and crates may be (house plan, section 3). A ratchet, never raised.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::tidy::Problem;
use crate::tidy::rust::Source;

/// Lines of a file that ship.
const FILE_LINES_MAX: usize = 400;
/// All lines of a file, its tests included.
const FILE_LINES_HARD_MAX: usize = 600;
/// Lines of code in a function: neither blank nor comment, counted as clippy counts them.
const FUNCTION_LINES_MAX: usize = 70;
/// Lines of a crate that ship.
const CRATE_LINES_MAX: usize = 4_000;

const _: () = assert!(FILE_LINES_MAX < FILE_LINES_HARD_MAX);
const _: () = assert!(FILE_LINES_HARD_MAX < CRATE_LINES_MAX);

/// Crates that may be longer, how long, and why.
const LONGER_CRATES: &[(&str, usize, &str)] = &[
    (
        "server",
        5_300,
        "nine commands side by side, none with 1,200 lines of its own, and wiring that must see everything",
    ),
    ("app", 4_050, "every use case of the wire and of administration, over the same seats"),
    (
        "adapter-cassandra",
        4_600,
        "ten ports on one cluster, none of which knows another, their regions, and its migrations",
    ),
    ("testkit", 4_300, "a fake and a contract for each port, none of which knows another"),
];

/// Finds files, functions and crates over their budget.
pub(super) fn check(sources: &[Source<'_>]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut crates: BTreeMap<&str, usize> = BTreeMap::new();
    for source in sources {
        check_file(source, &mut problems);
        if let Some(package) = source.package().filter(|_| source.path.contains("/src/")) {
            *crates.entry(package).or_default() += source.shipped_lines();
        }
    }
    for (package, lines) in crates {
        let longer = LONGER_CRATES.iter().find(|(name, _, _)| *name == package);
        let (budget, why) = longer.map_or((CRATE_LINES_MAX, ""), |(_, budget, why)| (*budget, *why));
        if lines > budget {
            let folder = if package == "xtask" { package.to_owned() } else { format!("crates/{package}") };
            let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
            let message = format!("crate has {lines} lines without tests, the budget is {budget}{why}");
            problems.push(Problem::new(&format!("{folder}/Cargo.toml"), 1, message));
        }
    }
    problems
}

fn check_file(source: &Source<'_>, problems: &mut Vec<Problem>) {
    let (lines, shipped) = (source.lines(), source.shipped_lines());
    if shipped > FILE_LINES_MAX {
        let message =
            format!("file has {shipped} lines without tests, the budget is {FILE_LINES_MAX}: split it");
        problems.push(Problem::new(source.path, FILE_LINES_MAX + 1, message));
    }
    if lines > FILE_LINES_HARD_MAX {
        let message =
            format!("file has {lines} lines, the limit with tests is {FILE_LINES_HARD_MAX}: move tests out");
        problems.push(Problem::new(source.path, FILE_LINES_HARD_MAX + 1, message));
    }
    for function in source.functions() {
        let lines = code_lines(source.text, &function.body);
        if lines > FUNCTION_LINES_MAX {
            let message =
                format!("function `{}` has {lines} lines, the budget is {FUNCTION_LINES_MAX}", function.name);
            problems.push(Problem::new(source.path, function.line, message));
        }
    }
}

/// Lines of code between the braces of a body.
fn code_lines(text: &str, body: &RangeInclusive<usize>) -> usize {
    let inner = (body.end() - body.start()).saturating_sub(1);
    text.lines()
        .skip(*body.start())
        .take(inner)
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::rust;
    use crate::tidy::tree::Tree;

    fn problems(path: &str, text: &str) -> Vec<String> {
        let tree = Tree::of(&[(path, text)]);
        let sources = rust::sources(&tree, &mut Vec::new());
        check(&sources).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_may_have_400_lines_and_no_more() {
        assert!(problems("crates/app/src/a.rs", &"const A: u8 = 0;\n".repeat(400)).is_empty());
        let found = problems("crates/app/src/a.rs", &"const A: u8 = 0;\n".repeat(401));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("crates/app/src/a.rs:401: file has 401 lines"), "{found:?}");
    }

    #[test]
    fn tests_count_for_the_hard_limit_alone() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "const A: u8 = 0;\n".repeat(450));
        assert!(problems("crates/app/src/a.rs", &tests).is_empty());
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "const A: u8 = 0;\n".repeat(600));
        assert!(problems("crates/app/src/a.rs", &tests)[0].contains("603 lines, the limit with tests"));
    }

    #[test]
    fn blank_lines_and_comments_are_free_in_a_function() {
        let text = format!("fn a() {{\n{}{}}}\n", "    b();\n".repeat(70), "\n    // why\n".repeat(30));
        assert!(problems("crates/app/src/a.rs", &text).is_empty());
        let text = format!("fn a() {{\n{}}}\n", "    b();\n".repeat(71));
        assert_eq!(problems("crates/app/src/a.rs", &text).len(), 1);
    }

    #[test]
    fn a_crate_over_its_budget_is_found() {
        let text = "const A: u8 = 0;\n".repeat(399);
        let names: Vec<String> = (0..11).map(|n| format!("crates/app/src/f{n}.rs")).collect();
        let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), text.as_str())).collect();
        let tree = Tree::of(&files);
        let sources = rust::sources(&tree, &mut Vec::new());
        let found = check(&sources);
        assert_eq!(found.len(), 1);
        assert!(found[0].to_string().starts_with("crates/app/Cargo.toml:1: crate has 4389 lines"));
    }
}
