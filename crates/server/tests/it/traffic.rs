//! Publishing and pulling through a real server: bytes, ids, order, ends and signals (cli.md; requirements B.4, C.2).

use std::collections::HashSet;
use std::path::Path;

use rustix::process::Signal;

use crate::expect::transcript;
use crate::server::{Folder, ISPB, Process, Server, json_lines, texts, wait_for};

/// Every valid message of the fixtures.
fn fixtures() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/xml");
    let mut files = Vec::new();
    for folder in std::fs::read_dir(root).unwrap() {
        let folder = folder.unwrap().path();
        if folder.ends_with("hostile") || folder.ends_with("invalid") || !folder.is_dir() {
            continue;
        }
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files.extend(
            entries.filter(|f| f.extension().is_some_and(|e| e == "xml")).map(|f| f.display().to_string()),
        );
    }
    files.sort();
    files
}

#[test]
fn what_is_pulled_is_what_was_published_to_the_last_byte_in_order() {
    let folder = Folder::new();
    let mut command = folder.serve_command();
    // One fixture is of a type that has no schema here.
    command.env("PIX_STREAM_SCHEMAS_UNVALIDATED", "pain.*");
    let _server = Server::start(command, &folder.beside("serve.err")).unwrap();
    let files: Vec<String> = fixtures()
        .into_iter()
        .filter(|file| std::fs::read_to_string(file).unwrap().contains("<Id>99999001</Id>"))
        .collect();
    assert!(files.len() > 20, "{}", files.len());
    let published = folder.lines("publish", &files.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(published.len(), files.len());

    let save = folder.beside("inbox");
    let pulled = folder.lines("pull", &["--save", save.to_str().unwrap()]);
    assert_eq!(texts(&pulled, "resource_id"), texts(&published, "resource_id"));
    assert_eq!(texts(&pulled, "message_id"), texts(&published, "message_id"));
    for (file, line) in files.iter().zip(&pulled) {
        let sent = std::fs::read(file).unwrap();
        assert_eq!(line["bytes"], sent.len(), "{file}");
        let name = format!("{}.xml", line["message_id"].as_str().unwrap());
        assert_eq!(std::fs::read(save.join(name)).unwrap(), sent, "{file}");
    }
}

#[test]
fn the_same_seed_published_again_gives_the_same_ids_and_stores_nothing() {
    let folder = Folder::new();
    let _server = folder.serve();
    let again = || {
        let lines = folder.lines("publish", &["--generate", "35", "--type", "pacs.002", "--seed", "11"]);
        texts(&lines, "resource_id").into_iter().collect::<HashSet<_>>()
    };
    let first = again();
    assert_eq!(first.len(), 35);
    assert_eq!(again(), first);
    assert_eq!(folder.lines("pull", &["--streams", "6"]).len(), 35);
    assert!(folder.lines("pull", &["--single", "--no-gzip"]).is_empty());
}

#[test]
fn a_count_ends_with_the_batch_that_reaches_it_and_the_next_pull_goes_on() {
    let folder = Folder::new();
    let _server = folder.serve();
    let published = folder.lines("publish", &["--generate", "30", "--type", "pibr.002", "--seed", "1"]);
    let mut pulled = folder.lines("pull", &["--count", "12"]);
    assert_eq!(pulled.len(), 20, "batches are of ten");
    pulled.extend(folder.lines("pull", &["--count", "3", "--single"]));
    assert_eq!(pulled.len(), 23);
    pulled.extend(folder.lines("pull", &[]));
    let ids = |lines| texts(lines, "resource_id").into_iter().collect::<HashSet<_>>();
    assert_eq!((pulled.len(), ids(&pulled)), (30, ids(&published)));
}

#[test]
fn a_refused_file_is_named_with_the_reason() {
    let folder = Folder::new();
    let _server = folder.serve();
    let [good, bad] = ["good.xml", "bad.xml"].map(|name| folder.beside(name));
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/xml");
    std::fs::copy(fixture.join("pacs.008/one.xml"), &good).unwrap();
    std::fs::copy(fixture.join("hostile/dtd.xml"), &bad).unwrap();
    let output = folder.command("publish").args(["--ispb", ISPB]).args([&good, &bad]).output().unwrap();
    let shown = transcript(&output);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert!(
        shown.contains("bad.xml: ") && shown.contains("part 2: ") && shown.contains("none of the 2"),
        "{shown}"
    );
    assert!(folder.lines("pull", &[]).is_empty());
}

#[test]
fn an_interrupted_publish_exits_with_130_and_has_printed_what_is_stored() {
    let folder = Folder::new();
    let _server = folder.serve();
    let [out, err] = ["out", "err"].map(|name| folder.beside(name));
    let mut command = folder.command("publish");
    command.args(["--ispb", ISPB, "--generate", "100000", "--rate", "200", "--json"]);
    let mut publish = Process::spawn_into(&mut command, &out, &err);
    let printed = || json_lines(&std::fs::read_to_string(&out).unwrap());
    wait_for("a first message", || (!printed().is_empty()).then_some(()));
    publish.signal(Signal::INT);
    assert_eq!(publish.end("publish").code(), Some(130));
    let said = std::fs::read_to_string(&err).unwrap();
    assert!(said.starts_with("seed ") && said.contains(" of 100000 messages were published"), "{said}");
    let ids = |lines: &[_]| texts(lines, "resource_id").into_iter().collect::<HashSet<_>>();
    assert_eq!(ids(&folder.lines("pull", &[])), ids(&printed()));
}

#[test]
fn an_interrupted_pull_exits_with_0_and_has_confirmed_what_it_printed() {
    let folder = Folder::new();
    let _server = folder.serve();
    folder.lines("publish", &["--generate", "40", "--seed", "2"]);
    let [out, err] = ["out", "err"].map(|name| folder.beside(name));
    let mut command = folder.command("pull");
    command.args(["--ispb", ISPB, "--follow", "--streams", "2", "--json"]);
    let mut pull = Process::spawn_into(&mut command, &out, &err);
    wait_for("all messages", || {
        (json_lines(&std::fs::read_to_string(&out).unwrap()).len() == 40).then_some(())
    });
    pull.signal(Signal::TERM);
    assert_eq!(pull.end("pull").code(), Some(0));
    assert_eq!(std::fs::read_to_string(&err).unwrap(), "40 messages, 40 confirmed\n");
    assert!(folder.lines("pull", &[]).is_empty());
}

#[test]
fn a_second_consumer_of_one_folder_is_refused() {
    let folder = Folder::new();
    let _server = folder.serve();
    folder.lines("publish", &["--generate", "1"]);
    let save = folder.beside("inbox");
    let [out, err] = ["out", "err"].map(|name| folder.beside(name));
    let pull = || {
        let mut command = folder.command("pull");
        command.args(["--ispb", ISPB, "--json", "--save"]).arg(&save);
        command
    };
    let _first = Process::spawn_into(pull().arg("--follow"), &out, &err);
    wait_for("the first consumer", || (!std::fs::read_to_string(&out).unwrap().is_empty()).then_some(()));
    let output = pull().output().unwrap();
    let shown = transcript(&output);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert!(shown.contains("in use by another consumer"), "{shown}");
}
