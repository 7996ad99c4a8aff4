//! Appending behind what another region stored (issue 6, item 6).

use super::*;
use crate::support::Space;

/// Cells are ordered by the clocks of the data centre that wrote them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_another_regions_head_is_appended_when_its_time_has_passed() {
    let Some(space) = Space::migrated("journal_clock").await else { return };
    journal_of(&space, 1).append(ispb(1), messages(1..=3, 0), terms()).await.unwrap();
    // The years 2020 and 2100: before and after whatever Cassandra's clock says.
    let (before, after) = (1_577_836_800_000, 4_102_444_800_000);
    let of = |epoch, now| {
        let now = Timestamp::from_unix_millis(now);
        journal_with(&space, (now, epoch), Options { spans_regions: true, ..Options::default() })
    };
    let early = of(2, before).append(ispb(1), messages(4..=5, 0), terms()).await.unwrap_err();
    assert!(early.to_string().contains("clock"), "{early}");
    let same = of(1, before).append(ispb(1), messages(4..=5, 0), terms()).await.unwrap();
    assert_eq!(same[0].sequence, Sequence::new(4), "its own head does not hold it up");
    let later = of(2, after).append(ispb(1), messages(6..=7, 0), terms()).await.unwrap();
    assert_eq!(later[0].sequence, Sequence::new(6));
    space.drop().await;
}
