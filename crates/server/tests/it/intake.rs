//! Refused messages on a real server: quarantine, catalogue, reload (issue 5, items 1, 3 and 5).

use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use rustix::process::Signal;
use serde_json::Value;

use crate::expect::{pix_stream, transcript};
use crate::server::{Folder, ISPB, Process, Server, json_lines, texts, wait_for};
use crate::validate::{messages, next_version, spoil};

fn admin(folder: &Folder, line: &str) -> Output {
    folder.command("admin").args(line.split(' ')).output().unwrap()
}

fn admin_json(folder: &Folder, line: &str) -> Vec<Value> {
    let output = admin(folder, &format!("{line} --json"));
    assert!(output.status.success(), "{line}: {}", transcript(&output));
    json_lines(&String::from_utf8(output.stdout).unwrap())
}

/// A server whose folder of schemas has a later version of pacs.008.
fn serve_with_schemas(folder: &Folder) -> Server {
    next_version(&folder.beside("schemas"));
    let mut command = folder.serve_command();
    command.env("PIX_STREAM_SCHEMAS_DIRECTORY", folder.beside("schemas"));
    Server::start(command, &folder.beside("serve.err")).unwrap()
}

#[test]
fn what_is_refused_waits_in_quarantine_and_is_listed_shown_exported_and_dropped() {
    let folder = Folder::new();
    let _server = folder.serve();
    let files = messages(&folder.beside(""), "pacs.008", 3);
    spoil(&files[1], "<NbOfTxs>1<", "<NbOfTxs>abc<");
    let names: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    let output = folder
        .command("publish")
        .args(["--ispb", ISPB, "--quarantine", "--json"])
        .args(&names)
        .output()
        .unwrap();
    let shown = transcript(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(
        shown.contains("admin --dir DIR quarantine show ") && shown.contains("1 of 3 messages"),
        "{shown}"
    );
    let lines = json_lines(&String::from_utf8(output.stdout).unwrap());
    let id = lines[1]["quarantine_id"].as_str().unwrap();
    assert_eq!((&lines[1]["ispb"], lines[1].get("resource_id")), (&ISPB.into(), None));
    assert!(lines[0].get("quarantine_id").is_none() && lines[2]["resource_id"].is_string());
    assert_eq!(folder.lines("pull", &[]).len(), 2, "the refused one is not delivered");

    let listed = admin_json(&folder, "quarantine list");
    assert_eq!((listed.len(), &listed[0]["id"], &listed[0]["rule"]), (1, &id.into(), &"schema".into()));
    let entry = admin_json(&folder, &format!("quarantine show {id}")).remove(0);
    let finding = entry["findings"][0].as_str().unwrap();
    assert!(finding.contains("GrpHdr/NbOfTxs") && !finding.contains("abc"), "{finding}");
    assert_eq!((&entry["producer"], &entry["ispb"]), (&"producer".into(), &ISPB.into()));
    let shown = transcript(&admin(&folder, &format!("quarantine show {id}")));
    assert!(shown.contains("rule         schema") && shown.contains("finding      "), "{shown}");
    let exported = admin(&folder, &format!("quarantine export {id}"));
    assert_eq!(exported.stdout, std::fs::read(&files[1]).unwrap());
    let out = folder.beside("exported.xml");
    admin(&folder, &format!("quarantine export {id} --reason drill --out {}", out.display()));
    assert_eq!(std::fs::read(out).unwrap(), exported.stdout);

    let refused = transcript(&admin(&folder, &format!("quarantine release {id}")));
    assert!(refused.starts_with("exit 1") && refused.contains("[schema]"), "{refused}");
    let tried = admin_json(&folder, &format!("quarantine drop {id} --dry-run"));
    assert_eq!((&tried[0]["dry_run"], &tried[0]["entry"]["id"]), (&true.into(), &id.into()));
    let dropped = transcript(&admin(&folder, &format!("quarantine drop {id} --reason drill")));
    assert!(dropped.contains(&format!("{id}: dropped")), "{dropped}");
    let gone = transcript(&admin(&folder, &format!("quarantine show {id}")));
    assert!(gone.starts_with("exit 1") && gone.contains("quarantine list"), "{gone}");
}

#[test]
fn the_answer_to_a_refused_message_names_the_line_and_stores_nothing() {
    let folder = Folder::new();
    let _server = folder.serve();
    let file = messages(&folder.beside(""), "pacs.008", 1).remove(0);
    spoil(&file, "<ChrgBr>SLEV<", "<ChrgBr>NONE<");
    spoil(&file, "<Purp><Cd>IPAY<", "<Purp><Cd>PIPAY<");
    let output = folder.command("publish").args(["--ispb", ISPB]).arg(&file).output().unwrap();
    let shown = transcript(&output);
    assert!(shown.starts_with("exit 1") && shown.contains("/ChrgBr ") && !shown.contains("NONE"), "{shown}");
    assert!(shown.contains("/Purp/Cd [schema] "), "all that is wrong is told: {shown}");
    assert!(admin_json(&folder, "quarantine list").is_empty());
    let other = folder.command("publish").args(["--ispb", "99999002", "--generate", "1"]).output().unwrap();
    assert!(other.status.success(), "{}", transcript(&other));
    // For somebody else than its header says.
    let stray = messages(&folder.beside(""), "pibr.002", 1).remove(0);
    let output = folder.command("publish").args(["--ispb", "99999002"]).arg(&stray).output().unwrap();
    assert!(transcript(&output).contains("AppHdr/To"), "{}", transcript(&output));
}

#[test]
fn one_file_that_cannot_be_taken_does_not_keep_the_others() {
    let folder = Folder::new();
    let _server = folder.serve();
    let good = messages(&folder.beside(""), "pacs.008", 1).remove(0);
    let (empty, huge) = (folder.beside("empty.xml"), folder.beside("huge.xml"));
    std::fs::write(&empty, "").unwrap();
    std::fs::write(&huge, vec![b' '; 6 << 20]).unwrap();
    let plain = folder.command("publish").args(["--ispb", ISPB]).arg(&empty).output().unwrap();
    let shown = transcript(&plain);
    assert!(shown.starts_with("exit 1") && shown.contains("empty.xml: the server answered 400"), "{shown}");
    let mut command = folder.command("publish");
    let output =
        command.args(["--ispb", ISPB, "--quarantine"]).args([&huge, &empty, &good]).output().unwrap();
    let shown = transcript(&output);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert!(shown.contains("huge.xml: the server answered 413 tooLarge"), "{shown}");
    assert!(shown.contains("1 of 3 messages were neither published nor put into quarantine"), "{shown}");
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!((lines.lines().count(), lines.matches(" quarantined ").count()), (2, 1), "{shown}");
    assert_eq!(folder.lines("pull", &[]).len(), 1, "the good one is delivered");
}

#[test]
fn a_full_quarantine_is_said_by_the_publisher_the_list_and_the_log() {
    let folder = Folder::new();
    let mut command = folder.serve_command();
    command.env("PIX_STREAM_QUARANTINE_ENTRIES", "1");
    let _server = Server::start(command, &folder.beside("serve.err")).unwrap();
    let files = messages(&folder.beside(""), "pacs.008", 2);
    files.iter().for_each(|file| spoil(file, "<NbOfTxs>1<", "<NbOfTxs>abc<"));
    let err = folder.beside("publish.err");
    let mut command = folder.command("publish");
    command.args(["--ispb", ISPB, "--quarantine"]).args(&files);
    let mut publish = Process::spawn_into(&mut command, &folder.beside("publish.out"), &err);
    wait_for("what the publisher waits for", || {
        let said = std::fs::read_to_string(&err).unwrap();
        (said.contains("waiting: ") && said.contains("503 overloaded")).then_some(())
    });
    let listed = transcript(&admin(&folder, "quarantine list"));
    assert!(listed.contains("1 message listed; in all 1 of 1 entries, "), "{listed}");
    wait_for("the log", || {
        let said = std::fs::read_to_string(folder.beside("serve.err")).unwrap();
        said.contains("[quarantine] entries").then_some(())
    });
    publish.signal(Signal::INT);
    assert_eq!(publish.end("publish").code(), Some(130));
}

#[test]
fn an_export_is_for_its_owner_and_overwrites_nothing_unasked() {
    let folder = Folder::new();
    let _server = folder.serve();
    let empty = folder.beside("empty.xml");
    std::fs::write(&empty, "<a/>").unwrap();
    let lines = folder.lines("publish", &["--quarantine", empty.to_str().unwrap()]);
    let id = lines[0]["quarantine_id"].as_str().unwrap();
    let out = folder.beside("out.xml");
    let export = |force: &str| {
        transcript(&admin(&folder, &format!("quarantine export {id} --out {}{force}", out.display())))
    };
    assert!(export("").starts_with("exit 0"));
    let mode = || std::fs::metadata(&out).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    std::fs::write(&out, "mine").unwrap();
    std::fs::set_permissions(&out, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = export("");
    assert!(refused.starts_with("exit 1") && refused.contains("--force"), "{refused}");
    assert_eq!(std::fs::read(&out).unwrap(), b"mine");
    assert!(export(" --force").starts_with("exit 0"));
    assert_eq!((std::fs::read(&out).unwrap(), mode()), (b"<a/>".to_vec(), 0o600));
    let wrong = transcript(&admin(&folder, "quarantine show abc/def"));
    assert!(wrong.starts_with("exit 2") && wrong.contains("quarantine list"), "{wrong}");
}

#[test]
fn a_schema_that_is_loaded_later_lets_a_quarantined_message_go() {
    let folder = Folder::new();
    let server = serve_with_schemas(&folder);
    // Version 1.17 is loaded, 1.18 is not.
    let files = messages(&folder.beside(""), "pacs.008", 2);
    spoil(&files[0], "1.16", "1.17");
    spoil(&files[1], "1.16", "1.18");
    let names: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    let lines = folder.lines("publish", &[&["--quarantine"], &names[..]].concat());
    let id = lines[1]["quarantine_id"].as_str().unwrap();
    assert!(lines[0]["resource_id"].is_string(), "two versions live side by side");
    assert_eq!(admin_json(&folder, "quarantine list")[0]["rule"], "unknownType");

    // What does not compile is refused with every problem, and the old schemas stay.
    let broken = folder.beside("schemas/broken.xsd");
    std::fs::write(&broken, "<xs:schema").unwrap();
    let shown = transcript(&admin(&folder, "reload --reason drill"));
    assert!(
        shown.starts_with("exit 1") && shown.contains("409") && shown.contains("broken.xsd:1:"),
        "{shown}"
    );
    server.signal(Signal::HUP);
    wait_for("the log", || {
        let said = std::fs::read_to_string(folder.beside("serve.err")).unwrap();
        (said.matches("broken.xsd:1:").count() >= 2).then_some(())
    });
    let types = texts(&admin_json(&folder, "catalog list"), "type");
    assert!(types.contains(&"pacs.008.spi.1.17".to_owned()), "{types:?}");
    std::fs::remove_file(broken).unwrap();

    let later = std::fs::read_to_string(folder.beside("schemas/pacs.008.spi.1.17.xsd")).unwrap();
    std::fs::write(folder.beside("schemas/pacs.008.spi.1.18.xsd"), later.replace("1.17", "1.18")).unwrap();
    let reloaded = admin_json(&folder, "reload");
    assert!(reloaded[0]["reloaded"].as_array().unwrap().contains(&"schemas".into()), "{reloaded:?}");
    let types = texts(&admin_json(&folder, "catalog list"), "type");
    assert!(
        ["1.16", "1.17", "1.18"].iter().all(|v| types.contains(&format!("pacs.008.spi.{v}"))),
        "{types:?}"
    );
    let released = admin_json(&folder, &format!("quarantine release {id}"));
    let pulled = folder.lines("pull", &[]);
    assert_eq!((pulled.len(), &pulled[1]["resource_id"]), (2, &released[0]["resource_id"]));
    assert!(admin_json(&folder, "quarantine list").is_empty());
}

#[test]
fn a_type_is_switched_off_and_on_for_all_and_for_one() {
    let folder = Folder::new();
    let _server = folder.serve();
    let publish = |count: &str| {
        let args = ["--ispb", ISPB, "--type", "pibr.002", "--generate", count, "--seed", count];
        transcript(&folder.command("publish").args(args).output().unwrap())
    };
    let tried = transcript(&admin(&folder, "catalog disable pibr.002.spi.1.3 --dry-run"));
    assert!(tried.contains("nothing changed") && tried.contains(" off"), "{tried}");
    assert!(publish("1").starts_with("exit 0"));
    admin_json(&folder, "catalog disable pibr.002.spi.1.3 --reason drill");
    let refused = publish("2");
    assert!(refused.starts_with("exit 1") && refused.contains("switched off"), "{refused}");
    let own = admin_json(&folder, &format!("catalog enable pibr.002.spi.1.3 --participant {ISPB}"));
    assert_eq!(own[0]["participants"], serde_json::json!([{"ispb": ISPB, "enabled": true}]));
    assert!(publish("3").starts_with("exit 0"));
    let table = transcript(&admin(&folder, "catalog list"));
    assert!(table.contains(&format!("{ISPB} on")) && table.contains("pacs.008.spi.1.16"), "{table}");
    admin_json(&folder, "catalog clear pibr.002.spi.1.3");
    let unknown = transcript(&admin(&folder, "catalog disable pacs.999.spi.1.0"));
    assert!(unknown.starts_with("exit 1") && unknown.contains("catalog list"), "{unknown}");
    let wrong = transcript(&admin(&folder, "catalog disable ../x"));
    assert!(wrong.starts_with("exit 2"), "{wrong}");
}

#[test]
fn the_check_of_a_configuration_compiles_its_schemas() {
    let folder = Folder::new();
    let config = folder.dir().join("pix-stream.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    assert!(text.contains("unsigned = \"accept\""), "a folder for development takes unsigned messages");
    std::fs::create_dir(folder.beside("schemas")).unwrap();
    for name in ["a.xsd", "b.xsd"] {
        std::fs::write(folder.beside("schemas").join(name), "<xs:schema").unwrap();
    }
    let check = || {
        let mut command = pix_stream();
        command.env("PIX_STREAM_SCHEMAS_DIRECTORY", folder.beside("schemas"));
        transcript(&command.args(["config", "check", "--config"]).arg(&config).output().unwrap())
    };
    let shown = check();
    assert!(
        shown.starts_with("exit 1") && shown.contains("a.xsd:1:") && shown.contains("b.xsd:1:"),
        "{shown}"
    );
    for name in ["a.xsd", "b.xsd"] {
        std::fs::remove_file(folder.beside("schemas").join(name)).unwrap();
    }
    next_version(&folder.beside("schemas"));
    let shown = check();
    assert!(shown.starts_with("exit 0"), "{shown}");
}
