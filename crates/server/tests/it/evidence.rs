//! What the audit log proves (issue 7, item 5): an auditor's walk in one command, a period with proof, a log whose end was
//! cut off.

use std::process::Output;

use serde_json::Value;

use crate::expect::{pix_stream, transcript};
use crate::server::{Folder, ISPB};

fn auditor(folder: &Folder, line: &str) -> Output {
    folder.command("admin").args(["--as", "auditor"]).args(line.split(' ')).output().unwrap()
}

fn auditor_json(folder: &Folder, line: &str) -> Value {
    let output = auditor(folder, &format!("{line} --json"));
    assert!(output.status.success(), "{line}: {}", transcript(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn offline(folder: &Folder, arguments: &[&str]) -> Output {
    pix_stream().arg("audit").args(arguments).arg(folder.dir().join("data/audit")).output().unwrap()
}

/// Publishes messages and reads all of them; the first one's id. They are published in several requests at a time, so
/// the order in which they are read tells which one that is.
fn traffic(folder: &Folder) -> String {
    folder.lines("publish", &["--generate", "30"]);
    let pulled = folder.lines("pull", &["--streams", "1"]);
    assert_eq!(pulled.len(), 30);
    pulled[0]["resource_id"].as_str().unwrap().to_owned()
}

#[test]
fn an_auditor_walks_from_an_id_to_its_confirmation() {
    let folder = Folder::new();
    let server = folder.serve();
    let id = traffic(&folder);
    let walk = auditor_json(&folder, &format!("audit show {id}"));
    assert_eq!((&walk["resource_id"], &walk["ispb"]), (&id.as_str().into(), &ISPB.into()), "{walk}");
    assert_eq!((&walk["publisher"], &walk["sequence"]), (&"producer".into(), &1.into()), "{walk}");
    assert_eq!((&walk["verified"], &walk["findings"]), (&true.into(), &Value::Array(Vec::new())), "{walk}");
    let carried = walk["deliveries"][0]["token_sha256"].as_str().unwrap();
    let confirmed = walk["confirmations"][0]["token_sha256"].as_str().unwrap();
    assert_eq!(carried, confirmed, "by the token that came with it");
    assert!(walk["confirmed_unix_ms"].as_u64() >= walk["deliveries"][0]["at_unix_ms"].as_u64());
    let shown = transcript(&auditor(&folder, &format!("audit show {id}")));
    assert!(shown.contains("by producer") && shown.contains(carried), "{shown}");
    let missing = auditor(&folder, "audit show UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur");
    assert_eq!(missing.status.code(), Some(1), "{}", transcript(&missing));

    assert_eq!(server.terminate().1.code(), Some(0));
    let output = offline(&folder, &["show", &id, "--json"]);
    assert!(output.status.success(), "{}", transcript(&output));
    let offline: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(offline["sha256"], walk["sha256"], "{offline}");
    assert_eq!(offline["carried"][0]["token_sha256"], carried, "{offline}");
}

#[test]
fn a_period_is_exported_and_checked_offline_and_a_changed_byte_is_noticed() {
    let folder = Folder::new();
    let _server = folder.serve();
    traffic(&folder);
    let file = folder.beside("period.ndjson");
    let name = file.display().to_string();
    let line = format!("participants export {ISPB} --from 1 --to 20 --out {name}");
    let output = auditor(&folder, &line);
    assert!(output.status.success(), "{}", transcript(&output));
    let verify = || pix_stream().args(["audit", "verify", "--json", &name]).output().unwrap();
    let output = verify();
    assert!(output.status.success(), "{}", transcript(&output));
    let proved: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(proved["messages"], 20, "{proved}");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        text.contains("\"stored\":{\"message_type\":\"pacs.008.spi."),
        "what the Journal holds stands beside"
    );
    std::fs::write(&file, text.replacen("\"publisher\":\"producer\"", "\"publisher\":\"nobody!!\"", 1))
        .unwrap();
    let output = verify();
    assert_eq!(output.status.code(), Some(1), "{}", transcript(&output));
}

/// Takes the last lines off the newest file of the log.
fn cut_tail(folder: &Folder, lines: usize) {
    let files = std::fs::read_dir(folder.dir().join("data/audit")).unwrap();
    let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "log"));
    files.sort();
    let file = files.last().unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    let kept = text.lines().count() - lines;
    let kept: String = text.lines().take(kept).map(|line| format!("{line}\n")).collect();
    std::fs::write(file, kept).unwrap();
}

#[test]
fn a_log_whose_end_was_cut_off_is_told_everywhere_and_stops_nothing() {
    let folder = Folder::new();
    let server = folder.serve();
    traffic(&folder);
    assert_eq!(server.terminate().1.code(), Some(0));
    let server = folder.serve();
    assert_eq!(
        auditor_json(&folder, "audit verify")["verified"],
        true,
        "what was anchored at the drain is there"
    );
    assert_eq!(server.terminate().1.code(), Some(0));

    cut_tail(&folder, 2);
    let whole = offline(&folder, &["verify"]);
    assert!(whole.status.success(), "no chain shows by itself that its end is gone");
    let server = folder.serve();
    let said = std::fs::read_to_string(folder.beside("serve.err")).unwrap();
    assert!(said.contains("does not hold its anchor"), "{said}");
    let output = auditor(&folder, "audit verify --json");
    let verified: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &verified["verified"]), (Some(1), &false.into()), "{verified}");
    folder.lines("publish", &["--generate", "5", "--seed", "77"]);
    assert_eq!(folder.lines("pull", &[]).len(), 5, "messages are delivered all the same");
    assert_eq!(server.terminate().1.code(), Some(0));
    let log = std::fs::read_dir(folder.dir().join("data/audit")).unwrap();
    let log: String = log.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
    assert!(log.contains("\"command\":\"audit.anchor_broken\""), "the log itself tells it");

    let _server = folder.serve();
    let verified = auditor(&folder, "audit verify");
    assert_eq!(verified.status.code(), Some(1), "for ever: {}", transcript(&verified));
}
