//! Patterns: the facet compiled to an automaton that reads each byte once.
//!
//! A text matches as a whole. Most patterns become a table of states, one look-up a byte; the few whose table would
//! be too large, and whose texts are short, get their states made while they run. Others are refused.

use std::fmt;

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind, meta};
use regex_syntax::hir::{Hir, Look};

mod classes;
mod parse;

/// Bytes of a table of states; larger ones are not built.
const TABLE_MAX: usize = 2 << 20;
/// Bytes of the automaton that tables and lazy states are made from.
const AUTOMATON_MAX: usize = 4 << 20;
/// What a text may cost without a table: bytes of the automaton times those of the longest text.
const COST_MAX: usize = 1 << 30;
/// Characters of the pattern that a reason repeats.
const SHOWN_MAX: usize = 200;

/// The patterns of one restriction step, of which one must match.
pub(super) struct Pattern {
    /// As the schema writes them.
    source: Box<str>,
    /// Bytes of the shortest and the longest text.
    least: usize,
    most: usize,
    engine: Engine,
}

enum Engine {
    Table { states: Box<dense::DFA<Vec<u32>>>, start: StateID },
    Lazy(Box<meta::Regex>),
}

/// A pattern of XSD, understood.
#[derive(Debug)]
pub(super) struct Parsed(Hir);

impl Parsed {
    /// Reads one pattern (part 2, Appendix F).
    ///
    /// # Errors
    /// What is wrong with it, and near which character.
    pub(super) fn parse(source: &str) -> Result<Self, String> {
        parse::parse(source).map(Self)
    }
}

impl Pattern {
    /// The patterns of one step; `source` is how reasons name them.
    ///
    /// # Errors
    /// That they are too large.
    pub(super) fn compile(source: &str, alternatives: Vec<Parsed>) -> Result<Self, String> {
        let hir = Hir::alternation(alternatives.into_iter().map(|parsed| parsed.0).collect());
        let longest = hir.properties().maximum_len();
        let engine = match table(&hir) {
            Some(engine) => engine,
            None => lazy(hir.clone(), longest)?,
        };
        let mut shown: String = source.chars().take(SHOWN_MAX).collect();
        if shown.len() < source.len() {
            shown.push('…');
        }
        Ok(Self {
            source: shown.into(),
            least: hir.properties().minimum_len().unwrap_or(0),
            most: longest.unwrap_or(usize::MAX),
            engine,
        })
    }

    /// Whether the whole text matches.
    pub(super) fn matches(&self, text: &str) -> bool {
        if text.len() < self.least || text.len() > self.most {
            return false;
        }
        match &self.engine {
            Engine::Table { states, start } => {
                let mut state = *start;
                for byte in text.bytes() {
                    state = states.next_state(state, byte);
                    if states.is_special_state(state) && states.is_dead_state(state) {
                        return false;
                    }
                }
                states.is_match_state(states.next_eoi_state(state))
            }
            Engine::Lazy(regex) => regex.is_match(text),
        }
    }

    /// The pattern as the schema writes it, shortened if it is very long.
    pub(super) fn source(&self) -> &str {
        &self.source
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.source).finish()
    }
}

/// The table of states, unless it is too large. All matches are followed: the text decides where it ends.
fn table(hir: &Hir) -> Option<Engine> {
    let config =
        thompson::Config::new().nfa_size_limit(Some(AUTOMATON_MAX)).which_captures(WhichCaptures::None);
    let nfa: NFA = thompson::Compiler::new().configure(config).build_from_hir(hir).ok()?;
    let config = dense::Config::new()
        .start_kind(StartKind::Anchored)
        .match_kind(MatchKind::All)
        .accelerate(false)
        .dfa_size_limit(Some(TABLE_MAX))
        .determinize_size_limit(Some(2 * TABLE_MAX));
    let states = dense::Builder::new().configure(config).build_from_nfa(&nfa).ok()?;
    let start = states.start_state(&start::Config::new().anchored(Anchored::Yes)).ok()?;
    Some(Engine::Table { states: Box::new(states), start })
}

/// States made while a text is read. In the worst case each byte costs a walk over the whole automaton, so this is
/// only for patterns whose texts are short.
fn lazy(hir: Hir, longest: Option<usize>) -> Result<Engine, String> {
    let longest = longest.ok_or("the pattern is too large for texts without a bound on their length")?;
    let limit = AUTOMATON_MAX.min(COST_MAX / longest.max(1));
    let whole = Hir::concat(vec![Hir::look(Look::Start), hir, Hir::look(Look::End)]);
    let config = meta::Config::new()
        .nfa_size_limit(Some(limit))
        .which_captures(WhichCaptures::None)
        .onepass(false)
        .backtrack(false);
    meta::Builder::new()
        .configure(config)
        .build_from_hir(&whole)
        .map(|regex| Engine::Lazy(Box::new(regex)))
        .map_err(|_| format!("the pattern is too large: compiled, it has more than {limit} bytes"))
}

#[cfg(test)]
mod tests;
