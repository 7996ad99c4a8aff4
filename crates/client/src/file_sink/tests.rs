//! Facts about the file sink: what is in the folder after which calls (X.3).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::time::Timestamp;

use super::*;

const NEW: Outcome = Outcome::New;
const DUP: Outcome = Outcome::Duplicate;

fn message(number: u8, xml: &str) -> Message {
    let id = ResourceId::new(Timestamp::from_unix_millis(1_800_000_000_000), [number; 16]);
    Message::new(id, "application/xml".to_owned(), xml.to_owned().into())
}

fn with_id(number: u8, id: &str, rest: &str) -> Message {
    message(number, &format!("<E><BizMsgIdr>{id}</BizMsgIdr>{rest}</E>"))
}

/// The messages in the folder: file name to content.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "xml"))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()))
        .collect()
}

#[tokio::test]
async fn messages_lie_under_their_ids_with_their_exact_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let sink = FileSink::open(folder.path()).await.unwrap();
    let batch = [with_id(1, "M1", "\r\n\u{1F600}"), with_id(2, "a/b", ""), message(3, "<no-id/>")];
    assert_eq!(sink.store_batch(&batch).await.unwrap(), [NEW; 3]);
    let files = files(folder.path());
    assert_eq!(files["M1.xml"], batch[0].bytes);
    assert_eq!(files["a%2Fb.xml"], batch[1].bytes);
    assert_eq!(files[&format!("{}.xml", names::url_safe(&batch[2].resource_id))], batch[2].bytes);
    assert_eq!(files.len(), 3);
}

#[tokio::test]
async fn a_restart_remembers_what_was_stored() {
    let folder = tempfile::tempdir().unwrap();
    let sink = FileSink::open(folder.path()).await.unwrap();
    sink.store_batch(&[with_id(1, "M1", "")]).await.unwrap();
    drop(sink);
    // Whoever reads the folder may move files away; what was stored stays known.
    fs::remove_file(folder.path().join("M1.xml")).unwrap();
    let sink = FileSink::open(folder.path()).await.unwrap();
    let outcomes =
        sink.store_batch(&[with_id(1, "M1", ""), with_id(2, "M2", ""), with_id(2, "M2", "")]).await;
    assert_eq!(outcomes.unwrap(), [DUP, NEW, DUP]);
    assert_eq!(files(folder.path()).into_keys().collect::<Vec<_>>(), ["M2.xml"]);
}

#[tokio::test]
async fn two_messages_of_one_id_do_not_overwrite_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let sink = FileSink::open(folder.path()).await.unwrap();
    let batch = [with_id(1, "M1", "one"), with_id(2, "M1", "two"), with_id(3, "M1", "one")];
    for one in &batch {
        assert_eq!(sink.store_batch(std::slice::from_ref(one)).await.unwrap(), [NEW]);
    }
    let files = files(folder.path());
    let second = format!("M1~{}.xml", names::url_safe(&batch[1].resource_id));
    assert_eq!(files["M1.xml"], batch[0].bytes);
    assert_eq!(files[&second], batch[1].bytes);
    assert_eq!(files.len(), 2);
}

#[tokio::test]
async fn a_run_cut_before_the_index_was_written_leaves_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let sink = FileSink::open(folder.path()).await.unwrap();
    sink.store_batch(&[with_id(1, "M1", "")]).await.unwrap();
    drop(sink);
    fs::write(folder.path().join(folder_index()), "").unwrap();
    fs::write(folder.path().join(".pix-stream-tmp-x.part"), "half").unwrap();
    let sink = FileSink::open(folder.path()).await.unwrap();
    assert_eq!(sink.store_batch(&[with_id(1, "M1", "")]).await.unwrap(), [NEW]);
    assert_eq!(files(folder.path()).len(), 1);
    assert!(!folder.path().join(".pix-stream-tmp-x.part").exists());
}

fn folder_index() -> &'static str {
    ".pix-stream-seen"
}

#[tokio::test]
async fn streams_that_store_the_same_messages_at_once_store_each_once() {
    let folder = tempfile::tempdir().unwrap();
    let sink = FileSink::open(folder.path()).await.unwrap();
    let batch: Vec<_> = (0..10).map(|n| with_id(n, &format!("M{n}"), "")).collect();
    let (a, b, c) =
        tokio::join!(sink.store_batch(&batch), sink.store_batch(&batch), sink.store_batch(&batch));
    let all = [a.unwrap(), b.unwrap(), c.unwrap()].concat();
    assert_eq!(all.iter().filter(|&&outcome| outcome == NEW).count(), 10);
    assert_eq!(files(folder.path()).len(), 10);
    let left = fs::read_dir(folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_str().unwrap().ends_with(".part"));
    assert_eq!(left.count(), 0);
}

#[tokio::test]
async fn one_folder_serves_one_consumer() {
    let folder = tempfile::tempdir().unwrap();
    let _first = FileSink::open(folder.path()).await.unwrap();
    assert!(matches!(FileSink::open(folder.path()).await, Err(SinkError::InUse(_))));
}

#[tokio::test]
async fn tokens_are_kept_per_stream_and_damaged_ones_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let sink = FileSink::open(folder.path()).await.unwrap();
    let next = PullNext::new("/api/v1/out/99999001/stream/token").unwrap();
    assert_eq!(sink.find_next(1).await.unwrap(), None);
    sink.save_next(1, Some(&next)).await.unwrap();
    drop(sink);
    let sink = FileSink::open(folder.path()).await.unwrap();
    assert_eq!(sink.find_next(1).await.unwrap(), Some(next));
    assert_eq!(sink.find_next(2).await.unwrap(), None);
    fs::write(folder.path().join(".pix-stream-cursor-1"), b"\0\xff").unwrap();
    assert_eq!(sink.find_next(1).await.unwrap(), None);
    sink.save_next(1, None).await.unwrap();
    sink.save_next(1, None).await.unwrap();
    assert!(!folder.path().join(".pix-stream-cursor-1").exists());
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let sink = FileSink::open(folder.path().join("gone")).await.unwrap();
    fs::remove_dir_all(folder.path().join("gone")).unwrap();
    let error = sink.store_batch(&[with_id(1, "M1", "")]).await.unwrap_err();
    assert!(error.to_string().contains("cannot write"), "{error}");
}
