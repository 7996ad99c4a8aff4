//! The shares of several nodes against an exact log of what they admitted together: the bounds of
//! `docs/rate-limiting.md`, by random schedules with latencies, and by hand.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const START: u64 = 1_800_000_000_000;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_unix_millis(START + millis)
}

/// Redis: shared counts, and reports on their way to it and back.
#[derive(Default)]
struct Shared(BTreeMap<u64, u32>);

impl Shared {
    fn take(&mut self, report: &Report) -> Vec<Cell> {
        for cell in &report.add {
            *self.0.entry(cell.number).or_default() += cell.count;
        }
        let within = |number: u64| report.spans.contains(&(number / CELLS));
        let cells = self.0.iter().filter(|(number, _)| within(**number));
        cells.map(|(number, count)| Cell { number: *number, count: *count }).collect()
    }
}

/// A report between its node and Redis.
struct Travelling {
    report: Report,
    arrives: u64,
    returns: u64,
    learned: Option<Vec<Cell>>,
    /// The node hears that it failed, whether or not it arrived.
    fails: bool,
}

struct Node {
    share: Share,
    travelling: Option<Travelling>,
}

/// What happens at one node, so many milliseconds after what happened before.
#[derive(Debug, Clone)]
struct Step {
    pause: u64,
    node: usize,
    requests: u32,
    latency: u64,
    /// The node hears of another limit.
    limit: Option<u32>,
}

struct Simulation {
    rule: Rule,
    /// Of each node, what it knows: news of a change do not arrive everywhere at once.
    limits: Vec<u32>,
    nodes: Vec<Node>,
    shared: Shared,
    /// When each request was admitted.
    log: Vec<u64>,
    /// And the limit that it was admitted under.
    under: Vec<u32>,
    refused: Vec<(u64, u32)>,
    fails: bool,
}

impl Simulation {
    fn new(nodes: usize, rule: Rule) -> Self {
        let node = || Node { share: Share::new(rule.window), travelling: None };
        Self {
            rule,
            limits: vec![rule.limit; nodes],
            nodes: (0..nodes).map(|_| node()).collect(),
            shared: Shared::default(),
            log: Vec::new(),
            under: Vec::new(),
            refused: Vec::new(),
            fails: false,
        }
    }

    /// Lets reports arrive and return, in the order of time.
    fn pass(&mut self, now: u64) {
        let mut due: Vec<(u64, usize, bool)> = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            if let Some(travelling) = &node.travelling {
                due.extend((travelling.learned.is_none()).then_some((travelling.arrives, index, false)));
                due.push((travelling.returns, index, true));
            }
        }
        due.sort_unstable();
        for (when, index, is_return) in due.into_iter().filter(|(when, ..)| *when <= now) {
            let node = &mut self.nodes[index];
            if is_return {
                let travelling = node.travelling.take().unwrap();
                match (travelling.fails, travelling.learned) {
                    (false, Some(learned)) => node.share.end_report(&travelling.report, learned, at(when)),
                    (true, _) | (false, None) => node.share.fail_report(at(when)),
                }
            } else {
                let travelling = node.travelling.as_mut().unwrap();
                travelling.learned = Some(self.shared.take(&travelling.report));
            }
        }
    }

    fn request(&mut self, index: usize, now: u64, latency: u64) {
        let Node { share, travelling } = &mut self.nodes[index];
        let rule = Rule { limit: self.limits[index], ..self.rule };
        let report = match share.admit(rule, at(now), true) {
            // A client whose request waits is out of this model: it asks again with the next step.
            Ruling::Wait => true,
            Ruling::Decided { decision, report, alone } => {
                assert!(self.fails || !alone, "nobody waited, so nobody decides alone");
                if decision.admitted {
                    self.log.push(now);
                    self.under.push(rule.limit);
                } else {
                    self.refused.push((now, u32::try_from(self.log.len()).unwrap()));
                }
                report
            }
        };
        if report && let Some(report) = share.begin_report(at(now)) {
            let (arrives, returns) = (now + latency / 2, now + latency);
            *travelling = Some(Travelling { report, arrives, returns, learned: None, fails: self.fails });
        }
    }

    fn run(&mut self, steps: &[Step]) {
        let mut now = 0;
        for step in steps {
            now += step.pause;
            let node = step.node % self.nodes.len();
            self.limits[node] = step.limit.unwrap_or(self.limits[node]);
            for _ in 0..step.requests {
                self.pass(now);
                self.request(step.node % self.nodes.len(), now, step.latency);
            }
        }
    }

    /// Each admitted request with how many were admitted in the window that it ends, and the largest limit of these.
    fn windows(&self) -> impl Iterator<Item = (usize, u32)> {
        let window = u64::try_from(self.rule.window.as_millis()).unwrap();
        self.log.iter().enumerate().map(move |(index, end)| {
            let first = self.log.partition_point(|at| at + window <= *end);
            (index + 1 - first, self.under[first..=index].iter().copied().max().unwrap_or(0))
        })
    }

    /// The most that was admitted in any span of a window's length.
    fn most(&self) -> usize {
        let window = u64::try_from(self.rule.window.as_millis()).unwrap();
        let ends = self.log.iter().enumerate();
        ends.map(|(index, end)| index + 1 - self.log.partition_point(|at| at + window <= *end))
            .max()
            .unwrap_or(0)
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let keep = |step: Step| Step { limit: None, ..step };
    changing_steps(0.5).prop_map(move |steps| steps.into_iter().map(keep).collect())
}

/// Steps of which some bring a node another limit.
fn changing_steps(changes: f64) -> impl Strategy<Value = Vec<Step>> {
    let limit = proptest::option::weighted(changes, 1..500u32);
    let step = (0..40u64, 0..5usize, 1..30u32, 0..60u64, limit)
        .prop_map(|(pause, node, requests, latency, limit)| Step { pause, node, requests, latency, limit });
    proptest::collection::vec(step, 1..400)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// `docs/rate-limiting.md`: at most the limit and a grant for each node but one.
    #[test]
    fn nodes_together_admit_at_most_their_grants_too_many(
        nodes in 1..=5usize, limit in 1..500u32, steps in steps()
    ) {
        let rule = Rule { limit, window: Duration::from_secs(1) };
        let mut simulation = Simulation::new(nodes, rule);
        simulation.run(&steps);
        let bound = (limit + (limit / GRANT_DIVISOR).max(1) * u32::try_from(nodes - 1).unwrap()) as usize;
        prop_assert!(simulation.most() <= bound, "{} > {bound}", simulation.most());
    }

    /// The same while limits change in flight, at each node at another time: in no window more than the largest limit that
    /// anything in it was admitted under, and a grant of it for each node but one. So a window after the last node heard
    /// of a change, the new limit alone counts.
    #[test]
    fn limits_that_change_in_flight_are_exceeded_by_no_more(
        nodes in 1..=5usize, limit in 1..500u32, steps in changing_steps(0.08)
    ) {
        let rule = Rule { limit, window: Duration::from_secs(1) };
        let mut simulation = Simulation::new(nodes, rule);
        simulation.run(&steps);
        for (admitted, limit) in simulation.windows() {
            let bound = (limit + (limit / GRANT_DIVISOR).max(1) * u32::try_from(nodes - 1).unwrap()) as usize;
            prop_assert!(admitted <= bound, "{admitted} > {bound}");
        }
    }

    /// What is refused would have been over the limit, but for the cell in which the oldest passed.
    #[test]
    fn nodes_refuse_at_most_a_cell_too_long(nodes in 1..=5usize, limit in 1..200u32, steps in steps()) {
        let rule = Rule { limit, window: Duration::from_millis(640) };
        let mut simulation = Simulation::new(nodes, rule);
        simulation.run(&steps);
        let reach = 640 + 20;
        for (when, admitted) in &simulation.refused {
            let log = &simulation.log[..*admitted as usize];
            let recent = log.iter().filter(|at| **at + reach > *when).count();
            prop_assert!(recent >= limit as usize, "{recent} of {limit} before {when}");
        }
    }

    /// With no report ever arriving, each node keeps the limit by itself.
    #[test]
    fn a_node_alone_never_exceeds_the_limit(limit in 1..200u32, steps in steps()) {
        let rule = Rule { limit, window: Duration::from_millis(640) };
        let mut simulation = Simulation::new(1, rule);
        simulation.fails = true;
        simulation.run(&steps);
        prop_assert!(simulation.most() <= limit as usize, "{}", simulation.most());
    }
}

fn decide(share: &mut Share, rule: Rule, now: u64) -> Decision {
    match share.admit(rule, at(now), false) {
        Ruling::Decided { decision, .. } => decision,
        Ruling::Wait => panic!("who has no patience does not wait"),
    }
}

fn report(share: &mut Share, shared: &mut Shared, now: u64) {
    let report = share.begin_report(at(now)).unwrap();
    let learned = shared.take(&report);
    share.end_report(&report, learned, at(now));
}

#[test]
fn what_others_admitted_counts_until_it_leaves_the_window() {
    let rule = Rule { limit: 4, window: Duration::from_millis(320) };
    let (mut here, mut there, mut redis) =
        (Share::new(rule.window), Share::new(rule.window), Shared::default());
    for _ in 0..3 {
        assert!(decide(&mut there, rule, 0).admitted);
    }
    report(&mut there, &mut redis, 1);
    report(&mut here, &mut redis, 1);
    let last = decide(&mut here, rule, 2);
    assert_eq!((last.admitted, last.limit, last.remaining), (true, 4, 0));
    let refused = decide(&mut here, rule, 3);
    assert!(!refused.admitted);
    assert_eq!(refused.limit, 4);
    assert!(refused.reset > Duration::ZERO && refused.reset <= rule.window, "{:?}", refused.reset);
    assert!(!decide(&mut here, rule, 319).admitted);
    assert!(decide(&mut here, rule, 331).admitted, "a cell later it is forgotten");
}

#[test]
fn one_is_told_when_others_used_all_of_it() {
    let rule = Rule { limit: 1, window: Duration::from_millis(320) };
    let (mut here, mut there, mut redis) =
        (Share::new(rule.window), Share::new(rule.window), Shared::default());
    assert!(decide(&mut there, rule, 0).admitted);
    report(&mut there, &mut redis, 0);
    report(&mut here, &mut redis, 0);
    let refused = decide(&mut here, rule, 100);
    assert_eq!((refused.admitted, refused.remaining), (false, 0));
    assert_eq!(refused.reset, Duration::from_millis(230), "33 cells of 10 ms after the begin of its cell");
}

#[test]
fn a_grant_that_is_used_up_makes_one_wait_unless_redis_is_gone() {
    let rule = Rule { limit: 100, window: Duration::from_secs(1) };
    let mut share = Share::new(rule.window);
    for _ in 0..2 {
        assert!(matches!(share.admit(rule, at(0), true), Ruling::Decided { alone: false, .. }));
    }
    assert_eq!(share.admit(rule, at(0), true), Ruling::Wait);
    let sent = share.begin_report(at(0)).unwrap();
    assert_eq!(share.begin_report(at(0)), None, "one at a time");
    assert_eq!(sent.add.iter().map(|cell| cell.count).sum::<u32>(), 2);
    share.fail_report(at(100));
    let Ruling::Decided { decision, report, alone } = share.admit(rule, at(101), true) else { panic!() };
    assert!(decision.admitted && alone && !report, "for a while nobody waits");
    assert_eq!(share.admit(rule, at(400), true), Ruling::Wait, "then it is tried again");
}

#[test]
fn a_clock_that_steps_back_begins_anew() {
    let rule = Rule { limit: 2, window: Duration::from_millis(320) };
    let mut share = Share::new(rule.window);
    assert!(decide(&mut share, rule, 1_000_000).admitted);
    assert!(decide(&mut share, rule, 1_000_000).admitted);
    assert!(!decide(&mut share, rule, 1_000_000 - 100).admitted);
    assert!(!decide(&mut share, rule, 0).admitted, "what passed just now still counts");
    assert!(decide(&mut share, rule, 321).admitted);
}

#[test]
fn shares_stay_small() {
    let rule = Rule { limit: 1_000_000, window: Duration::from_secs(1) };
    let (mut share, mut redis) = (Share::new(rule.window), Shared::default());
    for millis in 0..20_000 {
        decide(&mut share, rule, millis);
        if millis % 7 == 0 {
            report(&mut share, &mut redis, millis);
        }
    }
    assert!(share.pending.len() + share.told.len() <= 70, "{} {}", share.pending.len(), share.told.len());
    assert!(share.others.len() <= 64);
}
