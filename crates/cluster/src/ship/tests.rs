//! Copying over an archive in memory, with its faults.

use pix_stream_adapter_embedded::audit_log::{FileAuditLog, Options};
use pix_stream_domain::time::Timestamp;
use pix_stream_evidence::report::Check;
use pix_stream_ports::audit_log::AuditLog as _;
use pix_stream_testkit::contract::audit_log::records;
use pix_stream_testkit::fake::FakeAuditArchive;

use super::*;

const CHAIN: ChainId = ChainId([7; 8]);
/// 2026-01-05, noon.
const NOW: u64 = 1_767_614_400_000;

const DAY: u64 = 24 * 60 * 60 * 1_000;

/// Noon, so many days later.
struct Noon(u64);

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(NOW + self.0 * DAY)
    }
}

fn shipper(archive: &FakeAuditArchive, folder: &Path) -> Shipper<FakeAuditArchive> {
    let (archive, folder) = (archive.clone(), folder.to_owned());
    Shipper { archive, chain: CHAIN, folder, clock: Arc::new(Noon(0)), place: None }
}

fn open(folder: &Path) -> FileAuditLog {
    let options = Options { segment_bytes: 3_000, fresh_name: CHAIN };
    FileAuditLog::open(folder, &options, Timestamp::from_unix_millis(NOW)).unwrap()
}

/// What the archive holds of the chain: whether it holds, and its last entry.
fn archived(archive: &FakeAuditArchive) -> (bool, u64) {
    let mut check = Check::new(CHAIN.to_string(), Vec::new());
    let mut is_whole = true;
    for block in archive.peek(CHAIN) {
        let lines = block.lines.split_inclusive(|byte| *byte == b'\n');
        lines.for_each(|line| is_whole &= check.line(line.trim_ascii_end()));
    }
    (is_whole, check.report().last)
}

#[tokio::test]
async fn what_is_new_is_copied_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (log, archive) = (open(folder.path()), FakeAuditArchive::new(1));
    let mut shipper = shipper(&archive, folder.path());
    shipper.follow().await.unwrap();
    assert_eq!(archive.peek(CHAIN), []);
    for round in 1..=4 {
        log.append(records(&format!("{round}-"), 10)).await.unwrap();
        shipper.follow().await.unwrap();
        shipper.follow().await.unwrap();
        assert_eq!(archived(&archive), (true, 10 * round));
    }
    let blocks = archive.peek(CHAIN);
    assert!(blocks.len() >= 4, "{}", blocks.len());
    assert!(blocks.iter().all(|block| block.day == 20_458), "filed under the day of the copy");
    assert_eq!(blocks.iter().map(|block| block.entries).sum::<u32>(), 40, "nothing twice");
}

#[tokio::test]
async fn after_a_restart_it_goes_on_behind_what_the_archive_has() {
    let folder = tempfile::tempdir().unwrap();
    let (log, archive) = (open(folder.path()), FakeAuditArchive::new(1));
    log.append(records("a", 10)).await.unwrap();
    shipper(&archive, folder.path()).follow().await.unwrap();
    log.append(records("b", 5)).await.unwrap();
    shipper(&archive, folder.path()).follow().await.unwrap();
    let firsts: Vec<u64> = archive.peek(CHAIN).iter().map(|block| block.first_index).collect();
    assert_eq!(*firsts.last().unwrap(), 11, "{firsts:?}");
    assert_eq!(archived(&archive), (true, 15));
}

#[tokio::test]
async fn a_block_whose_answer_was_lost_does_not_stop_the_copy_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let (log, archive) = (open(folder.path()), FakeAuditArchive::new(1));
    let mut shipper = shipper(&archive, folder.path());
    log.append(records("a", 5)).await.unwrap();
    shipper.follow().await.unwrap();
    log.append(records("b", 3)).await.unwrap();
    archive.faults().lose_next_answers(1);
    assert!(shipper.follow().await.is_err(), "whether the block is there is not known");
    // By now a longer block would start where the lost one did.
    log.append(records("c", 4)).await.unwrap();
    shipper.follow().await.unwrap();
    assert_eq!(archived(&archive), (true, 12));
}

#[tokio::test]
async fn what_an_outage_held_up_is_copied_when_it_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let (log, archive) = (open(folder.path()), FakeAuditArchive::new(1));
    let mut shipper = shipper(&archive, folder.path());
    archive.faults().set_down(true);
    for round in 0..3 {
        log.append(records(&format!("{round}-"), 4)).await.unwrap();
        assert!(shipper.follow().await.is_err());
    }
    assert_eq!(archive.peek(CHAIN), []);
    archive.faults().set_down(false);
    shipper.follow().await.unwrap();
    assert_eq!(archived(&archive), (true, 12));
}

#[tokio::test]
async fn another_block_in_its_place_is_told_again_and_again_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let (log, archive) = (open(folder.path()), FakeAuditArchive::new(1));
    log.append(records("a", 5)).await.unwrap();
    shipper(&archive, folder.path()).follow().await.unwrap();
    let before = archive.peek(CHAIN);
    drop(log);
    // The same chain's name with another history: made anew.
    let anew = tempfile::tempdir().unwrap();
    let log = open(anew.path());
    log.append(records("other", 9)).await.unwrap();
    let mut shipper = shipper(&archive, anew.path());
    shipper.place = Some(Tail::before(anew.path(), 1));
    assert!(matches!(shipper.follow().await, Err(Error::Damaged(_))));
    assert_eq!(archive.peek(CHAIN), before);
}

/// The end of a block is lost, the log grows, and the copy goes on `days` later, by the same process or a new one.
async fn goes_on_behind_a_lost_end((before, days): (usize, u64), is_restarted: bool) {
    let folder = tempfile::tempdir().unwrap();
    let (log, archive) = (open(folder.path()), FakeAuditArchive::new(1));
    let mut copier = shipper(&archive, folder.path());
    if before > 0 {
        log.append(records("a", before)).await.unwrap();
        copier.follow().await.unwrap();
    }
    archive.lose_next_ends(1);
    log.append(records("b", 3)).await.unwrap();
    assert!(copier.follow().await.is_err(), "the end is lost");
    log.append(records("c", 4)).await.unwrap();
    if is_restarted {
        copier = shipper(&archive, folder.path());
    }
    copier.clock = Arc::new(Noon(days));
    copier.follow().await.unwrap();
    let count = before + 7;
    assert_eq!(archived(&archive), (true, count.try_into().unwrap()), "{before} {days} {is_restarted}");
    let entries: u32 = archive.peek(CHAIN).iter().map(|block| block.entries).sum();
    assert_eq!(usize::try_from(entries).unwrap(), count, "nothing twice: {before} {days} {is_restarted}");
}

#[tokio::test]
async fn a_block_whose_end_was_lost_is_finished_and_the_copy_goes_on_behind_it() {
    for before in [0, 5] {
        for is_restarted in [false, true] {
            goes_on_behind_a_lost_end((before, 0), is_restarted).await;
        }
    }
}

#[tokio::test]
async fn on_a_later_day_too_nothing_is_copied_twice_behind_a_lost_end() {
    for before in [0, 5] {
        for days in [1, 20] {
            for is_restarted in [false, true] {
                goes_on_behind_a_lost_end((before, days), is_restarted).await;
            }
        }
    }
}

#[tokio::test]
async fn what_stands_behind_the_end_and_is_not_of_the_log_is_told_and_nothing_is_put_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let (log, archive) = (open(folder.path()), FakeAuditArchive::new(1));
    log.append(records("a", 5)).await.unwrap();
    shipper(&archive, folder.path()).follow().await.unwrap();
    let forged = Bytes::from_static(b"forged\n");
    let day = day_of(Noon(0).now());
    let forged = audit_archive::Block {
        day,
        first_index: 6,
        entries: 1,
        head: archive.peek(CHAIN)[0].head,
        lines: forged,
    };
    archive.lose_next_ends(1);
    archive.ship(CHAIN, &forged).await.unwrap_err();
    let before = archive.peek(CHAIN);
    for days in [0, 1] {
        for _ in 0..2 {
            let mut shipper = shipper(&archive, folder.path());
            shipper.clock = Arc::new(Noon(days));
            assert!(matches!(shipper.follow().await, Err(Error::Damaged(_))), "{days}");
            log.append(records("b", 1)).await.unwrap();
        }
    }
    assert_eq!(archive.peek(CHAIN), before);
}
