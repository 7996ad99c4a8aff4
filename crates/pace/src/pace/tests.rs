//! Fairness, recovery and bounds of back-pressure (D.2), in a model of a node: a queue that is served at a fixed rate,
//! and participants that ask without regard to what they are told.

use proptest::prelude::*;

use super::*;

const ROUND: Duration = Duration::from_millis(100);

fn ispb(n: usize) -> Ispb {
    format!("{n:08}").parse().unwrap()
}

/// What became of each participant's requests.
#[derive(Debug, Clone, Default)]
struct Fate {
    passed: u64,
    shed: u64,
    slowed: u64,
}

/// A node that serves `capacity` requests a second.
struct Node {
    pace: Pace,
    capacity: f64,
    queued: f64,
    turns: f64,
    longest: f64,
    levels: Vec<Level>,
}

impl Node {
    fn new(capacity: f64) -> Self {
        let pace = Pace::new(Some(Settings::default()));
        Self { pace, capacity, queued: 0.0, turns: 0.0, longest: 0.0, levels: Vec::new() }
    }

    /// One round, in which participant `n` asks `rates[n]` times a second, all of them mixed evenly.
    fn round(&mut self, rates: &[f64], due: &mut [f64], fates: &mut [Fate]) {
        const STEPS: usize = 20;
        let seconds = ROUND.as_secs_f64() / STEPS as f64;
        for _ in 0..STEPS {
            for (n, rate) in rates.iter().enumerate() {
                due[n] += rate * seconds;
                while due[n] >= 1.0 {
                    due[n] -= 1.0;
                    match self.pace.ask(Kind::Pull, ispb(n), 1) {
                        Verdict::Shed => fates[n].shed += 1,
                        verdict @ (Verdict::Pass | Verdict::Slow) => {
                            fates[n].passed += 1;
                            fates[n].slowed += u64::from(verdict == Verdict::Slow);
                            self.queued += 1.0;
                        }
                    }
                }
            }
            // First come, first served: whoever has its turn now waited as long as the queue was.
            self.turns += (self.capacity * seconds).min(self.queued);
            self.queued = (self.queued - self.capacity * seconds).max(0.0);
            while self.turns >= 1.0 {
                self.turns -= 1.0;
                self.pace.note_queue(Kind::Pull, Duration::from_secs_f64(self.queued / self.capacity));
            }
            self.longest = self.longest.max(self.queued / self.capacity);
        }
        let [_, pull] = self.pace.tick(ROUND, Duration::ZERO);
        self.levels.push(pull.level);
    }

    fn run(&mut self, rates: &[f64], rounds: usize) -> Vec<Fate> {
        let (mut due, mut fates) = (vec![0.0; rates.len()], vec![Fate::default(); rates.len()]);
        (0..rounds).for_each(|_| self.round(rates, &mut due, &mut fates));
        fates
    }
}

#[test]
fn without_pressure_nobody_is_slowed_however_unequal() {
    let mut node = Node::new(10_000.0);
    let fates = node.run(&[10.0, 5_000.0, 100.0], 300);
    assert!(fates.iter().all(|fate| fate.shed == 0 && fate.slowed == 0), "{fates:?}");
}

#[test]
fn the_noisy_one_is_slowed_first_then_shed_and_the_others_never() {
    let mut node = Node::new(1_000.0);
    let fates = node.run(&[50.0, 5_000.0, 200.0], 600);
    assert_eq!((fates[0].shed, fates[2].shed), (0, 0), "{fates:?}");
    assert!(fates[1].shed > 100_000, "{fates:?}");
    let first = |level| node.levels.iter().position(|seen| *seen == level);
    assert!(first(Level::Slow) <= first(Level::Shed), "{:?}", &node.levels[..20]);
    let passed: u64 = fates.iter().map(|fate| fate.passed).sum();
    assert!(passed >= 60 * 600, "{passed} of 60,000 that the node could have served");
}

#[test]
fn the_queue_of_an_overloaded_node_does_not_grow_without_end() {
    let mut node = Node::new(1_000.0);
    node.run(&[3_000.0, 3_000.0], 600);
    assert!(node.longest < 10.0, "a queue of {:.1} s", node.longest);
    node.longest = 0.0;
    node.run(&[3_000.0, 3_000.0], 600);
    assert!(node.longest < 2.0, "and {:.1} s once it is known", node.longest);
}

#[test]
fn when_the_load_is_gone_everything_passes_again_within_seconds() {
    let mut node = Node::new(1_000.0);
    node.run(&[5_000.0, 100.0], 200);
    node.run(&[100.0, 100.0], 150);
    assert_eq!(node.levels.last(), Some(&Level::Calm));
    let fates = node.run(&[100.0, 100.0], 50);
    assert!(fates.iter().all(|fate| fate.shed + fate.slowed == 0), "{fates:?}");
}

#[test]
fn publishing_and_reading_have_levels_of_their_own() {
    let pace = Pace::new(Some(Settings::default()));
    for _ in 0..20 {
        pace.note_store(Kind::Publish, Duration::from_secs(3), 100);
        (0..100).for_each(|_| _ = pace.ask(Kind::Publish, ispb(1), 1));
        (0..100).for_each(|_| _ = pace.ask(Kind::Pull, ispb(1), 1));
        pace.tick(ROUND, Duration::ZERO);
    }
    assert!(pace.is_slowed(Kind::Publish, ispb(1)) && !pace.is_slowed(Kind::Pull, ispb(1)));
    assert_eq!(pace.ask(Kind::Pull, ispb(1), 1), Verdict::Pass);
}

#[test]
fn a_late_round_counts_as_a_wait_for_the_processor() {
    let pace = Pace::new(Some(Settings::default()));
    let mut levels = Vec::new();
    for _ in 0..20 {
        (0..10).for_each(|n| _ = pace.ask(Kind::Pull, ispb(n), 1));
        levels.push(pace.tick(ROUND, Duration::from_millis(90)).map(|snapshot| snapshot.level));
    }
    assert_eq!(levels.last(), Some(&[Level::Slow; 2]));
}

#[test]
fn switched_off_nothing_is_counted_and_nobody_waits() {
    let pace = Pace::new(None);
    for _ in 0..100 {
        pace.note_queue(Kind::Pull, Duration::from_secs(9));
        assert_eq!(pace.ask(Kind::Pull, ispb(1), 1), Verdict::Pass);
        assert_eq!(pace.hold_refused(ispb(1), 1), Duration::ZERO);
    }
    assert!(pace.shards.iter().all(|shard| shard.read().unwrap().is_empty()) && !pace.is_on());
    assert_eq!(pace.spread(Duration::from_secs(1)), Duration::from_secs(1));
}

#[test]
fn refusals_are_answered_at_once_until_nobody_listens() {
    let pace = Pace::new(Some(Settings::default()));
    let held = |pace: &Pace| !pace.hold_refused(ispb(1), 50).is_zero();
    assert!((0..100).all(|_| !held(&pace)));
    assert!((0..100).all(|_| held(&pace)));
    let holds: Vec<_> = (0..100).map(|_| pace.hold_refused(ispb(1), 50).as_millis()).collect();
    assert!(holds.iter().all(|hold| (250..750).contains(hold)), "{holds:?}");
    assert!(holds.iter().any(|hold| *hold < 350) && holds.iter().any(|hold| *hold > 650), "{holds:?}");
    (0..100).for_each(|_| _ = pace.tick(ROUND, Duration::ZERO));
    assert!(!held(&pace), "ten seconds later it is forgotten");
}

#[test]
fn waits_are_spread_evenly_from_once_to_four_times() {
    let pace = Pace::new(Some(Settings::default()));
    let mut seen = [0_u32; 4];
    for _ in 0..4_000 {
        let wait = pace.spread(Duration::from_secs(1)).as_secs();
        seen[usize::try_from(wait).unwrap() - 1] += 1;
    }
    assert!(seen.iter().all(|count| (900..1_100).contains(count)), "{seen:?}");
}

#[test]
fn memory_is_bounded_and_idle_participants_are_forgotten() {
    let pace = Pace::new(Some(Settings::default()));
    let kept = |pace: &Pace| pace.shards.iter().map(|shard| shard.read().unwrap().len()).sum::<usize>();
    for n in 0..SHARDS * ACCOUNTS_PER_SHARD + 5_000 {
        assert_eq!(pace.ask(Kind::Pull, ispb(n), 1), Verdict::Pass);
    }
    assert!(kept(&pace) <= SHARDS * ACCOUNTS_PER_SHARD);
    assert!(size_of::<Account>() <= 128, "{}", size_of::<Account>());
    (0..200).for_each(|_| _ = pace.tick(ROUND, Duration::ZERO));
    assert_eq!(kept(&pace), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Max-min fairness as it is felt: below an equal part of the node's capacity nobody is ever shed, whatever the others
    /// do; nobody starves; and of two that are shed, the noisier one loses the larger part.
    #[test]
    fn who_is_below_the_fair_share_is_never_shed_and_nobody_starves(
        rates in proptest::collection::vec(1.0..3_000.0f64, 2..12), capacity in 300.0..2_000.0f64
    ) {
        let mut node = Node::new(capacity);
        let fates = node.run(&rates, 400);
        // Half of the fair share: the controller looks for the capacity from below and above.
        let share = fair_share(&mut rates.clone(), capacity) / 2.0;
        for (rate, fate) in rates.iter().zip(&fates) {
            prop_assert!(*rate > share || fate.shed == 0, "{rate} of {share}: {fate:?}");
            let least = (rate.min(FLOOR) * 40.0 * 0.8) as u64;
            prop_assert!(fate.passed >= least, "{rate} starves: {fate:?}");
        }
        let part = |n: usize| fates[n].shed as f64 / (fates[n].shed + fates[n].passed).max(1) as f64;
        for (one, other) in (0..rates.len()).flat_map(|one| (0..rates.len()).map(move |other| (one, other))) {
            prop_assert!(rates[one] < rates[other] * 1.05 || part(one) >= part(other) - 0.05,
                "{} loses less than {}: {fates:?}", rates[one], rates[other]);
        }
    }
}
