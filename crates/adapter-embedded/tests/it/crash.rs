//! A process that is killed loses nothing that it acknowledged (issue 4: SIGKILL loses nothing).
//!
//! The test starts its own binary again, with itself as the only test. There it finds a folder in its environment
//! and does the writing, until it is killed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use pix_stream_adapter_embedded::journal::{EmbeddedJournal, Options};
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_ports::codec::Rule;
use pix_stream_ports::journal::{Journal, Terms};
use pix_stream_ports::quarantine::{Entry, EntryId, Limits, Quarantine, Summary};

use super::{CHILD_FOLDER, child_folder, ispb, message};

/// Longer than the times of the messages lie apart.
const TERMS: Terms = Terms { window: Duration::from_secs(365 * 24 * 3600), retention: None };
const ACKNOWLEDGED: &str = "acknowledged ";
const QUARANTINED: &str = "quarantined ";
const ROOMY: Limits = Limits { entries: u64::MAX, bytes: u64::MAX };

fn open(dir: &Path) -> EmbeddedJournal {
    EmbeddedJournal::open(dir, Options::default()).unwrap()
}

/// A refused message, numbered as [`message`].
fn entry(n: u64) -> Entry {
    let message = message(n, 600);
    let summary = Summary {
        id: EntryId(message.resource_id),
        ispb: ispb(),
        at: message.key.published_at,
        producer: "CN=icom".to_owned(),
        intake: "publish".to_owned(),
        rule: Rule::Schema,
        findings: vec!["1:1 Envelope is empty".to_owned()],
        bytes: 600,
        attempts: 1,
    };
    Entry { summary, xml: message.xml }
}

/// Appends requests of three from eight tasks, and puts their first message into quarantine, too, telling each
/// acknowledged one, from number `start` on.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
async fn append_until_killed(dir: &Path) {
    let journal = std::sync::Arc::new(open(dir));
    let start = journal.extent(ispb()).await.unwrap().next.value() * 1000;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8 {
        let journal = std::sync::Arc::clone(&journal);
        tasks.spawn(async move {
            for n in (start + task * 100_000_000..).step_by(3) {
                let request = (n..n + 3).map(|n| message(n, 600)).collect();
                let appended = journal.append(ispb(), request, TERMS).await.unwrap();
                let places: Vec<_> = appended.iter().map(|one| one.sequence.to_string()).collect();
                println!("\n{ACKNOWLEDGED}{n} {}", places.join(" "));
                journal.put(entry(n), ROOMY).await.unwrap();
                println!("\n{QUARANTINED}{n} .");
            }
        });
    }
    tasks.join_all().await;
}

#[tokio::test]
async fn a_killed_process_loses_nothing_acknowledged() {
    if let Some(dir) = child_folder() {
        return append_until_killed(&dir).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged: Vec<(u64, Vec<u64>)> = Vec::new();
    let mut quarantined: Vec<u64> = Vec::new();
    for round in 1..=4_usize {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "crash::a_killed_process_loses_nothing_acknowledged"])
            .env(CHILD_FOLDER, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let before = acknowledged.len();
        for line in lines.map_while(Result::ok) {
            if let Some(n) = line.strip_prefix(QUARANTINED).and_then(|rest| rest.strip_suffix(" .")) {
                quarantined.push(n.parse().unwrap());
            }
            let Some(numbers) = line.strip_prefix(ACKNOWLEDGED) else { continue };
            let numbers: Vec<u64> = numbers.split(' ').map_while(|n| n.parse().ok()).collect();
            // The kill may cut the last line off.
            if let [n, places @ ..] = numbers.as_slice()
                && places.len() == 3
            {
                acknowledged.push((*n, places.to_vec()));
            }
            if acknowledged.len() == before + 40 * round {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(acknowledged.len() >= before + 40 * round, "the child wrote too little");
        let journal = open(dir.path());
        check(&journal, &acknowledged).await;
        check_quarantine(&journal, &quarantined).await;
    }
    assert!(!quarantined.is_empty());
}

async fn check(journal: &EmbeddedJournal, acknowledged: &[(u64, Vec<u64>)]) {
    let all = Range::new(Sequence::FIRST, Sequence::new(u64::MAX));
    let stored = journal.read(ispb(), all, u64::MAX).await.unwrap();
    assert!(stored.iter().zip(1..).all(|(one, n)| one.sequence.value() == n), "the order has no gap");
    assert_eq!(journal.extent(ispb()).await.unwrap().next.value(), stored.len() as u64 + 1);
    for (n, places) in acknowledged {
        for (n, place) in (*n..).zip(places) {
            let (found, sent) = (&stored[usize::try_from(*place).unwrap() - 1], message(n, 600));
            assert_eq!((found.resource_id, &found.xml), (sent.resource_id, &sent.xml), "message {n}");
        }
    }
    let request: Vec<_> = (acknowledged[0].0..).take(3).map(|n| message(n, 600)).collect();
    let again = journal.append(ispb(), request, TERMS).await.unwrap();
    assert!(again.iter().all(|one| one.is_repeat), "what was acknowledged is known");
}

async fn check_quarantine(journal: &EmbeddedJournal, quarantined: &[u64]) {
    for n in quarantined {
        assert_eq!(journal.find(entry(*n).summary.id).await, Ok(Some(entry(*n))));
    }
    let entries = journal.list(None, None, u32::MAX).await.unwrap().len() as u64;
    let usage = journal.usage().await.unwrap();
    assert_eq!((usage.entries, usage.bytes), (entries, 600 * entries), "the counter fits what is there");
}
