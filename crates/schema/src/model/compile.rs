//! Particles to states: Glushkov's construction of the places where an element can stand, then the sets of places that
//! copies of one particle can be at (XSD bounds are unrolled into copies).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::model::{
    ALL_MAX, Counter, MOVES_MAX, Member, Model, Move, Particle, STATES_MAX, State, Term, Test, UNROLL_MAX,
};
use crate::tables::{Element, NamespaceId, NamespaceSet};

/// A place where an element can stand, before it becomes a state.
struct Place {
    /// Which particle of the schema it comes from: copies share it. Its test is `tests[origin]`.
    origin: usize,
    counter: Option<Counter>,
    follow: BTreeSet<usize>,
}

/// The ends of a piece of a model.
struct Piece {
    nullable: bool,
    first: BTreeSet<usize>,
    last: BTreeSet<usize>,
}

impl Piece {
    const fn empty() -> Self {
        Self { nullable: true, first: BTreeSet::new(), last: BTreeSet::new() }
    }
}

struct Compiler<'a> {
    elements: &'a [Element],
    places: Vec<Place>,
    /// By origin; those of particles that cannot occur are missing.
    tests: BTreeMap<usize, Test>,
    /// Links between places so far.
    links: usize,
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
        let mut compiler = Compiler { elements, places: Vec::new(), tests: BTreeMap::new(), links: 0 };
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
        let end = start + count(particle);
        // Nothing round nothing is nothing, however often.
        if *max == Some(0) || is_void(particle) {
            *origin = end;
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
                self.repeat(&one)?;
            }
            whole = self.join(whole, one)?;
        }
        match max {
            None if *min == 0 => {
                let one = copy(self)?;
                self.repeat(&one)?;
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
                let mut tail = Piece::empty();
                for one in copies.into_iter().rev() {
                    let joined = self.join(one, tail)?;
                    tail = Piece { nullable: true, ..joined };
                }
                whole = self.join(whole, tail)?;
            }
        }
        *origin = end;
        Ok(whole)
    }

    fn term(&mut self, term: &Term, origin: &mut usize) -> Result<Piece, String> {
        match term {
            Term::Element(_) | Term::Any(_) => self.place(term, None, origin),
            Term::Sequence(parts) => {
                let mut whole = Piece::empty();
                for part in parts {
                    let next = self.particle(part, origin)?;
                    whole = self.join(whole, next)?;
                }
                Ok(whole)
            }
            Term::Choice(parts) => {
                let mut whole = Piece { nullable: parts.is_empty(), ..Piece::empty() };
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
        let counter = Counter { min: particle.min, max: particle.max.unwrap_or(u32::MAX) };
        let piece = self.place(&particle.term, Some(counter), origin)?;
        Ok(Piece { nullable: particle.min == 0, ..piece })
    }

    fn place(&mut self, term: &Term, counter: Option<Counter>, origin: &mut usize) -> Result<Piece, String> {
        if self.places.len() >= STATES_MAX {
            return Err(too_large());
        }
        let test = match term {
            Term::Element(id) => {
                let Element { namespace, local, .. } = &self.elements[id.0 as usize];
                Test::Element { namespace: *namespace, local: local.clone(), id: *id }
            }
            Term::Any(wildcard) => Test::Any(wildcard.clone()),
            Term::Sequence(_) | Term::Choice(_) | Term::All(_) => {
                return Err("a group is no element".to_owned());
            }
        };
        let at = self.places.len();
        self.tests.entry(*origin).or_insert(test);
        self.places.push(Place { origin: *origin, counter, follow: BTreeSet::new() });
        *origin += 1;
        Ok(Piece { nullable: false, first: BTreeSet::from([at]), last: BTreeSet::from([at]) })
    }

    /// Lets what ends a piece lead to what starts it.
    fn repeat(&mut self, piece: &Piece) -> Result<(), String> {
        self.link(&piece.last, &piece.first)
    }

    fn join(&mut self, left: Piece, right: Piece) -> Result<Piece, String> {
        self.link(&left.last, &right.first)?;
        let (mut first, mut last) = (left.first, right.last);
        if left.nullable {
            first.extend(right.first);
        }
        if right.nullable {
            last.extend(left.last);
        }
        Ok(Piece { nullable: left.nullable && right.nullable, first, last })
    }

    fn link(&mut self, from: &BTreeSet<usize>, to: &BTreeSet<usize>) -> Result<(), String> {
        self.links += from.len() * to.len();
        if self.links > MOVES_MAX {
            return Err(too_large());
        }
        for at in from {
            self.places[*at].follow.extend(to);
        }
        Ok(())
    }

    /// Makes the sets of places states: those that copies of one particle lead to by the same element.
    fn finish(self, piece: &Piece) -> Result<Model, String> {
        let numbers: HashMap<usize, u32> = self.tests.keys().copied().zip(0..).collect();
        let mut sets: Vec<BTreeSet<usize>> = vec![BTreeSet::new()];
        let mut known: HashMap<BTreeSet<usize>, u32> = HashMap::new();
        let (mut states, mut moves_total): (Vec<State>, usize) = (Vec::new(), 0);
        while let Some(set) = sets.get(states.len()).cloned() {
            let is_start = states.is_empty();
            let counter = self.counter(&set)?;
            let next = if is_start { piece.first.clone() } else { self.follow(&set) };
            let mut moves = Vec::new();
            for (origin, to) in self.by_origin(&next, counter.is_some().then_some(&set))? {
                let number = *known.entry(to.clone()).or_insert_with(|| {
                    sets.push(to);
                    u32::try_from(sets.len() - 1).unwrap_or(u32::MAX)
                });
                moves.push(Move { test: numbers.get(&origin).copied().unwrap_or(u32::MAX), to: number });
            }
            moves_total += moves.len();
            if sets.len() > STATES_MAX || moves_total > MOVES_MAX {
                return Err(too_large());
            }
            let accepts =
                if is_start { piece.nullable } else { set.iter().any(|at| piece.last.contains(at)) };
            states.push(State { accepts, counter, moves });
        }
        Ok(Model::States { states, tests: self.tests.into_values().collect() })
    }

    /// The counter of a state, if its element is counted.
    fn counter(&self, set: &BTreeSet<usize>) -> Result<Option<Counter>, String> {
        let counter = set.iter().find_map(|at| self.places[*at].counter);
        if counter.is_some() && set.len() > 1 { Err(self.counted_in_group(set)) } else { Ok(counter) }
    }

    fn follow(&self, set: &BTreeSet<usize>) -> BTreeSet<usize> {
        set.iter().flat_map(|at| &self.places[*at].follow).copied().collect()
    }

    /// Places by the particle they come from, in the order of the schema, the counted one first. Two particles must
    /// not take the same element (XSD part 1, 3.8.6, Unique Particle Attribution).
    fn by_origin(
        &self,
        places: &BTreeSet<usize>,
        counted: Option<&BTreeSet<usize>>,
    ) -> Result<Vec<(usize, BTreeSet<usize>)>, String> {
        let mut groups: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for at in places {
            groups.entry(self.places[*at].origin).or_default().insert(*at);
        }
        let mut own = Vec::new();
        if let Some(set) = counted
            && let Some(at) = set.first()
        {
            let origin = self.places[*at].origin;
            if groups.contains_key(&origin) {
                return Err(self.counted_in_group(set));
            }
            own.push((origin, set.clone()));
        }
        self.check_attribution(own.iter().map(|(origin, _)| *origin).chain(groups.keys().copied()))?;
        Ok(own.into_iter().chain(groups).collect())
    }

    fn check_attribution(&self, origins: impl Iterator<Item = usize>) -> Result<(), String> {
        let (mut names, mut wildcards) = (BTreeSet::new(), Vec::<&Test>::new());
        for test in origins.filter_map(|origin| self.tests.get(&origin)) {
            let is_taken = wildcards.iter().any(|other| overlap(other, test));
            let is_new = match test {
                Test::Element { namespace, local, .. } => names.insert((*namespace, &**local)),
                Test::Any(wildcard) => {
                    !names.iter().any(|(namespace, _)| wildcard.namespaces.holds(Some(*namespace)))
                }
            };
            if is_taken || !is_new {
                return Err(ambiguous(test.name()));
            }
            if let Test::Any(_) = test {
                wildcards.push(test);
            }
        }
        Ok(())
    }

    fn counted_in_group(&self, set: &BTreeSet<usize>) -> String {
        let origin = set.first().map(|at| self.places[*at].origin);
        let name = origin.and_then(|origin| self.tests.get(&origin)).map_or("an element", Test::name);
        format!("{name} with large bounds stands in a group that repeats: not supported")
    }
}

fn too_large() -> String {
    format!("the content model takes more than {STATES_MAX} states or {MOVES_MAX} moves; use smaller bounds")
}

/// Whether no element can stand in a particle.
fn is_void(particle: &Particle) -> bool {
    particle.max == Some(0)
        || match &particle.term {
            Term::Element(_) | Term::Any(_) => false,
            // A choice without members allows nothing at all, not even nothing: the loader refuses it.
            Term::Sequence(parts) | Term::Choice(parts) | Term::All(parts) => parts.iter().all(is_void),
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
