//! Generated messages, valid and broken: our verdict is that of `xmllint` and of the crate `xsd-schema`.
//!
//! A document is a function of its seed and of the schemas, so asking for the seed again replays it:
//! `cargo xtask differential --seed S`. Every disagreement fails the test, unless docs/schema-differences.md decides
//! its kind.

mod coverage;
mod generate;
mod known;
mod mutate;
mod pattern;
mod report;
mod seed;
mod sets;
mod tree;
mod value;
mod verdict;
mod write;
mod xsd;

use std::path::Path;

use coverage::Coverage;
use report::{Case, Report};
use seed::Random;
use sets::Set;
use tree::Name;
pub(crate) use verdict::Ours;
use verdict::{Library, Oracle};
use xsd::Grammar;

/// Variable that tells the first seed.
const SEED: &str = "PIX_DIFFERENTIAL_SEED";
/// Variable that tells how many documents of each message.
const COUNT: &str = "PIX_DIFFERENTIAL_COUNT";
/// Documents of each message if nobody says.
const DEFAULT_COUNT: u64 = 150;
/// Of so many documents, one is left valid.
const VALID_OF: u64 = 3;
/// Documents of one run of `xmllint`.
const BATCH: u64 = 250;
/// From so many documents of a message on, every element and code must have stood in a valid one.
const COVERED_FROM: u64 = 3_000;
/// One in so many documents at least is broken in a way that no validator may accept.
const SURELY_INVALID_OF: usize = 40;
/// How many disagreements are shown.
const SHOWN_MAX: usize = 20;
const THREADS: usize = 2;

#[expect(
    clippy::disallowed_methods,
    reason = "xtask tells seed and count by environment, as tests take no flags"
)]
fn asked(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn case(set: &Set, grammar: &Grammar, seed: u64, coverage: &mut Coverage) -> Case {
    let mut random = Random::new(seed, &set.name);
    let valid = generate::message(grammar, &set.namespace, &mut random);
    if seed.is_multiple_of(VALID_OF) {
        coverage.see(grammar, &valid);
        let text = write::document(&valid, grammar, &mut random);
        return Case { seed, text, changes: Vec::new(), is_surely_invalid: false };
    }
    let mutant = mutate::mutant(&valid, grammar, &mut random);
    let text = write::document(&mutant.root, grammar, &mut random);
    Case { seed, text, changes: mutant.changes, is_surely_invalid: mutant.is_surely_invalid }
}

fn run(set: &Set, first: u64, count: u64) -> Report {
    let grammar = xsd::read(&[&set.schema, &set.signature]);
    let ours = Ours::new(set);
    let folder = tempfile::tempdir().unwrap();
    let coverage = Coverage::of(&grammar, &Name::new(&set.namespace, "Envelope"));
    let mut report = Report { coverage, ..Report::default() };
    let mut from = first;
    while from < first + count {
        let to = (from + BATCH).min(first + count);
        let cases: Vec<Case> =
            (from..to).map(|seed| case(set, &grammar, seed, &mut report.coverage)).collect();
        let library = Library::new(set);
        let texts: Vec<&str> = cases.iter().map(|case| case.text.as_str()).collect();
        let of_xmllint = verdict::of_xmllint(set, folder.path(), &texts);
        for (case, of_xmllint) in cases.iter().zip(of_xmllint) {
            let ours = ours.verdict(&case.text);
            let theirs = [(Oracle::Xmllint, of_xmllint), (Oracle::XsdSchema, library.verdict(&case.text))];
            report.take(set, case, &ours, &theirs);
        }
        from = to;
    }
    report
}

#[test]
fn verdicts_are_those_of_two_other_validators() {
    let (seed, count) = (asked(SEED, 0), asked(COUNT, DEFAULT_COUNT));
    let sets = sets::all();
    let reports: Vec<(&Set, Report)> = std::thread::scope(|scope| {
        let work = |thread: usize| {
            let mine: Vec<&Set> = sets.iter().skip(thread).step_by(THREADS).collect();
            scope.spawn(move || mine.into_iter().map(|set| (set, run(set, seed, count))).collect::<Vec<_>>())
        };
        let threads: Vec<_> = (0..THREADS).map(work).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut open = Vec::new();
    for (set, report) in &reports {
        println!("{}", report.line(set, seed));
        if count >= COVERED_FROM {
            assert_eq!(
                report.coverage.missing(),
                Vec::<String>::new(),
                "of {} never stood anywhere",
                set.name
            );
            assert!(report.surely_invalid * SURELY_INVALID_OF >= report.documents, "{}", set.name);
        }
        open.extend(report.open.iter().cloned());
    }
    if !open.is_empty() {
        std::fs::write(Path::new(report::FAILURES).join("disagreements.txt"), open.join("\n")).unwrap();
    }
    assert!(
        open.is_empty(),
        "{} disagreements:\n{}",
        open.len(),
        open.iter().take(SHOWN_MAX).cloned().collect::<Vec<_>>().join("\n"),
    );
}
