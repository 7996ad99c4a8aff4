//! The automaton against the meaning of particles, tried on every short content (C.2; XSD part 1, 3.8 and 3.9).

use proptest::prelude::*;

use super::*;
use crate::tables::{ANY_TYPE, Element, NO_NAMESPACE};

const NAMES: [&str; 3] = ["a", "b", "c"];
/// Contents up to this length are tried.
const LENGTH_MAX: usize = 6;

fn elements() -> Vec<Element> {
    let element = |name: &str| Element {
        namespace: NO_NAMESPACE,
        local: name.into(),
        type_id: ANY_TYPE,
        nillable: false,
        value: None,
        unique: Vec::new(),
    };
    NAMES.map(element).into()
}

fn one(name: u32, min: u32, max: Option<u32>) -> Particle {
    Particle { term: Term::Element(ElementId(name)), min, max }
}

fn group(term: Term, min: u32, max: Option<u32>) -> Particle {
    Particle { term, min, max }
}

fn accepts(model: &Model, word: &[usize]) -> bool {
    let mut cursor = Cursor::default();
    let child = |name: usize| Child { namespace: Some(NO_NAMESPACE), local: NAMES[name] };
    word.iter().all(|name| model.step(&mut cursor, child(*name)).is_some()) && model.accepts(&cursor)
}

/// Where a particle can end that begins at `at`: by its meaning, without a thought of automata.
fn ends(particle: &Particle, word: &[usize], at: usize) -> Vec<usize> {
    let Particle { term, min, max } = particle;
    let max = max.unwrap_or(u32::MAX).min(*min + u32::try_from(word.len()).unwrap() + 1);
    let (mut found, mut current) = (Vec::new(), vec![at]);
    for round in 0..=max {
        if round >= *min {
            found.extend(&current);
        }
        current = current.iter().flat_map(|at| term_ends(term, word, *at)).collect();
        current.sort_unstable();
        current.dedup();
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn term_ends(term: &Term, word: &[usize], at: usize) -> Vec<usize> {
    match term {
        Term::Element(id) if word.get(at) == Some(&(id.0 as usize)) => vec![at + 1],
        Term::Element(_) => Vec::new(),
        Term::Sequence(parts) => parts
            .iter()
            .fold(vec![at], |starts, part| starts.iter().flat_map(|at| ends(part, word, *at)).collect()),
        Term::Choice(parts) => parts.iter().flat_map(|part| ends(part, word, at)).collect(),
        Term::Any(_) | Term::All(_) => unreachable!("not made here"),
    }
}

fn words() -> impl Iterator<Item = Vec<usize>> {
    (0..=LENGTH_MAX).flat_map(|length| {
        (0..NAMES.len().pow(u32::try_from(length).unwrap())).map(move |mut number| {
            let letter = |_| {
                let letter = number % NAMES.len();
                number /= NAMES.len();
                letter
            };
            (0..length).map(letter).collect()
        })
    })
}

#[track_caller]
fn check(particle: &Particle) {
    let model = Model::compile(particle, &elements()).unwrap();
    for word in words() {
        let meant = ends(particle, &word, 0).contains(&word.len());
        assert_eq!(accepts(&model, &word), meant, "{word:?} of {particle:?}");
    }
}

#[test]
fn copies_of_one_particle_are_all_tried() {
    let twice = group(Term::Sequence(vec![one(0, 1, Some(2))]), 2, Some(2));
    check(&twice);
    check(&group(Term::Sequence(vec![one(0, 2, Some(3))]), 1, None));
    check(&group(Term::Choice(vec![one(0, 2, Some(4)), one(1, 1, Some(1))]), 1, None));
    let pair = group(Term::Sequence(vec![one(0, 1, Some(1)), one(0, 1, Some(1))]), 1, Some(1));
    check(&pair);
    check(&group(
        Term::Choice(vec![group(Term::Sequence(vec![twice]), 0, Some(1)), one(1, 1, Some(3))]),
        2,
        Some(3),
    ));
}

#[test]
fn large_bounds_of_one_element_are_counted() {
    let particle = group(Term::Sequence(vec![one(0, 2, Some(100)), one(1, 0, Some(1))]), 1, Some(1));
    let model = Model::compile(&particle, &elements()).unwrap();
    for (count, is_right) in [(1, false), (2, true), (100, true), (101, false)] {
        assert_eq!(accepts(&model, &vec![0; count]), is_right, "{count}");
        let with_b: Vec<usize> = std::iter::repeat_n(0, count).chain([1]).collect();
        assert_eq!(accepts(&model, &with_b), is_right, "{count} and b");
    }
    assert!(accepts(&Model::compile(&one(0, 0, Some(100)), &elements()).unwrap(), &[]));
}

#[test]
fn a_group_without_elements_costs_nothing_however_often_it_stands() {
    let mut nothing = group(Term::Sequence(Vec::new()), 0, Some(u32::MAX));
    for _ in 0..100 {
        nothing = group(Term::Sequence(vec![nothing, one(1, 0, Some(0))]), 2, Some(u32::MAX));
    }
    let particle = group(Term::Sequence(vec![one(0, 1, Some(1)), nothing]), 1, Some(1));
    let model = Model::compile(&particle, &elements()).unwrap();
    assert!(accepts(&model, &[0]));
    assert!(!accepts(&model, &[]) && !accepts(&model, &[0, 1]));
}

#[test]
fn what_would_take_too_much_is_refused() {
    let large = group(Term::Sequence((0..3).map(|name| one(name, 0, Some(1))).collect()), 0, Some(3_000));
    let error = Model::compile(&large, &elements()).unwrap_err();
    assert!(error.contains("use smaller bounds"), "{error}");
}

#[test]
fn two_particles_that_take_one_element_are_ambiguous() {
    for particle in [
        group(Term::Sequence(vec![one(0, 0, Some(1)), one(0, 1, Some(1))]), 1, Some(1)),
        group(Term::Choice(vec![one(0, 1, Some(1)), one(0, 1, None)]), 1, Some(1)),
    ] {
        let error = Model::compile(&particle, &elements()).unwrap_err();
        assert!(error.contains("ambiguous"), "{error}");
    }
}

fn particles() -> impl Strategy<Value = Particle> {
    let bounds = || {
        (0_u32..3, prop::option::weighted(0.8, 0_u32..3))
            .prop_map(|(min, more)| (min, more.map(|more| min + more)))
    };
    let element = (0_u32..3, bounds()).prop_map(|(name, (min, max))| one(name, min, max));
    element.prop_recursive(3, 8, 3, move |inner| {
        (any::<bool>(), prop::collection::vec(inner, 1..4), bounds()).prop_map(
            |(is_choice, parts, (min, max))| {
                group(if is_choice { Term::Choice(parts) } else { Term::Sequence(parts) }, min, max)
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_model_takes_what_its_particle_means(particle in particles()) {
        if Model::compile(&particle, &elements()).is_ok() {
            check(&particle);
        }
    }
}
