//! Nodes of several regions over one register, in simulated time: clocks that drift, machines that pause and sleep,
//! answers that are lost, writes that land late. Two regions never conclude at the same instant that they serve.

use pix_stream_testkit::fake::SplitMix64;

use super::*;

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
}

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
            self.claims.apply(Round { started: now, ended: now, ..Round::default() });
            return;
        }
        match self.round.take() {
            None => {
                let round = Round { started: now, ..Round::default() };
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
                    round.records = Some(Vec::new());
                    round.owners = (!random.chance(100)).then(|| Arc::new(world.owners.clone()));
                    self.claims.apply(round);
                    self.take(world, random);
                }
            },
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

fn terms(name: &str, all: &[&str]) -> Terms {
    Terms {
        name: name.into(),
        all: all.iter().map(|region| Box::from(*region)).collect(),
        lease: Duration::from_secs(10),
        margin: Duration::from_secs(2),
        takeover_after: Some(Duration::from_secs(15)),
    }
}

fn row(region: &str, holder: &str, epoch: u32, beat: u8) -> Row {
    let (region, holder) = (region.into(), holder.into());
    Row { region, epoch, holder, waits: false, is_new: false, beat: [beat; 16] }
}

fn ispb(n: u64) -> Ispb {
    format!("{n:08}").parse().unwrap()
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

fn run(seed: u64, regions: &[&str]) -> (u32, u32) {
    let mut random = SplitMix64::new(seed);
    let rows = (1..).zip(regions).map(|(beat, region)| row(region, region, 1, beat)).collect();
    let mut world = World {
        now: 100_000,
        rows,
        owners: BTreeMap::new(),
        beats: 0,
        cut: BTreeMap::new(),
        late: Vec::new(),
    };
    let mut nodes: Vec<Node> = Vec::new();
    for region in regions.iter().chain(regions) {
        nodes.push(Node {
            claims: Claims::new(terms(region, regions)),
            rate: 1_000 - DRIFT + random.below(2 * DRIFT + 1),
            offset: random.below(1_000_000),
            slept: 0,
            busy_until: 0,
            round: None,
        });
    }
    let (mut served, mut moves) = (0, 0);
    let mut last: BTreeMap<Ispb, (String, u32)> = BTreeMap::new();
    for _ in 0..STEPS {
        world.now += random.below(150);
        world.land();
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
        if random.chance(10) {
            let region = nodes[pick(&mut random, nodes.len())].claims.terms.name.clone();
            world.cut.insert(region, world.now + random.below(40_000));
        }
        if random.chance(5) {
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
        let (more, moved) = run(seed, regions);
        (served, moves) = (served + more, moves + moved);
    }
    assert!(served > 20_000, "participants are served most of the time: {served}");
    assert!(moves > 200, "and move between regions: {moves}");
}

/// A node that has renewed everything at `at`.
fn renewed(at: Moment, rows: Vec<Row>, records: Vec<Record>) -> Round {
    let renewed = rows.iter().filter(|row| &*row.holder == "sp");
    let renewed = renewed.map(|row| (row.region.clone(), row.epoch)).collect();
    let owners = Some(Arc::default());
    Round { started: at, ended: at, rows, renewed, owners, records: Some(records) }
}

fn at(seconds: u64) -> Moment {
    Moment { steady: Duration::from_secs(seconds), wall: Duration::from_secs(seconds) }
}

/// A participant that hashing gives to a region.
fn one_of(region: &str) -> Ispb {
    let all = terms("sp", &["sp", "rj"]).all;
    (0..).map(ispb).find(|ispb| hash::owner(&all, *ispb) == Some(region)).unwrap()
}

fn node() -> Claims {
    Claims::new(terms("sp", &["sp", "rj"]))
}

fn both() -> Vec<Row> {
    vec![row("sp", "sp", 1, 1), row("rj", "rj", 1, 2)]
}

#[test]
fn a_claim_ends_by_itself_before_the_lease_does() {
    let mut node = node();
    assert!(matches!(node.sequencing(one_of("sp"), at(0)), Sequencing::Nobody { .. }));
    node.apply(renewed(at(0), both(), Vec::new()));
    assert_eq!(node.sequencing(one_of("sp"), at(7)), Sequencing::Here);
    assert_eq!(node.epoch(one_of("sp"), at(7)), Some(1));
    assert!(matches!(node.sequencing(one_of("sp"), at(8)), Sequencing::Nobody { .. }));
    assert_eq!(node.sequencing(one_of("rj"), at(7)), Sequencing::Elsewhere { region: "rj".into() });
    assert!(matches!(node.sequencing(one_of("rj"), at(12)), Sequencing::Nobody { .. }), "it is silent");
}

#[test]
fn a_machine_that_slept_has_lost_its_claim() {
    let mut node = node();
    node.apply(renewed(at(0), both(), Vec::new()));
    let slept = Moment { steady: Duration::from_secs(1), wall: Duration::from_secs(60) };
    assert!(matches!(node.sequencing(one_of("sp"), slept), Sequencing::Nobody { .. }));
}

#[test]
fn a_claim_rests_on_owners_and_take_overs_that_are_as_fresh() {
    for (owners, records) in [(None, Some(Vec::new())), (Some(Arc::default()), None)] {
        let mut node = node();
        node.apply(Round { owners, records, ..renewed(at(0), both(), Vec::new()) });
        assert_eq!(node.epoch(one_of("sp"), at(1)), None);
    }
}

#[test]
fn what_was_handed_over_is_served_once_the_holder_before_has_surely_stopped() {
    let mut node = node();
    let handed = || vec![row("sp", "sp", 1, 1), Row { waits: true, ..row("rj", "sp", 2, 3) }];
    for second in [0, 5, 11] {
        node.apply(renewed(at(second), handed(), Vec::new()));
        assert_eq!(node.epoch(one_of("rj"), at(second)), None, "at {second} s");
    }
    node.apply(renewed(at(12), handed(), Vec::new()));
    assert_eq!(node.epoch(one_of("rj"), at(12)), Some(2));
}

#[test]
fn a_participant_that_was_given_another_owner_waits_too_and_has_the_higher_epoch() {
    let mut node = node();
    let moved = Owner { region: Some("sp".into()), epoch: 7, settled: false };
    let owners = |owner: Owner| Some(Arc::new(BTreeMap::from([(one_of("rj"), owner)])));
    for second in [0, 6] {
        node.apply(Round { owners: owners(moved.clone()), ..renewed(at(second), both(), Vec::new()) });
        assert_eq!(node.epoch(one_of("rj"), at(second)), None);
    }
    node.apply(Round { owners: owners(moved.clone()), ..renewed(at(12), both(), Vec::new()) });
    assert_eq!(node.epoch(one_of("rj"), at(12)), Some(7));
    let settled = Owner { settled: true, ..moved };
    let mut fresh = Claims::new(terms("sp", &["sp", "rj"]));
    fresh.apply(Round { owners: owners(settled), ..renewed(at(0), both(), Vec::new()) });
    assert_eq!(fresh.epoch(one_of("rj"), at(0)), Some(7), "others have waited for it");
}

fn record(taker: &str, region: &str, epoch: u32, state: RecordState) -> Record {
    Record { taker: taker.into(), region: region.into(), epoch, state }
}

#[test]
fn a_returning_region_finds_the_take_over_before_it_serves() {
    for state in [RecordState::Intent, RecordState::Done, RecordState::Merged] {
        let mut node = node();
        node.apply(renewed(at(0), both(), vec![record("rj", "sp", 2, state)]));
        assert_eq!(node.epoch(one_of("sp"), at(1)), None, "{state:?}");
        assert_eq!(node.sequencing(one_of("sp"), at(1)), Sequencing::Elsewhere { region: "rj".into() });
        assert!(!node.is_ours(&both()[0]), "it does not renew either");
    }
    let mut node = node();
    node.apply(renewed(at(0), both(), vec![record("rj", "sp", 2, RecordState::Withdrawn)]));
    assert_eq!(node.epoch(one_of("sp"), at(1)), Some(1), "it was none");
    let later = vec![row("sp", "sp", 3, 4), row("rj", "rj", 1, 2)];
    node.apply(renewed(at(1), later, vec![record("rj", "sp", 2, RecordState::Merged)]));
    assert_eq!(node.epoch(one_of("sp"), at(2)), Some(3), "it was given back since");
}

#[test]
fn a_take_over_by_command_is_served_in_its_own_epoch() {
    let mut node = node();
    let records = vec![record("sp", "rj", 2, RecordState::Done), record("sp", "sp", 2, RecordState::Done)];
    let renewed_here = vec![("rj".into(), 2), ("sp".into(), 2)];
    node.apply(Round { renewed: renewed_here, ..renewed(at(0), both(), records) });
    assert_eq!(node.epoch(one_of("rj"), at(1)), Some(2));
    assert_eq!(node.epoch(one_of("sp"), at(1)), Some(2));
    let merged = vec![record("sp", "rj", 2, RecordState::Merged)];
    node.apply(Round { renewed: Vec::new(), ..renewed(at(2), both(), merged) });
    assert_eq!(node.epoch(one_of("rj"), at(7)), Some(2), "what was certain runs out");
    assert_eq!(node.epoch(one_of("rj"), at(8)), None, "from then on the row counts");
}

#[test]
fn of_two_take_overs_both_sides_go_by_the_same_one() {
    let records = || vec![record("sp", "rj", 2, RecordState::Done), record("rj", "rj", 2, RecordState::Done)];
    let mut sp = node();
    sp.apply(Round { renewed: vec![("rj".into(), 2)], ..renewed(at(0), both(), records()) });
    let mut rj = Claims::new(terms("rj", &["sp", "rj"]));
    rj.apply(Round { renewed: vec![("rj".into(), 2)], ..renewed(at(0), both(), records()) });
    assert_eq!(sp.epoch(one_of("rj"), at(1)), Some(2));
    assert_eq!(rj.epoch(one_of("rj"), at(1)), None);
}
