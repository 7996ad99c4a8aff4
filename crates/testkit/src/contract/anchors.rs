//! What every place for anchors must do.

use pix_stream_domain::audit::{ChainId, Head};
use pix_stream_domain::digest::Digest;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::anchors::{Anchor, Anchors};

/// Runs every test, each on a store that `make` makes anew and empty.
pub async fn test_all<A: Anchors>(make: impl AsyncFn() -> A) {
    newest_of_each_chain(&make().await).await;
    a_break_stays(&make().await).await;
}

/// Anchors survive a restart: `open` opens the same store again and again.
pub async fn test_reopening<A: Anchors>(open: impl AsyncFn() -> A) {
    let kept = anchor(1, 7);
    let store = open().await;
    store.save_anchor(kept).await.unwrap();
    drop(store);
    assert_eq!(open().await.load_anchors().await.unwrap(), [kept]);
}

async fn newest_of_each_chain(store: &impl Anchors) {
    assert_eq!(store.load_anchors().await.unwrap(), []);
    store.save_anchor(anchor(2, 10)).await.unwrap();
    store.save_anchor(anchor(1, 5)).await.unwrap();
    assert_eq!(store.load_anchors().await.unwrap(), [anchor(1, 5), anchor(2, 10)], "by chain");
    store.save_anchor(anchor(1, 6)).await.unwrap();
    store.save_anchor(anchor(2, 9)).await.unwrap();
    let other = Anchor { head: Head { entry: 10, hash: Digest::of(b"forged") }, ..anchor(2, 10) };
    store.save_anchor(other).await.unwrap();
    let anchors = store.load_anchors().await.unwrap();
    assert_eq!(anchors, [anchor(1, 6), anchor(2, 10)], "never back, and none in the place of another");
}

async fn a_break_stays(store: &impl Anchors) {
    store.save_anchor(anchor(1, 5)).await.unwrap();
    let broken = Anchor { broken_at: Some(Timestamp::from_unix_millis(77)), ..anchor(1, 5) };
    store.save_anchor(broken).await.unwrap();
    assert_eq!(store.load_anchors().await.unwrap(), [broken]);
    store.save_anchor(anchor(1, 5)).await.unwrap();
    assert_eq!(store.load_anchors().await.unwrap(), [broken], "what was found missing stays so");
}

fn anchor(chain: u8, entry: u64) -> Anchor {
    let hash = Digest::of(&[chain, u8::try_from(entry).unwrap_or_default()]);
    let at = Timestamp::from_unix_millis(1_800_000_000_000 + entry);
    Anchor { chain: ChainId([chain; 8]), head: Head { entry, hash }, at, broken_at: None }
}
