//! `pix-stream validate` as a user has it (cli.md; issue 5, item 6).

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use pix_stream_development::generate::Generator;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::expect::{pix_stream, transcript};
use crate::server::{ISPB, Process, json_lines, wait_for};

/// Made-up messages of a type, as files of a folder.
pub(crate) fn messages(folder: &Path, message_type: &str, count: usize) -> Vec<PathBuf> {
    let generator = Generator::new(message_type, ISPB.parse().unwrap(), 7).unwrap();
    let write = |(number, message): (usize, pix_stream_development::generate::Generated)| {
        let file = folder.join(format!("{message_type}-{number:05}.xml"));
        std::fs::write(&file, &message.bytes).unwrap();
        file
    };
    generator.take(count).enumerate().map(write).collect()
}

/// The file, with a text in it replaced.
pub(crate) fn spoil(file: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(file, text.replace(from, to)).unwrap();
}

fn validate(folder: &TempDir, line: &str) -> Output {
    pix_stream().current_dir(folder).arg("validate").args(line.split(' ')).output().unwrap()
}

#[test]
fn each_file_has_its_verdict_in_the_order_of_the_arguments() {
    let folder = tempfile::tempdir().unwrap();
    messages(folder.path(), "pacs.008", 2);
    messages(folder.path(), "pacs.002", 1);
    spoil(&folder.path().join("pacs.008-00001.xml"), "<NbOfTxs>1<", "<NbOfTxs>abc<");
    let output = validate(&folder, "pacs.008-00001.xml nowhere.xml pacs.002-00000.xml pacs.008-00000.xml");
    let shown = transcript(&output);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    let out = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines.len(), 4, "{shown}");
    let reason = lines[0].strip_prefix("pacs.008-00001.xml: invalid ").unwrap_or_else(|| panic!("{shown}"));
    let (place, reason) = reason.split_once(' ').unwrap();
    assert!(place.split(':').all(|number| number.parse::<u64>().unwrap() > 0), "{shown}");
    assert!(reason.starts_with("Envelope/Document/FIToFICstmrCdtTrf/GrpHdr/NbOfTxs \"abc\" "), "{shown}");
    assert!(lines[1].starts_with("nowhere.xml: invalid 1:1 / cannot be read: "), "{shown}");
    assert_eq!(
        lines[2..],
        ["pacs.002-00000.xml: valid pacs.002.spi.1.17", "pacs.008-00000.xml: valid pacs.008.spi.1.16"]
    );
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("4 files: 2 valid, 2 invalid, "), "{said}");
}

#[test]
fn what_would_be_waited_for_is_refused_and_standard_input_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = messages(folder.path(), "pibr.002", 1).remove(0);
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let shown = transcript(&validate(&folder, "fifo"));
    assert!(shown.contains("fifo: invalid 1:1 / cannot be read: is not a regular file"), "{shown}");
    let mut command = pix_stream();
    command.args(["validate", "/dev/stdin"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&std::fs::read(file).unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.stdout.starts_with(b"/dev/stdin: valid "), "{output:?}");
}

#[test]
fn valid_files_of_every_type_that_can_be_made_up_exit_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let types: Vec<_> = pix_stream_development::generate::types().collect();
    for name in &types {
        messages(folder.path(), name, 3);
    }
    let output = validate(&folder, ".");
    let shown = transcript(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert_eq!(shown.matches(": valid ").count(), types.len() * 3, "{shown}");
}

#[test]
fn a_folder_without_messages_is_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let output = validate(&folder, ".");
    let shown = transcript(&output);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert!(shown.contains("holds no files *.xml"), "{shown}");
}

#[test]
fn json_has_the_same_keys_on_every_line() {
    let folder = tempfile::tempdir().unwrap();
    messages(folder.path(), "pacs.008", 2);
    let bad = folder.path().join("pacs.008-00001.xml");
    spoil(&bad, "<NbOfTxs>1<", "<NbOfTxs>abc<");
    spoil(&bad, "<ChrgBr>SLEV<", "<ChrgBr>NONE<");
    let output = validate(&folder, ". nowhere.xml --json");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    for line in text.lines() {
        let keys: Vec<_> = line.split('"').filter(|word| KEYS.contains(word)).collect();
        assert_eq!(keys, KEYS, "{line}");
    }
    let lines = json_lines(&text);
    assert_eq!((&lines[0]["valid"], &lines[0]["type"]), (&true.into(), &"pacs.008.spi.1.16".into()));
    assert_eq!((&lines[0]["line"], &lines[0]["rule"]), (&Value::Null, &Value::Null));
    assert_eq!((&lines[1]["valid"], &lines[1]["rule"]), (&false.into(), &"schema".into()));
    assert!(lines[1]["line"].as_u64().unwrap() > 0 && lines[1]["column"].as_u64().unwrap() > 0);
    assert_eq!(lines[1]["type"], "pacs.008.spi.1.16", "known by its namespace");
    assert_eq!((&lines[2]["valid"], &lines[2]["path"]), (&false.into(), &"/".into()));
    assert_eq!((&lines[2]["line"], &lines[2]["type"]), (&1.into(), &Value::Null));
    assert!(!lines[2]["reason"].as_str().unwrap().is_empty());
    let all = validate(&folder, "pacs.008-00001.xml --json --all");
    let all: Value = serde_json::from_slice(&all.stdout).unwrap();
    assert!(all["more"][0]["path"].as_str().unwrap().ends_with("/ChrgBr"), "{all}");
    let all = transcript(&validate(&folder, "pacs.008-00001.xml --all"));
    assert!(all.lines().any(|line| line.starts_with("  ") && line.contains("/ChrgBr \"NONE\" ")), "{all}");
}

const KEYS: [&str; 8] = ["file", "valid", "type", "line", "column", "path", "reason", "rule"];

#[test]
fn a_message_for_anybody_is_valid_and_one_without_a_signature_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = &messages(folder.path(), "pibr.002", 1)[0];
    let text = std::fs::read_to_string(file).unwrap();
    let (before, rest) = text.split_once("<Sgntr>").unwrap();
    let (_, after) = rest.split_once("</Sgntr>").unwrap();
    std::fs::write(file, format!("{before}<Sgntr/>{after}")).unwrap();
    let output = validate(&folder, ". --json");
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&line["valid"], &line["rule"]), (&false.into(), &"unsigned".into()), "{line}");
}

#[test]
fn a_folder_of_schemas_goes_in_the_place_of_the_built_in_ones_and_is_refused_with_every_problem() {
    let folder = tempfile::tempdir().unwrap();
    let next = folder.path().join("schemas/next");
    next_version(&next);
    let file = messages(folder.path(), "pacs.008", 1).remove(0);
    spoil(&file, "1.16", "1.17");
    let built_in = validate(&folder, "pacs.008-00000.xml --json");
    let line: Value = serde_json::from_slice(&built_in.stdout).unwrap();
    assert_eq!(line["rule"], "unknownType", "{line}");
    let output = validate(&folder, "--schemas schemas pacs.008-00000.xml");
    let shown = transcript(&output);
    assert!(shown.contains("pacs.008-00000.xml: valid pacs.008.spi.1.17"), "{shown}");
    for (name, text) in [("a.xsd", "<xs:schema"), ("b.xsd", "no XSD")] {
        std::fs::write(next.join(name), text).unwrap();
    }
    let output = validate(&folder, "--schemas schemas pacs.008-00000.xml");
    let shown = transcript(&output);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{shown}");
    assert!(shown.contains("a.xsd:1:") && shown.contains("b.xsd:1:"), "{shown}");
}

/// A later version of pacs.008 as an operator's folder has it.
pub(crate) fn next_version(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../adapter-xml/schemas");
    for name in ["common.xsd", "pacs.008.spi.1.16.xsd"] {
        let text = std::fs::read_to_string(ours.join(name)).unwrap();
        std::fs::write(folder.join(name.replace("1.16", "1.17")), text.replace("1.16", "1.17")).unwrap();
    }
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let folder = tempfile::tempdir().unwrap();
    messages(folder.path(), "pibr.002", 300);
    let mut command = pix_stream();
    command.current_dir(&folder).args(["validate", "."]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn an_interrupt_exits_with_130() {
    let folder = tempfile::tempdir().unwrap();
    let files = messages(folder.path(), "pibr.002", 1);
    let [out, err] = ["out", "err"].map(|name| folder.path().join(name));
    let mut command = pix_stream();
    // So many times the same that it cannot be through before the signal.
    command.current_dir(&folder).args(["validate", "--json"]).args(vec![&files[0]; 20_000]);
    let mut validate = Process::spawn_into(&mut command, &out, &err);
    wait_for("a first verdict", || (!std::fs::read(&out).unwrap().is_empty()).then_some(()));
    validate.signal(Signal::INT);
    let status = validate.end("validate");
    let verdicts = json_lines(&std::fs::read_to_string(&out).unwrap()).len();
    assert!(verdicts < 20_000, "it was through already");
    assert_eq!(status.code(), Some(130));
}
