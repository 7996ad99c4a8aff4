//! Every command of `admin` on a real server: dry run, reason, the same again, the audit entry (issue 7, items 2 and 5).

use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use serde_json::Value;

use crate::expect::{pix_stream, transcript};
use crate::keys::audit_of;
use crate::server::{Folder, ISPB, Process, json_lines, texts, wait_for};

/// Commands that change something, and what the audit log calls them. Each is tried, done, and done again.
const CHANGES: [(&str, &str); 16] = [
    ("participants create 99999A77 --name Invento --retention-days 90", "participant.create"),
    ("participants limits 99999A77 --requests-per-second 50", "participant.limits"),
    ("participants retention 99999A77 60", "participant.retention"),
    ("participants retention 99999A77 --default", "participant.retention"),
    ("participants hold 99999A77 --since 2026-11-01 --until 2026-11-08", "participant.hold"),
    ("participants hold 99999A77", "participant.hold"),
    ("participants unhold 99999A77", "participant.unhold"),
    ("participants pause 99999A77", "participant.pause"),
    ("participants resume 99999A77", "participant.resume"),
    ("participants cap 99999A77 3", "participant.cap"),
    ("participants offboard 99999A77", "participant.offboard"),
    ("participants onboard 99999A77", "participant.onboard"),
    ("keys sign 1", "keys.sign"),
    ("keys retire 2", "keys.retire"),
    ("log set debug --for 5m", "log.set"),
    ("participants limits 99999A77 --default", "participant.limits"),
];

fn admin(folder: &Folder, line: &str) -> Output {
    folder.command("admin").args(line.split(' ')).output().unwrap()
}

fn admin_json(folder: &Folder, line: &str) -> Value {
    let output = admin(folder, &format!("{line} --json"));
    assert!(output.status.success(), "{line}: {}", transcript(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn shown(folder: &Folder, line: &str) -> String {
    let shown = transcript(&admin(folder, line));
    assert!(shown.starts_with("exit 0"), "{line}: {shown}");
    shown
}

#[test]
fn every_change_can_be_tried_is_done_once_and_is_on_record_with_its_reason() {
    let folder = Folder::new();
    let server = folder.serve();
    // So that there is another key to sign with and to retire.
    shown(&folder, "keys rotate --reason drill");
    for (index, (line, _)) in CHANGES.iter().enumerate() {
        let tried = admin_json(&folder, &format!("{line} --dry-run --reason tried-{index}"));
        assert_eq!((&tried["dry_run"], &tried["changed"]), (&true.into(), &true.into()), "{line}: {tried}");
        let done = admin_json(&folder, &format!("{line} --reason drill-{index}"));
        assert_eq!((&done["dry_run"], &done["changed"]), (&false.into(), &true.into()), "{line}: {done}");
        if !line.starts_with("log ") {
            let text = shown(&folder, line);
            assert!(text.contains("nothing to change"), "the same again: {line}: {text}");
        }
    }
    assert_eq!(server.terminate().1.code(), Some(0));
    let audit = audit_of(&folder);
    for (index, (line, command)) in CHANGES.iter().enumerate() {
        let reason = format!("reason: drill-{index}\"");
        let entry = audit.lines().find(|entry| entry.contains(&reason) && entry.contains("\"done\":true"));
        assert!(entry.is_some_and(|entry| entry.contains(command)), "{line}: {entry:?}");
    }
}

#[test]
fn a_slot_that_a_client_left_behind_is_released() {
    let folder = Folder::new();
    let _server = folder.serve();
    folder.lines("publish", &["--generate", "3"]);
    let save = folder.beside("inbox");
    let [out, err] = ["out", "err"].map(|name| folder.beside(name));
    let mut command = folder.command("pull");
    let pull =
        Process::spawn_into(command.args(["--ispb", ISPB, "--follow", "--save"]).arg(&save), &out, &err);
    let streams = || admin_json(&folder, &format!("participants show {ISPB}"))["streams"].clone();
    wait_for("a stream", || streams().as_array().is_some_and(|streams| !streams.is_empty()).then_some(()));
    drop(pull);
    let line = format!("participants slot release {ISPB} 1");
    let tried = shown(&folder, &format!("{line} --dry-run"));
    assert!(tried.contains("slot 1: dry run, nothing changed: the stream would end"), "{tried}");
    assert_eq!(streams().as_array().unwrap().len(), 1);
    assert_eq!(admin_json(&folder, &format!("{line} --reason hangs"))["released"], true);
    assert!(streams().as_array().unwrap().is_empty());
    assert!(shown(&folder, &line).contains("nothing to change, no stream is live there"));
}

#[test]
fn a_replay_is_opened_shown_and_closed() {
    let folder = Folder::new();
    let _server = folder.serve();
    folder.lines("publish", &["--generate", "9", "--type", "pibr.002", "--seed", "1"]);
    assert_eq!(folder.lines("pull", &[]).len(), 9);
    let replay = |line: &str| format!("participants replay {}", line.replacen('%', ISPB, 1));
    let tried = shown(&folder, &replay("open % --from 2 --to 4 --dry-run"));
    assert!(tried.contains("3 messages would be replayed"), "{tried}");
    assert!(shown(&folder, &replay("show %")).contains("no replay is open"));
    let opened = admin_json(&folder, &replay("open % --from 2 --to 4 --valid 2h --reason dispute"));
    let path = opened["path"].as_str().unwrap();
    assert!(path.starts_with(&format!("/api/v1/out/{ISPB}/stream/")), "{opened}");
    assert_eq!((&opened["messages"], &opened["from"]), (&3.into(), &2.into()));
    let text = shown(&folder, &replay("show %"));
    assert!(text.contains("range        2 to 4") && !text.contains(path), "{text}");
    let other = transcript(&admin(&folder, &replay("open % --since 1h")));
    assert!(other.starts_with("exit 1") && other.contains("replay close"), "{other}");
    assert!(shown(&folder, &replay("close % --dry-run")).contains("would be closed"));
    assert!(shown(&folder, &replay("close % --reason settled")).contains("the replay is closed"));
    assert!(shown(&folder, &replay("close %")).contains("no replay is open"));
    let wrong = transcript(&admin(&folder, &replay("open % --from 4 --to 2")));
    assert!(wrong.starts_with("exit 2") && wrong.contains("--from 4 is after --to 2"), "{wrong}");
    let wrong = transcript(&admin(&folder, &replay("open % --since 1h --valid 90s")));
    assert!(wrong.starts_with("exit 2") && wrong.contains("whole minutes"), "{wrong}");
}

#[test]
fn an_auditor_follows_a_message_and_exports_a_period_with_proof() {
    let folder = Folder::new();
    let server = folder.serve();
    let ids = texts(&folder.lines("publish", &["--generate", "5", "--type", "pibr.002"]), "resource_id");
    assert_eq!(folder.lines("pull", &[]).len(), 5);
    let walk = admin_json(&folder, &format!("--as auditor audit show {}", ids[2]));
    assert_eq!((&walk["verified"], &walk["publisher"]), (&true.into(), &"producer".into()), "{walk}");
    assert!(
        walk["confirmed_unix_ms"].is_u64() && walk["deliveries"][0]["token_sha256"].is_string(),
        "{walk}"
    );
    let text = shown(&folder, &format!("audit show {}", ids[2]));
    assert!(text.contains("confirmed    2") && text.contains(" holds, entries 1 to "), "{text}");
    let unknown = transcript(&admin(&folder, "audit show UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur"));
    assert!(unknown.starts_with("exit 1") && unknown.contains("notFound"), "{unknown}");
    assert!(shown(&folder, "audit head").contains("head         "));
    assert!(shown(&folder, "audit verify").contains("the chain holds: "));
    let out = folder.beside("export.ndjson");
    let line = "--as auditor participants export";
    let export = format!("{line} {ISPB} --since 1h --reason dispute-4 --out {}", out.display());
    assert!(shown(&folder, &export).contains("digests of 5 messages"));
    let lines = json_lines(&std::fs::read_to_string(&out).unwrap());
    let messages: Vec<Value> = lines.into_iter().filter(|line| line["message"].is_string()).collect();
    assert_eq!(texts(&messages, "message"), ids);
    let output = pix_stream().args(["audit", "verify", "--json"]).arg(&out).output().unwrap();
    let text = transcript(&output);
    assert!(text.starts_with("exit 0") && text.contains("\"messages\":5"), "{text}");
    assert_eq!(std::fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    let again = transcript(&admin(&folder, &export));
    assert!(again.starts_with("exit 1") && again.contains("--force"), "{again}");
    assert_eq!(server.terminate().1.code(), Some(0));
    assert!(audit_of(&folder).contains("dispute-4"));
    offline(&folder, &ids[2]);
}

/// The same with nothing but the files of the log.
fn offline(folder: &Folder, id: &str) {
    let logs = folder.dir().join("data/audit");
    let logs = logs.to_str().unwrap();
    let audit = |line: &[&str]| transcript(&pix_stream().arg("audit").args(line).output().unwrap());
    let text = audit(&["show", id, logs]);
    assert!(
        text.starts_with("exit 0") && text.contains("by producer") && text.contains("confirmed    "),
        "{text}"
    );
    let unknown = audit(&["show", "UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur", logs]);
    assert!(unknown.starts_with("exit 1") && unknown.contains("no entry names"), "{unknown}");
    let out = folder.beside("period.ndjson");
    let out = out.to_str().unwrap();
    let text = audit(&["export", "--since", "1h", "--ispb", ISPB, "--out", out, logs]);
    assert!(text.starts_with("exit 0") && text.contains("5 messages, "), "{text}");
    let text = audit(&["verify", out, logs]);
    assert!(text.starts_with("exit 0") && text.contains("holds: 5 messages of 99999001"), "{text}");
    let changed = std::fs::read_to_string(out).unwrap().replacen("producer", "somebody", 1);
    std::fs::write(out, changed).unwrap();
    let text = audit(&["verify", "--json", out]);
    assert!(text.starts_with("exit 1") && text.contains("\"ok\":false"), "{text}");
}

#[test]
fn a_node_tells_of_itself_and_drains_when_told() {
    let folder = Folder::new();
    let mut server = folder.serve();
    let node = shown(&folder, "node");
    assert!(node.contains(env!("CARGO_PKG_VERSION")) && node.contains("state        serving"), "{node}");
    assert_eq!(admin_json(&folder, "node")["draining"], false);
    assert!(shown(&folder, "slow").contains("WORK MS"));
    assert!(shown(&folder, "log show").contains("configured   info"));
    let wrong = transcript(&admin(&folder, "log set info,=,nonsense --for 5m"));
    assert!(wrong.starts_with("exit 1"), "{wrong}");
    let wrong = transcript(&admin(&folder, "log set debug --for 2d"));
    assert!(wrong.starts_with("exit 2") && wrong.contains("--for takes whole minutes"), "{wrong}");
    assert!(shown(&folder, "reload --dry-run").contains("dry run, nothing changed"));
    assert!(shown(&folder, "drain --dry-run").contains("dry run, nothing changed"));
    assert!(shown(&folder, "drain --reason drill").contains("draining"));
    assert_eq!(server.end().code(), Some(0));
    assert!(audit_of(&folder).contains("node.drain"));
}

#[test]
fn a_role_does_what_it_may_and_is_told_what_it_may_not() {
    let folder = Folder::new();
    let _server = folder.serve();
    for (line, exit) in [
        ("--as auditor participants list", "exit 0"),
        ("--as operator participants list", "exit 0"),
        ("--as operator participants pause 99999002 --reason drill", "exit 0"),
        ("--as auditor participants resume 99999002", "exit 1"),
        ("--as operator participants offboard 99999002", "exit 1"),
        ("--as operator keys rotate", "exit 1"),
    ] {
        let shown = transcript(&admin(&folder, line));
        assert!(shown.starts_with(exit), "{line}: {shown}");
        assert!(
            exit == "exit 0" || shown.contains("403 forbidden") && shown.contains("--as"),
            "{line}: {shown}"
        );
    }
    assert_eq!(admin_json(&folder, "participants show 99999002")["offboarded"], false);
}
