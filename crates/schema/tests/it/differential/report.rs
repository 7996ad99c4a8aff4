//! What comes of comparing verdicts: figures, and disagreements with the way to replay them.

use std::collections::BTreeMap;
use std::path::Path;

use super::coverage::Coverage;
use super::known;
use super::sets::Set;
use super::verdict::{Oracle, Verdict};

/// Where documents that are disagreed about are written.
pub(super) const FAILURES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/differential");

/// One document.
pub(super) struct Case {
    pub(super) seed: u64,
    pub(super) text: String,
    /// Empty for a document that is valid.
    pub(super) changes: Vec<&'static str>,
    pub(super) is_surely_invalid: bool,
}

/// What came of the documents of a set.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) documents: usize,
    pub(super) coverage: Coverage,
    pub(super) valid: usize,
    pub(super) surely_invalid: usize,
    /// Disagreements that are decided, by name.
    pub(super) known: BTreeMap<&'static str, usize>,
    /// Those that are not, told for people.
    pub(super) open: Vec<String>,
}

/// What the verdicts of one document amount to.
#[derive(Debug, Default)]
struct Judgement {
    decided: Vec<&'static str>,
    open: Vec<String>,
}

fn judge(case: &Case, ours: &Verdict, theirs: &[(Oracle, Verdict)]) -> Judgement {
    let mut judgement = Judgement::default();
    let must_be = if case.is_surely_invalid { Some(false) } else { case.changes.is_empty().then_some(true) };
    if must_be.is_some_and(|must_be| must_be != ours.is_valid()) {
        judgement.open.push(format!("the way it was made decides, and ours says {ours}"));
    }
    let stands_alone = !ours.is_valid() && theirs.iter().all(|(_, theirs)| theirs.is_valid());
    for (oracle, theirs) in theirs.iter().filter(|(_, theirs)| theirs.is_valid() != ours.is_valid()) {
        match known::find(*oracle, &case.text, ours, theirs).filter(|_| !stands_alone) {
            Some(known) => judgement.decided.push(known.name),
            None => judgement.open.push(format!("ours says {ours}\n  {oracle} says {theirs}")),
        }
    }
    judgement
}

impl Report {
    /// Takes in the verdicts of one document.
    pub(super) fn take(&mut self, set: &Set, case: &Case, ours: &Verdict, theirs: &[(Oracle, Verdict)]) {
        self.documents += 1;
        self.valid += usize::from(ours.is_valid());
        self.surely_invalid += usize::from(case.is_surely_invalid);
        let judgement = judge(case, ours, theirs);
        for known in judgement.decided {
            *self.known.entry(known).or_default() += 1;
        }
        for complaint in judgement.open {
            self.tell(set, case, &complaint);
        }
    }

    /// All of it on one line.
    pub(super) fn line(&self, set: &Set, seed: u64) -> String {
        format!(
            "{}: {} documents from seed {seed}, {} valid, {} surely invalid, {} of {} elements and codes, \
             {} open disagreements, decided: {:?}",
            set.name,
            self.documents,
            self.valid,
            self.surely_invalid,
            self.coverage.total() - self.coverage.missing().len(),
            self.coverage.total(),
            self.open.len(),
            self.known,
        )
    }

    fn tell(&mut self, set: &Set, case: &Case, what: &str) {
        let file = Path::new(FAILURES).join(format!("{}-{}.xml", set.name, case.seed));
        std::fs::create_dir_all(FAILURES).unwrap();
        std::fs::write(&file, &case.text).unwrap();
        self.open.push(format!(
            "{} of seed {} ({}): {what}\n  document: {}\n  replay with: cargo xtask differential --seed {}",
            set.name,
            case.seed,
            if case.changes.is_empty() { "valid".to_owned() } else { case.changes.join(", ") },
            file.display(),
            case.seed,
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(is_surely_invalid: bool) -> Case {
        let changes = if is_surely_invalid { vec!["an unknown attribute"] } else { Vec::new() };
        Case { seed: 1, text: "<a/>".into(), changes, is_surely_invalid }
    }

    fn invalid(reason: &str) -> Verdict {
        Verdict::Invalid(vec![reason.into()])
    }

    fn both(verdict: &Verdict) -> [(Oracle, Verdict); 2] {
        [(Oracle::Xmllint, verdict.clone()), (Oracle::XsdSchema, verdict.clone())]
    }

    #[test]
    fn a_validator_that_accepts_everything_is_noticed() {
        let judgement = judge(&case(true), &Verdict::Valid, &both(&Verdict::Valid));
        assert_eq!(judgement.open.len(), 1);
        let judgement = judge(&case(true), &Verdict::Valid, &both(&invalid("no")));
        assert_eq!(judgement.open.len(), 3);
    }

    #[test]
    fn a_validator_that_refuses_everything_is_noticed() {
        let judgement = judge(&case(false), &invalid("no"), &both(&Verdict::Valid));
        assert_eq!(judgement.open.len(), 3);
    }

    #[test]
    fn a_refusal_that_we_alone_speak_is_never_decided() {
        let ours = invalid("is no xs:anyURI");
        let mutant = Case { changes: vec!["an odd attribute"], ..case(false) };
        let [xmllint, library] = both(&Verdict::Valid);
        let agreeing = [(xmllint.0, invalid("not a URI")), library.clone()];
        let judgement = judge(&mutant, &ours, &agreeing);
        assert_eq!((judgement.decided, judgement.open.len()), (vec!["xsd-schema: URIs that are none"], 0));
        assert_eq!(judge(&mutant, &ours, &[xmllint, library]).open.len(), 2);
    }

    #[test]
    fn one_reason_that_is_not_decided_keeps_a_disagreement_open() {
        let mutant = Case { changes: vec!["an odd text"], ..case(false) };
        let reasons = vec!["[sch-late-component]".to_owned(), "something else".to_owned()];
        let theirs = [(Oracle::Xmllint, Verdict::Valid), (Oracle::XsdSchema, Verdict::Invalid(reasons))];
        assert_eq!(judge(&mutant, &Verdict::Valid, &theirs).open.len(), 1);
    }
}
