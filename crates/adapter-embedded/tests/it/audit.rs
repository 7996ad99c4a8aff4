//! The audit chain on disk: it goes on after a kill, and no edit goes unnoticed (design, invariant 10).

use std::fs;
use std::path::{Path, PathBuf};

use pix_stream_adapter_embedded::audit_log::{self, FileAuditLog};
use pix_stream_domain::digest::Digest;
use pix_stream_domain::time::Timestamp;
use pix_stream_evidence::files::{Verified, VerifyError, verify};
use pix_stream_ports::audit_log::AuditLog;
use pix_stream_ports::error::Error;
use pix_stream_testkit::contract::audit_log::records;
use proptest::prelude::*;

fn open(dir: &Path, segment_bytes: u64) -> FileAuditLog {
    let options = audit_log::Options { segment_bytes, ..audit_log::Options::default() };
    FileAuditLog::open(dir, &options, Timestamp::default()).unwrap()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = all.filter(|path| path.extension().is_some_and(|e| e == "log")).collect();
    files.sort();
    files
}

/// The request ids of all entries, in order.
pub(crate) fn request_ids(dir: &Path) -> Vec<String> {
    let text: String = files(dir).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let id = |line: &str| {
        let (_, rest) = line.split_once("\"request_id\":\"")?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    text.lines().filter_map(id).collect()
}

/// A folder with three files of several entries each.
async fn three_files(dir: &Path) -> Verified {
    let log = open(dir, 2000);
    for n in 0..8 {
        log.append(records(&format!("{n}-"), 3)).await.unwrap();
        log.sync().await.unwrap();
    }
    drop(log);
    let found = files(dir);
    assert!(found.len() >= 3, "{found:?}");
    verify(&[dir.to_owned()]).unwrap()
}

#[tokio::test]
async fn a_whole_chain_verifies_over_all_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let verified = three_files(dir.path()).await;
    assert_eq!((verified.entries, verified.first, verified.last), (24, 1, 24));
    assert_eq!((verified.files, verified.unfinished_bytes), (files(dir.path()).len(), 0));
    let mut shuffled = files(dir.path());
    shuffled.reverse();
    assert_eq!(verify(&shuffled).unwrap(), verified, "the order in which files are named does not matter");
}

#[tokio::test]
async fn a_chain_may_start_later_but_not_lack_a_file_within() {
    let dir = tempfile::tempdir().unwrap();
    let whole = three_files(dir.path()).await;
    let files = files(dir.path());
    let rest = verify(&files[1..]).unwrap();
    assert!(rest.first > 1 && rest.last == 24 && rest.head == whole.head, "{rest:?}");
    fs::remove_file(&files[1]).unwrap();
    let error = verify(&[dir.path().to_owned()]).unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
    assert!(matches!(error, VerifyError::Broken(broken) if broken.file == files[2] && broken.line == 1));
}

/// The line with other content and the hash that fits it.
fn forged(line: &str) -> String {
    let line = line.replace("\"a1\"", "\"zz\"");
    let (body, _) = line.split_once("\",\"hash\":").unwrap();
    let (_, prev) = body.rsplit_once('"').unwrap();
    let bytes = (0..32).map(|n| u8::from_str_radix(&prev[2 * n..2 * n + 2], 16).unwrap());
    let hash = Digest::of(&bytes.chain(body.bytes()).chain(*b"\"}").collect::<Vec<_>>());
    format!("{body}\",\"hash\":\"{hash}\"}}")
}

#[tokio::test]
async fn an_entry_that_was_replaced_with_a_fitting_hash_is_noticed_at_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path(), 1 << 20);
    log.append(records("a", 4)).await.unwrap();
    drop(log);
    let file = files(dir.path()).remove(0);
    let text = fs::read_to_string(&file).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines[1] = forged(&lines[1]);
    assert!(lines[1].contains("zz"), "{}", lines[1]);
    fs::write(&file, lines.join("\n") + "\n").unwrap();
    match verify(&[file]) {
        Err(VerifyError::Broken(broken)) => {
            assert_eq!((broken.line, broken.entry), (3, Some(3)));
            assert!(broken.reason.contains("does not follow"), "{broken}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_renamed_or_half_file_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    three_files(dir.path()).await;
    let files = files(dir.path());
    let text = fs::read(&files[0]).unwrap();
    fs::write(&files[0], &text[..text.len() - 1]).unwrap();
    assert!(matches!(verify(&[dir.path().to_owned()]), Err(VerifyError::Broken(_))), "cut inside");
    fs::write(&files[0], &text).unwrap();
    let renamed = dir.path().join("audit-000000000999.log");
    fs::rename(files.last().unwrap(), &renamed).unwrap();
    let error = verify(&[dir.path().to_owned()]).unwrap_err().to_string();
    assert!(error.contains("file's name"), "{error}");
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(verify(&[empty.path().to_owned()]), Err(VerifyError::Nothing)));
    assert!(matches!(verify(&[empty.path().join("no")]), Err(VerifyError::Unreadable { .. })));
}

#[tokio::test]
async fn an_unfinished_last_entry_is_cut_off_and_that_is_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path(), 1 << 20);
    log.append(records("a", 3)).await.unwrap();
    drop(log);
    let file = files(dir.path()).remove(0);
    let whole = fs::read(&file).unwrap();
    let last_line = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for cut in [1, 20, whole.len() - last_line - 1] {
        fs::write(&file, &whole[..last_line + cut]).unwrap();
        assert_eq!(verify(std::slice::from_ref(&file)).unwrap().unfinished_bytes, cut as u64);
        let log = open(dir.path(), 1 << 20);
        log.append(records("b", 1)).await.unwrap();
        drop(log);
        let verified = verify(&[dir.path().to_owned()]).unwrap();
        assert_eq!((verified.entries, verified.unfinished_bytes), (4, 0));
        let text = fs::read_to_string(&file).unwrap();
        let said = text.lines().nth(2).unwrap();
        assert!(said.contains("audit.recover") && said.contains(&format!("{cut} bytes")), "{said}");
        assert_eq!(request_ids(dir.path()), ["a0", "a1", "b0"]);
    }
}

#[tokio::test]
async fn a_file_without_a_whole_entry_gives_way_to_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let before = three_files(dir.path()).await;
    fs::write(dir.path().join(format!("audit-{:012}.log", before.last + 1)), "{\"n\":2").unwrap();
    drop(open(dir.path(), 2000));
    let verified = verify(&[dir.path().to_owned()]).unwrap();
    assert_eq!(verified.entries, before.entries + 1, "the cut is recorded");
}

#[tokio::test]
async fn a_chain_that_was_changed_does_not_open_and_the_entry_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path(), 1 << 20);
    log.append(records("a", 5)).await.unwrap();
    drop(log);
    let file = files(dir.path()).remove(0);
    let text = fs::read_to_string(&file).unwrap().replace("\"a2\"", "\"z2\"");
    fs::write(&file, text).unwrap();
    let error = FileAuditLog::open(dir.path(), &audit_log::Options::default(), Timestamp::default());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("entry 3") && error.contains("line 3"), "{error}");
}

#[tokio::test]
async fn a_second_log_on_the_folder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path(), 1000);
    let options = audit_log::Options::default();
    assert!(FileAuditLog::open(dir.path(), &options, Timestamp::default()).is_err());
    drop(first);
    open(dir.path(), 1000);
}

#[tokio::test]
async fn a_full_disk_is_said_so_and_the_chain_goes_on_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path(), 1000);
    log.append(records("a", 5)).await.unwrap();
    // The next file is a disk without room.
    let next = dir.path().join("audit-000000000006.log");
    std::os::unix::fs::symlink("/dev/full", &next).unwrap();
    for _ in 0..2 {
        let refused = log.append(records("b", 2)).await;
        assert!(matches!(refused, Err(Error::Full(_))), "{refused:?}");
    }
    fs::remove_file(&next).unwrap();
    log.append(records("c", 2)).await.unwrap();
    drop(log);
    assert_eq!(verify(&[dir.path().to_owned()]).unwrap().entries, 7);
    assert_eq!(request_ids(dir.path()).last().unwrap(), "c1");
}

/// One change to the lines of a file.
#[derive(Debug, Clone)]
enum Edit {
    Change { line: usize, at: usize, to: u8 },
    Remove { line: usize },
    Swap { line: usize, other: usize },
    Repeat { line: usize, at: usize },
    Cut { line: usize, at: usize },
}

fn edits() -> impl Strategy<Value = Edit> {
    let (line, at) = (0..12_usize, 0..1000_usize);
    prop_oneof![
        4 => (line.clone(), at.clone(), any::<u8>()).prop_map(|(line, at, to)| Edit::Change { line, at, to }),
        1 => line.clone().prop_map(|line| Edit::Remove { line }),
        1 => (line.clone(), 0..12_usize).prop_map(|(line, other)| Edit::Swap { line, other }),
        1 => (line.clone(), 0..12_usize).prop_map(|(line, at)| Edit::Repeat { line, at }),
        1 => (line, at).prop_map(|(line, at)| Edit::Cut { line, at }),
    ]
}

/// The lines after the edit.
fn edited(lines: &[Vec<u8>], edit: &Edit) -> Vec<Vec<u8>> {
    let mut lines = lines.to_vec();
    match *edit {
        Edit::Change { line, at, to } => {
            let at = at % lines[line].len();
            lines[line][at] = to;
        }
        Edit::Remove { line } => drop(lines.remove(line)),
        Edit::Swap { line, other } => lines.swap(line, other),
        Edit::Repeat { line, at } => lines.insert(at, lines[line].clone()),
        Edit::Cut { line, at } => {
            let at = at % lines[line].len();
            lines[line].remove(at);
        }
    }
    lines
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    /// Every edit of one line is found, but for what looks like a tail that was cut off.
    #[test]
    fn no_edit_of_a_line_goes_unnoticed(edit in edits()) {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let log = open(dir.path(), 1 << 20);
        runtime.block_on(log.append(records("a", 12))).unwrap();
        drop(log);
        let file = files(dir.path()).remove(0);
        let whole = fs::read(&file).unwrap();
        let lines: Vec<Vec<u8>> = whole.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let changed = edited(&lines, &edit).concat();
        let before = verify(std::slice::from_ref(&file)).unwrap();
        fs::write(&file, &changed).unwrap();
        match verify(&[file]) {
            Err(_) => prop_assert!(changed != whole),
            Ok(after) if changed == whole => prop_assert_eq!(after, before),
            // The last line, or only its end: an unfinished entry, or one that was never there.
            Ok(after) => prop_assert!(after.entries == 11 && after.head != before.head, "{:?}", edit),
        }
    }
}
