//! Tests of the document checks, each on a small tree.

use super::*;

fn problems(files: &[(&str, &str)]) -> Vec<String> {
    let tree = Tree::of(files);
    let sources = rust::sources(&tree, &mut Vec::new());
    check(&tree, &sources).iter().map(ToString::to_string).collect()
}

fn invariants(skip: usize) -> String {
    (1..=INVARIANT_COUNT)
        .filter(|n| *n != skip)
        .map(|n| format!("| {n} | rule | `it::law_holds` |\n"))
        .collect()
}

const LAW: (&str, &str) = (
    "crates/domain/tests/it/main.rs",
    "//! Laws.\nproptest! {\n    #[test]\n    fn law_holds(a in any()) {}\n}\n",
);

#[test]
fn invariants_with_a_test_each_are_fine() {
    assert_eq!(problems(&[LAW, (INVARIANTS, &invariants(0))]), Vec::<String>::new());
}

#[test]
fn an_invariant_that_is_not_listed_is_found() {
    assert_eq!(
        problems(&[LAW, (INVARIANTS, &invariants(7))]),
        ["docs/invariants.md:1: invariant 7 is not listed"]
    );
}

#[test]
fn an_invariant_whose_test_is_gone_is_found() {
    let text = invariants(3) + "\n## 3. Never leased twice\n\nSee `it::law_was_here` and `a::tests::gone`.\n";
    assert_eq!(
        problems(&[LAW, (INVARIANTS, &text)]),
        [
            "docs/invariants.md:13: test `a::tests::gone` does not exist",
            "docs/invariants.md:11: invariant 3 names no test that exists",
        ]
    );
}

#[test]
fn a_missing_invariants_page_is_a_problem() {
    assert_eq!(problems(&[LAW]).len(), 1);
}

#[test]
fn links_are_followed_from_their_file() {
    let page =
        "[a](../README.md#top) [b](adr/) [c](https://x.example/y) [d](#here)\n\n[e]: ./invariants.md\n";
    let files = [
        LAW,
        (INVARIANTS, &invariants(0)),
        ("README.md", "[map](docs/ARCHITECTURE.md)\n"),
        ("docs/ARCHITECTURE.md", page),
        ("docs/adr/0001-x.md", ""),
    ];
    assert_eq!(problems(&files), Vec::<String>::new());
}

#[test]
fn a_link_to_nowhere_is_found() {
    let files = [LAW, (INVARIANTS, &invariants(0)), ("docs/a.md", "x\nsee [b](b.md) and [c](../../c.md)\n")];
    assert_eq!(
        problems(&files),
        ["docs/a.md:2: link to `b.md` leads nowhere", "docs/a.md:2: link to `../../c.md` leads nowhere",]
    );
}

#[test]
fn code_is_no_link() {
    let files =
        [LAW, (INVARIANTS, &invariants(0)), ("docs/a.md", "`[b](b.md)`\n\n```text\n[c](c.md)\n```\n")];
    assert_eq!(problems(&files), Vec::<String>::new());
}

#[test]
fn a_folder_of_fixtures_without_its_readme_is_found() {
    let files = [
        LAW,
        (INVARIANTS, &invariants(0)),
        ("fixtures/xml/README.md", ""),
        ("fixtures/xml/pacs.008/one.xml", ""),
    ];
    assert_eq!(
        problems(&files),
        ["fixtures/xml/pacs.008/README.md:1: is missing: it says where the fixtures come from"]
    );
}
