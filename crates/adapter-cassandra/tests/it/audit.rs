//! The archive of audit chains on a real Cassandra (issue 6, item 1).

use bytes::Bytes;
use pix_stream_adapter_cassandra::audit::{AuditArchive, BLOCK_BYTES_MAX, Block, End};
use pix_stream_domain::digest::Digest;
use pix_stream_ports::error::Error;

use super::support::Space;

fn block(day: i32, first_index: u64, entries: u32) -> Block {
    let lines = (first_index..first_index + u64::from(entries)).map(|n| format!("{{\"n\":{n}}}\n"));
    let lines = Bytes::from(lines.collect::<String>());
    Block { day, first_index, entries, head: Digest::of(&lines), lines }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_are_kept_once_and_in_order() {
    let Some(space) = Space::migrated("audit").await else { return };
    let archive = AuditArchive::new(&space.session, &space.keyspace);
    assert_eq!(archive.last("node-1").await, Ok(None));
    let blocks = [block(20_000, 1, 10), block(20_000, 11, 5), block(20_001, 16, 1)];
    for block in &blocks {
        assert_eq!(archive.ship("node-1", block).await, Ok(()));
        let next_index = block.first_index + u64::from(block.entries);
        let end = End { day: block.day, next_index, head: block.head };
        assert_eq!(archive.last("node-1").await, Ok(Some(end)));
    }
    let end = archive.last("node-1").await;
    assert_eq!(archive.ship("node-1", &blocks[0]).await, Ok(()), "the same again");
    assert_eq!(archive.last("node-1").await, end, "the end only rises");
    assert_eq!(archive.read("node-1", (20_000, 0), 10).await, Ok(blocks[..2].to_vec()));
    assert_eq!(archive.read("node-1", (20_000, 2), 10).await, Ok(blocks[1..2].to_vec()));
    assert_eq!(archive.read("node-1", (20_000, 0), 1).await, Ok(blocks[..1].to_vec()));
    assert_eq!(archive.last("node-2").await, Ok(None), "nodes have chains of their own");

    let forged = Block { head: Digest::of(b"other"), ..blocks[1].clone() };
    assert!(matches!(archive.ship("node-1", &forged).await, Err(Error::Damaged(_))));
    let large = Block { lines: Bytes::from(vec![b' '; BLOCK_BYTES_MAX + 1]), ..block(20_002, 17, 1) };
    assert!(matches!(archive.ship("node-1", &large).await, Err(Error::Damaged(_))));
    assert_eq!(archive.read("node-1", (20_000, 0), 10).await, Ok(blocks[..2].to_vec()), "nothing changed");
    space.drop().await;
}
