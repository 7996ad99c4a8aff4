//! What a seed decides before a run begins: who takes part, and how they behave.

use std::time::Duration;

use pix_stream_app::Settings;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::limits::Rules;
use pix_stream_domain::stream::Form;
use pix_stream_testkit::fake::SplitMix64;

use crate::intake::Intake;

/// One run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) participants: Vec<Ispb>,
    pub(crate) nodes: usize,
    /// The Coordinator outlives nodes; otherwise it ends with them, as in embedded mode.
    pub(crate) is_cluster: bool,
    pub(crate) settings: Settings,
    /// How long clients, producers and faults go on, in simulated time.
    pub(crate) span: Duration,
    pub(crate) clients: Vec<Habits>,
    pub(crate) producers: Vec<Production>,
    pub(crate) intakes: Vec<Intake>,
    /// One seed for each source of faults; two let them overlap.
    pub(crate) faults: Vec<u64>,
}

/// How a client behaves (protocol, section 9). Chances are per mille.
#[derive(Debug, Clone)]
pub(crate) struct Habits {
    pub(crate) ispb: Ispb,
    pub(crate) seed: u64,
    pub(crate) form: Form,
    pub(crate) gzip: bool,
    /// Goes away while the server works on its request.
    pub(crate) drops: u16,
    /// Loses a whole answer and asks again with the token it has.
    pub(crate) loses: u16,
    /// Sends the same request twice at once.
    pub(crate) races: u16,
    /// Presents a token that it should have thrown away.
    pub(crate) old_tokens: u16,
    /// Goes away for longer than a stream may be idle.
    pub(crate) late: u16,
    /// Ends its stream with DELETE.
    pub(crate) closes: u16,
    /// Ends its stream with DELETE when something failed.
    pub(crate) closes_after_failure: bool,
    /// Drops its token and starts anew, without DELETE.
    pub(crate) forgets: u16,
    /// Longest usual pause between reads.
    pub(crate) think: Duration,
}

/// How a producer behaves.
#[derive(Debug, Clone)]
pub(crate) struct Production {
    pub(crate) ispb: Ispb,
    pub(crate) seed: u64,
    pub(crate) name: u64,
    pub(crate) batch_max: u64,
    pub(crate) pause: Duration,
    pub(crate) bytes: usize,
    pub(crate) repeats: u16,
    pub(crate) conflicts: u16,
}

impl Plan {
    /// Whether nodes are told that others share the Coordinator.
    pub(crate) const fn is_shared(&self) -> bool {
        self.is_cluster || self.nodes > 1
    }

    pub(crate) fn of(seed: u64) -> Self {
        let mut random = SplitMix64::new(seed ^ 0x5eed_0f51);
        let participants: Vec<Ispb> = (0..=random.below(3)).filter_map(|n| ispb(n).parse().ok()).collect();
        let mut clients = Vec::new();
        let mut producers = Vec::new();
        for &ispb in &participants {
            let most = if random.chance(200) { 8 } else { 4 };
            let count = 1 + random.below(most);
            clients.extend((0..count).map(|_| habits(ispb, &mut random)));
            producers.extend((0..=random.below(2)).map(|n| production(ispb, n, &mut random)));
        }
        let mut plan = Self {
            seed,
            participants,
            nodes: [1, 1, 2, 3][usize::try_from(random.below(4)).unwrap_or(0)],
            is_cluster: random.chance(600),
            settings: settings(&mut random),
            span: Duration::from_millis(3_000 + random.below(12_000)),
            clients,
            producers,
            intakes: Vec::new(),
            faults: (0..=random.below(2)).map(|_| random.next()).collect(),
        };
        let attended: Vec<Ispb> = plan.participants.iter().copied().filter(|_| random.chance(500)).collect();
        plan.intakes = attended.into_iter().map(|ispb| Intake { ispb, seed: random.next() }).collect();
        plan
    }
}

fn ispb(n: u64) -> String {
    format!("99999A{n:02}")
}

fn settings(random: &mut SplitMix64) -> Settings {
    let pick = |random: &mut SplitMix64, choices: &[u64]| {
        choices[usize::try_from(random.below(choices.len() as u64)).unwrap_or(0)]
    };
    let rules = Rules {
        idle: Duration::from_secs(pick(random, &[2, 5, 10])),
        token_life: Duration::from_secs(pick(random, &[30, 300, 300])),
        batch_bytes: pick(random, &[400, 1_500, 1 << 20, 1 << 20]),
        ..Rules::default()
    };
    Settings {
        rules,
        long_poll: Duration::from_millis(pick(random, &[0, 500, 5_000, 5_000])),
        hot_bytes_per_participant: pick(random, &[2_000, 20_000, 1 << 24, 1 << 24]),
        backlog_high_water: pick(random, &[40, 1 << 20, 1 << 20]),
        ..Settings::default()
    }
}

fn habits(ispb: Ispb, random: &mut SplitMix64) -> Habits {
    let rarely = |random: &mut SplitMix64, most: u64| {
        if random.chance(500) { 0 } else { u16::try_from(random.below(most)).unwrap_or(0) }
    };
    let orderly = random.chance(300);
    let most = |most: u64| if orderly { 1 } else { most };
    Habits {
        ispb,
        seed: random.next(),
        form: if random.chance(300) { Form::Single } else { Form::Multipart },
        gzip: random.chance(100),
        drops: rarely(random, most(100)),
        loses: rarely(random, most(150)),
        races: rarely(random, most(150)),
        old_tokens: rarely(random, most(80)),
        late: rarely(random, most(30)),
        closes: rarely(random, 60),
        closes_after_failure: random.chance(300),
        forgets: rarely(random, most(20)),
        think: Duration::from_millis([10, 50, 300][usize::try_from(random.below(3)).unwrap_or(0)]),
    }
}

fn production(ispb: Ispb, name: u64, random: &mut SplitMix64) -> Production {
    Production {
        ispb,
        seed: random.next(),
        name,
        batch_max: 1 + random.below(10),
        pause: Duration::from_millis([60, 300, 1_500][usize::try_from(random.below(3)).unwrap_or(0)]),
        bytes: 60 + usize::try_from(random.below(300)).unwrap_or(0),
        repeats: 60,
        conflicts: 30,
    }
}
