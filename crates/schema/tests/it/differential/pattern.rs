//! Texts that match a pattern. The patterns of these schemas read the same in XSD and in `regex-syntax`.

use regex_automata::meta::Regex;
use regex_syntax::hir::{Class, Hir, HirKind};

use super::seed::Random;

/// How often something unbounded is repeated at most.
const UNBOUNDED: u32 = 12;

/// A pattern of the grammar.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    hir: Hir,
    whole: Regex,
}

impl Pattern {
    pub(super) fn new(pattern: &str) -> Self {
        let hir = regex_syntax::parse(pattern).unwrap();
        let whole = Regex::new(&format!("^(?:{pattern})$")).unwrap();
        Self { hir, whole }
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        self.whole.is_match(text)
    }

    /// A text that matches.
    pub(super) fn sample(&self, random: &mut Random) -> String {
        let mut text = String::new();
        sample(&self.hir, random, &mut text);
        text
    }
}

fn sample(hir: &Hir, random: &mut Random, text: &mut String) {
    match hir.kind() {
        HirKind::Empty => {}
        HirKind::Literal(literal) => text.push_str(std::str::from_utf8(&literal.0).unwrap()),
        HirKind::Class(class) => text.push(one_of(class, random)),
        HirKind::Look(_) => panic!("patterns of XSD have no anchors"),
        HirKind::Repetition(repetition) => {
            let min = repetition.min;
            let max = repetition.max.unwrap_or(min + UNBOUNDED);
            let times = match random.below(4) {
                0 => min,
                1 => max,
                _ => u32::try_from(random.between(min as usize, max as usize)).unwrap(),
            };
            for _ in 0..times {
                sample(&repetition.sub, random, text);
            }
        }
        HirKind::Capture(capture) => sample(&capture.sub, random, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| sample(part, random, text)),
        HirKind::Alternation(branches) => sample(random.pick(branches), random, text),
    }
}

fn one_of(class: &Class, random: &mut Random) -> char {
    let Class::Unicode(class) = class else { panic!("patterns are of characters") };
    let range = random.pick(class.ranges());
    let (start, end) = (u32::from(range.start()), u32::from(range.end()).min(u32::from(range.start()) + 200));
    let at = start + u32::try_from(random.below((end - start + 1) as usize)).unwrap();
    char::from_u32(at).filter(|c| !c.is_control()).unwrap_or('x')
}
