//! Operators' commands on a real server: participants, tokens, the audit log (cli.md).

use std::process::Output;

use serde_json::Value;

use crate::expect::{pix_stream, transcript};
use crate::server::{Folder, ISPB, json_lines};

fn admin(folder: &Folder, line: &str) -> Output {
    folder.command("admin").arg("participants").args(line.split(' ')).output().unwrap()
}

fn admin_json(folder: &Folder, line: &str) -> Value {
    let output = admin(folder, &format!("{line} --json"));
    assert!(output.status.success(), "{line}: {}", transcript(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_participant_is_onboarded_limited_and_listed() {
    let folder = Folder::new();
    let _server = folder.serve();
    admin_json(&folder, "create 99999A77 --name Invento");
    admin_json(&folder, "limits 99999A77 --requests-per-second 50");
    let saved = admin_json(&folder, "limits 99999A77 --backlog-high-water 500");
    let limits = &saved["participant"]["limits"];
    assert_eq!((&limits["requests_per_second"], &limits["backlog_high_water"]), (&50.into(), &500.into()));
    let saved = admin_json(&folder, "limits 99999A77 --default");
    assert_eq!(saved["participant"]["limits"]["requests_per_second"], Value::Null);

    let output = admin(&folder, "list --json");
    let listed = json_lines(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(listed.len(), 4);
    let table = transcript(&admin(&folder, "list"));
    assert!(
        table.contains("UNCONFIRMED") && table.contains("99999A77") && table.contains("Invento"),
        "{table}"
    );
}

#[test]
fn a_paused_participant_is_published_to_and_not_read() {
    let folder = Folder::new();
    let _server = folder.serve();
    assert_eq!(admin_json(&folder, &format!("pause {ISPB} --reason drill"))["participant"]["paused"], true);
    folder.lines("publish", &["--generate", "5"]);
    assert_eq!(admin_json(&folder, &format!("show {ISPB}"))["unconfirmed"], 5);
    assert_eq!(admin_json(&folder, &format!("resume {ISPB}"))["participant"]["paused"], false);
    assert_eq!(folder.lines("pull", &[]).len(), 5);
}

#[test]
fn rewind_names_the_first_message_that_comes_again_and_advance_the_first_that_is_not_skipped() {
    let folder = Folder::new();
    let _server = folder.serve();
    let published =
        folder.lines("publish", &["--generate", "9", "--type", "pibr.002", "--rate", "500", "--seed", "1"]);
    assert_eq!(published.len(), 9);
    assert_eq!(folder.lines("pull", &[]).len(), 9);
    let tried = admin_json(&folder, &format!("rewind {ISPB} --to 4 --dry-run"));
    assert_eq!((&tried["dry_run"], &tried["redeliver"]), (&true.into(), &6.into()));
    assert!(folder.lines("pull", &[]).is_empty(), "a dry run changes nothing");
    assert_eq!(admin_json(&folder, &format!("rewind {ISPB} --to 4"))["redeliver"], 6);
    assert_eq!(admin_json(&folder, &format!("advance {ISPB} --to 7"))["skipped"], 3);
    assert_eq!(folder.lines("pull", &[]).len(), 3);
}

#[test]
fn a_refusal_of_the_admin_api_is_told_with_its_reason() {
    let folder = Folder::new();
    let _server = folder.serve();
    let output = admin(&folder, &format!("rewind {ISPB} --to 0"));
    let shown = transcript(&output);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert!(shown.contains("invalidRequest") && shown.contains("(request "), "{shown}");
    let shown = transcript(&admin(&folder, "show 99999999"));
    assert!(shown.contains("notFound") && shown.contains("participants list"), "{shown}");
}

#[test]
fn a_token_is_explained_and_its_signature_checked() {
    let folder = Folder::new();
    let server = folder.serve();
    folder.lines("publish", &["--generate", "3"]);
    let save = folder.beside("inbox");
    // Killed in the middle, a consumer leaves its last token in its folder.
    let mut command = folder.command("pull");
    command.args(["--ispb", ISPB, "--follow", "--save"]).arg(&save);
    let [out, err] = ["out", "err"].map(|name| folder.beside(name));
    let pull = crate::server::Process::spawn_into(&mut command, &out, &err);
    let cursor = save.join(".pix-stream-cursor-1");
    let path = crate::server::wait_for("a token", || {
        std::fs::read_to_string(&cursor)
            .ok()
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    });
    drop(pull);
    drop(server);
    let config = folder.dir().join("pix-stream.toml");
    let inspect = |token: &str| {
        pix_stream().args(["token", "inspect", token, "--json", "--config"]).arg(&config).output().unwrap()
    };
    let output = inspect(&path);
    assert!(output.status.success(), "{}", transcript(&output));
    let claims: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&claims["participant"], &claims["signature"]), (&ISPB.into(), &"valid".into()));
    assert_eq!((&claims["slot"], &claims["batch_messages"]), (&1.into(), &3.into()));

    let (front, last) = path.split_at(path.len() - 1);
    let tampered = format!("{front}{}", if last == "A" { "Q" } else { "A" });
    let shown = transcript(&inspect(&tampered));
    assert!(shown.starts_with("exit 1"), "{shown}");
}

#[test]
fn the_audit_log_verifies_and_a_changed_entry_is_named() {
    let folder = Folder::new();
    let server = folder.serve();
    folder.lines("publish", &["--generate", "30"]);
    folder.lines("pull", &[]);
    assert_eq!(server.terminate().1.code(), Some(0));
    let audit = folder.dir().join("data/audit");
    let verify = || pix_stream().args(["audit", "verify", "--json"]).arg(&audit).output().unwrap();
    let output = verify();
    assert!(output.status.success(), "{}", transcript(&output));
    let whole: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(whole["entries"].as_u64().unwrap() > 3 && whole["ok"] == true, "{whole}");

    let mut files = std::fs::read_dir(&audit).unwrap().map(|entry| entry.unwrap().path());
    let file = files.find(|path| path.extension().is_some_and(|end| end == "log")).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let second = text.lines().nth(1).unwrap();
    std::fs::write(&file, text.replacen(second, &second.replacen(ISPB, "99999002", 1), 1)).unwrap();
    let output = verify();
    let broken: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!((&broken["ok"], &broken["entry"], &broken["line"]), (&false.into(), &2.into(), &2.into()));
}
