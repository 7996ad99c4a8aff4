//! Token keys on a real server: rotation that no client notices, and what it leaves (issue 7, items 2 and 4; protocol,
//! section 5).

use std::process::Output;
use std::sync::Arc;

use pix_stream_domain::token;
use pix_stream_testkit::http::{Ask, Reply};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::conformance::site::{Bank, Site};
use crate::expect::{pix_stream, transcript};
use crate::server::{Folder, ISPB, Process, json_lines, texts, wait_for};

/// The number of the key that signed the token of a path.
fn key_of(path: &str) -> Option<u8> {
    Some(token::inspect(path.trim().rsplit('/').next()?).ok()?.key)
}

fn key_of_next(reply: &Reply) -> u8 {
    key_of(&reply.next()).unwrap()
}

async fn post(bank: &Bank, path: &str, body: &Value) -> Reply {
    let ask = Ask::new("POST", format!("/admin/v1/keys/{path}")).json(&body.to_string());
    bank.ask_admin(ask).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_the_key_before_stay_good_until_it_is_retired() {
    let site = Arc::new(Site::on_one_machine(1));
    let bank = Bank::new(&site, 0);
    bank.publish(&bank.messages(10)).await;
    bank.publish(&bank.messages(12)[10..]).await;
    let first = bank.start().await;
    assert_eq!((first.status, key_of_next(&first)), (200, 1));
    let reply = post(&bank, "rotate", &json!({"stage": true, "reason": "drill"})).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!((&reply.json()["signing"], reply.json()["keys"].as_array().unwrap().len()), (&1.into(), 2));
    // Staged: the old one signs, and signs on after the new one is known.
    let second = bank.read_on(&first).await;
    assert_eq!((second.status, key_of_next(&second)), (200, 1));
    let reply = post(&bank, "sign", &json!({"id": 2})).await;
    assert_eq!((reply.status, &reply.json()["changed"]), (200, &true.into()), "{}", reply.text());
    let third = bank.read_on(&second).await;
    assert_eq!((third.status, key_of_next(&third)), (204, 2), "{}", third.text());
    let refused = post(&bank, "2/retire", &json!({})).await;
    assert_eq!(refused.status, 409, "the key that signs: {}", refused.text());
    assert_eq!(post(&bank, "rotate", &json!({})).await.status, 409, "two keys are live");
    let reply = post(&bank, "1/retire", &json!({"reason": "drill"})).await;
    assert_eq!((reply.status, &reply.json()["changed"]), (200, &true.into()), "{}", reply.text());
    assert_eq!(post(&bank, "1/retire", &json!({})).await.json()["changed"], false, "the same again");
    let refused = bank.read_on(&second).await;
    refused.problem(400, "invalidCursor");
    assert_eq!(bank.read_on(&third).await.status, 204);
}

#[test]
fn a_client_that_pulls_notices_nothing_of_a_rotation() {
    let folder = Folder::new();
    let server = folder.serve();
    let save = folder.beside("inbox");
    let [out, err] = ["pull.out", "pull.err"].map(|name| folder.beside(name));
    let mut command = folder.command("pull");
    command.args(["--ispb", ISPB, "--follow", "--streams", "2", "--json", "--save"]).arg(&save);
    let mut pull = Process::spawn_into(&mut command, &out, &err);
    let keys = || -> Vec<Option<u8>> {
        let cursor = |n| std::fs::read_to_string(save.join(format!(".pix-stream-cursor-{n}")));
        [1, 2].map(|n| cursor(n).ok().and_then(|path| key_of(&path))).to_vec()
    };
    let mut published = publish(&folder, 1);
    wait_for("tokens of the first key", || (keys() == [Some(1); 2]).then_some(()));
    let shown = transcript(&admin(&folder, "rotate --reason drill"));
    assert!(shown.contains("done; the keys are now:") && shown.contains("  2  "), "{shown}");
    published.extend(publish(&folder, 2));
    wait_for("tokens of the new key", || (keys() == [Some(2); 2]).then_some(()));
    assert!(admin(&folder, "retire 1 --reason drill").status.success());
    published.extend(publish(&folder, 3));
    let pulled = wait_for("all messages", || {
        let lines = json_lines(&std::fs::read_to_string(&out).unwrap());
        (lines.len() >= published.len()).then_some(lines)
    });
    pull.signal(Signal::TERM);
    assert_eq!(pull.end("pull").code(), Some(0));
    let said = std::fs::read_to_string(&err).unwrap();
    assert!(!said.contains("opened anew") && !said.contains("known already"), "{said}");
    let mut ids = texts(&pulled, "resource_id");
    ids.sort();
    published.sort();
    assert_eq!(ids, published, "each once");
    assert_eq!(server.terminate().1.code(), Some(0));
    let audit = audit_of(&folder);
    for said in ["keys.rotate", "keys.retire", "drill", "keys 1 signing 1 -> keys 2+1 signing 2"] {
        assert!(audit.contains(said), "{said}: {audit}");
    }
    let key = std::fs::read_to_string(folder.dir().join("keys/token-2.key")).unwrap();
    let secret = key.lines().next().unwrap();
    let log = std::fs::read_to_string(folder.beside("serve.err")).unwrap();
    assert!(!audit.contains(secret) && !log.contains(secret), "a key never leaves its file");
}

#[test]
fn keys_are_made_and_retired_without_a_server_and_taken_at_the_next_reload() {
    let folder = Folder::new();
    let server = folder.serve();
    let listed = key_files(&folder, "list --json");
    assert_eq!((&listed["signing"], &listed["keys"][0]["age_days"]), (&1.into(), &0.into()));
    let tried = key_files(&folder, "new --dry-run --json");
    assert_eq!((&tried["changed"], &tried["keys"].as_array().unwrap().len()), (&true.into(), &2));
    assert_eq!(key_files(&folder, "list --json")["keys"].as_array().unwrap().len(), 1, "a dry run");
    let made = key_files(&folder, "new --json");
    assert_eq!((&made["signing"], &made["keys"][0]["id"]), (&1.into(), &2.into()));
    let signs = || admin_json(&folder, "list")["signing"].clone();
    assert_eq!(key_files(&folder, "sign 2 --json")["signing"], 2);
    let reload = folder.command("admin").arg("reload").output().unwrap();
    assert!(reload.status.success(), "{}", transcript(&reload));
    assert_eq!(signs(), 2);
    for (line, said) in [
        ("new", "retire the one that does not sign"),
        ("retire 2", "key 2 signs"),
        ("sign 9", "key 9 is not live"),
    ] {
        let output = key_files_output(&folder, line);
        let shown = transcript(&output);
        assert!(shown.starts_with("exit 1") && shown.contains(said) && shown.contains("hint:"), "{shown}");
    }
    let retired = key_files(&folder, "retire 1 --json");
    assert_eq!((&retired["changed"], retired["keys"].as_array().unwrap().len()), (&true.into(), 1));
    assert_eq!(key_files(&folder, "retire 1 --json")["changed"], false, "the same again");
    // A folder that cannot be used leaves what is in force.
    std::fs::write(folder.dir().join("keys/signing"), "7\n").unwrap();
    let shown = transcript(&folder.command("admin").arg("reload").output().unwrap());
    assert!(shown.starts_with("exit 1") && shown.contains("signing: must hold the id"), "{shown}");
    folder.lines("publish", &["--generate", "2"]);
    assert_eq!(folder.lines("pull", &[]).len(), 2);
    let shown = transcript(&admin(&folder, "list"));
    assert!(shown.starts_with("exit 1") && !shown.contains(&*folder.dir().to_string_lossy()), "{shown}");
    drop(server);
}

#[test]
fn a_key_of_ninety_days_is_due_and_the_server_says_so() {
    let folder = Folder::new();
    let path = folder.dir().join("keys/token-1.key");
    let digits = std::fs::read_to_string(&path).unwrap().lines().next().unwrap().to_owned();
    std::fs::write(&path, format!("{digits}\ncreated=1700000000000\n")).unwrap();
    let shown = transcript(&key_files_output(&folder, "list"));
    assert!(shown.contains("due to be replaced") && shown.contains("2023-11-14"), "{shown}");
    let _server = folder.serve();
    wait_for("the warning", || {
        let log = std::fs::read_to_string(folder.beside("serve.err")).unwrap();
        log.contains("the token key is due to be replaced").then_some(())
    });
    assert_eq!(admin_json(&folder, "list")["keys"][0]["due"], true);
}

fn admin(folder: &Folder, line: &str) -> Output {
    folder.command("admin").arg("keys").args(line.split(' ')).output().unwrap()
}

fn admin_json(folder: &Folder, line: &str) -> Value {
    let output = admin(folder, &format!("{line} --json"));
    assert!(output.status.success(), "{line}: {}", transcript(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// `keys` on the folder's files.
fn key_files_output(folder: &Folder, line: &str) -> Output {
    let config = folder.dir().join("pix-stream.toml");
    pix_stream().arg("keys").args(line.split(' ')).arg("--config").arg(config).output().unwrap()
}

fn key_files(folder: &Folder, line: &str) -> Value {
    let output = key_files_output(folder, line);
    assert!(output.status.success(), "{line}: {}", transcript(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Publishes messages of their own; their ids.
fn publish(folder: &Folder, seed: u64) -> Vec<String> {
    let seed = seed.to_string();
    texts(
        &folder.lines("publish", &["--generate", "30", "--type", "pibr.002", "--seed", &seed]),
        "resource_id",
    )
}

/// All of the audit log.
pub(crate) fn audit_of(folder: &Folder) -> String {
    let mut files: Vec<_> = std::fs::read_dir(folder.dir().join("data/audit"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let logs = files.iter().filter(|path| path.extension().is_some_and(|end| end == "log"));
    logs.map(|path| std::fs::read_to_string(path).unwrap()).collect()
}
