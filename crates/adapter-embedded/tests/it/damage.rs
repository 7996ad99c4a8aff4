//! Files that cannot be right give an error that says what to do; never a panic, never a hang (issue 4, item 4).

use std::fs;
use std::path::Path;
use std::time::Duration;

use pix_stream_adapter_embedded::journal::{EmbeddedJournal, OpenError, Options};
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_ports::journal::{Journal, Terms};

use super::{ispb, message};

const TERMS: Terms = Terms { window: Duration::from_secs(3600), retention: None };

fn open(dir: &Path) -> Result<EmbeddedJournal, OpenError> {
    EmbeddedJournal::open(dir, Options::default())
}

/// A journal with 60 messages, closed; answers the bytes of its file.
async fn sample(dir: &Path) -> Vec<u8> {
    let journal = open(dir).unwrap();
    for n in 0..20 {
        let request = (3 * n..3 * n + 3).map(|n| message(n, 2500)).collect();
        journal.append(ispb(), request, TERMS).await.unwrap();
    }
    journal.raise_incarnation(ispb()).await.unwrap();
    drop(journal);
    fs::read(dir.join("journal.redb")).unwrap()
}

/// Opens a file of these bytes. What opens must serve what was stored or say that it is damaged.
async fn try_open(bytes: &[u8], what: &str) -> bool {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("journal.redb"), bytes).unwrap();
    match open(dir.path()) {
        Err(OpenError::Damaged { .. }) => return false,
        Err(other) => panic!("{what}: {other}"),
        Ok(journal) => {
            for n in 0..60 {
                let range = Range::new(Sequence::new(n + 1), Sequence::new(n + 2));
                if let Ok(read) = journal.read(ispb(), range, u64::MAX).await {
                    for stored in read {
                        assert_eq!(stored.xml, message(n, 2500).xml, "{what}: other bytes than published");
                    }
                }
            }
            // Damage met while writing is an error, too.
            let _ = journal.append(ispb(), vec![message(1000, 2500)], TERMS).await;
            let _ = journal.raise_incarnation(ispb()).await;
            let _ = journal.remove_below(ispb(), Sequence::new(9), 100).await;
        }
    }
    true
}

#[tokio::test]
async fn what_is_no_journal_is_refused_and_the_error_says_what_to_do() {
    for (bytes, what) in [
        (Vec::new(), "an empty file"),
        (b"not a journal".to_vec(), "a few bytes"),
        ((0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect(), "noise"),
        (vec![0; 200_000], "zeros"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("journal.redb"), &bytes).unwrap();
        let error = open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("journal.redb") && error.contains("backup"), "{what}: {error}");
        assert!(error.contains("move the file away"), "{what}: {error}");
        assert_eq!(fs::read(dir.path().join("journal.redb")).unwrap(), bytes, "{what} stays as it is");
    }
}

#[tokio::test]
async fn a_cut_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = sample(dir.path()).await;
    let mut opened = 0;
    for cut in [1, 63, 64, 200, 320, 4095, 4096, 4097, 8192, bytes.len() / 2, bytes.len() - 1]
        .into_iter()
        .chain((1..12).map(|n| n * bytes.len() / 12))
    {
        opened += usize::from(try_open(&bytes[..cut], &format!("cut at {cut}")).await);
    }
    assert_eq!(opened, 0, "a cut file was taken for whole");
}

#[tokio::test]
async fn flipped_bytes_never_panic_hang_or_change_a_message() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = sample(dir.path()).await;
    let mut seed = 0x5eed_2026_u64;
    println!("seed {seed:#x}");
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap()
    };
    for n in 0..150 {
        let mut broken = bytes.clone();
        // A third of them where redb keeps its header and roots.
        let span = if n % 3 == 0 { 4096.min(bytes.len()) } else { bytes.len() };
        let (at, bit) = (next() % span, next() % 8);
        broken[at] ^= 1 << bit;
        try_open(&broken, &format!("bit {bit} of byte {at}")).await;
    }
}

#[tokio::test]
async fn a_second_journal_on_the_folder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).unwrap();
    let error = open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("in use") && error.contains(&dir.path().display().to_string()), "{error}");
    assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
    drop(first);
    open(dir.path()).unwrap();
}
