//! The log read while it is written (issue 6, item 1; design, invariant 10).

use pix_stream_adapter_embedded::audit_log::{FileAuditLog, Options};
use pix_stream_domain::audit::{Event, Record};
use pix_stream_domain::time::Timestamp;
use pix_stream_evidence::files::verify;
use pix_stream_evidence::tail::{Block, Tail};
use pix_stream_ports::audit_log::AuditLog as _;

fn record(n: u64) -> Record {
    let event = Event::System { command: "test".into(), detail: format!("entry {n}").into() };
    Record { at: Timestamp::from_unix_millis(n), request_id: "".into(), ispb: None, event }
}

async fn write(log: &FileAuditLog, numbers: std::ops::RangeInclusive<u64>) {
    for n in numbers {
        log.append(vec![record(n)]).await.unwrap();
    }
}

fn read_all(tail: &mut Tail, bytes_max: usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    while let Some(block) = tail.read(bytes_max).unwrap() {
        tail.advance(&block);
        blocks.push(block);
    }
    blocks
}

#[tokio::test]
async fn entries_come_once_and_in_order_over_several_files() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { segment_bytes: 700, ..Options::default() };
    let log = FileAuditLog::open(dir.path(), &options, Timestamp::default()).unwrap();
    let mut tail = Tail::before(dir.path(), 1);
    assert_eq!(tail.read(1 << 20).unwrap(), None);
    let mut copy = Vec::new();
    let mut next = 1;
    for round in 1..=5 {
        write(&log, 10 * round - 9..=10 * round).await;
        for block in read_all(&mut tail, 500) {
            assert_eq!(block.first, next);
            next = block.last + 1;
            copy.extend_from_slice(&block.lines);
        }
        assert_eq!(next, 10 * round + 1);
    }
    let head = verify(&[dir.path().to_owned()]).unwrap().head;
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("audit-000000000001.log"), &copy).unwrap();
    assert_eq!(verify(&[other.path().to_owned()]).unwrap().head, head, "the copy is the chain");
}

#[tokio::test]
async fn a_tail_goes_on_where_an_earlier_one_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let log = FileAuditLog::open(
        dir.path(),
        &Options { segment_bytes: 900, ..Options::default() },
        Timestamp::default(),
    )
    .unwrap();
    write(&log, 1..=20).await;
    let blocks = read_all(&mut Tail::before(dir.path(), 13), 1 << 20);
    assert_eq!(blocks.first().map(|block| block.first), Some(13));
    assert_eq!(blocks.last().map(|block| block.last), Some(20));
}
