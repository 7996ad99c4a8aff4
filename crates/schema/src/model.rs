//! Content models: particles compiled to an automaton that takes one child element after the other.
//!
//! A model is deterministic, as XSD demands ("Unique Particle Attribution"), so a step looks at the few moves of one
//! state. Small bounds are unrolled into states, large ones of an element become a counter; `xs:all` is a set of bits.

mod compile;

use crate::tables::{ElementId, NamespaceId, Wildcard};

/// Most states of one model; larger bounds on groups are refused when the schema is compiled.
pub(crate) const STATES_MAX: usize = 4096;
/// Most moves of one model: some three hundred optional elements in a row.
pub(crate) const MOVES_MAX: usize = 50_000;
/// Most elements of one `xs:all`.
pub(crate) const ALL_MAX: usize = 64;
/// Occurrence bounds of a single element up to here are unrolled into states.
const UNROLL_MAX: u32 = 16;

/// A particle, as the schema says it.
#[derive(Debug, Clone)]
pub(crate) struct Particle {
    pub(crate) term: Term,
    pub(crate) min: u32,
    /// `None`: unbounded.
    pub(crate) max: Option<u32>,
}

/// What a particle stands for.
#[derive(Debug, Clone)]
pub(crate) enum Term {
    Element(ElementId),
    Any(Wildcard),
    Sequence(Vec<Particle>),
    Choice(Vec<Particle>),
    All(Vec<Particle>),
}

/// A compiled content model.
#[derive(Debug)]
pub(crate) enum Model {
    /// States; the first is where it starts.
    States { states: Vec<State>, tests: Vec<Test> },
    /// `xs:all`: each member at most once, in any order.
    All { members: Vec<Member>, may_be_absent: bool },
}

/// What has been read so far, and what may follow.
#[derive(Debug)]
pub(crate) struct State {
    /// Whether the content may end here.
    accepts: bool,
    /// Whether the element that led here may come again, how often at least and at most, all in all.
    counter: Option<Counter>,
    moves: Vec<Move>,
}

#[derive(Debug, Clone, Copy)]
struct Counter {
    min: u32,
    max: u32,
}

#[derive(Debug, Clone, Copy)]
struct Move {
    /// Which of the model's tests.
    test: u32,
    to: u32,
}

/// What a child must be for a move.
#[derive(Debug)]
pub(crate) enum Test {
    Element { namespace: NamespaceId, local: Box<str>, id: ElementId },
    Any(Wildcard),
}

/// An element of `xs:all`.
#[derive(Debug)]
pub(crate) struct Member {
    namespace: NamespaceId,
    local: Box<str>,
    id: ElementId,
    required: bool,
}

/// Where in a model the children of one element are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cursor {
    state: u32,
    /// How often the counted element has been read.
    count: u32,
    /// Members of `xs:all` that have been read.
    seen: u64,
}

/// The child that is to be placed. Its namespace is `None` when no schema names it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Child<'a> {
    pub(crate) namespace: Option<NamespaceId>,
    pub(crate) local: &'a str,
}

/// What a child was matched with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Matched<'m> {
    Element(ElementId),
    Any(&'m Wildcard),
}

impl Model {
    /// Moves over a child; `None`, and no move, if it may not stand here.
    pub(crate) fn step(&self, cursor: &mut Cursor, child: Child<'_>) -> Option<Matched<'_>> {
        match self {
            Self::States { states, tests } => step_states(states, tests, cursor, child),
            Self::All { members, .. } => {
                let at = members.iter().position(|member| member.takes(child))?;
                let bit = 1_u64 << at;
                if cursor.seen & bit != 0 {
                    return None;
                }
                cursor.seen |= bit;
                Some(Matched::Element(members[at].id))
            }
        }
    }

    /// Whether the content may end where the cursor is.
    pub(crate) fn accepts(&self, cursor: &Cursor) -> bool {
        match self {
            Self::States { states, .. } => {
                let state = &states[cursor.state as usize];
                state.accepts && state.counter.is_none_or(|counter| cursor.count >= counter.min)
            }
            Self::All { members, may_be_absent } => {
                (*may_be_absent && cursor.seen == 0) || missing(members, cursor).next().is_none()
            }
        }
    }

    /// Moves a cursor to where a child would have been right, after a fault, so that its followers are not faults
    /// too.
    pub(crate) fn resume(&self, cursor: &mut Cursor, child: Child<'_>) -> Option<Matched<'_>> {
        let Self::States { states, tests } = self else { return None };
        // From the place of the fault on first: what comes later is likelier than a way back.
        let from = cursor.state as usize;
        let order = (from..states.len()).chain(0..from);
        for at in order {
            let mut tried = Cursor { state: u32::try_from(at).ok()?, count: u32::MAX, seen: 0 };
            if let Some(matched @ Matched::Element(_)) = step_states(states, tests, &mut tried, child) {
                *cursor = tried;
                return Some(matched);
            }
        }
        None
    }

    /// The names that may stand where the cursor is, in the order of the schema.
    pub(crate) fn expected(&self, cursor: &Cursor) -> Vec<&str> {
        match self {
            Self::States { states, tests } => {
                let state = &states[cursor.state as usize];
                let again = state.counter.filter(|counter| cursor.count < counter.max);
                let own = again.and_then(|_| state.moves.first());
                let leaves = state.counter.is_none_or(|counter| cursor.count >= counter.min);
                let skip = usize::from(state.counter.is_some());
                let others = state.moves.iter().skip(skip).filter(|_| leaves);
                own.into_iter().chain(others).map(|one| tests[one.test as usize].name()).collect()
            }
            Self::All { members, .. } => missing(members, cursor).map(|member| &*member.local).collect(),
        }
    }
}

fn step_states<'m>(
    states: &'m [State],
    tests: &'m [Test],
    cursor: &mut Cursor,
    child: Child<'_>,
) -> Option<Matched<'m>> {
    let state = &states[cursor.state as usize];
    let mut moves = state.moves.as_slice();
    if let (Some(counter), Some((own, others))) = (state.counter, moves.split_first()) {
        // The first move of a counted state is its own element again.
        let test = &tests[own.test as usize];
        if test.takes(child) && cursor.count < counter.max {
            cursor.count += 1;
            return Some(test.matched());
        }
        if cursor.count < counter.min {
            return None;
        }
        moves = others;
    }
    let takes = |one: &&Move| tests[one.test as usize].takes(child);
    let found = moves.iter().find(takes)?;
    (cursor.state, cursor.count) = (found.to, 1);
    Some(tests[found.test as usize].matched())
}

fn missing<'m>(members: &'m [Member], cursor: &Cursor) -> impl Iterator<Item = &'m Member> {
    let seen = cursor.seen;
    members
        .iter()
        .enumerate()
        .filter(move |(at, one)| one.required && seen & (1 << at) == 0)
        .map(|(_, one)| one)
}

impl Test {
    fn takes(&self, child: Child<'_>) -> bool {
        match self {
            Self::Element { namespace, local, .. } => {
                **local == *child.local && Some(*namespace) == child.namespace
            }
            Self::Any(wildcard) => wildcard.namespaces.holds(child.namespace),
        }
    }

    const fn matched(&self) -> Matched<'_> {
        match self {
            Self::Element { id, .. } => Matched::Element(*id),
            Self::Any(wildcard) => Matched::Any(wildcard),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Element { local, .. } => local,
            Self::Any(_) => "any element",
        }
    }
}

impl Member {
    fn takes(&self, child: Child<'_>) -> bool {
        *self.local == *child.local && Some(self.namespace) == child.namespace
    }
}

#[cfg(test)]
mod tests;
