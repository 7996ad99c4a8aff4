//! Particles to states, by Glushkov's construction: one state for each place where an element can stand.

use crate::model::{
    ALL_MAX, Counter, Member, Model, Move, Particle, STATES_MAX, State, Term, Test, UNROLL_MAX,
};
use crate::tables::{Element, NamespaceId, NamespaceSet};

/// A place where an element can stand, before it becomes a state.
struct Place {
    test: Test,
    /// Which particle of the schema it comes from: unrolled copies share it.
    origin: usize,
    counter: Option<Counter>,
    follow: Vec<usize>,
}

/// The ends of a piece of a model.
struct Piece {
    nullable: bool,
    first: Vec<usize>,
    last: Vec<usize>,
}

impl Piece {
    const fn empty() -> Self {
        Self { nullable: true, first: Vec::new(), last: Vec::new() }
    }
}

struct Compiler<'a> {
    elements: &'a [Element],
    places: Vec<Place>,
}

impl Model {
    /// Compiles a particle, the content of a type.
    ///
    /// # Errors
    /// Why it is not supported or not deterministic, in the schema's words.
    pub(crate) fn compile(particle: &Particle, elements: &[Element]) -> Result<Self, String> {
        if let Term::All(members) = &particle.term {
            return all(particle, members, elements);
        }
        let mut compiler = Compiler { elements, places: Vec::new() };
        let piece = compiler.particle(particle, &mut 0)?;
        compiler.finish(&piece)
    }
}

fn all(particle: &Particle, members: &[Particle], elements: &[Element]) -> Result<Model, String> {
    if particle.max != Some(1) {
        return Err("xs:all stands once".to_owned());
    }
    if members.len() > ALL_MAX {
        return Err(format!("xs:all has more than {ALL_MAX} elements"));
    }
    let mut compiled: Vec<Member> = Vec::with_capacity(members.len());
    for member in members {
        let Term::Element(id) = member.term else {
            return Err("xs:all holds elements only".to_owned());
        };
        if member.max == Some(0) {
            continue;
        }
        if member.max != Some(1) {
            return Err("an element of xs:all stands at most once".to_owned());
        }
        let Element { namespace, local, .. } = &elements[id.0 as usize];
        if compiled.iter().any(|one| one.local == *local && one.namespace == *namespace) {
            return Err(ambiguous(local));
        }
        let required = member.min > 0;
        compiled.push(Member { namespace: *namespace, local: local.clone(), id, required });
    }
    Ok(Model::All { members: compiled, may_be_absent: particle.min == 0 })
}

impl Compiler<'_> {
    /// Compiles a particle. `origin` numbers the particles of the schema, so that unrolled copies get the same.
    fn particle(&mut self, particle: &Particle, origin: &mut usize) -> Result<Piece, String> {
        let Particle { term, min, max } = particle;
        let start = *origin;
        if *max == Some(0) {
            *origin += count(particle);
            return Ok(Piece::empty());
        }
        let is_large = |bound: u32| bound > UNROLL_MAX;
        let is_single = matches!(term, Term::Element(_) | Term::Any(_));
        if is_single && (is_large(*min) || max.is_some_and(is_large)) {
            return self.counted(particle, origin);
        }
        let mut copy = |compiler: &mut Self| {
            *origin = start;
            compiler.term(term, origin)
        };
        let mut whole = Piece::empty();
        for n in 0..*min {
            let one = copy(self)?;
            if max.is_none() && n + 1 == *min {
                self.repeat(&one);
            }
            whole = self.join(whole, one);
        }
        match max {
            None if *min == 0 => {
                let one = copy(self)?;
                self.repeat(&one);
                whole = Piece { nullable: true, ..one };
            }
            None => {}
            Some(max) => {
                // a{0,3} is (a(a(a)?)?)?: innermost first, so that each copy leads to the next.
                let optional = max.checked_sub(*min).ok_or("maxOccurs is less than minOccurs")?;
                let mut copies = Vec::new();
                for _ in 0..optional {
                    copies.push(copy(self)?);
                }
                let tail = copies.into_iter().rev().fold(Piece::empty(), |rest, one| {
                    let joined = self.join(one, rest);
                    Piece { nullable: true, ..joined }
                });
                whole = self.join(whole, tail);
            }
        }
        *origin = start + count(particle);
        Ok(whole)
    }

    fn term(&mut self, term: &Term, origin: &mut usize) -> Result<Piece, String> {
        match term {
            Term::Element(_) | Term::Any(_) => {
                let test = self.test(term)?;
                self.place(test, None, origin)
            }
            Term::Sequence(parts) => {
                let mut whole = Piece::empty();
                for part in parts {
                    let next = self.particle(part, origin)?;
                    whole = self.join(whole, next);
                }
                Ok(whole)
            }
            Term::Choice(parts) => {
                let mut whole = Piece { nullable: parts.is_empty(), first: Vec::new(), last: Vec::new() };
                for part in parts {
                    let one = self.particle(part, origin)?;
                    whole.nullable |= one.nullable;
                    whole.first.extend(one.first);
                    whole.last.extend(one.last);
                }
                Ok(whole)
            }
            Term::All(_) => Err("xs:all stands alone, as the whole content of a type".to_owned()),
        }
    }

    /// One place with a counter, for an element that may stand many times.
    fn counted(&mut self, particle: &Particle, origin: &mut usize) -> Result<Piece, String> {
        let test = self.test(&particle.term)?;
        let counter = Counter { min: particle.min, max: particle.max.unwrap_or(u32::MAX) };
        let piece = self.place(test, Some(counter), origin)?;
        Ok(Piece { nullable: particle.min == 0, ..piece })
    }

    fn place(&mut self, test: Test, counter: Option<Counter>, origin: &mut usize) -> Result<Piece, String> {
        if self.places.len() >= STATES_MAX {
            return Err(format!("the content model takes more than {STATES_MAX} states; use smaller bounds"));
        }
        let at = self.places.len();
        self.places.push(Place { test, origin: *origin, counter, follow: Vec::new() });
        *origin += 1;
        Ok(Piece { nullable: false, first: vec![at], last: vec![at] })
    }

    fn test(&self, term: &Term) -> Result<Test, String> {
        match term {
            Term::Element(id) => {
                let Element { namespace, local, .. } = &self.elements[id.0 as usize];
                Ok(Test::Element { namespace: *namespace, local: local.clone(), id: *id })
            }
            Term::Any(wildcard) => Ok(Test::Any(wildcard.clone())),
            Term::Sequence(_) | Term::Choice(_) | Term::All(_) => Err("a group is no element".to_owned()),
        }
    }

    /// Lets what ends a piece lead to what starts it.
    fn repeat(&mut self, piece: &Piece) {
        for last in &piece.last {
            self.follow(*last, &piece.first);
        }
    }

    fn join(&mut self, left: Piece, right: Piece) -> Piece {
        for last in &left.last {
            self.follow(*last, &right.first);
        }
        let mut first = left.first;
        if left.nullable {
            first.extend(&right.first);
        }
        let mut last = right.last;
        if right.nullable {
            last.extend(&left.last);
        }
        Piece { nullable: left.nullable && right.nullable, first, last }
    }

    fn follow(&mut self, from: usize, to: &[usize]) {
        let follow = &mut self.places[from].follow;
        for at in to {
            if !follow.contains(at) {
                follow.push(*at);
            }
        }
    }

    fn finish(self, piece: &Piece) -> Result<Model, String> {
        let mut states = Vec::with_capacity(self.places.len() + 1);
        states.push(State { accepts: piece.nullable, counter: None, moves: self.moves(&piece.first, None)? });
        for (at, place) in self.places.iter().enumerate() {
            let own = place.counter.map(|_| at);
            let moves = self.moves(&place.follow, own)?;
            states.push(State { accepts: piece.last.contains(&at), counter: place.counter, moves });
        }
        Ok(Model::States(states))
    }

    /// The moves to places. Of two that take the same element and come from one particle, the earlier copy is
    /// right: it leaves more room. From two particles they are ambiguous.
    fn moves(&self, places: &[usize], own: Option<usize>) -> Result<Vec<Move>, String> {
        let mut kept: Vec<usize> = own.into_iter().collect();
        for &at in places {
            let place = &self.places[at];
            match kept.iter().find(|&&other| overlap(&self.places[other].test, &place.test)) {
                Some(&other) if self.places[other].origin != place.origin => {
                    return Err(ambiguous(place.test.name()));
                }
                Some(&other) if Some(other) == own => {
                    return Err(format!(
                        "{} with large bounds stands in a group that repeats: not supported",
                        place.test.name()
                    ));
                }
                Some(_) => {}
                None => kept.push(at),
            }
        }
        let to_move = |at: usize| {
            let to = u32::try_from(at + 1).map_err(|_| "too many states".to_owned())?;
            Ok(Move { test: self.places[at].test.clone(), to })
        };
        kept.into_iter().map(to_move).collect()
    }
}

/// How many numbers the particles of a particle take.
fn count(particle: &Particle) -> usize {
    match &particle.term {
        Term::Element(_) | Term::Any(_) => 1,
        Term::Sequence(parts) | Term::Choice(parts) | Term::All(parts) => parts.iter().map(count).sum(),
    }
}

fn ambiguous(name: &str) -> String {
    format!("the content model is ambiguous: {name} can be taken for two different particles")
}

/// Whether some element is taken by both.
fn overlap(one: &Test, other: &Test) -> bool {
    match (one, other) {
        (Test::Element { namespace, local, .. }, Test::Element { namespace: n, local: l, .. }) => {
            namespace == n && local == l
        }
        (Test::Element { namespace, .. }, Test::Any(wildcard))
        | (Test::Any(wildcard), Test::Element { namespace, .. }) => {
            wildcard.namespaces.holds(Some(*namespace))
        }
        (Test::Any(one), Test::Any(other)) => meet(&one.namespaces, &other.namespaces),
    }
}

fn meet(one: &NamespaceSet, other: &NamespaceSet) -> bool {
    match (one, other) {
        (NamespaceSet::OneOf(names), set) | (set, NamespaceSet::OneOf(names)) => {
            names.iter().any(|name: &NamespaceId| set.holds(Some(*name)))
        }
        // Two complements of single namespaces always share a third.
        (NamespaceSet::Any | NamespaceSet::Other(_), NamespaceSet::Any | NamespaceSet::Other(_)) => true,
    }
}
