//! Paths of somebody's machine: they have no place in what others clone.

use crate::tidy::Problem;
use crate::tidy::tree::Tree;

/// Folders that exist on a developer's machine. Split, so that this file does not find itself.
const FOLDERS: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];

/// Finds absolute paths into those folders, in any file.
pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.files() {
        for (number, line) in text.lines().enumerate() {
            for folder in FOLDERS.into_iter().filter(|folder| names(line, folder)) {
                problems.push(Problem::new(
                    path,
                    number + 1,
                    format!("names a path of one machine: {folder}"),
                ));
            }
        }
    }
    problems
}

/// True when the folder stands at the start of a path, not inside a longer one (`https://host/..`).
fn names(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '}' | '~')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_path_is_found_in_any_file() {
        let text = format!("fine\nsee {}main/x\n", FOLDERS[0]);
        let found = check(&Tree::of(&[("docs/a.md", &text), ("deploy/b", FOLDERS[1])]));
        let found: Vec<_> = found.iter().map(|p| (p.path.as_str(), p.line)).collect();
        assert_eq!(found, [("deploy/b", 1), ("docs/a.md", 2)]);
    }

    #[test]
    fn the_same_words_inside_a_longer_path_are_fine() {
        let text = format!("https://host{}x and frame{}x", FOLDERS[0], FOLDERS[1]);
        assert!(check(&Tree::of(&[("a.md", &text)])).is_empty());
    }
}
