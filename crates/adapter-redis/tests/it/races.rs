//! Two nodes race for the six slots of one participant (issue 6, "How it is judged"): never a seventh stream, never a
//! message that two live streams hold, whatever they try at once.
//!
//! Each node decides in the domain on the snapshot it has and swaps, as `app` does; what the swaps that won led to is
//! replayed in the order of versions and checked. `PIX_TEST_DRILLS=1` races a hundred thousand times.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pix_stream_adapter_redis::RedisCoordinator;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::limits::{Rules, STREAMS_MAX};
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::{Command, Context, Cursor, Form, Generation, Outcome, StreamState, Supply};
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::version::{Incarnation, Version};
use pix_stream_ports::coordinator::{Coordinator as _, Expected, Held, Swap};
use pix_stream_stores::test;
use pix_stream_testkit::Oracle;
use pix_stream_testkit::fake::SplitMix64;

use crate::started::{prefix, single};

/// Clients on each of the two nodes: more than there are slots.
const CLIENTS: u64 = 5;
/// Swaps that are tried, in a normal run and in a drill.
const RACES: (u64, u64) = (3_000, 100_000);
/// Messages that exist; more than are ever handed out.
const HEAD: u64 = 100_000_000;
/// A stream without a read for this long is abandoned, in the test's own time: a millisecond a race.
const IDLE: Duration = Duration::from_millis(200);

struct Plenty;

impl Supply for Plenty {
    fn head(&self) -> Sequence {
        Sequence::new(HEAD)
    }

    fn size(&self, _: Sequence) -> Option<u32> {
        Some(4_000)
    }
}

fn ispb() -> Ispb {
    "99999A04".parse().unwrap()
}

/// A swap that won, and what its node may tell its client because of it.
struct Won {
    version: Version,
    state: Vec<u8>,
    outcome: Outcome,
}

/// The clock and the end of all clients.
struct Race {
    /// Decisions so far; time passes with them.
    decided: AtomicU64,
    /// Swaps so far.
    tried: AtomicU64,
    limit: u64,
}

impl Race {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(1_800_000_000_000 + self.decided.load(Ordering::Relaxed))
    }
}

/// What a client asks for next: it reads on, closes, or forgets its stream.
fn choose(random: &mut SplitMix64, token: &mut Option<Cursor>) -> Command {
    let form = Form::Multipart;
    match token.filter(|_| !random.chance(60)) {
        None => {
            *token = None;
            Command::Open { form, wait: Duration::ZERO }
        }
        Some(token) if random.chance(200) => Command::Close { token },
        Some(token) => Command::Pull { token, form, wait: Duration::ZERO },
    }
}

/// One client at one node: decides on the node's snapshot and swaps, until it won or was told that it is too late.
async fn client(
    node: Arc<RedisCoordinator>,
    snapshot: Arc<tokio::sync::Mutex<StreamState>>,
    race: Arc<Race>,
    seed: u64,
) -> Vec<Won> {
    let rules = Rules { idle: IDLE, ..Rules::default() };
    let (mut random, mut token, mut won) = (SplitMix64::new(seed), None, Vec::new());
    while race.tried.load(Ordering::Relaxed) < race.limit {
        let command = choose(&mut random, &mut token);
        loop {
            let before = snapshot.lock().await.clone();
            let mut next = before.clone();
            let outcome = next.apply(&command, &Context { now: race.now(), rules: &rules, supply: &Plenty });
            race.decided.fetch_add(1, Ordering::Relaxed);
            if next.version() == before.version() {
                token = None;
                break;
            }
            race.tried.fetch_add(1, Ordering::Relaxed);
            let expected = Expected::Current(before.version());
            let swapped = node.swap(ispb(), expected, &next).await.unwrap().swap;
            let is_done = swapped == Swap::Done;
            let newer = match swapped {
                Swap::Done => {
                    let state = next.encode();
                    won.push(Won { version: next.version(), state, outcome });
                    token = match outcome {
                        Outcome::Batch(grant) | Outcome::Empty(grant) | Outcome::Wait(grant) => {
                            Some(grant.token)
                        }
                        Outcome::Load { .. }
                        | Outcome::Closed { .. }
                        | Outcome::Refused(_)
                        | Outcome::Adjusted(_)
                        | Outcome::Unchanged => None,
                    };
                    next
                }
                Swap::Lost(Held::Current(newer)) => *newer,
                Swap::Lost(other) => panic!("nothing was lost here: {other:?}"),
            };
            let mut known = snapshot.lock().await;
            if newer.version() > known.version() {
                *known = newer;
            }
            if is_done {
                break;
            }
        }
    }
    won
}

/// Replays what won, in the order of versions.
fn check(mut won: Vec<Won>) -> usize {
    won.sort_by_key(|won| won.version);
    let mut expected = Version::first(Incarnation::new(1));
    let mut oracle = Oracle::new(IDLE);
    let mut batches: HashMap<(Generation, u64), Range> = HashMap::new();
    for won in &won {
        expected = expected.next();
        assert_eq!(won.version, expected, "each version is set exactly once");
        let state = StreamState::decode(&won.state).unwrap();
        assert!(state.live_count() <= STREAMS_MAX, "{} streams", state.live_count());
        assert_eq!(state.check(), Ok(()), "no message is leased twice");
        assert_eq!(oracle.on_state(ispb(), &state, Plenty.head()), Ok(()));
        if let Outcome::Batch(grant) = won.outcome
            && !grant.replay
        {
            let key = (grant.token.generation, grant.token.pull);
            assert_eq!(batches.insert(key, grant.token.batch), None, "{key:?} was handed out twice");
            let holds = state.live().any(|(_, stream)| {
                stream.generation == key.0 && stream.batch == grant.token.batch && stream.held
            });
            assert!(holds, "what was handed out is leased to its stream");
        }
    }
    won.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_never_agree_on_a_seventh_stream_nor_lease_a_message_twice() {
    let Some(address) = test::redis() else { return };
    let limit = if test::drills() { RACES.1 } else { RACES.0 };
    let (prefix, seed) = (prefix(), u64::from(std::process::id()));
    let race = Arc::new(Race { decided: AtomicU64::new(0), tried: AtomicU64::new(0), limit });
    let first = StreamState::new(Incarnation::new(1), Sequence::FIRST);
    let mut clients = Vec::new();
    for n in 0..2 {
        let node = Arc::new(RedisCoordinator::start(&single(address, &prefix)).await.unwrap());
        if n == 0 {
            let begun = node.swap(ispb(), Expected::Nothing, &first).await.unwrap();
            assert_eq!(begun.swap, Swap::Done);
        }
        let snapshot = Arc::new(tokio::sync::Mutex::new(first.clone()));
        for client_number in 0..CLIENTS {
            let seed = seed * 100 + n * CLIENTS + client_number;
            let (node, snapshot, race) = (Arc::clone(&node), Arc::clone(&snapshot), Arc::clone(&race));
            clients.push(tokio::spawn(client(node, snapshot, race, seed)));
        }
    }
    let mut won = Vec::new();
    for client in clients {
        won.extend(client.await.unwrap());
    }
    let (tried, won) = (race.tried.load(Ordering::Relaxed), check(won));
    println!("seed {seed}: {won} of {tried} races were won");
    assert!(won as u64 > limit / 20, "only {won} of {tried} races were won");
}
