//! What every audit log must do, as far as the port shows it. The chain itself is its implementation's to prove.

use pix_stream_domain::audit::{Event, Message, Record};
use pix_stream_domain::digest::Digest;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::audit_log::AuditLog;

use crate::contract::{ispb, join_all};

/// Runs every test, each on a log that `make` makes anew and empty. `read` tells the request ids of the entries
/// that a log holds, in order; what the log says of itself (no request id) is left out.
pub async fn test_all<A: AuditLog>(make: impl AsyncFn() -> A, read: impl Fn(&A) -> Vec<String>) {
    let log = make().await;
    log.append(Vec::new()).await.unwrap();
    log.sync().await.unwrap();
    assert_eq!(read(&log), Vec::<String>::new(), "nothing was said");

    let log = make().await;
    log.append(records("a", 3)).await.unwrap();
    log.append(records("b", 2)).await.unwrap();
    assert_eq!(read(&log), ["a0", "a1", "a2", "b0", "b1"], "records stay in order");
    log.sync().await.unwrap();
    assert_eq!(read(&log).len(), 5, "a sync changes nothing");

    let log = make().await;
    let answers = join_all((0..32).map(|n| log.append(records(&format!("{n}-"), 4)))).await;
    assert!(answers.iter().all(Result::is_ok));
    let entries = read(&log);
    assert_eq!(entries.len(), 128);
    for n in 0..32 {
        let start = entries.iter().position(|id| *id == format!("{n}-0")).unwrap();
        let own: Vec<_> = (0..4).map(|i| format!("{n}-{i}")).collect();
        assert_eq!(entries[start..start + 4], own, "the records of one call stay together");
    }
}

/// Records of every kind, with request ids `prefix0`, `prefix1`, and so on.
#[must_use]
pub fn records(prefix: &str, count: usize) -> Vec<Record> {
    let range = Range::new(Sequence::new(11), Sequence::new(21));
    let events = [
        Event::Read {
            redeemed: Some(Digest::of(b"old")),
            issued: Digest::of(b"new"),
            confirmed: range,
            batch: Range::EMPTY,
            replay: false,
        },
        Event::ReplayRead {
            session: 9,
            redeemed: Digest::of(b"old"),
            issued: Digest::of(b"new"),
            batch: range,
        },
        Event::Close { redeemed: Digest::of(b"old"), confirmed: Range::EMPTY, returned: range },
        Event::Publish {
            actor: "CN=icom \"prod\"\\1".into(),
            batch: Range::new(Sequence::new(11), Sequence::new(13)),
            repeats: 1,
            messages: [(11, false), (4, true), (12, false)].map(message).into(),
        },
        Event::Quarantine {
            actor: "CN=icom".into(),
            entry: ResourceId::new(Timestamp::from_unix_millis(7), [7; 16]),
            rule: "schema".into(),
            bytes: 2700,
            repeat: false,
        },
        Event::Admin {
            actor: "CN=op\u{e9}rateur".into(),
            command: "participant.pause".into(),
            detail: "line one\nline two\t\u{1}".into(),
            done: true,
        },
        Event::System { command: "retention.expire".into(), detail: "up to 12".into() },
    ];
    let record = |(n, event)| Record {
        at: Timestamp::from_unix_millis(1_800_000_000_000 + n as u64),
        request_id: format!("{prefix}{n}").into(),
        ispb: (n % 2 == 0).then(|| ispb(1)),
        event,
    };
    events.into_iter().cycle().take(count).enumerate().map(record).collect()
}

fn message((sequence, is_repeat): (u64, bool)) -> Message {
    let resource_id = ResourceId::new(Timestamp::from_unix_millis(1_800_000_000_000), [sequence as u8; 16]);
    let digest = Digest::of(&sequence.to_be_bytes());
    Message { sequence: Sequence::new(sequence), resource_id, digest, is_repeat }
}
