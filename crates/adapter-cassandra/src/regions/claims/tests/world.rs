//! Nodes of several regions over one register, in simulated time: clocks that drift, machines that pause and sleep,
//! answers that are lost, writes that land late. Two regions never conclude at the same instant that they serve.

use pix_stream_testkit::fake::SplitMix64;

use super::*;

/// Runs of each kind of cluster.
const SEEDS: u64 = 40;
const STEPS: u32 = 5_000;
/// Most milliseconds that one step of a round takes.
const STEP_MAX: u64 = 300;
/// Clocks run up to so many thousandths too fast or too slow. Lease and margin bear a tenth.
const DRIFT: u64 = 100;

/// What everybody agrees on.
struct World {
    now: u64,
    rows: Vec<Row>,
    owners: BTreeMap<Ispb, Owner>,
    beats: u64,
    /// Until when a region is cut off from the others: its nodes run, and nothing is answered.
    cut: BTreeMap<Box<str>, u64>,
    /// Writes on their way: when they land, the row as it shall be, and the beat that it must have.
    late: Vec<(u64, Row, Token)>,
    /// Where regions go on without agreement: what the copies of each side have. They are behind what is agreed, until
    /// somebody makes sure of them.
    copies: BTreeMap<Box<str>, Copies>,
}

type Copies = (Vec<Row>, BTreeMap<Ispb, Owner>);

impl World {
    fn beat(&mut self) -> Token {
        self.beats += 1;
        let mut beat = Token::default();
        beat[..8].copy_from_slice(&self.beats.to_be_bytes());
        beat
    }

    fn write(&mut self, next: &Row, seen: Token) -> Option<Row> {
        let beat = self.beat();
        let row = self.rows.iter_mut().find(|row| row.region == next.region && row.beat == seen)?;
        *row = Row { beat, ..next.clone() };
        Some(row.clone())
    }

    fn land(&mut self) {
        let due: Vec<_> = self.late.extract_if(.., |(at, ..)| *at <= self.now).collect();
        for (_, next, seen) in due {
            self.write(&next, seen);
        }
    }

    /// What is agreed arrives on a side.
    fn arrive(&mut self, side: &str) {
        if let Some(copies) = self.copies.get_mut(side) {
            *copies = (self.rows.clone(), self.owners.clone());
        }
    }

    /// A read at EACH_QUORUM: it repairs both sides.
    fn arrive_everywhere(&mut self) {
        let sides: Vec<_> = self.copies.keys().cloned().collect();
        sides.iter().for_each(|side| self.arrive(side));
    }
}

/// A node, and how far it is in its round.
struct Node {
    claims: Claims,
    /// Thousandths by which its clock differs from the right rate.
    rate: u64,
    offset: u64,
    /// While its machine slept, its steady clock stood.
    slept: u64,
    busy_until: u64,
    round: Option<(Round, Vec<Row>)>,
    /// Where it goes on: since when it waits for its own side, what that answers, and what was agreed to be held.
    here: Option<(Moment, Copies)>,
    proven: BTreeMap<Box<str>, u32>,
}

impl Node {
    fn clock(&self, now: u64) -> Moment {
        let ran = |span: u64| Duration::from_millis(span * self.rate / 1_000);
        Moment { steady: ran(now - self.slept), wall: ran(now) + Duration::from_millis(self.offset) }
    }

    /// The next step of a round: each question is answered some time later, or not at all.
    fn step(&mut self, world: &mut World, random: &mut SplitMix64) {
        let now = self.clock(world.now);
        self.busy_until = world.now + random.below(STEP_MAX);
        if world.cut.get(&self.claims.terms.name).is_some_and(|until| *until > world.now) {
            self.round = None;
            self.go_on(world, now);
            return;
        }
        self.here = None;
        match self.round.take() {
            None => {
                let round = Round { started: now, ..Round::default() };
                self.claims.apply(Round { ended: now, rows: world.rows.clone(), ..Round::default() });
                self.round = Some((round, world.rows.clone()));
            }
            Some((mut round, mut left)) => match left.pop() {
                Some(row) => {
                    let row = self.renew(row, world, random, &mut round);
                    round.rows.extend(row);
                    self.round = Some((round, left));
                }
                None => {
                    round.ended = now;
                    if !self.confirm(&round, world) {
                        return;
                    }
                    round.records = Some(Vec::new());
                    round.owners = (!random.chance(100)).then(|| Arc::new(world.owners.clone()));
                    round.is_agreed = true;
                    if round.owners.is_some() {
                        self.proven = round.renewed.iter().cloned().collect();
                    }
                    self.claims.apply(round);
                    self.take(world, random);
                }
            },
        }
    }

    /// Two sides: what was renewed is there on both.
    fn confirm(&self, round: &Round, world: &mut World) -> bool {
        if world.copies.is_empty() {
            return true;
        }
        world.arrive_everywhere();
        let is_there = |row: &Row| {
            world
                .rows
                .iter()
                .any(|now| now.region == row.region && (now.epoch, &now.holder) == (row.epoch, &row.holder))
        };
        round.rows.iter().filter(|row| row.holder == self.claims.terms.name).all(is_there)
    }

    /// Asks its own side, and hears the answer at its next step.
    fn go_on(&mut self, world: &World, now: Moment) {
        let Some(copies) = world.copies.get(&self.claims.terms.name) else {
            self.claims.apply(Round { started: now, ended: now, ..Round::default() });
            return;
        };
        if let Some((started, (rows, owners))) = self.here.replace((now, copies.clone())) {
            let renewed = self.claims.going_on(&rows, &[], self.proven.clone());
            let (owners, records) = (Some(Arc::new(owners)), Some(Vec::new()));
            let round = Round { started, ended: now, rows, renewed, owners, records, is_agreed: false };
            self.claims.apply(round);
        }
    }

    fn renew(
        &mut self,
        row: Row,
        world: &mut World,
        random: &mut SplitMix64,
        round: &mut Round,
    ) -> Option<Row> {
        if !self.claims.is_ours(&row) {
            return Some(row);
        }
        let waits = !self.claims.is_waited_for(&row, self.clock(world.now));
        let next = Row { waits, is_new: false, ..row.clone() };
        match random.below(10) {
            0 => None,
            1 => {
                world.late.push((world.now + random.below(60_000), next, row.beat));
                None
            }
            2 => {
                world.write(&next, row.beat);
                None
            }
            _ => {
                let written = world.write(&next, row.beat);
                if written.is_some() {
                    round.renewed.push((row.region.clone(), row.epoch));
                }
                written
            }
        }
    }

    fn take(&mut self, world: &mut World, random: &mut SplitMix64) {
        for row in self.claims.due(self.clock(world.now)) {
            let holder = self.claims.terms.name.clone();
            let epoch = self.claims.highest_epoch() + 1;
            let next = Row { epoch, holder, waits: false, ..row.clone() };
            if random.chance(200) {
                world.late.push((world.now + random.below(60_000), next, row.beat));
            } else {
                world.write(&next, row.beat);
            }
        }
    }
}

/// What an operator does now and then: hand a region over, or choose an owner.
fn command(world: &mut World, nodes: &[Node], random: &mut SplitMix64) {
    let all = &nodes[0].claims.terms.all;
    let to = all[pick(random, all.len())].clone();
    let highest = nodes.iter().map(|node| node.claims.highest_epoch()).max().unwrap_or(0);
    let known = world.rows.iter().map(|row| row.epoch).chain(world.owners.values().map(|owner| owner.epoch));
    let epoch = known.max().unwrap_or(0).max(highest) + 1;
    if random.chance(500) {
        let row = world.rows[pick(random, world.rows.len())].clone();
        world.write(&Row { epoch, holder: to, waits: true, ..row.clone() }, row.beat);
    } else {
        let region = (!random.chance(200)).then_some(to);
        world.owners.insert(ispb(random.below(4)), Owner { region, epoch, settled: false });
    }
}

fn pick(random: &mut SplitMix64, len: usize) -> usize {
    usize::try_from(random.below(len as u64)).unwrap()
}

/// Who serves a participant at this instant, with its epoch. A machine that is away serves nobody.
fn serving(nodes: &[Node], now: u64, ispb: Ispb) -> Vec<(&str, u32)> {
    let awake = nodes.iter().filter(|node| node.busy_until <= now + STEP_MAX);
    awake
        .filter_map(|node| Some((&*node.claims.terms.name, node.claims.epoch(ispb, node.clock(now))?)))
        .collect()
}

/// What everybody agrees on at first, and two nodes of each region.
fn begin(random: &mut SplitMix64, regions: &[&str], goes_on: bool) -> (World, Vec<Node>) {
    let rows: Vec<Row> = (1..).zip(regions).map(|(beat, region)| row(region, region, 1, beat)).collect();
    let sides = regions.iter().filter(|_| goes_on);
    let copies = sides.map(|side| (Box::from(*side), (rows.clone(), BTreeMap::new()))).collect();
    let world = World {
        now: 100_000,
        rows,
        owners: BTreeMap::new(),
        beats: 0,
        cut: BTreeMap::new(),
        late: Vec::new(),
        copies,
    };
    let mut nodes: Vec<Node> = Vec::new();
    for region in regions.iter().chain(regions) {
        let mut terms = terms(region, regions);
        // Nobody takes over by itself from a region that may go on in silence.
        terms.takeover_after = terms.takeover_after.filter(|_| !goes_on);
        nodes.push(Node {
            claims: Claims::new(terms),
            rate: 1_000 - DRIFT + random.below(2 * DRIFT + 1),
            offset: random.below(1_000_000),
            slept: 0,
            busy_until: 0,
            round: None,
            here: None,
            proven: BTreeMap::new(),
        });
    }
    (world, nodes)
}

fn run(seed: u64, regions: &[&str], goes_on: bool) -> (u32, u32) {
    let mut random = SplitMix64::new(seed);
    let (mut world, mut nodes) = begin(&mut random, regions, goes_on);
    let (mut served, mut moves) = (0, 0);
    let mut last: BTreeMap<Ispb, (String, u32)> = BTreeMap::new();
    for _ in 0..STEPS {
        world.now += random.below(150);
        world.land();
        if goes_on && random.chance(5) {
            let side = regions[pick(&mut random, regions.len())];
            world.arrive(side);
        }
        let ready: Vec<usize> = (0..nodes.len()).filter(|n| nodes[*n].busy_until <= world.now).collect();
        if !ready.is_empty() {
            let node = &mut nodes[ready[pick(&mut random, ready.len())]];
            node.step(&mut world, &mut random);
            match random.below(200) {
                0 => node.busy_until = world.now + random.below(60_000),
                1 => {
                    let span = random.below(60_000);
                    node.busy_until = world.now + span;
                    node.slept += span;
                }
                _ => {}
            }
        }
        if random.chance(if goes_on { 40 } else { 10 }) {
            let region = nodes[pick(&mut random, nodes.len())].claims.terms.name.clone();
            world.cut.insert(region, world.now + random.below(40_000));
        }
        if random.chance(if goes_on { 20 } else { 5 }) {
            command(&mut world, &nodes, &mut random);
        }
        for n in 0..6 {
            let now = serving(&nodes, world.now, ispb(n));
            let Some((region, epoch)) = now.first().map(|(region, epoch)| (region.to_string(), *epoch))
            else {
                continue;
            };
            served += 1;
            assert!(
                now.iter().all(|(other, _)| *other == region),
                "seed {seed}, at {}: {n} is served by several: {now:?}",
                world.now
            );
            let before = last.insert(ispb(n), (region.clone(), epoch));
            if let Some((before, old)) = before.filter(|(before, _)| *before != region) {
                moves += 1;
                assert!(
                    epoch > old,
                    "seed {seed}: {n} went from {before} to {region} in epoch {old} to {epoch}"
                );
            }
        }
    }
    (served, moves)
}

#[test]
fn two_regions_never_serve_a_participant_at_the_same_instant() {
    let (mut served, mut moves) = (0, 0);
    for seed in 0..SEEDS {
        let regions: &[&str] = if seed % 2 == 0 { &["sp", "rj"] } else { &["sp", "rj", "df"] };
        let (more, moved) = run(seed, regions, false);
        (served, moves) = (served + more, moves + moved);
    }
    assert!(served > 20_000, "participants are served most of the time: {served}");
    assert!(moves > 200, "and move between regions: {moves}");
}

#[test]
fn two_regions_that_go_on_without_agreement_never_serve_a_participant_at_the_same_instant() {
    let (mut served, mut moves) = (0, 0);
    for seed in 0..SEEDS {
        let (more, moved) = run(seed, &["sp", "rj"], true);
        (served, moves) = (served + more, moves + moved);
    }
    assert!(served > 20_000, "participants are served most of the time: {served}");
    assert!(moves > 100, "and move between regions: {moves}");
}
