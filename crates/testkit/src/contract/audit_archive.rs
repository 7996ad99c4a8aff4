//! What every audit archive must do.

use bytes::Bytes;
use pix_stream_domain::audit::ChainId;
use pix_stream_domain::digest::Digest;
use pix_stream_ports::audit_archive::{AuditArchive, BLOCK_BYTES_MAX, Block, End};
use pix_stream_ports::error::Error;

const ONE: ChainId = ChainId([1; 8]);
const TWO: ChainId = ChainId([2; 8]);

/// A block that an archive takes: its lines are no entries, which an archive does not look at.
#[must_use]
pub fn block(day: i32, first_index: u64, entries: u32) -> Block {
    let lines = (first_index..first_index + u64::from(entries)).map(|n| format!("{{\"n\":{n}}}\n"));
    let lines = Bytes::from(lines.collect::<String>());
    Block { day, first_index, entries, head: Digest::of(&lines), lines }
}

/// Runs every test on an empty archive.
pub async fn test_all(archive: &impl AuditArchive) {
    assert_eq!(archive.last(ONE).await, Ok(None));
    assert_eq!(archive.chains().await, Ok(Vec::new()));
    let blocks = [block(20_000, 1, 10), block(20_000, 11, 5), block(20_001, 16, 1)];
    for block in &blocks {
        assert_eq!(archive.ship(ONE, block).await, Ok(()));
        let next_index = block.first_index + u64::from(block.entries);
        let end = End { day: block.day, next_index, head: block.head };
        assert_eq!(archive.last(ONE).await, Ok(Some(end)));
    }
    let end = archive.last(ONE).await;
    assert_eq!(archive.ship(ONE, &blocks[0]).await, Ok(()), "the same again");
    assert_eq!(archive.last(ONE).await, end, "the end only rises");
    assert_eq!(archive.read(ONE, (20_000, 0), 10).await, Ok(blocks[..2].to_vec()));
    assert_eq!(archive.read(ONE, (20_000, 2), 10).await, Ok(blocks[1..2].to_vec()));
    assert_eq!(archive.read(ONE, (20_000, 0), 1).await, Ok(blocks[..1].to_vec()));
    assert_eq!(archive.last(TWO).await, Ok(None), "nodes have chains of their own");

    let forged = Block { head: Digest::of(b"other"), ..blocks[1].clone() };
    assert!(matches!(archive.ship(ONE, &forged).await, Err(Error::Damaged(_))));
    let large = Block { lines: Bytes::from(vec![b' '; BLOCK_BYTES_MAX + 1]), ..block(20_002, 17, 1) };
    assert!(matches!(archive.ship(ONE, &large).await, Err(Error::Damaged(_))));
    assert_eq!(archive.read(ONE, (20_000, 0), 10).await, Ok(blocks[..2].to_vec()), "nothing changed");

    assert_eq!(archive.ship(TWO, &block(20_001, 1, 1)).await, Ok(()));
    let chains = vec![(ONE, vec![20_000, 20_001]), (TWO, vec![20_001])];
    assert_eq!(archive.chains().await, Ok(chains));
}
