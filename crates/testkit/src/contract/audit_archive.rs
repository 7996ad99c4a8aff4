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

/// A block whose end was lost is found and finished, whatever day it is; on an empty archive. `keep` keeps a block
/// without its end.
pub async fn test_lost_ends(archive: &impl AuditArchive, keep: impl AsyncFn(ChainId, &Block)) {
    // What is kept, on which days it is found, and what would be shipped in its place by then.
    let cases = [
        (block(20_000, 1, 10), [20_000, 20_003], 15),
        (block(20_000, 11, 5), [20_000, 20_001], 9),
        (block(20_001, 16, 2), [20_000, 20_001], 3),
        (block(20_009, 18, 1), [20_009, 20_100], 2),
        (block(20_008, 19, 1), [20_008, 20_007], 2),
    ];
    for (kept, days, longer) in &cases {
        let (first, end) = (kept.first_index, archive.last(ONE).await.unwrap());
        for today in *days {
            assert_eq!(archive.find_next(ONE, end, today).await, Ok(None), "{first}");
        }
        keep(ONE, kept).await;
        assert_eq!(archive.last(ONE).await, Ok(end), "{first}: ends are kept apart");
        let grown = archive.ship(ONE, &block(kept.day, first, *longer)).await;
        assert!(matches!(grown, Err(Error::Unavailable(_))), "{first}: {grown:?}");
        let other = Block { lines: Bytes::from_static(b"other\n"), ..block(kept.day, first, *longer) };
        let other = archive.ship(ONE, &other).await;
        assert!(matches!(other, Err(Error::Damaged(_))), "{first}: {other:?}");
        for today in *days {
            assert_eq!(archive.find_next(ONE, end, today).await, Ok(Some(kept.clone())), "{first}");
        }
        assert_eq!(archive.find_next(TWO, end, days[0]).await, Ok(None), "{first}: another chain");
        assert_eq!(archive.ship(ONE, kept).await, Ok(()), "{first}");
        let next_index = first + u64::from(kept.entries);
        let end = End { day: kept.day, next_index, head: kept.head };
        assert_eq!(archive.last(ONE).await, Ok(Some(end)));
    }
    let days: Vec<i32> = archive.chains().await.unwrap().remove(0).1;
    assert_eq!(days, [20_000, 20_001, 20_008, 20_009], "nothing was kept under another day");
}
